"""
Tests for L{smtpx.net.factory} and L{smtpx.net.receiving}.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EAGAIN
from typing import IO, Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.effects import IServerPort
from smtpx.core.envelope import Envelope
from smtpx.core.profile import ServerProfile
from smtpx.core.reply import Reply, reply
from smtpx.core.server import ServerConnection
from smtpx.net.factory import IAdmission, SMTPServerFactory
from smtpx.net.interfaces import ITracer
from smtpx.net.receiving import receiverFor
from smtpx.net.refused import RefusedProtocol

from .made import Call, RememberingReceiver, Wire, made

MESSAGE = [
    b"EHLO c.example\r\n",
    b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n",
    b"Subject: x\r\n\r\nbody\r\n.\r\n",
]
TAKEN = reply(250, "2.6.0", b"Mine")


def send(receiver: Any) -> Call:
    """A client sends a message to a factory that has C{receiver}."""
    call = made(receiver).call()
    for flight in MESSAGE[:-1]:
        call.say(flight)
    call.protocol.dataReceived(MESSAGE[-1])
    return call


@implementer(IAdmission)
class Two:
    """At most two connections from anywhere."""

    def __init__(self) -> None:
        self.count = 0
        self.left: list[bytes] = []

    def enter(self, address: bytes) -> Reply | None:
        """Count it or refuse it."""
        if self.count == 2:
            return reply(421, "4.7.0", b"Too many")
        self.count += 1
        return None

    def leave(self, address: bytes) -> None:
        """One less."""
        self.count -= 1
        self.left.append(address)


class Waiting:
    """
    A socket that listens, with clients that wait.

    @ivar meet: called with each that is let in.
    """

    def __init__(self) -> None:
        """Nobody waits."""
        self.clients: list[str] = []
        self.meet: Callable[[str], object] = lambda client: None

    def accept(self) -> str:
        """The next one."""
        if not self.clients:
            raise BlockingIOError(EAGAIN, "nobody")
        client = self.clients.pop(0)
        self.meet(client)
        return client


class Port(FileDescriptor):
    """A listening port, as far as the factory knows it."""

    reading = True

    def __init__(self) -> None:
        """Nothing is registered anywhere."""
        self.socket = Waiting()

    def doRead(self) -> list[str]:
        """Accept all that wait, in a row, as Twisted does; gives them."""
        met = []
        while True:
            try:
                met.append(self.socket.accept())
            except BlockingIOError:
                return met

    def stopReading(self) -> None:
        """Accept no more."""
        self.reading = False

    def startReading(self) -> None:
        """Accept again."""
        self.reading = True


class FactoryTests(SynchronousTestCase):
    """
    Tests for L{SMTPServerFactory}.
    """

    def test_admission(self) -> None:
        """
        A connection that is not let in gets one reply and the end, and is not
        counted; when one leaves there is room again.
        """
        admission = Two()
        server = made(admission=admission)
        first, _ = server.call(), server.call()
        protocol = server.factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
        assert protocol is not None
        wire = Wire()
        protocol.makeConnection(wire)
        self.assertEqual(wire.value(), b"421 4.7.0 Too many\r\n")
        self.assertTrue(wire.disconnecting)
        first.protocol.core.peer = b"198.51.100.9"
        first.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(admission.count, 1)
        self.assertEqual(admission.left, [b"192.0.2.1"])

    def test_manyRefused(self) -> None:
        """
        A crowd that is not let in does not use up the descriptors: some are told,
        and others closed at once, until the first are gone.
        """
        server = made(admission=Two())
        server.call()
        server.call()
        address = IPv4Address("TCP", "192.0.2.1", 1)
        told = []
        while (protocol := server.factory.buildProtocol(address)) is not None:
            protocol.makeConnection(Wire())
            told.append(protocol)
        self.assertEqual(len(told), 16)
        told[0].connectionLost(Failure(ConnectionDone()))
        again = server.factory.buildProtocol(address)
        self.assertIsInstance(again, RefusedProtocol)

    def test_refusedUnderTLS(self) -> None:
        """
        Where TLS would come first, nothing is said in clear.
        """
        wire = Wire()
        protocol: IProtocol = RefusedProtocol(None)
        protocol.makeConnection(wire)
        self.assertEqual((wire.value(), wire.disconnecting), (b"", True))

    def test_full(self) -> None:
        """
        With too many connections the ports accept no more, until one leaves.
        """
        server = made(connectionsMax=2)
        port = Port()
        server.factory.listening(port)
        server.factory.listening(object())
        server.call()
        self.assertTrue(port.reading)
        second = server.call()
        self.assertFalse(port.reading)
        second.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertTrue(port.reading)

    def test_twoReasons(self) -> None:
        """
        Where there are two reasons to accept no more, both have to go.
        """
        server = made(connectionsMax=1)
        port = Port()
        server.factory.listening(port)
        call = server.call()
        server.factory.pause("memory")
        server.factory.pause("memory")
        call.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertFalse(port.reading)
        server.factory.resume("memory")
        self.assertTrue(port.reading)
        server.factory.resume("memory")

    def test_fullAndStopped(self) -> None:
        """
        Ports that have stopped are not started again by a client that leaves.
        """
        server = made(connectionsMax=1)
        port = Port()
        server.factory.listening(port)
        call = server.call()
        server.factory.shutDown()
        call.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertFalse(port.reading)

    def test_othersHaveFilledIt(self) -> None:
        """
        Where other processes of the server have as many connections as there may be,
        nobody is accepted here either, until one of theirs leaves.
        """
        full = False
        server = made()
        server.factory.full = lambda: full
        port = Port()
        server.factory.listening(port)
        server.call()
        self.assertTrue(port.reading)
        full = True
        server.clock.advance(1.0)
        self.assertFalse(port.reading)
        server.clock.advance(0.1)
        self.assertFalse(port.reading)
        full = False
        server.clock.advance(0.1)
        self.assertTrue(port.reading)

    def test_crowd(self) -> None:
        """
        Of a crowd that waits, so many are let in as there is room for, though Twisted
        accepts them in a row; the others go on waiting, and nobody is sent away.
        """
        server = made(connectionsMax=3)
        port = Port()
        waiting = port.socket
        calls: list[Call] = []
        waiting.meet = lambda client: calls.append(server.call())
        server.factory.listening(port)
        waiting.clients += ["a", "b", "c", "d", "e"]
        self.assertEqual(port.doRead(), ["a", "b", "c"])
        self.assertEqual((port.doRead(), port.reading), ([], False))
        calls[0].protocol.connectionLost(Failure(ConnectionDone()))
        self.assertTrue(port.reading)
        self.assertEqual(port.doRead(), ["d"])
        self.assertEqual(waiting.clients, ["e"])
        server.factory.pause("memory")
        calls[1].protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(port.doRead(), [])

    def test_othersFillItUnseen(self) -> None:
        """
        Other processes may fill the server while nothing happens here; who comes then
        waits until one of theirs leaves.
        """
        full = False
        server = made()
        server.factory.full = lambda: full
        port = Port()
        waiting = port.socket
        server.factory.listening(port)
        waiting.clients.append("a")
        full = True
        self.assertEqual((port.doRead(), port.reading), ([], False))
        full = False
        server.clock.advance(0.1)
        self.assertTrue(port.reading)
        self.assertEqual(port.doRead(), ["a"])

    def test_leavesAndIsFullStill(self) -> None:
        """
        A client of ours that leaves makes no room where others have come for it.
        """
        full = True
        server = made()
        server.factory.full = lambda: full
        port = Port()
        server.factory.listening(port)
        call = server.call()
        call.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertFalse(port.reading)
        full = False
        server.clock.advance(0.1)
        self.assertTrue(port.reading)

    def test_fullOfOthersAndStopped(self) -> None:
        """
        Nobody looks any more whether others have left.
        """
        server = made()
        server.factory.full = lambda: True
        call = server.call()
        server.factory.shutDown()
        call.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(server.clock.getDelayedCalls(), [])

    def test_implicitTLSNeedsCertificates(self) -> None:
        """
        Without certificates there is no implicit TLS.
        """
        self.assertRaises(
            ValueError,
            SMTPServerFactory,
            Clock(),
            RememberingReceiver(),
            implicitTLS=True,
        )

    def test_clock(self) -> None:
        """
        Envelopes have the time of the clock that the factory was given.
        """
        server = made(clock=lambda: 77.0)
        call = server.call()
        for flight in MESSAGE[:-1]:
            call.say(flight)
        envelope = call.protocol.core.envelope
        assert envelope is not None
        self.assertEqual(envelope.arrived, 77.0)


class TakingTests(SynchronousTestCase):
    """
    A program's function takes messages.
    """

    def test_function(self) -> None:
        """
        It gets the envelope and the body as a file at its start, closed after.
        """
        seen: list[Any] = []

        def take(envelope: Envelope, body: IO[bytes]) -> None:
            seen.extend([envelope.sender, body.read(), body])

        call = send(take)
        self.assertEqual(seen[:2], [b"a@b.example", b"Subject: x\r\n\r\nbody\r\n"])
        self.assertTrue(seen[2].closed)
        self.assertTrue(call.wire.said().endswith(b"250 2.0.0 OK\r\n"))

    def test_answers(self) -> None:
        """
        It may answer with a reply, at once, by a Deferred or as a coroutine.
        """
        later: Deferred[Reply | None] = Deferred()

        async def coroutine(envelope: Envelope, body: IO[bytes]) -> Reply:
            return TAKEN

        functions: list[Callable[[Envelope, IO[bytes]], Any]] = [
            lambda envelope, body: TAKEN,
            coroutine,
            lambda envelope, body: later,
        ]
        for function in functions[:2]:
            self.assertTrue(send(function).wire.said().endswith(TAKEN.octets))
        call = send(functions[2])
        self.assertEqual(call.wire.said(), b"")
        later.callback(None)
        self.assertEqual(call.wire.said(), b"250 2.0.0 OK\r\n")

    def test_exception(self) -> None:
        """
        An exception out of it is 451 for the client and an error in the log,
        whether it comes at once or later.
        """

        def broken(envelope: Envelope, body: IO[bytes]) -> None:
            raise ZeroDivisionError

        async def brokenLater(envelope: Envelope, body: IO[bytes]) -> None:
            raise ZeroDivisionError

        for function in (broken, brokenLater):
            call = send(function)
            self.assertIn(b"451 4.3.0", call.wire.said())
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_abandoned(self) -> None:
        """
        A message that is not finished is never given to it.
        """
        seen: list[Any] = []
        call = made(lambda envelope, body: seen.append(body)).call()  # type: ignore[arg-type]  # a function
        for flight in MESSAGE[:-1]:
            call.say(flight)
        call.say(b"half")
        call.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(seen, [])

    def test_receiversStayWhatTheyAre(self) -> None:
        """
        What is a receiver already is taken as it is.
        """
        receiver = RememberingReceiver()
        self.assertIs(receiverFor(receiver), receiver)


@implementer(ITracer)
class Watcher:
    """Makes the cores of some, and hears of the end of all."""

    def __init__(self) -> None:
        self.made: list[ServerConnection] = []
        self.gone: list[tuple[ServerConnection, str]] = []

    def connection(
        self, profile: ServerProfile, port: IServerPort, peer: bytes, peerPort: int
    ) -> ServerConnection:
        """See L{ITracer}."""
        self.made.append(ServerConnection(profile, port, peer, peerPort))
        return self.made[-1]

    def ended(self, core: ServerConnection, why: str) -> None:
        """See L{ITracer}."""
        self.gone.append((core, why))


class TracerTests(SynchronousTestCase):
    """Somebody records sessions."""

    def test_itMakesTheCore(self) -> None:
        """A connection runs on what the tracer gives, which hears of its end."""
        watcher = Watcher()
        factory = made(RememberingReceiver(), tracer=watcher)
        call = factory.call()
        core = call.protocol.core
        self.assertEqual(watcher.made, [core])
        self.assertEqual((core.peer, core.peerPort), (b"192.0.2.1", 40000))
        call.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(watcher.gone, [(core, "Connection was closed cleanly.")])
        self.assertIsNotNone(core.ending)
