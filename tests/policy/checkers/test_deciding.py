"""Tests for L{smtpx.policy.checkers.deciding}."""

from __future__ import annotations

from typing import Any

from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.reply import Reply, reply
from smtpx.net.interfaces import IDeliveryPolicy
from smtpx.policy.checkers import CONSULTATION, Opinion, State, Terms
from smtpx.policy.checkers.deciding import DecidingPolicy

from ..doubles import deferred
from .asked import GOOD, SHORT, ConsultingTestCase
from .made import MadeChecker

NO = reply(550, "5.7.1", b"No")
DECIDES = Terms(decides=True)


class DecidingPolicyTests(ConsultingTestCase):
    """Checkers that are asked without a rule."""

    def setUp(self) -> None:
        """A message for two."""
        ConsultingTestCase.setUp(self)
        self.policy = DecidingPolicy()
        self.ann, self.bob = Recipient(b"ann@x.example"), Recipient(b"bob@x.example")

    def said(self, recipient: Recipient) -> Reply | None:
        """What is said of a recipient."""
        asked = self.policy.mayDeliver(self.session, self.envelope, recipient)
        return self.successResultOf(deferred(asked))

    def test_isAPolicy(self) -> None:
        """It has a say only when the message is there."""
        policy: Any = self.policy
        verifyObject(IDeliveryPolicy, policy)
        nothing = Envelope(b"", 0.0)
        self.assertIsNone(policy.mayConnect(self.session))
        self.assertIsNone(policy.maySend(self.session, nothing))
        self.assertIsNone(policy.mayReceive(self.session, nothing, self.ann))
        self.assertIsNone(policy.mayDeliver(self.session, nothing, self.ann))

    def test_asked(self) -> None:
        """Only those who decide are asked, and once for all recipients."""
        decides = MadeChecker("first", DECIDES, answers=[GOOD])
        other = MadeChecker("second")
        arrival = self.begin(decides, other)
        self.write(arrival, [SHORT])
        self.assertIsNone(self.said(self.ann))
        self.assertIsNone(self.said(self.bob))
        self.assertEqual((len(decides.checks), len(other.checks)), (1, 0))
        known = self.envelope.stamps[CONSULTATION].known
        self.assertEqual(list(known), ["first"])
        arrival.finish(self.session, self.envelope)

    def test_refusals(self) -> None:
        """A checker may refuse a recipient, or all."""
        for opinion, said in (
            (Opinion(refusals={self.bob: NO}), (None, NO)),
            (Opinion(refusal=NO), (NO, NO)),
            (Opinion(State.AWAY), (None, None)),
        ):
            arrival = self.begin(MadeChecker(terms=DECIDES, answers=[opinion]))
            self.write(arrival, [SHORT])
            self.assertEqual((self.said(self.ann), self.said(self.bob)), said)
            arrival.finish(self.session, self.envelope)

    def test_afterRules(self) -> None:
        """Whom a rule has asked already is not asked again."""
        checker = MadeChecker(terms=DECIDES, answers=[GOOD])
        arrival = self.begin(checker)
        self.write(arrival, [SHORT])
        self.assertEqual(self.opinion(), GOOD)
        self.assertIsNone(self.said(self.ann))
        self.assertEqual(len(checker.checks), 1)
        arrival.finish(self.session, self.envelope)
