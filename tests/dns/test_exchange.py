"""Tests for L{smtpx.dns.exchange}."""

from __future__ import annotations

import errno
from collections import deque
from typing import Any

from dns.rcode import Rcode
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.dns.exchange import IExchange, Network
from smtpx.dns.servers import Server
from smtpx.dns.wire import Query, Said, Truncated, Unusable

from .answers import RA, TC, answer, failure, question

SERVER = Server("192.0.2.53")
RECORD = "example.org. 60 A 192.0.2.80"


class FakeSocket:
    """
    A connected datagram socket.

    @ivar sent: what was sent.
    @ivar arrived: what there is to read: octets, or the system's error.
    @ivar closed: is it closed?
    @ivar refuses: the error of sending.
    @ivar pending: the number of the error that C{SO_ERROR} tells.
    """

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.arrived: deque[bytes | OSError] = deque()
        self.closed = False
        self.refuses: OSError | None = None
        self.pending = 0

    def fileno(self) -> int:
        """Some descriptor."""
        return -1 if self.closed else 17

    def send(self, octets: bytes) -> None:
        """Send, or refuse to."""
        if self.refuses is not None:
            raise self.refuses
        self.sent.append(octets)

    def recv(self, most: int) -> bytes:
        """What arrived."""
        if not self.arrived:
            raise BlockingIOError
        first = self.arrived.popleft()
        if isinstance(first, OSError):
            raise first
        return first[:most]

    def getsockopt(self, level: int, option: int) -> int:
        """The error."""
        return self.pending

    def close(self) -> None:
        """Close."""
        self.closed = True


class UDPTests(SynchronousTestCase):
    """Questions by datagram."""

    def setUp(self) -> None:
        """A network with one socket."""
        self.reactor = MemoryReactorClock()
        self.socket = FakeSocket()
        self.asked: list[Server] = []
        self.network = Network(self.reactor, self.connected)
        self.query = question()

    def connected(self, server: Server) -> Any:
        """Make the socket."""
        self.asked.append(server)
        return self.socket

    def ask(self) -> Deferred[Said]:
        """Ask the server."""
        return self.network.overUDP(SERVER, self.query)

    def arrive(self, *octets: bytes | OSError) -> None:
        """
        Let something arrive, and do what a reactor does.
        """
        self.socket.arrived.extend(octets)
        for each in self.reactor.getReaders():
            over = each.doRead()
            if over is not None:
                self.reactor.removeReader(each)
                # What reactors do with what doRead returned.
                each.connectionLost(Failure(over))

    def test_interface(self) -> None:
        """It is a way to ask."""
        verifyObject(IExchange, self.network)

    def test_answer(self) -> None:
        """A question goes out by a socket of its own, and its answer is read."""
        asking = self.ask()
        self.assertEqual(self.asked, [SERVER])
        self.assertEqual(self.socket.sent, [self.query.octets])
        (reader,) = self.reactor.getReaders()
        verifyObject(IReadDescriptor, reader)
        self.assertEqual((reader.fileno(), reader.logPrefix()), (17, "dns"))
        self.assertNoResult(asking)
        self.arrive(answer(self.query, RECORD).to_wire())
        self.assertEqual(self.successResultOf(asking).records, (b"192.0.2.80",))
        self.assertTrue(self.socket.closed)
        self.assertEqual(self.reactor.getReaders(), [])

    def test_wokenForNothing(self) -> None:
        """A reactor that wakes it for nothing does no harm."""
        asking = self.ask()
        self.arrive()
        self.assertNoResult(asking)
        self.assertFalse(self.socket.closed)

    def test_falseAnswers(self) -> None:
        """What is no answer to the question is passed over."""
        asking = self.ask()
        self.arrive(b"", b"something", answer(question(identifier=1), RECORD).to_wire())
        self.assertNoResult(asking)
        self.arrive(answer(self.query, RECORD).to_wire())
        self.successResultOf(asking)

    def test_manyFalseAnswers(self) -> None:
        """Where there are many, the datagrams are not to be trusted: TCP is."""
        asking = self.ask()
        self.arrive(*[b"guess"] * 19)
        self.assertNoResult(asking)
        self.arrive(b"guess", answer(self.query, RECORD).to_wire())
        self.failureResultOf(asking, Truncated)
        self.assertTrue(self.socket.closed)

    def test_trouble(self) -> None:
        """An answer that does not fit, or does not help, ends it as well."""
        for octets, expected in (
            (answer(self.query, flags=RA | TC).to_wire(), Truncated),
            (failure(self.query, Rcode.REFUSED).to_wire(), Unusable),
        ):
            self.socket = FakeSocket()
            asking = self.ask()
            self.arrive(octets)
            self.failureResultOf(asking, expected)
            self.assertTrue(self.socket.closed)

    def test_nobodyListens(self) -> None:
        """What the network says comes by reading, or as the end of a connection."""
        asking = self.ask()
        self.arrive(OSError(errno.ECONNREFUSED, "Connection refused"))
        error = self.failureResultOf(asking, OSError).value
        self.assertEqual(error.strerror, "Connection refused")
        for pending, expected in (
            (errno.EHOSTUNREACH, errno.EHOSTUNREACH),
            (0, errno.ECONNRESET),
        ):
            self.socket = FakeSocket()
            asking = self.ask()
            self.socket.pending = pending
            (reader,) = self.reactor.getReaders()
            self.reactor.removeReader(reader)
            reader.connectionLost(Failure(CONNECTION_DONE))
            error = self.failureResultOf(asking, OSError).value
            self.assertEqual(error.errno, expected)
            self.assertTrue(self.socket.closed)

    def test_cannotBeSent(self) -> None:
        """A system that does not send says why; one that is busy loses it."""
        self.socket.refuses = OSError(errno.ENETUNREACH, "Network is unreachable")
        self.failureResultOf(self.ask(), OSError)
        self.assertTrue(self.socket.closed)
        self.socket = FakeSocket()
        self.socket.refuses = BlockingIOError()
        self.assertNoResult(self.ask())
        self.assertEqual(len(self.reactor.getReaders()), 1)

    def test_noSocket(self) -> None:
        """If there is no socket to be had, that is the answer."""

        def connected(server: Server) -> Any:
            raise OSError(errno.EMFILE, "Too many open files")

        network = Network(self.reactor, connected)
        self.failureResultOf(network.overUDP(SERVER, self.query), OSError)

    def test_cancelled(self) -> None:
        """A question that is given up leaves nothing open."""
        asking = self.ask()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertTrue(self.socket.closed)
        self.assertEqual(self.reactor.getReaders(), [])


