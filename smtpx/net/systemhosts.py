"""
A host that a program names, as the system knows it: by whatever else has names on
this machine, besides the DNS.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from zope.interface import implementer

from ..core.reply import reply
from ..dns.idn import asciiDomain
from ..dns.mailhosts import MailHost, MailHosts, Unroutable

#: How long the addresses of a host are good, in seconds.
_GOOD_SECONDS = 60.0

_UNKNOWN = reply(451, "4.4.3", b"The host to send by cannot be found")


@implementer(IResolutionReceiver)
class _Receiver:
    """Collects addresses."""

    def __init__(self, done: Deferred[list[bytes]]) -> None:
        self._done = done
        self._found: list[bytes] = []

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """It has begun."""

    def addressResolved(self, address: IAddress) -> None:
        """One more."""
        host: str = getattr(address, "host", "")
        self._found.append(host.encode("ascii"))

    def resolutionComplete(self) -> None:
        """That was all."""
        if not self._done.called:
            self._done.callback(list(dict.fromkeys(self._found)))


class SystemHost:
    """
    One host.
    """

    def __init__(self, reactor: Any, host: str, port: int) -> None:
        """
        @param reactor: has time, and a C{nameResolver}.
        @param host: a name, or an address.
        """
        self._reactor = reactor
        self._host = host
        self._port = port
        self._known: MailHosts | None = None
        self._since = 0.0

    def find(self, domain: bytes) -> Deferred[MailHosts]:
        """
        Find it; for whom does not matter.

        @return: fails with L{Unroutable} where there is no such host.
        """
        now = self._reactor.seconds()
        if self._known is not None and now - self._since < _GOOD_SECONDS:
            return succeed(self._known)
        try:
            address = ip_address(self._host)
        except ValueError:
            return self._ask().addCallback(self._learnt)
        kind = b"IPv6:" if address.version == 6 else b""
        text = str(address).encode("ascii")
        host = MailHost(b"[%b%b]" % (kind, text), (text,), self._port)
        return succeed(MailHosts((host,)))

    def _ask(self) -> Deferred[list[bytes]]:
        done: Deferred[list[bytes]] = Deferred()
        resolver: IHostnameResolver = self._reactor.nameResolver
        resolver.resolveHostName(_Receiver(done), self._host, self._port)
        return done

    def _learnt(self, addresses: list[bytes]) -> MailHosts:
        if not addresses:
            raise Unroutable(_UNKNOWN, f"{self._host} has no address")
        name = asciiDomain(self._host.encode("utf-8"))
        host = MailHost(name, tuple(addresses), self._port)
        self._known = MailHosts((host,))
        self._since = self._reactor.seconds()
        return self._known


__all__ = ["SystemHost"]
