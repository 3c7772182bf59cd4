"""Tests for L{smtpx.policy.recipients}."""

from __future__ import annotations

from pathlib import Path

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.reply import Reply
from smtpx.net.interfaces import IPolicy
from smtpx.observe.event import Event
from smtpx.observe.events import RECIPIENT_UNSURE
from smtpx.policy.aliastable import UNKNOWN
from smtpx.policy.local import nowhere
from smtpx.policy.recipientcache import CacheBounds, RecipientCache
from smtpx.policy.recipientlist import RecipientList
from smtpx.policy.recipients import (
    CANNOT_TELL,
    Finding,
    IRecipientCheck,
    RecipientPolicy,
    Standing,
)

from .doubles import ENVELOPE, deferred, recipientOf, sessionFrom

FINDINGS = {each: Finding(each, f"so {each.value}") for each in Standing}


@implementer(IRecipientCheck)
@define
class ScriptedCheck:
    """
    Finds what the test says.

    @ivar answers: by recipient; whoever is not here is unknown.
    @ivar asked: who was asked for, and on whose behalf.
    """

    answers: dict[bytes, Finding | Deferred[Finding]] = field(factory=dict)
    asked: list[tuple[bytes, bytes]] = field(factory=list)

    def look(self, path: bytes, whose: bytes) -> Finding | Deferred[Finding]:
        """See L{IRecipientCheck}."""
        self.asked.append((path, whose))
        return self.answers.get(path, FINDINGS[Standing.UNKNOWN])


class RecipientPolicyTests(SynchronousTestCase):
    """Who is refused, of those at domains that are relayed."""

    def setUp(self) -> None:
        """One domain is relayed."""
        self.check = ScriptedCheck()
        self.told: list[tuple[Event, dict[str, object]]] = []
        self.policy = self.make(False)

    def make(self, accepting: bool) -> RecipientPolicy:
        """A policy."""

        def relayed(path: bytes) -> bool:
            return path.endswith(b"@branch.example")

        return RecipientPolicy(
            relayed, self.check, accepting, lambda *event: self.told.append(event)
        )

    def receives(
        self, found: Finding | Deferred[Finding], policy: RecipientPolicy | None = None
    ) -> Reply | None | Deferred[Reply | None]:
        """What becomes of a recipient of whom something is found."""
        self.check.answers[b"a@branch.example"] = found
        recipient = recipientOf(b"a@branch.example")
        policy = policy or self.policy
        return policy.mayReceive(sessionFrom(b"192.0.2.9"), ENVELOPE, recipient)

    def test_isPolicy(self) -> None:
        """It objects to recipients only."""
        verifyObject(IPolicy, self.policy)
        session = sessionFrom()
        self.policy.mayConnect(session)
        self.policy.maySend(session, ENVELOPE)
        self.assertEqual(self.check.asked, [])

    def test_bearsRepeats(self) -> None:
        """
        It is asked before a client has shown where it is only if who knows does no more
        than to look at what is in memory.
        """
        self.assertFalse(self.policy.bearsRepeats)
        path = Path(self.mktemp())
        path.write_text("a@branch.example\n")
        listed = RecipientList(path)
        self.assertTrue(RecipientPolicy(nowhere, listed).bearsRepeats)
        cached = RecipientCache(self.check, Clock(), CacheBounds(60.0, 60.0))
        self.assertFalse(RecipientPolicy(nowhere, cached).bearsRepeats)

    def test_others(self) -> None:
        """Who is at no relayed domain is not looked for."""
        recipient = recipientOf(b"a@example.net")
        self.assertIsNone(self.policy.mayReceive(sessionFrom(), ENVELOPE, recipient))
        self.assertEqual(self.check.asked, [])

    def test_known(self) -> None:
        """Mail is taken, at once or by and by."""
        self.assertIsNone(self.receives(FINDINGS[Standing.KNOWN]))
        later = self.receives(succeed(FINDINGS[Standing.KNOWN]))
        self.assertIsNone(self.successResultOf(deferred(later)))
        self.assertEqual(self.check.asked[0], (b"a@branch.example", b"192.0.2.9"))

    def test_unknown(self) -> None:
        """Mail for nobody is refused at RCPT, and nothing of our inside is told."""
        self.assertEqual(self.receives(FINDINGS[Standing.UNKNOWN]), UNKNOWN)
        self.assertEqual(self.told, [])

    def test_unsure(self) -> None:
        """Where nobody can tell, the client comes again, and the log says why."""
        self.assertEqual(self.receives(FINDINGS[Standing.UNSURE]), CANNOT_TELL)
        self.assertEqual(CANNOT_TELL.octets[:10], b"451 4.4.3 ")
        fields = {"recipient": b"a@branch.example", "why": "so unsure"}
        self.assertEqual(self.told, [(RECIPIENT_UNSURE, fields)])

    def test_unsureAndAccepting(self) -> None:
        """An operator may rather take what nobody wants than be late."""
        self.assertIsNone(self.receives(FINDINGS[Standing.UNSURE], self.make(True)))
        self.assertEqual(len(self.told), 1)

    def test_failing(self) -> None:
        """Whatever comes out of a check, nobody is unknown for that."""
        later = self.receives(fail(ValueError("odd")))
        self.assertEqual(self.successResultOf(deferred(later)), CANNOT_TELL)
        self.assertEqual(self.told[0][1]["why"], "ValueError: odd")
