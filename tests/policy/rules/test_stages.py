"""Tests for L{smtpx.policy.rules.stages}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.rules.stages import RuleStage, spelled


class RuleStageTests(SynchronousTestCase):
    """The moments at which rules are asked."""

    def test_thereIsATransactionFromMAILOn(self) -> None:
        """Before that there is no envelope."""
        have = [each.value for each in RuleStage if each.hasTransaction]
        self.assertEqual(have, ["mail", "rcpt", "data", "message"])

    def test_stagesAreSpelledAsAnOperatorReadsThem(self) -> None:
        """One alone, up to the end, and some between."""
        self.assertEqual(spelled(frozenset({RuleStage.RCPT})), "at rcpt only")
        self.assertEqual(spelled(RuleStage.HELO.onwards), "from helo on")
        before = RuleStage.MAIL.upTo(RuleStage.RCPT)
        self.assertEqual(spelled(before), "from mail to rcpt")
