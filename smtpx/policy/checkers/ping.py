"""
Is a checker there?  Asked before a server starts, so this waits for the answer.
"""

from __future__ import annotations

import socket

from attrs import frozen

from ...core.errors import Malformed

#: How long an answer may take.
PING_SECONDS = 5.0
#: The most octets of one.
_ANSWER_OCTETS = 4096


@frozen
class Ping:
    """
    What is said to a checker to see whether it is there.

    @ivar say: what is said.
    @ivar expect: what has to be in its answer.
    """

    say: bytes
    expect: bytes


CLAMD = Ping(b"zPING\0", b"PONG")
SPAMD = Ping(b"PING SPAMC/1.5\r\n\r\n", b"PONG")
RSPAMD = Ping(b"GET /ping HTTP/1.0\r\nHost: localhost\r\n\r\n", b"pong")


def tryChecker(
    ping: Ping, where: str | tuple[str, int], seconds: float = PING_SECONDS
) -> None:
    """
    See whether a checker is there; waits for it.

    @param where: the path of a UNIX socket, or a host and a port.
    @param seconds: how long each step may take.
    @raise OSError: it cannot be connected to, or says nothing.
    @raise Malformed: it says something else.
    """
    with _connected(where, seconds) as connection:
        connection.sendall(ping.say)
        heard = b""
        while ping.expect not in heard:
            more = connection.recv(_ANSWER_OCTETS)
            heard += more
            if not more or len(heard) > _ANSWER_OCTETS:
                raise Malformed(f"it answers {heard[:60]!r}")


def _connected(where: str | tuple[str, int], seconds: float) -> socket.socket:
    if not isinstance(where, str):
        return socket.create_connection(where, seconds)
    made = socket.socket(socket.AF_UNIX)
    try:
        made.settimeout(seconds)
        made.connect(where)
    except BaseException:
        made.close()
        raise
    return made


__all__ = ["CLAMD", "PING_SECONDS", "RSPAMD", "SPAMD", "Ping", "tryChecker"]
