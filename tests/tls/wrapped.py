"""
Both sides of a handshake as Twisted runs them, joined in memory.
"""

from __future__ import annotations

from typing import cast

from OpenSSL import SSL
from twisted.internet.interfaces import (
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IProtocol,
)
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, IOPump, connect
from zope.interface import implementer


@implementer(IHandshakeListener)
class Side(Protocol):
    """
    One side of a connection of Twisted's.

    @ivar done: is the handshake complete?
    @ivar received: what came through TLS.
    @ivar reason: why it ended.
    """

    done = False
    received = b""
    reason: Failure | None = None

    def handshakeCompleted(self) -> None:
        """TLS is up."""
        self.done = True

    def dataReceived(self, data: bytes) -> None:
        """Something came."""
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It ended."""
        self.reason = reason

    def tls(self) -> SSL.Connection:
        """OpenSSL's side of it, while it is there."""
        transport = cast(TLSMemoryBIOProtocol, self.transport)
        connection: SSL.Connection = transport.getHandle()
        return connection


def joined(
    serverCreator: IOpenSSLServerConnectionCreator,
    server: Side,
    clientCreator: IOpenSSLClientConnectionCreator,
    client: Side,
    clock: Clock,
) -> IOPump:
    """
    Connect two sides, and have them do what they do first.
    """
    left = _wrapped(serverCreator, False, server, clock)
    right = _wrapped(clientCreator, True, client, clock)
    pump: IOPump = connect(
        left,
        FakeTransport(left, isServer=True),
        right,
        FakeTransport(right, isServer=False),
    )
    pump.flush()
    return pump


def _wrapped(
    creator: IOpenSSLServerConnectionCreator | IOpenSSLClientConnectionCreator,
    isClient: bool,
    side: Side,
    clock: Clock,
) -> IProtocol:
    """A side with TLS below it."""
    factory = ServerFactory()
    factory.protocol = lambda: side
    wrapping = TLSMemoryBIOFactory(creator, isClient, factory, clock)
    protocol = wrapping.buildProtocol(None)
    assert protocol is not None
    return protocol
