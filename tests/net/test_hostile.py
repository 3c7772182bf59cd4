"""
Tests for L{smtpx.net.server}: peers, receivers and journals at their worst.
"""

from __future__ import annotations

from typing import IO

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import Bounds
from smtpx.core.envelope import Envelope
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import Reply, reply
from smtpx.net.direct import Stall
from smtpx.net.interfaces import IArrival
from smtpx.net.server import ServerProtocol

from .made import Call, RememberedArrival, RememberingReceiver, Server, made

HELLO = b"EHLO c.example\r\n"
GROUP = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
DONE = reply(250, "2.0.0", b"Done")


def begun(server: Server) -> Call:
    """A client is about to send a body."""
    call = server.call()
    call.say(HELLO)
    call.say(GROUP)
    return call


def end(call: Call) -> None:
    """The client is gone."""
    call.protocol.connectionLost(Failure(ConnectionDone()))


@define(eq=False)
class BrokenArrival(RememberedArrival):
    """A message that nobody can take, nor let go of."""

    def write(self, data: bytes) -> None:
        """There is no room."""
        raise OSError("full")

    def abort(self) -> None:
        """Even that."""
        raise ZeroDivisionError


class BrokenReceiver(RememberingReceiver):
    """Where nothing works."""

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """It does not work."""
        arrival: IArrival = BrokenArrival()
        return arrival


