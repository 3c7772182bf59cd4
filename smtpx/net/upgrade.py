"""
TLS on a connection that is there: nothing waits for a turn of the reactor.

Twisted's C{startTLS} gathers small writes by a timer.  What is said when a handshake
is complete then leaves behind the end of the handshake, in a packet of its own; and
the timer is that of the I{installed} reactor, which never runs under another one.
What is written here is one write a flight already, so there is nothing to gather, and
the same layer is put together without.  Then the client's Finished and its first
commands are one packet, as are the server's tickets (RFC 8446 section 4.6.1) and its
greeting.

L{hasSpoken} looks behind a handshake, where a peer that does not wait has put what it
has to say.
"""

from __future__ import annotations

from socket import MSG_PEEK
from typing import Any

from OpenSSL.SSL import Connection as TLSConnection, Error as TLSError
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IReactorTime,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import BaseClient, Connection
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol


def startTLS(
    protocol: Protocol,
    creator: IOpenSSLServerConnectionCreator | IOpenSSLClientConnectionCreator,
    reactor: IReactorTime,
) -> None:
    """
    Begin TLS, as a server where the connection was accepted, and as a client where
    it was made.

    @param protocol: has the connection as its C{transport}, which may be another
        one afterwards.
    @param reactor: that the connection belongs to.
    """
    transport: Any = protocol.transport
    if not isinstance(transport, Connection):
        # One in memory; it knows how.
        transport.startTLS(creator)
        return
    producer, streaming = transport.producer, transport.streamingProducer
    if producer is not None:
        transport.unregisterProducer()
    client = isinstance(transport, BaseClient)
    factory = TLSMemoryBIOFactory(creator, client, Factory(), reactor)
    layer = TLSMemoryBIOProtocol(factory, protocol, False)
    protocol.transport = layer
    transport.protocol = layer
    layer.makeConnection(transport)
    if producer is not None:
        layer.registerProducer(producer, streaming)


def hasSpoken(connection: object) -> bool:
    """
    Has a peer said something in the same flight as the end of its handshake?

    @param connection: whose handshake is complete.  What it said is not taken.
    """
    if not isinstance(connection, TLSConnection):
        return False
    try:
        return bool(connection.recv(1, MSG_PEEK))
    except TLSError:
        # There is nothing, or the end.
        return False
