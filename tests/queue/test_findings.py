"""Tests for L{smtpx.queue.findings}, and what L{smtpx.queue.smtp} makes of them."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Scope
from smtpx.core.reply import Reply, reply
from smtpx.dns.mailhosts import MailHost, MailHosts
from smtpx.knowledge.hints import HostHints
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.net.sending import Sent, Unreached, Way
from smtpx.queue.findings import Findings
from smtpx.queue.interfaces import Attempt
from smtpx.queue.smtp import SMTPTransport
from smtpx.spool.bodies import HeldBody
from smtpx.spool.format import Fate, Outcome
from smtpx.spool.via import Cause

from .doubles import messageFor
from .pools import FULL, GREY, OK, ONE, TWO, ScriptedPool, sent, via
from .remotes import located

CLOSED = reply(554, None, b"No mail here")
TURNED_AWAY = Unreached("no", Cause.SESSION, via(TWO), CLOSED)
AWAY = Unreached("no answer", Cause.CONNECT, via(ONE), None)


class FindingsTests(SynchronousTestCase):
    """Hosts that say no for reasons of their own, and better ones that are away."""

    def found(self, known: Findings) -> tuple[Fate, Reply | None]:
        """What it comes to for the one recipient."""
        [outcome] = known.outcomes()
        return outcome.fate, outcome.reply

    def test_turnedAway(self) -> None:
        """Where the only host wants no mail, it is for good."""
        known = Findings((0,))
        known.unreached(TURNED_AWAY, 0.0)
        self.assertEqual(self.found(known), (Fate.FAILED, CLOSED))

    def test_turnedAwayByABackup(self) -> None:
        """It is not while another is only away; it may take it tomorrow."""
        known = Findings((0,))
        known.unreached(AWAY, 0.0)
        known.unreached(TURNED_AWAY, 0.0)
        self.assertEqual(self.found(known), (Fate.WAITING, CLOSED))

    def test_passedOver(self) -> None:
        """
        A host that was not to be asked hides nothing that one has said that was, and
        the message waits if either may do.
        """
        unfit = Unreached("not allowed", Cause.TLS, via(TWO), None)
        known = Findings((0, 1))
        known.unreached(AWAY, 7.0)
        known.passedOver(unfit)
        texts = [(each.text, each.notBefore) for each in known.outcomes()]
        self.assertEqual(texts, [("no answer", 7.0)] * 2)
        known = Findings((0,))
        known.passedOver(unfit)
        self.assertEqual([each.text for each in known.outcomes()], ["not allowed"])
        known.unreached(TURNED_AWAY, 0.0)
        known.passedOver(unfit)
        self.assertEqual(self.found(known), (Fate.WAITING, CLOSED))

    def test_anotherIsNotKnown(self) -> None:
        """Nor while another could not be looked up."""
        known = Findings((0,), partial=True)
        known.unreached(TURNED_AWAY, 0.0)
        self.assertEqual(self.found(known), (Fate.WAITING, CLOSED))
        self.assertTrue(known.hopeful)

    def test_anotherIsNotDue(self) -> None:
        """Nor while it is not yet time for another."""
        known = Findings((0,))
        known.early.append((2000.0, "no answer"))
        known.unreached(TURNED_AWAY, 0.0)
        self.assertEqual(self.found(known), (Fate.WAITING, CLOSED))

    def test_socket(self) -> None:
        """What is at a UNIX socket is called by its path."""
        envelope = Envelope(b"s@x", 0.0, [Recipient(b"a@example.org")])
        known = Findings((0,))
        known.sent(sent(MailHost.atSocket(b"/run/lmtp"), envelope, FULL))
        [outcome] = known.outcomes()
        self.assertTrue(outcome.text.startswith("/run/lmtp: "), outcome.text)

    def test_tooBigForTheBackup(self) -> None:
        """What is too big for one host may not be for the other."""
        envelope = Envelope(b"s@x", 0.0, [Recipient(b"a@example.org")])
        known = Findings((0,))
        known.unreached(AWAY, 0.0)
        known.sent(sent(TWO, envelope, FULL, Cause.SENDER, Scope.HOST))
        self.assertEqual(self.found(known), (Fate.WAITING, FULL))
        known = Findings((0,))
        known.sent(sent(TWO, envelope, FULL, Cause.SENDER, Scope.HOST))
        self.assertEqual(self.found(known), (Fate.FAILED, FULL))

    def test_notAsked(self) -> None:
        """A host that would not do is named as one that was not asked."""
        envelope = Envelope(b"s@x", 0.0, [Recipient(b"a@example.org")])
        known = Findings((0,))
        known.sent(sent(TWO, envelope, GREY, Cause.UNFIT))
        self.assertEqual(known.left, [])
        [outcome] = known.outcomes()
        self.assertTrue(outcome.text.startswith(f"not sent to {TWO.name.decode()} ["))


class BrokenOffTests(SynchronousTestCase):
    """Attempts that are broken off, or break, at the second host."""

    def half(self, then: BaseException) -> Sequence[Outcome]:
        """One of two has it; for the other a second host is asked, which fails."""
        replies = {b"a@example.org": OK, b"b@example.org": GREY}

        def answer(host: object, envelope: Envelope) -> Sent:
            if host == TWO:
                raise then
            outcomes = tuple((each, replies[each.path]) for each in envelope.recipients)
            causes = (Cause.RECIPIENT,) * len(outcomes)
            return Sent(outcomes, causes, Scope.MESSAGE, via(ONE))

        def find(domain: bytes) -> Deferred[MailHosts]:
            return succeed(MailHosts((ONE, TWO)))

        pool = ScriptedPool()
        pool.said = {ONE.name: answer, TWO.name: answer}
        now = Clock().seconds
        hints = HostHints(MemoryKnowledge(now), now)
        transport = SMTPTransport("remote", find, pool, Way(), hints, now)
        message = messageFor(*replies)
        [leg] = self.successResultOf(located(transport, message)).legs
        attempt = Attempt(message, HeldBody(b"X: y"), leg.indices, where=leg.where)
        return self.successResultOf(Deferred.fromCoroutine(transport.deliver(attempt)))

    def test_whoHasItIsKnown(self) -> None:
        """Who has it does not get it again because of what came then."""
        for error, cause in (
            (CancelledError(), Cause.LOST),
            (OSError("the disk is gone"), Cause.LOCAL),
        ):
            one, two = self.half(error)
            self.assertEqual((one.index, one.fate), (0, Fate.DELIVERED))
            self.assertEqual((two.index, two.fate), (1, Fate.WAITING))
            self.assertEqual(two.cause, cause)
