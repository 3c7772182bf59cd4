"""Tests for L{smtpx.policy.rules.lookedup}."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.policy.lookups import ILookup, Lookup, LookupDeferred
from smtpx.policy.rules import (
    BadRule,
    Defer,
    GoOn,
    LookedUp,
    Means,
    Query,
    Reject,
    Rule,
    RuleStage,
    SPFVerdict,
    Vocabulary,
)
from smtpx.policy.rules.explained import explained
from smtpx.policy.rules.rule import made
from smtpx.policy.rules.ruleset import NOT_TOLD, StageRules
from smtpx.policy.rules.subject import Subject
from tests.policy.doubles import deferred
from tests.policy.lookups.tables import Memory

from .asking import saying, served, subject

WORDS = Vocabulary(lookups=frozenset({"domains", "slow"}))


class LookedUpCase(SynchronousTestCase):
    """Has look-ups."""

    def setUp(self) -> None:
        """One that answers at once, and one that does not."""
        values = {b"example.net": b"yes, it is", b"ann@example.net": b""}
        self.prompt, self.slow = Memory(values), Memory(values, prompt=False)
        self.lookups: dict[str, ILookup] = {
            "domains": Lookup("domains", self.prompt),
            "slow": Lookup("slow", self.slow),
        }
        self.means = Means(lookups=self.lookups)

    def ask(self, *queries: Query, of: Subject | None = None) -> bool | None:
        """What a condition says."""
        rule = Rule(RuleStage.RCPT, [LookedUp.make(queries)], Reject())
        (test,) = made(rule, WORDS, self.means).tests
        said = test(of or subject())
        return self.successResultOf(said) if isinstance(said, Deferred) else said


class ConditionTests(LookedUpCase):
    """What stands under a key."""

    def test_found(self) -> None:
        """A key has variables; there is something, or nothing."""
        for name in ("domains", "slow"):
            for key, found in (
                ("$sender_address_domain", True),
                ("$sender_address", True),
                ("${sender_address_local_part}@example.net", True),
                ("$domain", False),
                ("example.net", True),
            ):
                self.assertIs(self.ask(Query.make(name, key)), found, key)
                nothing = Query.make(name, key, found=False)
                self.assertIs(self.ask(nothing), not found, key)

    def test_values(self) -> None:
        """What was found has to be in a list, if there is one."""
        for values, held in (
            (["yes*"], True),
            (["!yes*"], False),
            (["no", "*IS"], True),
            ([], False),
            (["*"], True),
        ):
            query = Query.make("domains", "$sender_address_domain", values)
            self.assertIs(self.ask(query), held, values)
        # Nothing is found, which is in no list at all.
        self.assertIs(self.ask(Query.make("domains", "x", ["!yes"])), False)

    def test_several(self) -> None:
        """All of them have to hold, and the first that does not is the last."""
        for name in ("domains", "slow"):
            one = Query.make(name, "example.net")
            other = Query.make(name, "none", found=False)
            wrong = Query.make("domains", "none")
            self.assertIs(self.ask(one, other), True)
            self.assertIs(self.ask(other, wrong, one), False)
            self.assertIs(self.ask(wrong, one), False)
            self.assertIs(self.ask(one, wrong), False)

    def test_afterOneThatIsSlow(self) -> None:
        """Those behind it are asked when it has answered."""
        waiting: Deferred[bytes | None] = Deferred()
        self.slow.later = waiting
        queries = [Query.make("slow", "x"), Query.make("domains", "example.net")]
        rule = Rule(RuleStage.RCPT, [LookedUp.make(queries)], Reject())
        (test,) = made(rule, WORDS, self.means).tests
        said = deferred(test(subject()))
        self.assertEqual(self.prompt.asked, [])
        waiting.callback(b"")
        self.assertIs(self.successResultOf(said), True)
        self.assertEqual(self.prompt.asked, [b"example.net"])

    def test_wholeKey(self) -> None:
        """No key is cut, nor does a character of it become another."""
        long = b"a" * 600 + b"\r\n\xff@example.net"
        self.ask(Query.make("domains", "<$sender_address>"), of=subject(sender=long))
        self.ask(Query.make("domains", "$sender_address"), of=subject(sender=long))
        self.assertEqual(self.prompt.asked, [b"<%b>" % long, long])

    def test_whatHasNoOctets(self) -> None:
        """Numbers, yes and no, and what there is not, are keys as in texts."""
        self.ask(
            Query.make("domains", "x$sender_host_name$spf_result_guessed", found=False),
            Query.make("domains", "$spf_result"),
            of=subject(verdicts=saying(SPFVerdict("fail", guessed=True))),
        )
        self.assertEqual(self.prompt.asked, [b"xyes", b"fail"])
        self.ask(
            Query.make("domains", "$spf_result_guessed"),
            of=subject(verdicts=saying(SPFVerdict("fail"))),
        )
        self.assertEqual(self.prompt.asked[2:], [b"no"])

    def test_cannotTell(self) -> None:
        """Where it cannot be told, the client is to come again."""
        self.prompt.why = self.slow.why = "it is gone"
        self.assertIsNone(self.ask(Query.make("domains", "x")))
        self.assertIsNone(self.ask(Query.make("domains", "x", found=False)))
        self.assertIsNone(
            self.ask(Query.make("domains", "x"), Query.make("domains", "y"))
        )
        self.slow.why, self.slow.later = None, fail(LookupDeferred("late"))
        self.assertIsNone(self.ask(Query.make("slow", "x")))

    def test_onceForAStage(self) -> None:
        """All rules of a stage see the same, and it is looked up once."""
        for name, table in (("domains", self.prompt), ("slow", self.slow)):
            asked = subject()
            for _ in range(3):
                self.ask(Query.make(name, "example.net"), of=asked)
                self.ask(Query.make(name, "none"), of=asked)
            self.assertEqual(table.asked, [b"example.net", b"none"])
            self.ask(Query.make(name, "example.net"))
            self.assertEqual(len(table.asked), 3)


class RuleTests(LookedUpCase):
    """Rules with look-ups."""

    def test_valueInTexts(self) -> None:
        """What was found last is told by variables, of nothing the empty text."""
        rule = Rule(
            RuleStage.MAIL,
            [LookedUp.make([Query.make("domains", "$sender_address_domain")])],
            Reject("For $sender_address_domain: $lookup_value, or $value"),
        )
        server = served([rule], means=self.means)
        call = server.call()
        call.say(b"EHLO client.example\r\n")
        self.assertEqual(
            call.say(b"MAIL FROM:<x@Example.NET>\r\n"),
            b"550 5.7.1 For example.net: yes, it is, or yes, it is\r\n",
        )
        self.assertEqual(call.say(b"MAIL FROM:<x@c.d>\r\n")[:3], b"250")

    def test_valueOfNothing(self) -> None:
        """Where nothing was found last, it is empty."""
        query = Query.make("domains", "none", found=False)
        rule = Rule(RuleStage.MAIL, [LookedUp.make([query])], Reject("<$value>"))
        server = served([rule], means=self.means)
        call = server.call()
        call.say(b"EHLO client.example\r\n")
        said = call.say(b"MAIL FROM:<x@c.d>\r\n")
        self.assertEqual(said, b"550 5.7.1 <>\r\n")

    def test_slowAndDeferred(self) -> None:
        """A client waits for a look-up, and is deferred where it cannot be told."""
        query = Query.make("slow", "$domain")
        rule = Rule(RuleStage.RCPT, [LookedUp.make([query])], Defer("Later: $value"))
        server = served([rule], means=self.means)
        call = server.call()
        call.say(b"EHLO client.example\r\n")
        call.say(b"MAIL FROM:<x@c.d>\r\n")
        said = call.say(b"RCPT TO:<bob@example.net>\r\n")
        self.assertEqual(said, b"451 4.7.1 Later: yes, it is\r\n")
        self.slow.why = "it is gone"
        said = call.say(b"RCPT TO:<eve@example.net>\r\n")
        self.assertEqual(said, b"%s\r\n" % NOT_TOLD.onOneLine.encode())

    def test_explained(self) -> None:
        """What was looked up, and what there is."""
        queries = [
            Query.make("domains", "$sender_address_domain"),
            Query.make("domains", "none", found=False),
            Query.make("slow", "$domain"),
        ]
        for why, saw in (
            (
                None,
                'domains "example.net": "yes, it is"; domains "none": there is none;'
                ' slow "example.org": there is none',
            ),
            (
                "it is gone",
                'domains "example.net": "yes, it is"; domains "none": there is none;'
                ' slow "example.org": it is gone',
            ),
        ):
            self.slow.why = why
            rule = Rule(RuleStage.RCPT, [LookedUp.make(queries)], GoOn())
            rules = StageRules(
                (made(rule, WORDS, self.means),), lambda asked, ruling: None
            )
            told = self.successResultOf(
                Deferred.fromCoroutine(explained(rules, subject()))
            )
            self.assertEqual(told.rules[0].conditions[0].saw, saw)
        # What was not asked is not told of.
        queries[0] = Query.make("domains", "none")
        rule = Rule(RuleStage.RCPT, [LookedUp.make(queries)], GoOn())
        rules = StageRules((made(rule, WORDS, self.means),), lambda *_: None)
        told = self.successResultOf(Deferred.fromCoroutine(explained(rules, subject())))
        (condition,) = told.rules[0].conditions
        self.assertIs(condition.held, False)
        self.assertEqual(condition.saw, 'domains "none": there is none')

    def test_wrong(self) -> None:
        """A look-up that there is not, and what is wrong with a key."""
        queries = [
            Query.make("domians", "$sendr"),
            Query.make("other", "x", found=False),
        ]
        rule = Rule(RuleStage.CONNECT, [LookedUp.make(queries)], Reject())
        bad = self.assertRaises(BadRule, made, rule, WORDS)
        self.assertEqual(
            [(each.place, each.text) for each in bad.faults],
            [
                (("lookup", 0, "in"), "there is no look-up domians"),
                (("lookup", 1, "not_in"), "there is no look-up other"),
                (("lookup", 0, "key"), "there is no variable $sendr"),
            ],
        )
        self.assertEqual(bad.faults[0].known, ("domains", "slow"))

    def test_nobodyLendsIt(self) -> None:
        """Look-ups that are not lent: an error at the start, if there are others."""
        rule = Rule(
            RuleStage.RCPT, [LookedUp.make([Query.make("other", "x")])], Reject()
        )
        self.assertRaises(UsageError, made, rule, Vocabulary(), self.means)
        (test,) = made(rule, Vocabulary(), Means()).tests
        self.assertIsNone(test(subject()))
