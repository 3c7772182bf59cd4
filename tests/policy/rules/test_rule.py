"""Tests for L{smtpx.policy.rules.rule}."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.extensions.standard import standard
from smtpx.policy.rules import (
    Accept,
    AddHeader,
    BadRule,
    Code,
    Defer,
    Discard,
    Domains,
    Fault,
    Hosts,
    OfExtension,
    Reject,
    Rule,
    RuleStage,
    Spf,
    SpfGuess,
    Vocabulary,
    checked,
)
from smtpx.policy.rules.findings import METHODS
from smtpx.policy.rules.interfaces import ICondition, Means, Test
from smtpx.policy.rules.rule import ReadyRule, made
from smtpx.policy.rules.subject import Need, Subject

WORDS = Vocabulary.of(standard(), METHODS)

MAIL, RCPT, MESSAGE = RuleStage.MAIL, RuleStage.RCPT, RuleStage.MESSAGE


def unseen(method: str) -> str:
    """What is said of a check that is switched off."""
    return (
        f'{method} is not looked at: "{method.lower()}" is not in authentication.checks'
    )


@implementer(ICondition)
class Strange:
    """A condition that is somebody else's."""

    name = "strange"
    stages = frozenset(RuleStage)

    def test(self, means: Means) -> Test:
        """It is always true."""
        return lambda asked: True

    def shown(self, subject: Subject) -> str:
        """It looks at nothing."""
        return ""


def ready(rule: Rule) -> ReadyRule:
    """A rule that is right."""
    return made(rule, WORDS)


def wrong(rule: Rule, words: Vocabulary = WORDS) -> list[tuple[object, str]]:
    """What is wrong with one that is not: where, and what."""
    return [(each.place, each.text) for each in checked([rule], words)]


