"""Tests for L{smtpx.policy.python}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import UsageError
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import Reply, reply
from smtpx.net.answers import judgeOf
from smtpx.net.interfaces import IPolicy
from smtpx.policy.python import policyFrom

from .doubles import ENVELOPE, recipientOf, sessionFrom

NO = reply(550, "5.7.1", b"No")


class OnlyRecipients:
    """A policy with one method of three."""

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None:
        """Nobody has a mailbox but Ann."""
        return None if recipient.path == b"ann@example.org" else NO


class CallablePolicy(OnlyRecipients):
    """A policy that can also be called, which nobody does."""

    def __call__(self) -> object:
        """Not called."""
        raise AssertionError("called")


class Whole(OnlyRecipients):
    """A policy with all three methods."""

    def mayConnect(self, session: IServerSession) -> Reply | None:
        """Refuse."""
        return NO

    def maySend(self, session: IServerSession, envelope: Envelope) -> Reply | None:
        """Refuse."""
        return NO


class OnlyDelivery:
    """A policy that has a say once the message is there."""

    def mayDeliver(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None:
        """Refuse."""
        return NO


class PythonPolicyTests(SynchronousTestCase):
    """Policies by anybody."""

    def answers(self, found: object) -> list[object]:
        """What is answered to each question, the last about Eve."""
        named = policyFrom("module:name", found)
        self.assertEqual(named.name, "module:name")
        policy, session = named.policy, sessionFrom()
        self.assertTrue(verifyObject(IPolicy, policy))
        return [
            policy.mayConnect(session),
            policy.maySend(session, ENVELOPE),
            policy.mayReceive(session, ENVELOPE, recipientOf(b"ann@example.org")),
            policy.mayReceive(session, ENVELOPE, recipientOf(b"eve@example.org")),
        ]

    def test_missingMethods(self) -> None:
        """A method that is not there has no objection."""
        self.assertEqual(self.answers(OnlyRecipients()), [None, None, None, NO])

    def test_allMethods(self) -> None:
        """Those that are there are asked."""
        self.assertEqual(self.answers(Whole()), [NO, NO, None, NO])

    def test_onceTheMessageIsThere(self) -> None:
        """Who has no say then is known to have none."""
        session, eve = sessionFrom(), recipientOf(b"eve@example.org")
        named = policyFrom("module:name", OnlyDelivery)
        self.assertEqual(self.answers(OnlyDelivery), [None] * 4)
        judge = judgeOf(named.policy)
        assert judge is not None
        self.assertEqual(judge(session, ENVELOPE, eve), NO)
        self.assertIsNone(judgeOf(policyFrom("module:name", Whole).policy))

    def test_madeByAClassOrFunction(self) -> None:
        """What can be called without arguments makes the policy."""
        expected: list[object] = [None, None, None, NO]
        self.assertEqual(self.answers(OnlyRecipients), expected)
        self.assertEqual(self.answers(lambda: OnlyRecipients()), expected)

    def test_callablePolicy(self) -> None:
        """An object that is a policy is not called to make one."""
        self.assertEqual(self.answers(CallablePolicy()), [None, None, None, NO])

    def test_noPolicy(self) -> None:
        """What has none of the methods is refused by name."""
        for found in [object(), None, lambda: None, dict, 7]:
            with self.assertRaises(UsageError) as caught:
                policyFrom("module:name", found)
            self.assertEqual(
                str(caught.exception),
                "module:name is no policy: it has none of the methods"
                " mayConnect, maySend, mayReceive, mayDeliver",
            )
