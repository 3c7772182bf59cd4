"""
The transport of a client connection: what is written, whether there is room for more,
TLS, and the end of our half.
"""

from __future__ import annotations

import socket

from twisted.internet.interfaces import (
    IDelayedCall,
    IOpenSSLClientConnectionCreator,
    IReactorTime,
    ITCPTransport,
)

from .direct import DirectProtocol
from .upgrade import startTLS

#: Acknowledge at once, rather than with the next data, or some 40 ms later; L{None}:
#: this system knows no such thing.
_AT_ONCE: int | None = getattr(socket, "TCP_QUICKACK", None)

#: How long it may take until what we have written has left, in seconds.
_LEAVING_SECONDS = 0.002


class ClientWire(DirectProtocol):
    """
    Octets out.

    @ivar full: does the host not take what is written?
    """

    full = False

    #: What leaves with the next write.
    _out: list[bytes]
    _halfClosed = False
    _hurrying: IDelayedCall | None = None

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

    def hurry(self, reactor: IReactorTime) -> None:
        """
        Have what the host says next acknowledged at once; to be called when the TLS
        handshake is complete.

        Many servers send session tickets then (RFC 8446 section 4.6.1), and their
        answer to our first command waits until these are acknowledged (RFC 896).
        The system would take its time with that, as it waits for something to say.
        It forgets what it is told here when we send something: so it is told when
        that has left.
        """
        if self._connection is not None and _AT_ONCE is not None:
            self._hurrying = reactor.callLater(_LEAVING_SECONDS, self._hurry, _AT_ONCE)

    def _hurry(self, option: int) -> None:
        self._hurrying = None
        connection = self._connection
        assert connection is not None, "it is cancelled with the connection"
        try:
            connection.socket.setsockopt(socket.IPPROTO_TCP, option, 1)
        except OSError:
            # The connection is lost, which its transport will find out.
            pass

    def flush(self) -> None:
        """Write what has come together, at once."""
        out = self._out
        if out:
            self._out = []
            self.send(out[0] if len(out) == 1 else b"".join(out))

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
        if self._hurrying is not None:
            self._hurrying.cancel()
            self._hurrying = None
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
