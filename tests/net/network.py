"""
A network in memory: a reactor that connects clients to server factories, with a clock
that the test moves, and with real TLS where both sides want it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from errno import ECONNREFUSED
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import (
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    TimeoutError,
    UserError,
)
from twisted.internet.interfaces import IHalfCloseableProtocol, ITCPTransport
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

#: Nobody answers.
SILENT = object()


@implementer(ITCPTransport)
class End:
    """
    One end of a connection.

    @ivar writes: what was written, each write by itself, under TLS in the clear.
    @ivar room: how many octets the other end takes until it is given more; L{None}:
        all.
    @ivar reading: is anything taken from the other end?
    """

    def __init__(self, network: Network, client: bool, host: Any, peer: Any) -> None:
        self.network = network
        self.client = client
        self.host = host
        self.peer = peer
        self.protocol: Any = None
        self.other: End
        self.writes: list[bytes] = []
        self.out = b""
        self.room: int | None = None
        self.reading = True
        self.producer: Any = None
        self.finWanted = self.finSent = False
        self.closing = self.halved = False
        self.gone = False
        self.tls: Any = None

    # --- as a transport ---------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Something is to go out."""
        self.writes.append(data)
        if self.tls is not None:
            self.tls.write(data)
        else:
            self.send(data)

    def send(self, data: bytes) -> None:
        """The same, below TLS."""
        if not (self.gone or self.finWanted):
            self.out += data
            if self.room is not None and self.producer is not None:
                self.producer.pauseProducing()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """See C{write}."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """The end, when all is written."""
        if self.tls is not None:
            self.tls.loseConnection()
        else:
            self.close()

    def close(self) -> None:
        """
        The same, below TLS.  Where our half is closed there is nothing to wait for, and
        Twisted's transports tell the protocol before this returns.
        """
        if self.halved and not self.out and not self.gone:
            self.gone = True
            self.other.lose(ConnectionDone())
            self.protocol.connectionLost(Failure(ConnectionDone()))
        self.finWanted = self.closing = True

    def abortConnection(self) -> None:
        """The end, at once."""
        if not self.gone:
            self.out = b""
            self.lose(ConnectionLost())
            self.other.lose(ConnectionLost())

    def loseWriteConnection(self) -> None:
        """Half of it is over."""
        self.finWanted = self.halved = True

    def lose(self, why: Exception) -> None:
        """It is gone."""
        if not self.gone:
            self.gone = True
            self.network.callLater(0, self.protocol.connectionLost, Failure(why))

    def getHost(self) -> Any:
        """Our address."""
        return self.host

    def getPeer(self) -> Any:
        """The other's."""
        return self.peer

    def getHandle(self) -> Any:
        """The TLS connection."""
        return None if self.tls is None else self.tls.getHandle()

    def setTcpNoDelay(self, enabled: bool) -> None:
        """There is no delay."""

    def getTcpNoDelay(self) -> bool:
        """There is none."""
        return True

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """It stays, anyway."""

    def getTcpKeepAlive(self) -> bool:
        """It does."""
        return True

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Whoever wants to know when there is room."""
        if self.tls is not None:
            self.tls.registerProducer(producer, streaming)
        else:
            self.producer = producer

    def unregisterProducer(self) -> None:
        """It does no more."""
        if self.tls is not None:
            self.tls.unregisterProducer()
        else:
            self.producer = None

    def pauseProducing(self) -> None:
        """Nothing is taken."""
        self.reading = False

    def resumeProducing(self) -> None:
        """It is again."""
        self.reading = True

    def startTLS(self, creator: Any) -> None:
        """TLS begins."""
        producer, self.producer = self.producer, None
        factory = TLSMemoryBIOFactory(creator, self.client, Factory(), self.network)
        layer = factory.protocol(factory, self.protocol, False)
        self.protocol = layer
        layer.makeConnection(_Below(self))
        self.tls = layer
        if producer is not None:
            layer.registerProducer(producer, True)

    # --- what moves ---------------------------------------------------------------

    def move(self) -> bool:
        """Give the other end what was written; was there anything?"""
        other = self.other
        if self.gone or not other.reading:
            return False
        if self.out and self.room != 0:
            data = self.out if self.room is None else self.out[: self.room]
            self.out = self.out[len(data) :]
            if self.room is not None:
                self.room -= len(data)
            if not other.gone:
                other.protocol.dataReceived(data)
            if not self.out and self.producer is not None and self.room is not None:
                self.producer.resumeProducing()
            return True
        if self.finWanted and not self.finSent and not self.out:
            self.finSent = True
            if IHalfCloseableProtocol.providedBy(other.protocol) and not other.gone:
                other.protocol.readConnectionLost()
            else:
                other.lose(ConnectionDone())
                self.lose(ConnectionDone())
            return True
        if self.finSent and (other.finSent or (self.closing and other.gone)):
            self.lose(ConnectionDone())
            other.lose(ConnectionDone())
            return True
        return False


class _Below:
    """An end, as the TLS layer on it sees it."""

    disconnecting = False

    def __init__(self, end: End) -> None:
        self._end = end

    def write(self, data: bytes) -> None:
        """Something is to go out."""
        self._end.send(data)

    def loseConnection(self) -> None:
        """The end, when all is written."""
        self.disconnecting = True
        self._end.close()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """The layer wants to know when there is room."""
        self._end.producer = producer

    def unregisterProducer(self) -> None:
        """It does no more."""
        self._end.producer = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._end, name)


@define(eq=False)
class Connector:
    """A connection that is being made."""

    network: Network
    address: str
    factory: Any
    timer: Any = None
    over: bool = False

    def disconnect(self) -> None:
        """It is of no more use."""
        if not self.over:
            self.fail(UserError())

    def fail(self, error: Exception) -> None:
        """It did not come about."""
        self.over = True
        if self.timer is not None and self.timer.active():
            self.timer.cancel()
        self.factory.clientConnectionFailed(self, Failure(error))


class Network(Clock):
    """
    A reactor that connects.

    @ivar hosts: by address and port: a server's factory, an exception, or L{SILENT};
        nobody refuses.
    @ivar delays: how long it takes to be connected, by address, in seconds.
    @ivar dialled: the addresses that were tried, with when and from where.
    @ivar links: all connections that were made: the client's end and the server's.
    @ivar onConnect: called with both ends before either protocol hears of it.
    """

    def __init__(self) -> None:
        Clock.__init__(self)
        self.hosts: dict[tuple[str, int], Any] = {}
        self.delays: dict[str, float] = {}
        self.dialled: list[tuple[str, float, Any]] = []
        self.links: list[tuple[End, End]] = []
        self.onConnect: Callable[[End, End], None] = lambda client, server: None

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: Any,
        timeout: float = 30,
        bindAddress: tuple[str, int] | None = None,
    ) -> Connector:
        """See C{IReactorTCP}."""
        self.dialled.append((host, self.seconds(), bindAddress))
        connector = Connector(self, host, factory)
        there = self.hosts.get((host, port), ConnectionRefusedError(ECONNREFUSED))
        delay = self.delays.get(host, 0.0)
        if isinstance(there, Exception):
            connector.timer = self.callLater(delay, connector.fail, there)
        elif there is SILENT:
            connector.timer = self.callLater(timeout, connector.fail, TimeoutError())
        else:
            connector.timer = self.callLater(
                delay, self._connect, connector, there, host, port
            )
        return connector

    def connectUNIX(self, address: str, factory: Any, timeout: float = 30) -> Connector:
        """See C{IReactorUNIX}; such a host has the port 0."""
        return self.connectTCP(address, 0, factory, timeout)

    def _connect(self, connector: Connector, server: Any, host: str, port: int) -> None:
        connector.over = True
        theirs: Any
        ours: Any
        if host.startswith("/"):
            theirs, ours = UNIXAddress(host), UNIXAddress(None)
        else:
            kind = IPv6Address if ":" in host else IPv4Address
            theirs = kind("TCP", host, port)
            ours = kind("TCP", "2001:db8::99" if ":" in host else "198.51.100.9", 40000)
        client = End(self, True, ours, theirs)
        served = End(self, False, theirs, ours)
        client.other, served.other = served, client
        served.protocol = server.buildProtocol(ours)
        client.protocol = connector.factory.buildProtocol(theirs)
        self.links.append((client, served))
        self.onConnect(client, served)
        if client.protocol is None:
            client.gone = True
            served.gone = True
            return
        client.protocol.makeConnection(client)
        served.protocol.makeConnection(served)

    def run(self, seconds: float = 0.0) -> None:
        """Let all happen that happens in so many seconds."""
        end = self.seconds() + seconds
        self.settle()
        while self.seconds() < end:
            due = [call.getTime() for call in self.getDelayedCalls()]
            self.advance(max(min([end, *due]) - self.seconds(), 0.0))
            self.settle()

    def settle(self) -> None:
        """Let all happen that happens at once."""
        for _ in range(10_000):
            self.advance(0)
            if not self._move():
                self.advance(0)
                if not self._move():
                    return
        raise AssertionError("it never comes to rest")

    def _move(self) -> bool:
        moved = False
        for link in self.links:
            for end in link:
                moved = end.move() or moved
        return moved


@define(eq=False)
class Got:
    """
    What a Deferred came to.

    @ivar value: its result; L{None}: it has none yet.
    @ivar error: its failure; L{None}: it has not failed.
    """

    value: Any = None
    error: Any = None
    fired: int = field(default=0)


def watched(deferred: Any) -> Got:
    """See what a Deferred comes to."""
    got = Got()

    def good(value: Any) -> None:
        got.value = value
        got.fired += 1

    def bad(failure: Failure) -> None:
        got.error = failure.value
        got.fired += 1

    deferred.addCallbacks(good, bad)
    return got


__all__ = ["SILENT", "Connector", "End", "Got", "Network", "watched"]
