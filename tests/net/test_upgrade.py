"""
Tests for L{smtpx.net.upgrade}.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IHandshakeListener, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.hooks import TLSOptions
from smtpx.net.upgrade import hasSpoken, startTLS
from smtpx.tls.contexts import ServerTLS

from ..tls.joined import NOW, connecting, issue, store


class Wire(Connection):
    """
    A connection to nowhere.

    @ivar flights: what was written since it was last looked.
    """

    connected = True
    producer = None
    streamingProducer = False

    def __init__(self) -> None:
        self.flights: list[bytes] = []

    def write(self, octets: bytes) -> None:
        """Keep it."""
        self.flights.append(octets)

    def loseConnection(self) -> None:
        """There is none."""

    def taken(self) -> bytes:
        """What was written."""
        flights, self.flights = self.flights, []
        return b"".join(flights)


@implementer(IHandshakeListener)
class Greets(Protocol):
    """Speaks as soon as TLS is there."""

    transport: Any = None

    def handshakeCompleted(self) -> None:
        """Greet."""
        self.transport.write(b"220 here\r\n")


@implementer(IHandshakeListener)
class Looks(Protocol):
    """
    Looks behind the handshake, and then reads.

    @ivar seen: what it saw.
    """

    transport: Any = None

    def __init__(self) -> None:
        self.seen: list[object] = []

    def handshakeCompleted(self) -> None:
        """TLS is there."""
        self.seen.append(hasSpoken(self.transport.getHandle()))

    def dataReceived(self, data: bytes) -> None:
        """All of it has come."""
        self.seen.append(data)


class HasSpokenTests(SynchronousTestCase):
    """What stands behind a handshake."""

    def test_peeks(self) -> None:
        """What the peer said is seen, and stays; nothing and the end are nothing."""
        context = ServerTLS(
            (store(Path(self.mktemp()), *issue("here.example")),), clock=Clock()
        )
        for said, spoken in ((b"EHLO", True), (b"", False), (None, False)):
            clock = Clock()
            clock.advance(NOW.timestamp())
            wire = Wire()
            protocol = Looks()
            protocol.transport = wire
            startTLS(protocol, context.creator(TLSOptions()), clock)
            layer: Any = wire.protocol
            client = connecting(b"here.example")
            self.assertRaises(SSL.WantReadError, client.do_handshake)
            layer.dataReceived(client.bio_read(65536))
            client.bio_write(wire.taken())
            client.do_handshake()
            if said:
                client.send(said)
            elif said is None:
                client.shutdown()
            layer.dataReceived(client.bio_read(65536))
            self.assertEqual(protocol.seen, [spoken, *([said] if said else [])])

    def test_otherTLS(self) -> None:
        """What is no connection of pyOpenSSL's has said nothing."""
        self.assertFalse(hasSpoken(None))


class StartTLSTests(SynchronousTestCase):
    """The layer."""

    def test_wordsLeaveWithTheHandshake(self) -> None:
        """
        What is written when the handshake is complete leaves there and then, with
        the tickets, and not a turn of the reactor later.
        """
        folder, clock = Path(self.mktemp()), Clock()
        clock.advance(NOW.timestamp())
        tls = ServerTLS((store(folder, *issue("here.example")),), clock=clock)
        wire, protocol = Wire(), Greets()
        protocol.transport = wire
        reactor: IReactorTime = clock
        startTLS(protocol, tls.creator(TLSOptions()), reactor)
        layer: Any = wire.protocol
        client = connecting(b"here.example")
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        layer.dataReceived(client.bio_read(65536))
        client.bio_write(wire.taken())
        client.do_handshake()
        layer.dataReceived(client.bio_read(65536))
        client.bio_write(wire.taken())
        self.assertEqual(client.recv(100), b"220 here\r\n")
        self.assertEqual(clock.getDelayedCalls(), [])
