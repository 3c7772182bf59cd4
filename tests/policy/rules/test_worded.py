"""Tests for L{smtpx.policy.rules.worded}."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.policy.rules import (
    BadRule,
    IWorded,
    Reject,
    Rule,
    RuleStage,
    SpfGuess,
    SPFVerdict,
    Vocabulary,
)
from smtpx.policy.rules.faults import Place
from smtpx.policy.rules.interfaces import Means, Test
from smtpx.policy.rules.rule import made
from smtpx.policy.rules.subject import Subject
from smtpx.policy.rules.texts import Text
from tests.policy.doubles import deferred

from .asking import saying, subject


@implementer(IWorded)
@frozen
class Says:
    """Does a text come to C{yes}?"""

    source: str
    text: Text = Text(())
    slow: bool = False

    name = "says"
    stages = RuleStage.CONNECT.onwards

    @property
    def sources(self) -> Sequence[tuple[Place, str]]:
        """See L{IWorded}."""
        return [((0,), self.source)]

    def worded(self, texts: Sequence[Text]) -> Says:
        """See L{IWorded}."""
        (text,) = texts
        return evolve(self, text=text)

    def test(self, means: Means) -> Test:
        """See L{IWorded}."""

        def ask(asked: Subject) -> bool | None | Deferred[bool | None]:
            told = self.text.render(asked) == "yes"
            if not self.slow:
                return told
            later: Deferred[bool | None] = Deferred()
            later.callback(told)
            return later

        return ask

    def shown(self, subject: Subject) -> str:
        """See L{IWorded}."""
        return self.text.render(subject)


class WordedTests(SynchronousTestCase):
    """Conditions with texts that have variables."""

    def test_variablesAreReadWithTheRule(self) -> None:
        """A variable is told of the client that the rule is asked of."""
        rule = Rule(RuleStage.MAIL, [Says("$helo_name")], Reject())
        (test,) = made(rule, Vocabulary()).tests
        self.assertIs(test(subject(RuleStage.MAIL, helo=b"yes")), True)
        self.assertIs(test(subject(RuleStage.MAIL, helo=b"no")), False)

    def test_errorsHaveTheirPlace(self) -> None:
        """A variable that there is not is found at start, where it stands."""
        for source, why in (
            ("$helo_nam", "says[0]: there is no variable $helo_nam"),
            (
                "$domain",
                "says[0]: $domain is known at rcpt only, and this is a rule of mail",
            ),
        ):
            rule = Rule(RuleStage.MAIL, [Says(source)], Reject())
            error = self.assertRaises(BadRule, made, rule, Vocabulary())
            self.assertEqual(str(error), why)

    def test_whatTheyNeedIsFoundOutBefore(self) -> None:
        """A variable that takes a look-up is there when its condition is asked."""
        for slow in (False, True):
            waiting: Deferred[SPFVerdict] = Deferred()
            rule = Rule(RuleStage.MAIL, [Says("$spf_result", slow=slow)], Reject())
            ready = made(rule, Vocabulary())
            self.assertTrue(ready.waits)
            asked = subject(RuleStage.MAIL, verdicts=saying(waiting))
            (test,) = ready.tests
            said = deferred(test(asked))
            self.assertNoResult(said)
            waiting.callback(SPFVerdict("yes"))
            self.assertIs(self.successResultOf(said), True)
            if not slow:
                self.assertIs(test(asked), True)

    def test_theBestGuessIsOfTheWholeRule(self) -> None:
        """Where a rule asks for the best guess, its variables tell of that."""
        rule = Rule(RuleStage.MAIL, [SpfGuess.make(["pass"]), Says("$spf_result")])
        guessed = SPFVerdict("yes", guessed=True)
        asked = subject(RuleStage.MAIL, verdicts=saying(guess=guessed))
        self.assertIs(made(rule, Vocabulary()).tests[1](asked), True)

    def test_theyAreAskedBehindWhatIsKnown(self) -> None:
        """What has to be found out first is not, where another condition says no."""
        rule = Rule(RuleStage.MAIL, [Says("$spf_result"), Says("$helo_name")], Reject())
        shown = [each.shown for each in made(rule, Vocabulary()).conditions]
        told = subject(RuleStage.MAIL, helo=b"client")
        self.assertEqual(shown[0](told), "client")
