"""
The other host, as a delivery report tells of it: its name and address, and what it
said of itself, for whoever looks for the message in its logs.

Those are Exim's "DSN extra information": several addresses may have one name, the
greeting tells what a host calls itself and what its software is, and the answer to
EHLO often whom it took us for.  All of it is bounded, and can neither end a line nor
turn its direction; what is no host of the Internet, such as a socket in a folder of
ours, is nobody's business.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from attrs import frozen

from ..observe.harmless import visible
from ..spool.via import Via

#: The longest of what is repeated of a host, in characters.
HOST_CHARACTERS = 200

_SMTP = 25
_NAME = re.compile(rb"[0-9A-Za-z_][0-9A-Za-z_.-]*\Z")


@frozen
class Remote:
    """
    A host that was talked to, or tried.

    @ivar name: its name; empty: it has none.
    @ivar address: its IP address; empty: not known.
    @ivar port: the port.
    @ivar greeting: the first line of its greeting; empty: it was never read.
    @ivar hello: the first line of its answer to EHLO; empty: it was never read.
    """

    name: str
    address: str
    port: int = _SMTP
    greeting: str = ""
    hello: str = ""

    @property
    def words(self) -> str:
        """The host, for people: C{mx.example.org [192.0.2.1]}."""
        address = f"[{self.address}]" if self.address else ""
        return f"{self.name} {address}".strip()

    @property
    def socket(self) -> str:
        """
        C{[192.0.2.1]:587}; the port only where it is not that of SMTP.  Empty: not
        known.
        """
        if not self.address:
            return ""
        port = "" if self.port == _SMTP else f":{self.port}"
        return f"[{self.address}]{port}"


def remoteOf(via: Via | None) -> Remote | None:
    """
    A host, to be told of; L{None}: there was none.
    """
    if via is None:
        return None
    name, address = _name(via.host), _address(via.address)
    if not name and not address:
        return None
    return Remote(name, address, via.port, _line(via.greeting), _line(via.hello))


def _name(host: bytes) -> str:
    return _cut(host.decode("ascii")) if _NAME.match(host) else ""


def _address(octets: bytes) -> str:
    try:
        return str(ip_address(octets.decode("ascii")))
    except ValueError:
        return ""


def _line(octets: bytes) -> str:
    # An escape is longer than what it stands for.
    words = visible(octets[: 2 * HOST_CHARACTERS], 4 * HOST_CHARACTERS)
    return _cut(" ".join(words.split()))


def _cut(words: str) -> str:
    return (
        words if len(words) <= HOST_CHARACTERS else words[: HOST_CHARACTERS - 3] + "..."
    )


__all__ = ["HOST_CHARACTERS", "Remote", "remoteOf"]
