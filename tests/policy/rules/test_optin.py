"""Tests for L{smtpx.policy.rules.optin}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.extensions.bmi import BMI_OPTIN, BMI_RUN
from smtpx.extensions.standard import standard
from smtpx.policy.rules import BadRule, Rule, RuleStage, Vocabulary
from smtpx.policy.rules.conditions import Recipients
from smtpx.policy.rules.optin import Optin
from smtpx.policy.rules.own import Set
from smtpx.policy.rules.rule import checked, made

from .asking import subject


class OptinTests(SynchronousTestCase):
    """The features of a recipient."""

    def told(self, *rules: Rule) -> tuple[str, ...] | None:
        """What a recipient has in the end."""
        asked = subject(recipient=b"bob@example.org")
        for rule in rules:
            ready = made(rule, Vocabulary())
            if all(test(asked) for test in ready.tests):
                for control in ready.controls:
                    control.apply(asked)
        assert asked.recipient is not None
        self.subject, self.ready = asked, ready
        return asked.recipient.stamp(BMI_OPTIN)

    def test_text(self) -> None:
        """They are a text with variables, which the rule itself may set."""
        rule = Rule(
            RuleStage.RCPT,
            [
                Optin.make("spam, $local_part:$acl_m_optin"),
                Recipients.make(["bob@example.org"]),
                Set.make({"acl_m_optin": "strict"}),
            ],
            controls=["bmi_run"],
        )
        self.assertEqual(self.told(rule), ("spam", "bob", "strict"))
        self.assertIs(self.subject.envelope.stamp(BMI_RUN), True)
        shown = [
            each.shown(self.subject)
            for each in self.ready.conditions
            if each.name == "bmi_optin"
        ]
        self.assertEqual(shown, ["spam, bob, strict"])

    def test_elsewhere(self) -> None:
        """Where a condition of the rule does not hold, nothing is noted."""
        rule = Rule(
            RuleStage.RCPT, [Optin.make("spam"), Recipients.make(["ann@example.org"])]
        )
        self.assertIsNone(self.told(rule))
        self.assertEqual(Optin.make("spam").shown(self.subject), "none")

    def test_last(self) -> None:
        """The last rule counts."""
        rules = [Rule(RuleStage.RCPT, [Optin.make(each)]) for each in ("a,b", "c")]
        self.assertEqual(self.told(*rules), ("c",))

    def test_wrong(self) -> None:
        """It is of a recipient, and there has to be a scanner."""
        rule = Rule(RuleStage.MAIL, [Optin.make("$nothing")], controls=["bmi_run"])
        self.assertRaises(BadRule, made, rule, Vocabulary())
        words = Vocabulary.of(standard(), frozenset())
        told = [fault.text for fault in checked([rule], words)]
        self.assertEqual(
            sorted(told),
            [
                "BMI is not asked: bmi.python is not given",
                "BMI is not asked: bmi.python is not given",
                "it is known at rcpt only, and this is a rule of mail",
                "there is no variable $nothing",
            ],
        )