class ReceiverTests(SynchronousTestCase):
    """
    Receivers that raise.
    """

    def test_write(self) -> None:
        """
        A body that cannot be written is 451 at its end, and each exception is
        told of; the session goes on.
        """
        call = begun(made(BrokenReceiver()))
        self.assertEqual(call.say(b"x\r\n"), b"")
        self.assertEqual(
            call.say(b"y\r\n.\r\nNOOP\r\n"),
            b"451 4.3.0 Local error in processing\r\n250 2.0.0 OK\r\n",
        )
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_lost(self) -> None:
        """
        A client that leaves is counted out, whatever its message says to that.
        """
        server = made(BrokenReceiver())
        call = begun(server)
        end(call)
        self.assertEqual(server.factory.connections, set())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_function(self) -> None:
        """
        A program's function that raises leaves no file open.
        """
        seen: list[IO[bytes]] = []

        def broken(envelope: Envelope, body: IO[bytes]) -> None:
            seen.append(body)
            raise ZeroDivisionError

        call = begun(made(broken))  # type: ignore[arg-type]  # a function
        self.assertEqual(call.say(b"x\r\n.\r\n")[:3], b"451")
        self.assertTrue(seen[0].closed)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_commitFailsLater(self) -> None:
        """
        A commit that fails when its client has left is an error all the same.
        """
        later: Deferred[Reply] = Deferred()
        call = begun(made(RememberingReceiver(answer=later)))
        call.say(b"x\r\n.\r\n")
        end(call)
        later.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class SweepTests(SynchronousTestCase):
    """
    The sweep, which nothing stops.
    """

    def pass_(self, server: Server, seconds: int) -> None:
        """Seconds go by."""
        for _ in range(seconds):
            server.clock.advance(1)

    def test_trouble(self) -> None:
        """
        Trouble with one connection is told of, cuts that one off, and keeps
        nobody else from being timed out.
        """
        server = made(bounds=Bounds(commandSeconds=5))
        calls = [server.call() for _ in range(3)]

        def broken(now: float) -> None:
            raise ZeroDivisionError

        self.patch(calls[1].protocol, "sweep", broken)
        self.pass_(server, 8)
        self.assertEqual(
            [call.wire.disconnecting for call in calls], [True, False, True]
        )
        self.assertEqual([call.wire.aborted for call in calls], [False, True, False])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 8)

    def test_lostMeanwhile(self) -> None:
        """
        A connection that is lost on account of another, in the same sweep, is
        swept no more.
        """
        server = made(bounds=Bounds(closeSeconds=1))
        calls = [server.call(), server.call()]
        self.pass_(server, 20)
        for one, other in (calls, calls[::-1]):

            def sweep(now: float, one: Call = one, other: Call = other) -> None:
                ServerProtocol.sweep(one.protocol, now)
                if one.protocol.transport is not None:
                    end(other)

            self.patch(one.protocol, "sweep", sweep)
        self.pass_(server, 1)
        self.assertEqual(len(server.factory.connections), 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_clientsTimeBeginsAnew(self) -> None:
        """
        However long an answer takes, the client then has its own time for the
        next command.
        """
        later: Deferred[Reply] = Deferred()
        server = made(
            RememberingReceiver(answer=later), bounds=Bounds(commandSeconds=10)
        )
        call = begun(server)
        call.say(b"x\r\n.\r\n")
        self.pass_(server, 100)
        later.callback(DONE)
        self.assertEqual(call.wire.said(), DONE.octets)
        self.pass_(server, 8)
        self.assertEqual(call.wire.said(), b"")
        self.pass_(server, 4)
        self.assertEqual(call.wire.said()[:3], b"421")


class PressureTests(SynchronousTestCase):
    """
    Reading that has to go on.
    """

    def test_longLine(self) -> None:
        """
        A line may be longer than what is held while a command is in work: it
        is read to its end.
        """
        server = made(bounds=Bounds(commandOctets=1000, heldOctets=100))
        call = server.call()
        call.wire.said()
        call.say(b"NOOP " + b"x" * 500)
        self.assertEqual(call.wire.producerState, "producing")
        self.assertEqual(call.say(b"\r\n"), b"250 2.0.0 OK\r\n")

    def test_endUnderTLS(self) -> None:
        """
        A connection under TLS that ends is read from, stalled or not: it waits
        for the peer to say that it ends, too.
        """
        call = made().call()
        call.protocol.secured()
        call.protocol.stall(Stall.WORKING)
        self.assertEqual(call.wire.producerState, "paused")
        call.protocol.finish()
        self.assertEqual(call.wire.producerState, "producing")

    def test_afterLoss(self) -> None:
        """
        Whoever still holds the end of a connection that is gone does no harm.
        """
        server = made()
        call = begun(server)
        (arrival,) = server.receiver.arrivals
        producer = arrival.producer
        end(call)
        producer.pauseProducing()
        producer.resumeProducing()
        producer.stopProducing()
        call.protocol.pauseProducing()
        call.protocol.resumeProducing()
        call.protocol.finish()
        call.protocol.expect(10)
        self.assertFalse(call.wire.disconnecting)


class HalfCloseTests(SynchronousTestCase):
    """
    A peer that closes its half of the connection, at any moment.
    """

    #: What a client says, in flights, and how many replies it is owed then.
    FLIGHTS = (
        (HELLO, 1),
        (b"MAIL FROM:<a@b.example>\r\n", 1),
        (b"RCPT TO:<c@d.example>\r\n", 1),
        (b"BDAT 2\r\nx\r", 1),
        (b"BDAT 2 LAST\r\n\n.", 1),
        (GROUP, 3),
        (b"x\r\n.\r\nNOOP\r\n", 2),
        (b"MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nBDAT 1 LAST\r\nxQUIT\r\n", 4),
    )

    def test_anyMoment(self) -> None:
        """
        It gets a reply to each command that it said whole, and is let go.
        """
        for last, (flight, owed) in enumerate(self.FLIGHTS):
            for cut in range(len(flight) + 1):
                server = made()
                call = server.call()
                for octets, _ in self.FLIGHTS[:last]:
                    call.say(octets)
                call.wire.said()
                if cut:
                    call.protocol.dataReceived(flight[:cut])
                call.protocol.readConnectionLost()
                codes = self.codes(call.wire.said())
                self.assertLessEqual(len(codes), owed)
                if cut == len(flight):
                    self.assertEqual(len(codes), owed)
                self.assertTrue(call.wire.disconnecting, (flight, cut))
                end(call)
                for arrival in server.receiver.arrivals:
                    self.assertNotEqual(arrival.finished, arrival.aborted)

    def codes(self, octets: bytes) -> list[bytes]:
        """The code of each whole reply."""
        lines = octets.split(b"\r\n")[:-1]
        return [line[:3] for line in lines if line[3:4] == b" "]

    def test_whileAnswersAreOpen(self) -> None:
        """
        While an answer is under way it is not let go; then it is, with all that
        it is owed, be it that its body was not whole.
        """
        for behind, owed in (
            (b"", [b"250"]),
            (b"QUIT\r\n", [b"250", b"221"]),
            (b"NOOP\r\nNOO", [b"250", b"250"]),
            (b"MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nBDAT 5\r\nx", [b"250"] * 3),
        ):
            later: Deferred[Reply] = Deferred()
            server = made(RememberingReceiver(answer=later))
            call = begun(server)
            call.say(b"x\r\n.\r\n" + behind)
            call.protocol.readConnectionLost()
            self.assertFalse(call.wire.disconnecting)
            later.callback(DONE)
            self.assertEqual(self.codes(call.wire.said()), owed)
            self.assertTrue(call.wire.disconnecting)
            end(call)
            self.assertEqual(
                [each.aborted for each in server.receiver.arrivals[1:]],
                [True] * (len(server.receiver.arrivals) - 1),
            )

    def test_beforeTheHandshake(self) -> None:
        """A peer that says nothing at all is greeted and let go."""
        call = made().call()
        self.assertEqual(call.wire.said()[:4], b"220 ")
        call.protocol.readConnectionLost()
        self.assertTrue(call.wire.disconnecting)