class RuleTests(SynchronousTestCase):
    """Rules as values."""

    def test_ruleIsMadeOfAnyRows(self) -> None:
        """Lists as well as tuples."""
        rule = Rule(MAIL, [Spf.make(["fail"])], Reject(), ["requiretls"])
        self.assertEqual(rule.controls, ("requiretls",))
        self.assertEqual(len(rule.conditions), 1)

    def test_whatMayHaveToWaitIsAskedLast(self) -> None:
        """Most mail is decided on before."""
        rule = Rule(RCPT, [Spf.make(["fail"]), Domains.make(["x.org"])], Reject())
        names = [each.name for each in ready(rule).conditions]
        self.assertEqual(names, ["domains", "spf"])

    def test_ruleThatWaitsForNothingIsKnown(self) -> None:
        """A condition that is not ours may."""
        self.assertFalse(ready(Rule(MAIL, [Hosts.make(["*"])], Accept())).waits)
        self.assertFalse(ready(Rule(MAIL, [OfExtension("requiretls")])).waits)
        self.assertTrue(ready(Rule(MAIL, [Spf.make(["fail"])], Reject())).waits)
        self.assertTrue(ready(Rule(MAIL, (), Reject("$spf_result"))).waits)
        self.assertTrue(ready(Rule(MAIL, [Strange()])).waits)

    def test_codesOfRefusals(self) -> None:
        """What the rule says, or what goes with its conditions."""
        spf = [Spf.make(["fail"])]
        for rule, code in (
            (Rule(MAIL, (), Accept()), None),
            (Rule(MAIL, (), Reject()), Code(550, (5, 7, 1))),
            (Rule(MAIL, spf, Reject()), Code(550, (5, 7, 23))),
            (Rule(MAIL, spf, Defer()), Code(451, (4, 7, 24))),
            (Rule(MAIL, spf, Reject("", Code(554))), Code(554, (5, 7, 23))),
            (Rule(MAIL, spf, Reject("", Code(554, (5, 0, 0)))), Code(554, (5, 0, 0))),
            (Rule(RuleStage.CONNECT, (), Reject("", Code(521))), Code(521)),
        ):
            self.assertEqual(ready(rule).code, code)

    def test_refusalByAGuessSaysNothingOfSPF(self) -> None:
        """The seeds: it is not SPF, and should not be called so."""
        made = ready(Rule(MAIL, [SpfGuess.make(["fail"])], Reject("$spf_result")))
        self.assertEqual(made.code, Code(550, (5, 7, 1)))
        self.assertTrue(made.guesses)
        self.assertEqual(made.needs, (Need.GUESS,))

    def test_allThatIsWrongIsToldAtOnce(self) -> None:
        """Each with its place."""
        rule = Rule(
            RuleStage.CONNECT,
            [Spf.make(["fail"])],
            Discard(),
            ["requiretls", "reqiretls"],
            [AddHeader("X: $helo_name")],
            12,
            "$nothing",
        )
        here = "and this is a rule of connect"
        self.assertEqual(
            wrong(rule),
            [
                ((0, "action"), f"this can be done from mail on, {here}"),
                ((0, "spf"), f"it is known from mail on, {here}"),
                ((0, "priority"), f"a message can be given one from mail on, {here}"),
                ((0, "priority"), "expected -9 to 9"),
                ((0, "control", 0), f"it can be switched on from mail on, {here}"),
                ((0, "control", 1), "there is no control reqiretls"),
                ((0, "add_header", 0), f"a field can be added from mail on, {here}"),
                ((0, "add_header", 0), f"$helo_name is known from helo on, {here}"),
                ((0, "log_message"), "there is no variable $nothing"),
            ],
        )

    def test_controlOfDMARCAtOrAfterDATAIsAnError(self) -> None:
        """The seeds: both must appear before the DATA acl."""
        for stage in (RuleStage.DATA, MESSAGE):
            for name in ("dmarc_disable_verify", "dmarc_enable_forensic"):
                ((place, text),) = wrong(Rule(stage, (), Accept(), [name]))
                self.assertEqual(place, (0, "control", 0))
                self.assertIn("it can be switched on from mail to rcpt", text)

    def test_whatNobodyLooksAtCannotBeAsked(self) -> None:
        """A condition, a variable, and a control of a check that is switched off."""
        words = evolve(WORDS, methods=frozenset({"dkim"}))
        rule = Rule(
            MAIL,
            [Spf.make(["fail"])],
            Reject("$spf_result"),
            ["dmarc_disable_verify"],
        )
        self.assertEqual(
            wrong(rule, words),
            [
                ((0, "spf"), unseen("SPF")),
                ((0, "control", 0), unseen("DMARC")),
                ((0, "message"), unseen("SPF")),
            ],
        )

    def test_whatNoExtensionBringsCannotBeAsked(self) -> None:
        """It is not there, or does not run."""
        some = Vocabulary.of([], METHODS)
        rule = Rule(MAIL, [OfExtension("requiretls")], Accept(), priority=1)
        self.assertEqual(
            wrong(rule, some),
            [
                ((0, "requiretls"), "no extension that runs has this condition"),
                ((0, "priority"), "priorities want the extension MT-PRIORITY"),
            ],
        )

    def test_wordsOfExtensionsAreKnown(self) -> None:
        """Whether they run together or not."""
        for words in (WORDS, Vocabulary.ofAll(standard())):
            self.assertIn("requiretls", words.conditions)
            self.assertIn("requiretls", words.controls)
            self.assertIn("tls_in_resumption", words.variables)
            self.assertTrue(words.priorities)
            # Rules have this one themselves.
            self.assertNotIn("encrypted", words.conditions)

    def test_badRuleHasItsName(self) -> None:
        """Where there is one."""
        rule = Rule(MAIL, (), Reject("$x"), name="mine")
        error = self.assertRaises(BadRule, ready, rule)
        self.assertEqual(str(error), "mine: message: there is no variable $x")
        (fault,) = error.faults
        self.assertIsInstance(fault, Fault)