class Transport(StringTransport):
    """
    A connection.

    @ivar aborted: was it cut off?
    """

    aborted = False

    def abortConnection(self) -> None:
        """Cut it off."""
        self.aborted = True


class TCPTests(SynchronousTestCase):
    """Questions over a connection."""

    def setUp(self) -> None:
        """A network."""
        self.reactor = MemoryReactorClock()
        self.network = Network(self.reactor)
        self.query = question()

    def ask(self, server: Server = SERVER) -> Deferred[Said]:
        """Ask a server."""
        return self.network.overTCP(server, self.query)

    def connect(self) -> tuple[Any, Transport]:
        """Let the connection come about."""
        factory: Any = self.reactor.tcpClients[-1][2]
        protocol = factory.buildProtocol(None)
        transport = Transport()
        protocol.makeConnection(transport)
        return protocol, transport

    def framed(self, query: Query, *records: str) -> bytes:
        """An answer with its length before it."""
        octets = answer(query, *records).to_wire()
        return len(octets).to_bytes(2, "big") + octets

    def test_answer(self) -> None:
        """Question and answer have their length before them; it comes in pieces."""
        asking = self.ask()
        self.assertEqual(self.reactor.tcpClients[-1][:2], ("192.0.2.53", 53))
        protocol, transport = self.connect()
        sent = self.query.octets
        self.assertEqual(transport.value(), len(sent).to_bytes(2, "big") + sent)
        for octet in self.framed(self.query, RECORD):
            self.assertNoResult(asking)
            protocol.dataReceived(bytes([octet]))
        self.assertEqual(self.successResultOf(asking).records, (b"192.0.2.80",))
        self.assertTrue(transport.aborted)

    def test_ipv6(self) -> None:
        """A server may have an IPv6 address, and another port."""
        self.ask(Server("2001:db8::35", 5353))
        self.assertEqual(self.reactor.tcpClients[-1][:2], ("2001:db8::35", 5353))

    def test_troubles(self) -> None:
        """An answer to another question, or one that does not fit, does not help."""
        truncated = answer(self.query, flags=RA | TC).to_wire()
        refused = failure(self.query, Rcode.REFUSED).to_wire()
        for octets, expected in (
            (self.framed(question(identifier=1), RECORD), "answers another question"),
            (len(truncated).to_bytes(2, "big") + truncated, "does not fit even"),
            (len(refused).to_bytes(2, "big") + refused, "REFUSED"),
        ):
            asking = self.ask()
            protocol, transport = self.connect()
            protocol.dataReceived(octets + octets)
            error = self.failureResultOf(asking, Unusable).value
            self.assertIn(expected, str(error))
            self.assertTrue(transport.aborted)

    def test_connectionEnds(self) -> None:
        """So does a server that ends the connection; after the answer it may."""
        asking = self.ask()
        protocol, _ = self.connect()
        protocol.dataReceived(b"\x00")
        protocol.connectionLost(Failure(ConnectionDone()))
        error = self.failureResultOf(asking, Unusable).value
        self.assertIn("it ends the connection", str(error))
        asking = self.ask()
        protocol, _ = self.connect()
        protocol.dataReceived(self.framed(self.query, RECORD))
        protocol.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(asking)

    def test_refused(self) -> None:
        """A server that is not there over TCP is told of."""
        asking = self.ask()
        factory: Any = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        error = self.failureResultOf(asking, Unusable).value
        self.assertIn("cannot be reached over TCP", str(error))

    def test_cancelled(self) -> None:
        """A question that is given up leaves nothing open, whenever that is."""
        asking = self.ask()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertEqual(self.reactor.connectors[-1].stoppedConnecting, True)
        asking = self.ask()
        _, transport = self.connect()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertTrue(transport.aborted)
