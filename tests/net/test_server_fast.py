"""
Tests for L{smtpx.net.server}: clients whose first packet had something in it, and of
whom nobody knows yet where they are.
"""

from __future__ import annotations

from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Stage
from smtpx.core.interfaces import IServerBuilder, IServerSession
from smtpx.core.reply import Reply
from smtpx.core.standing import Standing
from smtpx.extensions.standard import standard
from smtpx.net import serverport as serverModule
from smtpx.net.factory import Open
from smtpx.net.fastopen import Opened, Proof

from ..core.made import MadeServer
from .made import Call, RememberingReceiver, made

_MESSAGE = (
    b"EHLO client.example\r\nMAIL FROM:<a@client.example>\r\n"
    b"RCPT TO:<b@mx.example.org>\r\nBDAT 6 LAST\r\nText\r\n"
)


@define(eq=False)
class FakeConnection:
    """The socket is whatever the test says of it."""

    socket: object = None
    bufferSize: int = 0


class FastCase(SynchronousTestCase):
    """A server with a client whose first packet had something in it."""

    def setUp(self) -> None:
        """A client whose handshake is under way."""
        self.proof = Proof.PENDING
        self.looked = 0

        def proofOf(made: object) -> Proof:
            self.looked += 1
            return self.proof

        self.patch(serverModule, "proofOf", proofOf)
        self.receiver = RememberingReceiver()
        self.server = made(self.receiver)

    def call(self) -> Call:
        """It connects."""
        call = self.server.call()
        protocol: Any = call.protocol
        protocol._opened = Opened.CARRYING
        protocol._connection = FakeConnection()
        return call


class UnprovenTests(FastCase):
    """A message that came with the first packet."""

    def test_waits(self) -> None:
        """Nothing is taken before the client has shown where it is."""
        call = self.call()
        said = call.say(_MESSAGE)
        self.assertNotIn(b"\r\n250 2.6.0", said)
        (arrival,) = self.receiver.arrivals
        self.assertFalse(arrival.finished)
        self.server.clock.advance(0.002)
        self.assertFalse(arrival.finished)
        self.proof = Proof.GIVEN
        self.server.clock.advance(0.1)
        self.assertTrue(arrival.finished)
        self.assertTrue(call.wire.said().startswith(b"250 "))

    def test_onlyTheFirst(self) -> None:
        """Once it has, it is not looked again."""
        self.proof = Proof.GIVEN
        call = self.call()
        call.say(_MESSAGE)
        self.assertEqual(self.looked, 1)
        rest = _MESSAGE.partition(b"\r\n")[2]
        call.say(rest)
        self.assertEqual(self.looked, 1)
        self.assertTrue(all(each.finished for each in self.receiver.arrivals))
        self.assertEqual(len(self.receiver.arrivals), 2)

    def test_ordinary(self) -> None:
        """Of a connection that was opened as ever nothing is asked."""
        call = self.server.call()
        call.say(_MESSAGE)
        self.assertEqual(self.looked, 0)
        self.assertTrue(self.receiver.arrivals[0].finished)

    def test_named(self) -> None:
        """
        A message that would be known again waits like any other; but for those whose
        client is taken at its word, and those that were there before.
        """
        begin, bdat, end = _MESSAGE.partition(b"BDAT")
        for standing, atOnce in (
            (Standing.NAMED, False),
            (Standing.PROMPT, True),
            (Standing.SETTLED, True),
        ):
            call = self.call()
            call.say(begin)
            protocol: Any = call.protocol
            protocol.core.standing = standing
            call.say(bdat + end)
            self.assertEqual(self.receiver.arrivals[-1].finished, atOnce)
            call.protocol.connectionLost(Failure(ConnectionDone()))

    def test_never(self) -> None:
        """Who will not show it gets nothing done: it was a recording, perhaps."""
        call = self.call()
        call.say(_MESSAGE)
        self.proof = Proof.FAILED
        self.server.clock.advance(0.1)
        (arrival,) = self.receiver.arrivals
        self.assertFalse(arrival.finished)
        self.assertTrue(arrival.aborted)
        self.flushLoggedErrors()

    def test_neverTheNext(self) -> None:
        """Nor does what else was in that packet, behind the message."""
        rest = _MESSAGE.partition(b"\r\n")[2]
        for proof in (Proof.FAILED, Proof.PENDING):
            self.proof = Proof.PENDING
            call = self.call()
            call.say(_MESSAGE + rest)
            self.proof = proof
            for _ in range(700):
                self.server.clock.advance(1)
                self.assertEqual(
                    [each.finished for each in self.receiver.arrivals],
                    [False] * len(self.receiver.arrivals),
                )
            self.assertEqual(len(self.receiver.arrivals), 2)
            self.receiver.arrivals.clear()
            self.flushLoggedErrors()

    def test_gone(self) -> None:
        """The connection is reset while it is waited."""
        call = self.call()
        call.say(_MESSAGE)
        call.protocol.connectionLost(Failure(ConnectionDone()))
        (arrival,) = self.receiver.arrivals
        self.assertTrue(arrival.aborted)
        self.assertFalse(arrival.finished)
        looked = self.looked
        self.server.clock.advance(0.5)
        self.assertEqual(self.looked, looked)

    def test_commitOutlives(self) -> None:
        """Once it is being committed, the end of the connection changes nothing."""
        answer: Deferred[Reply] = Deferred()
        self.receiver.answer = answer
        call = self.call()
        call.say(_MESSAGE)
        self.proof = Proof.GIVEN
        self.server.clock.advance(0.1)
        (arrival,) = self.receiver.arrivals
        self.assertTrue(arrival.finished)
        call.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertFalse(answer.called)
        self.assertFalse(arrival.aborted)

    def test_tooLong(self) -> None:
        """Whoever keeps it waiting for minutes is told so, and nothing is taken."""
        call = self.call()
        call.say(_MESSAGE)
        for _ in range(700):
            self.server.clock.advance(1)
        (arrival,) = self.receiver.arrivals
        self.assertTrue(arrival.aborted)
        self.assertIn(b"451 ", call.wire.said())
        self.flushLoggedErrors()


