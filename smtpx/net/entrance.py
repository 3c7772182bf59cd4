"""
Where a proxy says whom it brings, before SMTP or TLS begins.

A connection from a listed proxy is an L{Entrance} first.  Once the header is whole
and good, the connection is handed over to the protocol that it is for, with what
came behind the header.  Until then nothing is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from .ends import Ends, endsOf
from .proxy import BadHeader, Header, readHeader

if TYPE_CHECKING:
    from .factory import SMTPServerFactory


class Entrance(Protocol):
    """
    The connection of a proxy, until its header is whole.
    """

    #: TCP or UNIX; Twisted has no one interface for all that both can do.
    transport: Any = None
    _ends = Ends()
    _late: IDelayedCall | None = None
    _over = False

    def __init__(self, factory: SMTPServerFactory) -> None:
        self._factory = factory
        self._octets = b""

    def connectionMade(self) -> None:
        """Wait for the header, but not for long."""
        factory = self._factory
        self._ends = endsOf(self.transport)
        factory.waits(self)
        seconds = factory.proxySeconds
        why = f"no whole header within {seconds:g} seconds"
        self._late = factory.reactor.callLater(seconds, self._refuse, why)

    def dataReceived(self, data: bytes) -> None:
        """Octets have come."""
        if self._over:
            return
        self._octets += data
        try:
            header = readHeader(self._octets)
        except BadHeader as error:
            self._refuse(str(error))
        else:
            if header is not None:
                self._pass(header)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        The proxy is gone.  One that has said nothing only wanted to see whether
        somebody listens, which is not worth a word.
        """
        if not self._over and self._octets:
            self._factory.journal.proxyRefused(self._ends, "cut short")
        self._leave()
        self.transport = None

    def end(self) -> None:
        """The server is about to stop."""
        self._leave()
        self.transport.abortConnection()

    def _refuse(self, why: str) -> None:
        self._factory.journal.proxyRefused(self._ends, why)
        self.end()

    def _leave(self) -> None:
        """It is over: the timer is stopped, and the factory knows."""
        self._over = True
        late, self._late = self._late, None
        if late is not None and late.active():
            late.cancel()
        self._factory.waitsNoMore(self)

    def _pass(self, header: Header) -> None:
        rest = self._octets[header.octets :]
        self._octets = b""
        self._leave()
        transport, self.transport = self.transport, None
        protocol = self._factory.brought(self._ends, header.forwarded, bool(rest))
        if protocol is None:
            transport.abortConnection()
            return
        transport.protocol = protocol
        protocol.makeConnection(transport)
        if rest:
            # Not to "protocol": TLS may have come between.
            transport.protocol.dataReceived(rest)


__all__ = ["Entrance"]
