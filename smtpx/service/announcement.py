"""
What a server says of itself when it has started.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from twisted.logger import Logger

from .config import Configuration
from .listening import Door
from .openness import openness
from .tables import ListenerTLS

_log = Logger("smtpx")

#: Sends a first message with nothing but Python.
_COMMAND = (
    "python3 -c \"import smtplib; smtplib.SMTP('{host}', {port})"
    ".sendmail('me@localhost', 'you@localhost',"
    " 'Subject: Hello\\r\\n\\r\\nIt works.\\r\\n')\""
)


def lines(configuration: Configuration, doors: Sequence[Door]) -> Iterator[str]:
    """
    Where it listens, where mail goes, and, on a start without configuration, how
    to send a first message.
    """
    for door in doors:
        yield f"Listening on {door}"
    yield f"State is in {configuration.state}"
    if configuration.document.values:
        return
    yield f"Mail for localhost and this machine goes into {configuration.maildir}"
    for door in doors:
        host = getattr(door.port and door.port.getHost(), "host", None)
        port = getattr(door.port and door.port.getHost(), "port", None)
        if host and port and door.listener.tls is not ListenerTLS.IMPLICIT:
            yield "Send a first message: " + _COMMAND.format(host=host, port=port)
            return


def announce(configuration: Configuration, doors: Sequence[Door]) -> None:
    """Say it in the log."""
    for line in lines(configuration, doors):
        _log.info("{line}", line=line)
    for each in openness(configuration):
        _log.warn("{caution}", caution=str(each))
