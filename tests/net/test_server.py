"""
Tests for L{smtpx.net.server} and L{smtpx.net.direct}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.bounds import Bounds
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import Reply, reply
from smtpx.net.interfaces import IPolicy

from .made import RememberingReceiver, Server, made

HELLO = b"EHLO c.example\r\n"
GROUP = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
NO = reply(550, "5.7.1", b"No")


@implementer(IPolicy)
class Slow:
    """A policy whose answer to MAIL comes later."""

    def __init__(self) -> None:
        self.asked: Deferred[Reply | None] = Deferred()

    def mayConnect(self, session: IServerSession) -> None:
        """Anyone may."""

    def maySend(
        self, session: IServerSession, envelope: Envelope
    ) -> Deferred[Reply | None]:
        """Later."""
        return self.asked

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> None:
        """Anyone may."""


def end(server: Server, call: Any) -> None:
    """The client is gone."""
    call.protocol.connectionLost(Failure(ConnectionDone()))


class ConversationTests(SynchronousTestCase):
    """
    A client talks to the shell.
    """

    def test_message(self) -> None:
        """
        Each flight is answered by one write, and the body goes to the receiver.
        """
        server = made()
        call = server.call()
        self.assertEqual(call.wire.said(), b"220 mx.example.org ESMTP\r\n")
        call.say(HELLO)
        self.assertEqual(call.say(GROUP).count(b"\r\n"), 3)
        self.assertEqual(call.say(b"x\r\n.\r\nQUIT\r\n").count(b"\r\n"), 2)
        (arrival,) = server.receiver.arrivals
        self.assertEqual((arrival.octets, arrival.finished), (b"x\r\n", True))
        self.assertIsNone(arrival.producer)
        self.assertTrue(call.wire.disconnecting)

    def test_addresses(self) -> None:
        """
        The session knows both ends of the connection.
        """
        core = made().call("192.0.2.7").protocol.core
        self.assertEqual((core.peer, core.peerPort), (b"192.0.2.7", 40000))
        self.assertNotEqual(core.localPort, 0)

    def test_noRoom(self) -> None:
        """
        A receiver may refuse a body before it comes.
        """
        server = made(RememberingReceiver(refusal=reply(452, "4.3.1", b"Full")))
        call = server.call()
        call.say(HELLO)
        self.assertTrue(call.say(GROUP).endswith(b"452 4.3.1 Full\r\n"))

    def test_commitLater(self) -> None:
        """
        The final reply is said when the receiver has it, and not before; what
        was pipelined behind it waits its turn.
        """
        later: Deferred[Reply] = Deferred()
        server = made(RememberingReceiver(answer=later))
        call = server.call()
        call.say(HELLO + b"")
        call.say(GROUP)
        self.assertEqual(call.say(b"x\r\n.\r\nNOOP\r\n"), b"")
        later.callback(reply(250, "2.0.0", b"Done"))
        self.assertEqual(call.wire.said(), b"250 2.0.0 Done\r\n250 2.0.0 OK\r\n")

    def test_commitFails(self) -> None:
        """
        A receiver that fails is 451, and an error in the log.
        """
        later: Deferred[Reply] = Deferred()
        server = made(RememberingReceiver(answer=later))
        call = server.call()
        call.say(HELLO)
        call.say(GROUP)
        call.say(b"x\r\n.\r\n")
        later.errback(ZeroDivisionError())
        self.assertEqual(call.wire.said()[:9], b"451 4.3.0")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_whoseTrouble(self) -> None:
        """
        A commit that fails is the receiver's trouble, not the policy's.
        """
        later: Deferred[Reply] = Deferred()
        call = made(RememberingReceiver(answer=later)).call()
        owners: list[str] = []
        self.patch(call.protocol, "trouble", lambda owner, error: owners.append(owner))
        call.say(HELLO)
        call.say(GROUP)
        call.say(b"x\r\n.\r\n")
        later.errback(ZeroDivisionError())
        self.assertEqual(owners, ["receiver"])

    def test_lostMidway(self) -> None:
        """
        When the client leaves within a body, the arrival is aborted.
        """
        server = made()
        call = server.call()
        call.say(HELLO)
        call.say(GROUP)
        call.say(b"half a messa")
        end(server, call)
        (arrival,) = server.receiver.arrivals
        self.assertEqual((arrival.aborted, arrival.finished), (True, False))
        self.assertEqual(server.factory.connections, set())

    def test_lostWhileCommitting(self) -> None:
        """
        When the client leaves while its message is committed, the commit goes
        on, and what comes of it is said to nobody.
        """
        later: Deferred[Reply] = Deferred()
        server = made(RememberingReceiver(answer=later))
        call = server.call()
        call.say(HELLO)
        call.say(GROUP)
        call.say(b"x\r\n.\r\n")
        end(server, call)
        later.callback(reply(250, "2.0.0", b"Done"))
        (arrival,) = server.receiver.arrivals
        self.assertFalse(arrival.aborted)

    def test_lostWhileAsking(self) -> None:
        """
        A question of a client that has left is cancelled.
        """
        policy = Slow()
        server = made(policy=policy)
        call = server.call()
        call.say(HELLO)
        call.say(b"MAIL FROM:<a@b.example>\r\n")
        end(server, call)
        self.assertEqual(policy.asked.called, True)

    def test_halfClose(self) -> None:
        """
        A client that closes its half right behind its last command gets all
        its replies, those that are still to come as well.
        """
        later: Deferred[Reply] = Deferred()
        server = made(RememberingReceiver(answer=later))
        call = server.call()
        call.say(HELLO)
        call.say(GROUP)
        call.say(b"x\r\n.\r\nQUIT\r\n")
        call.protocol.readConnectionLost()
        self.assertFalse(call.wire.disconnecting)
        later.callback(reply(250, "2.0.0", b"Done"))
        self.assertEqual(call.wire.said(), b"250 2.0.0 Done\r\n221 2.0.0 Bye\r\n")
        self.assertTrue(call.wire.disconnecting)

    def test_halfCloseOfAnIdleClient(self) -> None:
        """
        A client that closes its half and is owed nothing is let go.
        """
        call = made().call()
        call.protocol.readConnectionLost()
        call.protocol.writeConnectionLost()
        self.assertTrue(call.wire.disconnecting)


class PressureTests(SynchronousTestCase):
    """
    Back-pressure in both directions.
    """

    def test_receiverIsSlow(self) -> None:
        """
        A receiver that does not keep up stalls the client, until it does.
        """
        server = made()
        call = server.call()
        call.say(HELLO)
        call.say(GROUP)
        (arrival,) = server.receiver.arrivals
        arrival.producer.pauseProducing()
        self.assertEqual(call.wire.producerState, "paused")
        arrival.producer.resumeProducing()
        self.assertEqual(call.wire.producerState, "producing")
        arrival.producer.pauseProducing()
        arrival.producer.stopProducing()
        self.assertEqual(call.wire.producerState, "producing")

    def test_stalledBodyThatEnds(self) -> None:
        """
        Reading goes on behind a body whose receiver had it stalled.
        """
        server = made()
        call = server.call()
        call.say(HELLO)
        call.say(GROUP)
        server.receiver.arrivals[0].producer.pauseProducing()
        call.say(b"x\r\n.\r\n")
        self.assertEqual(call.wire.producerState, "producing")

    def test_tooMuchBehindACommand(self) -> None:
        """
        While a command is in work only so much more is read.
        """
        policy = Slow()
        server = made(policy=policy, bounds=Bounds(heldOctets=20))
        call = server.call()
        call.say(HELLO)
        call.say(b"MAIL FROM:<a@b.example>\r\nRSET\r\n")
        self.assertEqual(call.wire.producerState, "producing")
        call.say(b"NOOP\r\nNOOP\r\nNOOP\r\n")
        self.assertEqual(call.wire.producerState, "paused")
        policy.asked.callback(None)
        self.assertEqual(call.wire.said().count(b"250"), 5)
        self.assertEqual(call.wire.producerState, "producing")

    def test_longLineBehindACommand(self) -> None:
        """
        A line that is longer than what is held, half of which came while a
        command was in work, is read to its end.
        """
        policy = Slow()
        server = made(policy=policy, bounds=Bounds(heldOctets=20))
        call = server.call()
        call.say(HELLO)
        call.say(b"MAIL FROM:<a@b.example>\r\nNOOP " + b"x" * 50)
        self.assertEqual(call.wire.producerState, "paused")
        policy.asked.callback(None)
        self.assertEqual(call.wire.producerState, "producing")
        call.wire.said()
        self.assertEqual(call.say(b"\r\n"), b"250 2.0.0 OK\r\n")

    def test_twoReasons(self) -> None:
        """
        Reading goes on only when every reason is gone.
        """
        server = made()
        call = server.call()
        call.say(HELLO)
        call.say(GROUP)
        producer = server.receiver.arrivals[0].producer
        producer.pauseProducing()
        call.protocol.pauseProducing()
        producer.resumeProducing()
        self.assertEqual(call.wire.producerState, "paused")
        call.protocol.resumeProducing()
        self.assertEqual(call.wire.producerState, "producing")
        call.protocol.stopProducing()


class TimeTests(SynchronousTestCase):
    """
    Time limits, by one sweep a second.
    """

    def pass_(self, server: Server, seconds: int) -> None:
        """Seconds go by."""
        for _ in range(seconds):
            server.clock.advance(1)

    def test_silence(self) -> None:
        """
        A client that says nothing gets 421 after the limit, not before.
        """
        server = made(bounds=Bounds(commandSeconds=10))
        call = server.call()
        call.wire.said()
        self.pass_(server, 10)
        self.assertEqual(call.wire.said(), b"")
        self.pass_(server, 2)
        self.assertEqual(call.wire.said(), b"421 4.4.2 Timeout; closing\r\n")
        self.assertTrue(call.wire.disconnecting)

    def test_octetByOctet(self) -> None:
        """
        A client that sends one octet now and then does not put off the end.
        """
        server = made(bounds=Bounds(commandSeconds=60))
        call = server.call()
        call.wire.said()
        for octet in b"NOOP":
            call.say(bytes([octet]))
            self.pass_(server, 16)
        self.assertEqual(call.wire.said()[:3], b"421")

    def test_commandsGiveTime(self) -> None:
        """
        Each command gives a client the whole time again.
        """
        server = made(bounds=Bounds(commandSeconds=10))
        call = server.call()
        for _ in range(5):
            self.pass_(server, 8)
            self.assertEqual(call.say(b"NOOP\r\n")[-14:], b"250 2.0.0 OK\r\n")

    def test_bodyByOctets(self) -> None:
        """
        A body has to come in blocks; one octet a minute is not enough.
        """
        server = made(bounds=Bounds(bodySeconds=60, bodyBlockOctets=100))
        call = server.call()
        call.say(HELLO)
        call.say(GROUP)
        for _ in range(3):
            call.say(b"x" * 100)
            self.pass_(server, 50)
        for _ in range(3):
            call.protocol.dataReceived(b"x")
            self.pass_(server, 20)
        self.assertEqual(call.wire.said()[:3], b"421")
        self.assertTrue(server.receiver.arrivals[0].aborted)

    def test_stalledByUs(self) -> None:
        """
        A body that we ourselves hold up is not the client's fault.
        """
        server = made(bounds=Bounds(bodySeconds=10))
        call = server.call()
        call.say(HELLO)
        call.say(GROUP)
        producer = server.receiver.arrivals[0].producer
        producer.pauseProducing()
        self.pass_(server, 30)
        producer.resumeProducing()
        self.pass_(server, 5)
        self.assertEqual(call.wire.said(), b"")

    def test_slowPolicy(self) -> None:
        """
        A policy that does not answer is given up, and the client told 451.
        """
        policy = Slow()
        server = made(policy=policy, bounds=Bounds(answerSeconds=10))
        call = server.call()
        call.say(HELLO)
        call.say(b"MAIL FROM:<a@b.example>\r\n")
        self.pass_(server, 12)
        self.assertEqual(call.wire.said()[:9], b"451 4.3.0")
        self.assertEqual(len(self.flushLoggedErrors(TimeoutError)), 1)
        self.assertFalse(call.wire.disconnecting)

    def test_slowCommit(self) -> None:
        """
        A commit is never given up: the client would send again what we have.
        """
        server = made(
            RememberingReceiver(answer=Deferred()), bounds=Bounds(answerSeconds=10)
        )
        call = server.call()
        call.say(HELLO)
        call.say(GROUP)
        call.say(b"x\r\n.\r\n")
        self.pass_(server, 1000)
        self.assertEqual(call.wire.said(), b"")

    def test_linger(self) -> None:
        """
        A client that does not take its last replies is cut off.
        """
        server = made(bounds=Bounds(closeSeconds=5))
        call = server.call()
        call.say(b"QUIT\r\n")
        self.pass_(server, 7)
        self.assertTrue(call.wire.aborted)


class ShutDownTests(SynchronousTestCase):
    """
    The end of a server.
    """

    def test_everybodyIsTold(self) -> None:
        """
        Clients get 421; the end has come when all are gone.
        """
        server = made()
        calls = [server.call(), server.call()]
        for call in calls:
            call.wire.said()
        gone = server.factory.shutDown()
        for call in calls:
            self.assertEqual(call.wire.said()[:9], b"421 4.3.2")
            self.assertNoResult(gone)
            end(server, call)
        self.successResultOf(gone)
        server.factory.stopFactory()

    def test_commitsAreFinished(self) -> None:
        """
        A message that is being committed is answered first.
        """
        later: Deferred[Reply] = Deferred()
        server = made(RememberingReceiver(answer=later))
        call = server.call()
        call.say(HELLO)
        call.say(GROUP)
        call.say(b"x\r\n.\r\n")
        server.factory.shutDown()
        self.assertEqual(call.wire.said(), b"")
        later.callback(reply(250, "2.0.0", b"Done"))
        self.assertEqual(call.wire.said()[:29], b"250 2.0.0 Done\r\n421 4.3.2 Ser")

    def test_stubbornClients(self) -> None:
        """
        Those that do not go are cut off.
        """
        server = made(bounds=Bounds(closeSeconds=5))
        call = server.call()
        server.factory.shutDown()
        server.clock.advance(6)
        self.assertTrue(call.wire.aborted)

    def test_nobodyIsThere(self) -> None:
        """
        Without clients it is over at once.
        """
        server = made()
        self.successResultOf(server.factory.shutDown())
        server.factory.stopFactory()
        self.assertEqual(server.clock.getDelayedCalls(), [])
