"""
The transport of a client connection: what is written, whether there is room for more,
TLS, and the end of our half.
"""

from __future__ import annotations

from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IReactorTime,
    ITCPTransport,
)

from .direct import DirectProtocol
from .upgrade import startTLS


class ClientWire(DirectProtocol):
    """
    Octets out.

    @ivar full: does the host not take what is written?
    """

    full = False
    _halfClosed = False

    def listenForRoom(self) -> None:
        """Be told when the transport is full, where there is no socket to see it."""
        if self._socket is None:
            self._streaming = True
            self.transport.registerProducer(self, True)

    def beginTLS(
        self, creator: IOpenSSLClientConnectionCreator, reactor: IReactorTime
    ) -> None:
        """Start TLS; everything that is written from now on goes under it."""
        startTLS(self, creator, reactor)
        self.secured()

    def endOutput(self) -> None:
        """
        Close our half, when all is written, if the transport has halves: TLS has
        none.
        """
        transport = self.transport
        if not self._halfClosed and ITCPTransport.providedBy(transport):
            self._halfClosed = True
            transport.loseWriteConnection()

    def released(self) -> None:
        """The connection is gone: the socket may be somebody else's by now."""
        self._connection = self._socket = None

    def stall(self, why: int) -> None:
        """
        The host does not take what is written.  Reading goes on all the same: it may
        be saying that it will not have the rest.
        """
        self.full = True

    def unstall(self, why: int) -> None:
        """It has taken everything."""
        self.full = False
        self.drained()

    def drained(self) -> None:
        """Called when there is room again."""


__all__ = ["ClientWire"]
