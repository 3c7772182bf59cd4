"""
Tests for L{smtpx.policy.rules.house}: decisions are counted.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.rules import (
    Accept,
    Defer,
    Discard,
    GoOn,
    Hold,
    Hosts,
    Recipients,
    Reject,
    Rule,
    RuleStage,
)
from smtpx.policy.rules.actions import Action, Quarantine
from smtpx.policy.rules.ruleset import Ruling, calledBy

from .asking import served


def rule(action: Action, name: str = "mine") -> Rule:
    """A rule that always holds."""
    return Rule(RuleStage.RCPT, (), action, name=name)


class CountedTests(SynchronousTestCase):
    """What is counted, by stage, rule and decision."""

    def test_eachAsking(self) -> None:
        """Each time that the rules of a stage are asked counts once."""
        server = served(
            [
                Rule(RuleStage.CONNECT, [Hosts.make(["192.0.2.7"])], Reject()),
                Rule(
                    RuleStage.RCPT,
                    [Recipients.make(["bad@x.org"])],
                    Defer(),
                    name="slowly",
                ),
            ]
        )
        call = server.call()
        call.say(b"EHLO c.example\r\n")
        call.say(b"MAIL FROM:<a@b.example>\r\n")
        call.say(b"RCPT TO:<bad@x.org>\r\n")
        call.say(b"RCPT TO:<good@x.org>\r\n")
        self.assertEqual(
            server.counted,
            [
                ("connect", "-", "none"),
                ("rcpt", "slowly", "deferred"),
                ("rcpt", "-", "none"),
            ],
        )

    def test_words(self) -> None:
        """Each action has a word of its own; a rule that goes on decides nothing."""
        for action, word in (
            (Accept(), "accepted"),
            (Reject(), "rejected"),
            (Defer(), "deferred"),
            (Discard(), "discarded"),
            (Hold(), "held"),
            (Quarantine(), "quarantined"),
        ):
            server = served([rule(GoOn(), "on"), rule(action)])
            call = server.call()
            call.say(b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n")
            call.say(b"RCPT TO:<b@x.org>\r\n")
            self.assertEqual(server.counted, [("rcpt", "mine", word)])

    def test_unsure(self) -> None:
        """That nobody could tell is no decision of the rule's."""
        found = Ruling(rule(Reject()), None, unsure=True)
        self.assertEqual(calledBy(found), ("mine", "unsure"))
