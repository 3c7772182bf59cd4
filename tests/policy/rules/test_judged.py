"""Tests for L{smtpx.policy.rules.judged}."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.policy.rules import (
    Arc,
    BadRule,
    Dkim,
    DmarcStatus,
    Means,
    MessageVerdict,
    RuleStage,
    Spf,
    SpfGuess,
    SPFVerdict,
)
from tests.policy.doubles import deferred

from .asking import holds, saying, subject

#: What is told where nothing was looked at.
UNSEEN = "nobody has looked; authentication.hosts says for whom"


class JudgedTests(SynchronousTestCase):
    """What is found out of who sends."""

    def test_spf(self) -> None:
        """What is known at once is told at once, and asked for once."""
        asked = subject(verdicts=saying(SPFVerdict("fail", "not one of its hosts")))
        condition = Spf.make(["fail", "softfail"])
        self.assertIs(holds(condition, asked), True)
        self.assertEqual(condition.shown(asked), "fail (not one of its hosts)")
        self.assertIs(holds(Spf.make(["!fail"]), asked), False)

    def test_spfOldNames(self) -> None:
        """Before RFC 7208 two results had other names."""
        asked = subject(verdicts=saying(SPFVerdict("temperror")))
        self.assertIs(holds(Spf.make(["err_temp"]), asked), True)
        self.assertIs(holds(Spf.make(["err_perm"]), asked), False)
        self.assertEqual(Spf.make(["err_perm"]).shown(asked), "temperror")

    def test_spfThatTakesAWhile(self) -> None:
        """The answer comes as soon as it is there, and is known from then on."""
        waiting: Deferred[SPFVerdict] = Deferred()
        asked = subject(verdicts=saying(waiting))
        test = Spf.make(["fail"]).test(Means())
        said = deferred(test(asked))
        self.assertNoResult(said)
        waiting.callback(SPFVerdict("fail"))
        self.assertIs(self.successResultOf(said), True)
        self.assertIs(test(asked), True)

    def test_guess(self) -> None:
        """It is another question than that of SPF."""
        verdicts = saying(SPFVerdict("none"), guess=SPFVerdict("pass", guessed=True))
        asked = subject(verdicts=verdicts)
        condition = SpfGuess.make(["pass"])
        for _ in range(2):
            self.assertIs(holds(condition, asked), True)
        self.assertIs(holds(Spf.make(["pass"]), asked), False)
        self.assertEqual(condition.shown(asked), "pass, guessed")
        unseen = subject(verdicts=saying(SPFVerdict("")))
        self.assertIs(holds(Spf.make(["!pass"]), unseen), False)
        self.assertEqual(Spf.make(["fail"]).shown(unseen), UNSEEN)
        known = subject(verdicts=saying(guess=SPFVerdict("fail")))
        self.assertIs(holds(condition, known), False)
        self.assertEqual(condition.shown(known), "fail")

    def test_message(self) -> None:
        """What was found out of the message itself."""
        found = MessageVerdict(
            dkimDomains=("example.net", "list.example"),
            arcState="fail",
            arcReason="cv=fail",
            dmarcStatus="reject",
            dmarcDomain="example.net",
        )
        asked = subject(RuleStage.MESSAGE, verdicts=saying(message=found))
        for condition, shown in (
            (DmarcStatus.make(["reject"]), "reject of example.net"),
            (Arc.make(["fail"]), "fail (cv=fail)"),
            (Dkim.make(["example.net"]), "example.net list.example"),
            (Dkim.make(["!example.org"]), "example.net list.example"),
        ):
            self.assertIs(holds(condition, asked), True)
            self.assertEqual(condition.shown(asked), shown)
        self.assertIs(holds(Dkim.make(["!*"]), asked), False)

    def test_messageOfWhichNothingIsKnown(self) -> None:
        """Nobody has signed, nobody has looked."""
        asked = subject(RuleStage.MESSAGE)
        self.assertIs(holds(DmarcStatus.make(["off"]), asked), True)
        self.assertIs(holds(Arc.make(["*"]), asked), False)
        self.assertIs(holds(Dkim.make(["!*"]), asked), False)
        self.assertEqual(DmarcStatus.make(["off"]).shown(asked), f"off: {UNSEEN}")
        self.assertEqual(Arc.make(["*"]).shown(asked), UNSEEN)
        self.assertEqual(Dkim.make(["*"]).shown(asked), UNSEEN)
        unsigned = subject(
            RuleStage.MESSAGE, verdicts=saying(message=MessageVerdict(()))
        )
        self.assertIs(holds(Dkim.make(["!*"]), unsigned), True)
        none = "there is no good signature"
        self.assertEqual(Dkim.make(["*"]).shown(unsigned), none)
        passed = subject(
            RuleStage.MESSAGE, verdicts=saying(message=MessageVerdict(arcState="pass"))
        )
        self.assertIs(holds(Arc.make(["pass"]), passed), True)
        self.assertEqual(Arc.make(["*"]).shown(passed), "pass")

    def test_strangeResultIsRefused(self) -> None:
        """Each has words of its own."""
        for make in (Spf.make, SpfGuess.make, DmarcStatus.make, Arc.make):
            self.assertRaises(BadRule, make, ["maybe"])
        self.assertRaises(BadRule, Dkim.make, ["ann@example.org"])

    def test_whatWasNotFoundOutIsNotToldOf(self) -> None:
        """Whoever forgets to ask is told so."""
        asked = subject(RuleStage.CONNECT)
        for read in ("envelope", "ofSPF", "guessed", "message"):
            self.assertRaises(UsageError, getattr, asked, read)
