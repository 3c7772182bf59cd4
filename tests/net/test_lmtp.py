"""
LMTP (RFC 2033) by the pool: what becomes of each recipient, whatever the other side
does.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Dialect, RoutePolicy, Scope, TLSLevel
from smtpx.core.reply import Reply, reply
from smtpx.net.factory import SMTPServerFactory
from smtpx.net.sending import Sent, Unreached, Way
from smtpx.spool.via import Cause, Via
from smtpx.testing import BODY, Fault, answered, closed, delayed, silent
from smtpx.testing.client import OctetsBody

from .clients import (
    CHUNKING,
    HOST,
    LMTP,
    LOCAL,
    MESSAGE,
    Rig,
    codes,
    envelopeFor,
    rig,
    text,
)
from .network import Got, watched

THREE = (b"a@mx.example", b"b@mx.example", b"c@mx.example")
FULL = b"452 4.2.2 Full\r\n"
FULL_REPLY = reply(452, "4.2.2", b"Full")


class LMTPTestCase(SynchronousTestCase):
    """A host that speaks LMTP."""

    def rig(self, *faults: Fault, keywords: Any = CHUNKING) -> Rig:
        """It has these faults."""
        self.rigged = rig(*faults, keywords=keywords, lmtp=True)
        return self.rigged

    def send(self, *faults: Fault, seconds: float = 0.0, **more: Any) -> Got:
        """Send it a message for three."""
        got = self.rig(*faults, **more).send(
            envelopeFor(*THREE), way=LMTP, host=LOCAL, run=False
        )
        self.rigged.network.run(seconds)
        return got

    @property
    def taken(self) -> list[list[bytes]]:
        """Who has got what the server took."""
        return [each.recipients for each in self.rigged.server.messages]


class DeliveryTests(LMTPTestCase):
    """What goes well."""

    def test_allGetIt(self) -> None:
        """By BDAT and by DATA."""
        for keywords in (CHUNKING, (b"PIPELINING",), ()):
            got = self.send(keywords=keywords)
            self.assertEqual(codes(got), [250] * 3)
            self.assertEqual(self.taken, [list(THREE)])
            self.assertEqual(self.rigged.commands[0], b"LHLO client.example.org")
            body = self.rigged.server.messages[0].body
            self.assertEqual(body, MESSAGE)

    def test_someDo(self) -> None:
        """Each for itself."""
        got = self.send(
            answered(b"RCPT", b"550 5.1.1 Unknown\r\n"), answered(BODY, FULL, nth=2)
        )
        self.assertEqual(codes(got), [550, 250, 452])
        sent = got.value
        assert isinstance(sent, Sent)
        self.assertEqual(sent.causes[0], Cause.RECIPIENT)
        self.assertEqual(sent.causes[2], Cause.CONTENT)
        self.assertEqual((sent.scope, sent.unsure), (Scope.MESSAGE, False))
        self.assertEqual(self.taken, [[THREE[1]]])

    def test_via(self) -> None:
        """Where it went is told by its path."""
        sent = self.send().value
        self.assertEqual(sent.via.address, b"/run/lmtp")
        self.assertEqual((sent.via.host, sent.via.port), (b"/run/lmtp", 0))
        self.assertTrue(sent.via.local)
        self.assertFalse(Via(b"mx.example", b"192.0.2.1").local)

    def test_again(self) -> None:
        """A connection is used for the next message, too."""
        self.send()
        got = self.rigged.send(envelopeFor(), way=LMTP, host=LOCAL)
        self.assertEqual(codes(got), [250])
        self.assertTrue(got.value.via.again)
        self.assertEqual(len(self.rigged.server.sessions), 1)

    def test_anotherProtocol(self) -> None:
        """What is idle for LMTP is not used for SMTP."""
        rigged = self.rig()
        rigged.send(envelopeFor(), way=LMTP)
        self.assertEqual(len(rigged.server.sessions), 1)
        got = rigged.send(envelopeFor())
        self.assertEqual(len(rigged.server.sessions), 2)
        self.assertIsInstance(got.error, Unreached)

    def test_heardAtOnce(self) -> None:
        """Who has it is told of while the others are waited for."""
        rigged = self.rig(delayed(BODY, 5.0, nth=2))
        heard: list[tuple[bytes, int, bytes]] = []

        def hear(recipient: Recipient, said: Reply, via: Via) -> None:
            heard.append((recipient.path, said.code, via.address))
            if len(heard) > 1:
                raise ZeroDivisionError

        envelope, source = envelopeFor(*THREE), OctetsBody(MESSAGE)
        got = watched(rigged.pool.send(LOCAL, LMTP, envelope, source, hear))
        rigged.network.run(1)
        self.assertEqual(heard, [(THREE[0], 250, b"/run/lmtp")])
        self.assertEqual(got.fired, 0)
        rigged.network.run(5)
        self.assertEqual(codes(got), [250] * 3)
        self.assertEqual([path for path, _, _ in heard], list(THREE[:2]))
        # Whoever hears it is not to keep others from getting it.
        [(owner, error)] = rigged.troubles
        self.assertEqual(owner, "client")
        self.assertIsInstance(error, ZeroDivisionError)

    def test_recipientsAsked(self) -> None:
        """Whether there is such a recipient can be asked without a message."""
        rigged = self.rig(answered(b"RCPT", b"550 5.1.1 Unknown\r\n"))
        got = watched(rigged.pool.verify(LOCAL, LMTP, b"a@mx.example"))
        rigged.network.run()
        self.assertEqual(codes(got), [550])


class BadServerTests(LMTPTestCase):
    """What does not: nothing is lost, and nobody who was answered gets it twice."""

    def test_smtp(self) -> None:
        """A host that speaks SMTP is a mistake of ours, and no reason to bounce."""
        rigged = rig()
        got = rigged.send(envelopeFor(), way=LMTP, host=HOST)
        error = got.error
        assert isinstance(error, Unreached)
        self.assertEqual(error.cause, Cause.SESSION)
        assert error.reply is not None
        self.assertEqual(error.reply.lines, (b"Peer does not speak LMTP",))
        self.assertFalse(error.reply.permanent)

    def fewer(self, got: Got) -> None:
        """One was answered for; the others are tried again, here, later."""
        self.assertEqual(codes(got), [250, 451, 451])
        sent = got.value
        assert isinstance(sent, Sent)
        self.assertEqual(sent.causes[1:], (Cause.LOST, Cause.LOST))
        self.assertTrue(sent.unsure)
        self.assertEqual(sent.scope, Scope.MESSAGE)
        self.assertEqual(len(self.rigged.server.sessions), 1)
        self.assertEqual(self.rigged.pool.open, 0)

    def test_closedBehindSome(self) -> None:
        """It closes before all are answered for."""
        self.fewer(self.send(evolve(closed(BODY, nth=2), octets=0)))

    def test_silentBehindSome(self) -> None:
        """It says no more; that is waited for as for the end of any message."""
        self.fewer(self.send(silent(BODY, nth=2), seconds=3600))

    def test_cutReply(self) -> None:
        """A reply that is not whole is none."""
        self.fewer(self.send(evolve(closed(BODY, nth=2), octets=7)))

    def test_nonsense(self) -> None:
        """It answers with what is no reply."""
        got = self.send(answered(BODY, b"Saved, I think\r\n", nth=2))
        self.assertEqual(codes(got), [250, 451, 451])
        self.assertTrue(got.value.unsure)

    def test_moreReplies(self) -> None:
        """It answers once too often: that counts for nobody, and it is let go."""
        got = self.send(answered(BODY, b"250 2.0.0 OK\r\n250 2.0.0 OK\r\n", nth=3))
        self.assertEqual(codes(got), [250] * 3)
        self.rigged.network.run(5)
        self.assertEqual(self.rigged.pool.open, 0)
        got = self.rigged.send(envelopeFor(), way=LMTP, host=LOCAL)
        self.assertEqual(len(self.rigged.server.sessions), 2)

    def test_closing(self) -> None:
        """It has enough in the middle: the others may try another host."""
        got = self.send(answered(BODY, b"421 4.3.2 Going\r\n", nth=2))
        self.assertEqual(codes(got), [250, 421, 421])
        self.assertEqual(got.value.scope, Scope.HOST)

    def test_cancelled(self) -> None:
        """Who was answered for has it, even where we ourselves give up then."""
        rigged = self.rig(silent(BODY, nth=2))
        source = OctetsBody(MESSAGE)
        sending = rigged.pool.send(LOCAL, LMTP, envelopeFor(*THREE), source)
        got = watched(sending)
        rigged.network.run(1)
        sending.cancel()
        rigged.network.run()
        self.assertEqual(codes(got), [250, 451, 451])
        self.assertTrue(got.value.unsure)
        self.assertEqual(text(got, 1), b"Another session did not come about")

    def test_cancelledBefore(self) -> None:
        """Where nobody was, there is nothing to tell."""
        rigged = self.rig(silent(BODY))
        source = OctetsBody(MESSAGE)
        sending = rigged.pool.send(LOCAL, LMTP, envelopeFor(*THREE), source)
        got = watched(sending)
        rigged.network.run(1)
        sending.cancel()
        rigged.network.run()
        self.assertIsInstance(got.error, CancelledError)

    def test_allRefused(self) -> None:
        """A server that has nobody refuses DATA as well, and is of use again."""
        unknown = answered(b"RCPT", b"550 5.1.1 Unknown\r\n", nth=None)
        got = self.send(unknown, keywords=(b"PIPELINING",))
        self.assertEqual(codes(got), [550] * 3)
        self.assertIn(b"DATA", self.rigged.commands)
        self.assertEqual(self.rigged.pool.cold(LOCAL, LMTP), 1)

    def test_notThere(self) -> None:
        """No socket, no session."""
        rigged = self.rig()
        rigged.network.hosts.clear()
        got = rigged.send(envelopeFor(), way=LMTP, host=LOCAL)
        assert isinstance(got.error, Unreached)
        self.assertEqual(got.error.cause, Cause.CONNECT)
        self.assertEqual(got.error.text, "Connection refused")


class TLSTests(LMTPTestCase):
    """Where TLS is demanded, there is no session without it."""

    def test_demanded(self) -> None:
        """As for SMTP."""
        way = Way(RoutePolicy(TLSLevel.ENCRYPTED), dialect=Dialect.LMTP)
        got = self.rig().send(envelopeFor(), way=way)
        assert isinstance(got.error, Unreached)
        self.assertEqual(got.error.cause, Cause.TLS)


class FactoryTests(SynchronousTestCase):
    """The developer's door to a server of LMTP."""

    def talk(self, take: Any, *, finish: Any = None) -> list[bytes]:
        """Give a message for two to a program; gives the replies behind it."""
        factory = SMTPServerFactory(Clock(), take, dialect=Dialect.LMTP)
        protocol: Any = factory.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        self.assertEqual(transport.value(), b"220 localhost LMTP\r\n")
        for line in (
            b"LHLO c.example",
            b"MAIL FROM:<a@c.example>",
            b"RCPT TO:<b@c.example>",
            b"RCPT TO:<c@c.example>",
            b"DATA",
        ):
            protocol.dataReceived(line + b"\r\n")
        transport.clear()
        protocol.dataReceived(b"x\r\n.\r\n")
        if finish is not None:
            finish()
        octets: bytes = transport.value()
        return octets.split(b"\r\n")[:-1]

    def test_oneForAll(self) -> None:
        """A function that is content is so for all."""
        said = self.talk(lambda envelope, body: None)
        self.assertEqual(said, [b"250 2.0.0 OK"] * 2)

    def test_oneForEach(self) -> None:
        """It may have an answer for each, at once or later."""

        def take(envelope: Envelope, body: object) -> tuple[Reply, ...]:
            self.assertEqual(len(envelope.recipients), 2)
            return (reply(250, "2.0.0", b"OK"), FULL_REPLY)

        self.assertEqual(self.talk(take), [b"250 2.0.0 OK", b"452 4.2.2 Full"])
        later: Deferred[tuple[Reply, ...]] = Deferred()
        said = self.talk(
            lambda envelope, body: later,
            finish=lambda: later.callback((FULL_REPLY, FULL_REPLY)),
        )
        self.assertEqual(said, [b"452 4.2.2 Full"] * 2)


class RecipientTests(LMTPTestCase):
    """The same recipient, twice."""

    def test_twice(self) -> None:
        """Each RCPT has a reply of its own."""
        envelope = envelopeFor()
        envelope.recipients.append(Recipient(envelope.recipients[0].path))
        rigged = self.rig(answered(BODY, FULL))
        got = rigged.send(envelope, way=LMTP, host=LOCAL)
        self.assertEqual(codes(got), [452, 250])
