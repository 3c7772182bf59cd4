"""
Which name servers are asked, and how patiently.

They are named in the configuration, or are those of the system (C{resolv.conf(5)}),
whose file is read again when it changes.  A search list is never used: a domain in an
address is whole as it stands (RFC 5321 section 2.3.5).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path

from attrs import evolve, field, frozen
from twisted.logger import Logger
from zope.interface import Interface, implementer

from ..core.errors import Malformed

DNS_PORT = 53

#: Where the system says which servers it asks.
SYSTEM_FILE = Path("/etc/resolv.conf")

#: How many servers are read from there; the C library takes three.
_SERVERS_MOST = 8

#: How often that file is looked at, in seconds.
_LOOK_SECONDS = 5.0

#: More is no such file; in octets.
_FILE_OCTETS = 65_536


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

    _log = Logger()

    def __init__(
        self,
        seconds: Callable[[], float],
        path: Path = SYSTEM_FILE,
        asking: Asking = Asking(),
    ) -> None:
        """
        @param seconds: a clock.
        @param path: a C{resolv.conf}.
        @param asking: what holds where the file says nothing: without a server, this
            machine has one, as for the C library.
        """
        self._seconds = seconds
        self._path = path
        self._default = self._asking = asking
        self._seen: tuple[int, ...] | None = None
        self._lookAt = float("-inf")

    def now(self) -> Asking:
        """See L{IServers}."""
        seconds = self._seconds()
        if seconds >= self._lookAt:
            self._lookAt = seconds + _LOOK_SECONDS
            self._look()
        return self._asking

    def _look(self) -> None:
        try:
            status = os.stat(self._path)
            seen = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
            if seen == self._seen:
                return
            with open(self._path, "rb") as file:
                text = file.read(_FILE_OCTETS).decode("utf-8", "replace")
        except FileNotFoundError:
            # As the C library has it; a system without the file has no other server.
            self._seen, self._asking = None, self._default
        except OSError as error:
            if self._seen != ():
                self._log.warn(
                    "{path} cannot be read: {error}", path=self._path, error=error
                )
            self._seen = ()
        else:
            self._seen = seen
            self._asking = readSystem(text, self._default)


def readSystem(text: str, asking: Asking = Asking()) -> Asking:
    """
    Read C{resolv.conf(5)}: C{nameserver}, and C{options} with C{timeout},
    C{attempts} and C{rotate}.  What cannot be understood is passed over, as by the C
    library.

    @param asking: what holds where it says nothing.
    """
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
    "readSystem",
]
