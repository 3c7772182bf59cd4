"""Tests for L{smtpx.policy.rules.opined} and L{smtpx.policy.rules.wanted}."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.errors import UsageError
from smtpx.policy.checkers import SKIPPED, Opinion, State, WhenAway
from smtpx.policy.rules import BadRule, Means, Rule, RuleStage, Verdicts, Vocabulary
from smtpx.policy.rules.actions import Reject
from smtpx.policy.rules.effects import CONTROLS, AddHeader
from smtpx.policy.rules.findings import Opinions
from smtpx.policy.rules.house import HouseRules
from smtpx.policy.rules.interfaces import ICondition
from smtpx.policy.rules.opined import (
    CheckerState,
    Heard,
    Malware,
    Spam,
    SpamAction,
    SpamScoreOver,
    SpamSymbols,
)
from smtpx.policy.rules.rule import checked, made
from smtpx.policy.rules.ruleset import Decided
from smtpx.policy.rules.subject import Need, Subject
from smtpx.policy.rules.variables import VARIABLES
from smtpx.policy.rules.wanted import wantedBy
from tests.policy.doubles import deferred

from .asking import holds, subject

_MALWARE = frozenset({"malware"})
_SPAM = frozenset({"spam", "rspamd"})

CLEAN = Opinion(finds=_MALWARE)
INFECTED = Opinion(found={"malware_name": "Eicar-Test"}, finds=_MALWARE)
AWAY = Opinion(State.AWAY, why="refused", finds=_MALWARE)
FINE = evolve(AWAY, whenAway=WhenAway.ACCEPT)
SPAM = Opinion(
    found={
        "spam": True,
        "spam_score": 7.6,
        "spam_action": "add header",
        "rspamd_symbols": "BAYES_SPAM GTUBE",
    },
    finds=_SPAM,
)
HAM = Opinion(found={"spam": False, "spam_score": -1.0}, finds=_SPAM)


def asked(opinions: Opinions | Deferred[Opinions]) -> Subject:
    """A question about a message of which checkers think so."""
    said = Verdicts(opinions=lambda session, envelope: opinions)
    return subject(RuleStage.MESSAGE, verdicts=said)


class OpinedTests(SynchronousTestCase):
    """What checkers think of a message."""

    def test_malware(self) -> None:
        """Something was found whose name is in a list."""
        anything, other = Malware.make(["*"]), Malware.make(["Win.*"])
        self.assertTrue(verifyObject(ICondition, anything))
        found = asked({"clamav": INFECTED})
        self.assertIs(holds(anything, found), True)
        self.assertIs(holds(other, found), False)
        self.assertEqual(anything.shown(found), "clamav: Eicar-Test")
        clean = asked({"clamav": CLEAN, "filter": SPAM})
        self.assertIs(holds(anything, clean), False)
        self.assertEqual(anything.shown(clean), "clamav: nothing found")

    def test_whoHasNoOpinion(self) -> None:
        """It cannot be told, or is not so, as the operator wants."""
        anything = Malware.make(["*"])
        away = asked({"clamav": AWAY})
        self.assertIsNone(holds(anything, away))
        self.assertEqual(anything.shown(away), "clamav: away (refused)")
        self.assertIs(holds(anything, asked({"clamav": FINE})), False)
        # Another that has found something is enough.
        both = asked({"first": AWAY, "second": INFECTED})
        self.assertIs(holds(anything, both), True)

    def test_notFor(self) -> None:
        """Where nobody was asked, nothing holds, and nothing is waited for."""
        for state in (State.NOT_ASKED, State.TOO_LARGE):
            opinion = Opinion(state, finds=_MALWARE)
            self.assertIs(holds(Malware.make(["*"]), asked({"clamav": opinion})), False)
        nobody = asked({})
        self.assertIs(holds(Malware.make(["*"]), nobody), False)
        self.assertEqual(Malware.make(["*"]).shown(nobody), "nobody was asked")

    def test_later(self) -> None:
        """What takes a while is waited for, and asked for once."""
        waiting: Deferred[Opinions] = Deferred()
        message = asked(waiting)
        test = Malware.make(["*"]).test(Means())
        said = deferred(test(message))
        self.assertNoResult(said)
        waiting.callback({"clamav": INFECTED})
        self.assertIs(self.successResultOf(said), True)
        self.assertIs(test(message), True)

    def test_unasked(self) -> None:
        """What nobody has asked for is not there."""
        message = asked({})
        with self.assertRaises(UsageError):
            message.opinions  # noqa: B018 - it raises

    def test_spam(self) -> None:
        """What a filter calls spam, and how sure it is."""
        spam, ham = asked({"filter": SPAM}), asked({"filter": HAM})
        self.assertIs(holds(Spam.make(True), spam), True)
        self.assertIs(holds(Spam.make(False), spam), False)
        self.assertIs(holds(Spam.make(True), ham), False)
        self.assertIs(holds(Spam.make(False), ham), True)
        self.assertEqual(Spam.make(True).shown(spam), "filter: 7.6")
        away = asked({"filter": evolve(AWAY, finds=_SPAM)})
        self.assertIsNone(holds(Spam.make(False), away))

    def test_score(self) -> None:
        """A score is over a number, not at it."""
        spam = asked({"filter": SPAM})
        self.assertIs(holds(SpamScoreOver.make(7.5), spam), True)
        self.assertIs(holds(SpamScoreOver.make(7.6), spam), False)
        self.assertEqual(SpamScoreOver.make(1).shown(spam), "filter: 7.6")

    def test_rspamd(self) -> None:
        """What rspamd alone tells."""
        spam = asked({"filter": SPAM})
        self.assertIs(holds(SpamAction.make(["reject", "add header"]), spam), True)
        self.assertIs(holds(SpamAction.make(["reject"]), spam), False)
        self.assertIs(holds(SpamSymbols.make(["BAYES_*"]), spam), True)
        self.assertIs(holds(SpamSymbols.make(["DMARC_*"]), spam), False)
        self.assertEqual(SpamAction.make(["reject"]).shown(spam), "filter: add header")
        symbols = SpamSymbols.make(["*"]).shown(spam)
        self.assertEqual(symbols, "filter: BAYES_SPAM GTUBE")
        with self.assertRaises(BadRule):
            SpamAction.make(["add_headers"])

    def test_states(self) -> None:
        """How far a checker came is told at once, and waits for nobody."""
        gone = CheckerState.make({"clamav": ["away", "slow"], "filter": ["not_asked"]})
        found = asked({"clamav": AWAY})
        self.assertIs(holds(gone, found), True)
        self.assertEqual(gone.shown(found), "clamav: away; filter: not_asked")
        self.assertIs(holds(gone, asked({"clamav": CLEAN})), False)
        for bad in ({}, {"clamav": ["gone"]}):
            with self.assertRaises(BadRule):
                CheckerState.make(bad)

    def test_variables(self) -> None:
        """The first checker that has found it tells."""
        message = asked({"first": CLEAN, "second": INFECTED, "filter": SPAM})
        message.find(Need.OPINIONS)
        read = VARIABLES["malware_name"].read
        self.assertEqual(read(message), "Eicar-Test")
        self.assertEqual(VARIABLES["spam_score"].read(message), 7.6)
        self.assertIsNone(VARIABLES["rspamd_subject"].read(message))


class OpinedRuleTests(SynchronousTestCase):
    """Rules with such conditions."""

    def decided(self, rule: Rule, opinions: Opinions) -> Decided:
        """What a rule comes to."""
        said = Verdicts(opinions=lambda session, envelope: opinions)
        rules = HouseRules.of([rule], Vocabulary(), Means(), said)
        found = rules.stages[RuleStage.MESSAGE].decide(asked(opinions))
        return self.successResultOf(found) if isinstance(found, Deferred) else found

    def test_whoIsWaitedForByATextAlone(self) -> None:
        """A text that tells of an opinion waits for it as a condition does."""
        rule = Rule(
            RuleStage.MESSAGE, addHeaders=[AddHeader.parse("X-Spam: $spam_score")]
        )
        gone = evolve(AWAY, finds=_SPAM)
        found = self.decided(rule, {"filter": gone})
        assert found is not None and found.answer is not None
        self.assertEqual(found.answer.code, 451)
        fine = evolve(gone, whenAway=WhenAway.ACCEPT)
        self.assertIsNone(self.decided(rule, {"filter": fine}))
        self.assertIsNone(self.decided(rule, {"filter": SPAM}))
        heard = Heard(frozenset({"spam"}))
        message = asked({"filter": gone})
        self.assertIsNone(holds(heard, message))
        self.assertEqual(heard.shown(message), "filter: away")
        nobody = asked({})
        self.assertIs(holds(heard, nobody), True)
        self.assertEqual(heard.shown(nobody), "nobody was asked")

    def test_itIsTold(self) -> None:
        """A client can be told what was found."""
        rule = Rule(
            RuleStage.MESSAGE,
            conditions=[Malware.make(["*"])],
            action=Reject("It has $malware_name"),
        )
        found = self.decided(rule, {"clamav": INFECTED})
        assert found is not None and found.answer is not None
        self.assertEqual(found.answer.octets, b"550 5.7.1 It has Eicar-Test\r\n")

    def test_withoutACheckerThatDoes(self) -> None:
        """A rule that wants what no checker finds out is an error at start."""
        rule = Rule(
            RuleStage.MESSAGE,
            conditions=[
                Malware.make(["*"]),
                CheckerState.make({"clamaf": ["away"], "other": ["away"]}),
            ],
            action=Reject("$spam_score"),
        )
        names = frozenset({"clamav", "other"})
        words = Vocabulary(methods=frozenset({"spam"}), checkers=names)
        faults = checked([rule], words)
        self.assertEqual(
            [(each.place[1:], each.text) for each in faults],
            [
                (("malware",), "there is no checker that finds out about malware"),
                (("checker_state", "clamaf"), "there is no checker clamaf"),
            ],
        )
        self.assertEqual(faults[1].known, ("clamav", "other"))
        self.assertEqual(made(rule, Vocabulary()).rule, rule)

    def test_whatIsWanted(self) -> None:
        """Checkers of which no rule wants anything are not asked."""
        wanted = wantedBy(
            [
                Rule(
                    RuleStage.MESSAGE,
                    conditions=[
                        CheckerState.make({"other": ["away"]}),
                        Malware.make(["*"]),
                    ],
                ),
                Rule(RuleStage.MESSAGE, logMessage="$$ ${rspamd_symbols} $unknown"),
                Rule(RuleStage.MESSAGE, action=Reject("$message_size")),
            ]
        )
        self.assertEqual(wanted.finds, {"malware", "rspamd"})
        self.assertTrue(wanted.has("clamav", _MALWARE))
        self.assertTrue(wanted.has("other", frozenset({"dcc"})))
        self.assertFalse(wanted.has("spamd", frozenset({"spam"})))
        header = Rule(RuleStage.MESSAGE, addHeaders=[AddHeader.parse("X: $spam_bar")])
        self.assertEqual(wantedBy([header]).finds, {"spam"})

    def test_controls(self) -> None:
        """A rule can have a message not checked."""
        message = subject(RuleStage.RCPT)
        CONTROLS["skip_malware"].apply(message)
        CONTROLS["skip_spam"].apply(message)
        assert message.recipient is not None
        self.assertEqual(message.recipient.stamps[SKIPPED], {"malware", "spam"})
        message = subject(RuleStage.MAIL)
        CONTROLS["skip_malware"].apply(message)
        self.assertEqual(message.envelope.stamps[SKIPPED], {"malware"})