class Greylist(Open):
    """A policy that counts what it is asked."""

    bearsRepeats = False

    def __init__(self) -> None:
        self.asked = 0

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> None:
        """Count it."""
        self.asked += 1


class PolicyTests(FastCase):
    """What a policy is asked on behalf of a client of whom nobody knows."""

    def setUp(self) -> None:
        """With a policy that does not bear repeats."""
        FastCase.setUp(self)
        self.policy = Greylist()
        self.server = made(self.receiver, policy=self.policy)

    def test_asked(self) -> None:
        """Nothing, before it has shown where it is."""
        call = self.call()
        call.say(_MESSAGE)
        self.assertEqual((self.policy.asked, self.receiver.arrivals), (0, []))
        self.proof = Proof.GIVEN
        self.server.clock.advance(0.1)
        self.assertEqual(self.policy.asked, 1)
        self.assertTrue(self.receiver.arrivals[0].finished)

    def test_never(self) -> None:
        """Nothing at all, where it never does."""
        call = self.call()
        call.say(_MESSAGE)
        self.proof = Proof.FAILED
        self.server.clock.advance(0.1)
        self.assertEqual((self.policy.asked, self.receiver.arrivals), (0, []))
        self.flushLoggedErrors()


class NamedTests(FastCase):
    """A message that is known again, of a client that is taken at its word."""

    def test_atOnce(self) -> None:
        """It is taken at once, though nobody knows where its client is."""

        def extend(server: IServerBuilder) -> None:
            server.review(Stage.MAIL, name)

        def name(session: IServerSession, recipient: object) -> None:
            session.standing = Standing.PROMPT

        extensions = [*standard(), MadeServer(extend, "ODD")]
        self.server = made(self.receiver, extensions=extensions)
        call = self.call()
        said = call.say(_MESSAGE)
        self.assertIn(b"\r\n250 ", said)
        self.assertTrue(self.receiver.arrivals[0].finished)
        self.assertEqual(self.looked, 0)
