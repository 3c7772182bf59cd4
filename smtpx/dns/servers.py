"""
Which name servers are asked, and how patiently.

They are named in the configuration, or are those of the system (C{resolv.conf(5)}),
whose file is read again when it changes.  A search list is never used: a domain in an
address is whole as it stands (RFC 5321 section 2.3.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from attrs import evolve, field, frozen
from zope.interface import Interface, implementer

from ..core.errors import Malformed
from .watched import WatchedFile

DNS_PORT = 53

#: Where the system says which servers it asks.
SYSTEM_FILE = Path("/etc/resolv.conf")

#: How many servers are read from there; the C library takes three.
_SERVERS_MOST = 8


@frozen
class Server:
    """
    A name server.

    @ivar address: its address; one of a link has its zone (C{fe80::1%eth0}).
    @ivar port: UDP and TCP.
    """

    address: str
    port: int = DNS_PORT

    @classmethod
    def parse(cls, text: str) -> Server:
        """
        Read a server as it stands in the configuration: C{192.0.2.1},
        C{192.0.2.1:5353}, C{2001:db8::1}, C{[2001:db8::1]:5353}.

        @raise Malformed: it is none; the message is for the operator.
        """
        host, port = text.strip(), str(DNS_PORT)
        if host.startswith("["):
            host, bracket, rest = host[1:].partition("]")
            if not bracket or (rest and not rest.startswith(":")):
                raise Malformed(f"{text!r} is no name server: wants [address]:port")
            port = rest[1:] if rest else port
        elif host.count(":") == 1:
            host, _, port = host.partition(":")
        try:
            address = str(ip_address(host))
        except ValueError:
            raise Malformed(
                f"{text!r} is no name server: wants an address, or address:port"
            ) from None
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise Malformed(f"{text!r} is no name server: there is no port {port!r}")
        return cls(address, int(port))

    def __str__(self) -> str:
        """As L{Server.parse} reads it, the port only where it is another."""
        if self.port == DNS_PORT:
            return self.address
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


@frozen
class Asking:
    """
    Who is asked, and how.

    @ivar servers: at least one, the best first.
    @ivar trySeconds: how long the first try with each takes; each round has twice as
        long.
    @ivar rounds: how often all are tried.
    @ivar rotate: does each question begin with another server?
    """

    servers: tuple[Server, ...] = field(default=(Server("127.0.0.1"),))
    trySeconds: float = 3.0
    rounds: int = 3
    rotate: bool = False


def patient(asking: Asking, trySeconds: float | None, rounds: int | None) -> Asking:
    """
    The same servers, with another patience.

    @param trySeconds: see L{Asking}; L{None}: as it is.
    @param rounds: likewise.
    """
    return evolve(
        asking,
        trySeconds=asking.trySeconds if trySeconds is None else trySeconds,
        rounds=asking.rounds if rounds is None else rounds,
    )


class IServers(Interface):
    """Knows who is asked."""

    def now() -> Asking:
        """Who is asked now.  It is called for each question, and does not wait."""


@implementer(IServers)
class NamedServers:
    """The servers that the configuration names."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def now(self) -> Asking:
        """See L{IServers}."""
        return self._asking


@implementer(IServers)
class SystemServers:
    """
    The servers of the system.
    """

    def __init__(
        self,
        file: WatchedFile,
        trySeconds: float | None = None,
        rounds: int | None = None,
    ) -> None:
        """
        @param file: a C{resolv.conf}.  Where it names no server, or is not there, this
            machine has one, as for the C library.
        @param trySeconds: how patient we are, whatever it says; see L{Asking}.
            L{None}: what it says.
        @param rounds: likewise.
        """
        self._file = file
        self._trySeconds = trySeconds
        self._rounds = rounds
        self._asking = self._read("")

    def now(self) -> Asking:
        """See L{IServers}."""
        text = self._file.changed()
        if text is not None:
            self._asking = self._read(text)
        return self._asking

    def _read(self, text: str) -> Asking:
        read = readSystem(text)
        return evolve(
            read,
            trySeconds=read.trySeconds
            if self._trySeconds is None
            else self._trySeconds,
            rounds=read.rounds if self._rounds is None else self._rounds,
        )


def readSystem(text: str) -> Asking:
    """
    Read C{resolv.conf(5)}: C{nameserver}, and C{options} with C{timeout},
    C{attempts} and C{rotate}.  What cannot be understood is passed over, as by the C
    library.
    """
    asking = Asking()
    servers: list[Server] = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0][0] in "#;":
            continue
        if words[0] == "nameserver" and len(words) > 1:
            try:
                servers.append(Server(str(ip_address(words[1]))))
            except ValueError:
                continue
        elif words[0] == "options":
            asking = _withOptions(asking, words[1:])
    return evolve(asking, servers=tuple(servers[:_SERVERS_MOST]) or asking.servers)


def _withOptions(asking: Asking, options: Sequence[str]) -> Asking:
    for option in options:
        name, _, value = option.partition(":")
        number = int(value) if value.isdecimal() and len(value) < 6 else None
        if name == "rotate":
            asking = evolve(asking, rotate=True)
        elif name == "timeout" and number:
            asking = evolve(asking, trySeconds=float(min(number, 30)))
        elif name == "attempts" and number:
            asking = evolve(asking, rounds=min(number, 5))
    return asking


__all__ = [
    "Asking",
    "DNS_PORT",
    "IServers",
    "NamedServers",
    "SYSTEM_FILE",
    "Server",
    "SystemServers",
    "patient",
    "readSystem",
]
