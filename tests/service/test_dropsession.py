"""
Tests for L{smtpx.service.dropsession}.
"""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.effects import IServerPort
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import TLSOptions
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import OK, Reply, reply
from smtpx.extensions.requiretls import RequireTLS, RequireTLSSettings
from smtpx.net.factory import Open, Silence, SMTPServerFactory
from smtpx.net.interfaces import IPolicy
from smtpx.service.dropsession import DropSession
from tests.net.made import RememberingReceiver

NO = reply(550, "5.7.1", b"No")


@implementer(IPolicy)
class Thoughtful(Open):
    """
    A policy that takes its time about recipients, if it is to.

    @ivar answer: what it will say; L{None}: it has no objection.
    """

    answer: Deferred[Reply | None] | None = None
    greeting: Reply | None = None

    def mayConnect(  # type: ignore[override]  # it may refuse
        self, session: IServerSession
    ) -> Reply | None:
        """See L{IPolicy}."""
        return self.greeting

    def mayReceive(  # type: ignore[override]  # it may refuse
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Deferred[Reply | None] | None:
        """See L{IPolicy}."""
        return self.answer


class Told(Silence):
    """A journal that remembers trouble."""

    def __init__(self) -> None:
        self.owners: list[str] = []

    def trouble(
        self, session: IServerSession, owner: str, error: BaseException
    ) -> None:
        """Something is broken."""
        self.owners.append(owner)


class DropSessionTests(SynchronousTestCase):
    """A conversation in memory."""

    def setUp(self) -> None:
        """A server."""
        self.clock = Clock()
        self.receiver = RememberingReceiver()
        self.policy = Thoughtful()
        self.journal = Told()
        factory = SMTPServerFactory(
            self.clock,
            self.receiver,
            name=b"mx.example.org",
            policy=self.policy,
            journal=self.journal,
        )
        self.session = DropSession(factory, b"ann")

    def begin(self) -> None:
        """As far as MAIL."""
        self.successResultOf(Deferred.fromCoroutine(self.session.greet()))
        self.say(b"MAIL FROM:<ann@a.example>")

    def later(self, line: bytes) -> Deferred[Reply]:
        """Say something."""
        return Deferred.fromCoroutine(self.session.say(line))

    def say(self, line: bytes) -> Reply:
        """Say something that is answered at once."""
        return self.successResultOf(self.later(line))

    def deliver(self, *pieces: bytes) -> Deferred[Reply]:
        """Send a message."""
        return Deferred.fromCoroutine(self.session.deliver(pieces))

    def test_aMessage(self) -> None:
        """It arrives as it is, from a user of this machine."""
        verifyObject(IServerPort, self.session)
        self.begin()
        self.assertEqual(self.say(b"RCPT TO:<bob@b.example>"), OK)
        said = self.successResultOf(self.deliver(b"A: b\r\n\r\n", b".x\r\n..", b"\r\n"))
        self.assertEqual(said, OK)
        self.assertEqual(self.receiver.arrivals[0].octets, b"A: b\r\n\r\n.x\r\n..\r\n")
        core = self.session.core
        self.assertEqual((core.identity, core.mechanism), (b"ann", "local"))

    def stamped(self, recipient: bytes) -> dict[str, str]:
        """What is noted of a message that may go in the clear, as its header says."""
        settings = RequireTLSSettings(requireAddresses=("lawyers.example",))
        extensions = [RequireTLS(settings)]
        factory = SMTPServerFactory(
            self.clock, self.receiver, name=b"mx.example.org", extensions=extensions
        )
        self.session = DropSession(factory, b"ann")
        self.begin()
        self.say(b"RCPT TO:<%b>" % recipient)
        envelope = self.session.core.envelope
        assert envelope is not None
        said = self.deliver(b"TLS-Required: No\r\n\r\nx\r\n")
        self.assertEqual(self.successResultOf(said), OK)
        return envelope.dumpedStamps()

    def test_protection(self) -> None:
        """
        Users of this machine may say that a message may go in the clear (RFC 8689
        section 4.3), and the operator that it may not.
        """
        self.assertEqual(self.stamped(b"bob@b.example"), {"tls-optional": "yes"})
        self.assertEqual(self.stamped(b"bob@lawyers.example"), {"!requiretls": "yes"})

    def test_notWelcome(self) -> None:
        """A greeting may refuse."""
        self.policy.greeting = NO
        said = self.successResultOf(Deferred.fromCoroutine(self.session.greet()))
        self.assertEqual(said.code, 550)
        self.assertTrue(self.say(b"NOOP").refuses)

    def test_answersThatCome(self) -> None:
        """A refusal, no objection, and an exception, each later."""
        self.begin()
        for answer, code in ((NO, 550), (None, 250), (ValueError("x"), 451)):
            waiting: Deferred[Reply | None] = Deferred()
            self.policy.answer = waiting
            said = self.later(b"RCPT TO:<bob@b.example>")
            self.assertNoResult(said)
            if isinstance(answer, Exception):
                waiting.errback(answer)
            else:
                waiting.callback(answer)
            self.assertEqual(self.successResultOf(said).code, code)
        self.assertEqual(self.journal.owners, ["policy"])

    def test_answersThatAreThere(self) -> None:
        """The same, at once."""
        self.begin()
        there: Deferred[Reply | None] = Deferred()
        there.callback(NO)
        self.policy.answer = there
        self.assertEqual(self.say(b"RCPT TO:<bob@b.example>"), NO)
        broken: Deferred[Reply | None] = Deferred()
        broken.errback(ValueError("x"))
        self.policy.answer = broken
        self.assertEqual(self.say(b"RCPT TO:<bob@b.example>").code, 451)

    def test_answersThatDoNotCome(self) -> None:
        """They are not waited for for ever."""
        self.begin()
        self.policy.answer = Deferred()
        said = self.later(b"RCPT TO:<bob@b.example>")
        self.clock.advance(299)
        self.assertNoResult(said)
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(said).code, 451)

    def test_aSlowDisk(self) -> None:
        """No more is read than it takes; others have a turn in between."""
        read: list[int] = []

        def message() -> Iterator[bytes]:
            for number in range(40):
                read.append(number)
                if number == 3:
                    self.session.pauseProducing()
                    self.session.pauseProducing()
                yield b"text\r\n"

        self.begin()
        self.say(b"RCPT TO:<bob@b.example>")
        said = Deferred.fromCoroutine(self.session.deliver(message()))
        self.assertEqual(len(read), 4)
        self.session.resumeProducing()
        self.assertEqual(len(read), 16)
        self.assertNoResult(said)
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(said), OK)
        self.assertEqual(len(read), 40)

    def test_noBody(self) -> None:
        """DATA may be refused, and a receiver may have no room."""
        self.begin()
        self.assertEqual(self.successResultOf(self.deliver(b"x")).code, 554)
        self.say(b"RCPT TO:<bob@b.example>")
        self.receiver.refusal = NO
        self.assertEqual(self.successResultOf(self.deliver(b"x")), NO)

    def test_brokenOff(self) -> None:
        """What has begun is forgotten."""
        self.begin()
        self.say(b"RCPT TO:<bob@b.example>")
        self.say(b"DATA")
        self.session.pauseProducing()
        self.session.close()
        self.assertTrue(self.receiver.arrivals[0].aborted)
        self.session.stopProducing()
        self.session.handshake(TLSOptions())
        self.assertTrue(self.say(b"NOOP").refuses)
