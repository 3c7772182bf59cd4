"""
TLS on a connection that is there, under whichever reactor.

Twisted's C{startTLS} gathers small writes by a timer of the I{installed} reactor,
and installs the default one where there is none.  Under another reactor, one of
several in a process, that timer never runs, and nothing would be said under TLS.
There the same layer is put together here, with the clock that is right.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IReactorTime,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import BaseClient, Connection
from twisted.protocols.tls import TLSMemoryBIOFactory


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
    installed: object = sys.modules.get("twisted.internet.reactor")
    if reactor is installed or not isinstance(transport, Connection):
        transport.startTLS(creator)
        return
    producer, streaming = transport.producer, transport.streamingProducer
    if producer is not None:
        transport.unregisterProducer()
    client = isinstance(transport, BaseClient)
    factory = TLSMemoryBIOFactory(creator, client, Factory(), reactor)
    layer = factory.protocol(factory, protocol, False)
    protocol.transport = layer
    transport.protocol = layer
    layer.makeConnection(transport)
    if producer is not None:
        layer.registerProducer(producer, streaming)
