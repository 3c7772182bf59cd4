"""Tests for L{smtpx.policy.rules.dnslists} and L{smtpx.policy.rules.dnsweights}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.policy.dnslists import ListAsker
from smtpx.policy.rules import (
    BadRule,
    DnsLists,
    DnsScoreOver,
    Means,
    Reject,
    Rule,
    RuleStage,
    Vocabulary,
)
from smtpx.policy.rules.dnsweights import Weights
from smtpx.policy.rules.rule import made
from smtpx.policy.rules.subject import Subject
from smtpx.testing.dns import StaticResolver
from tests.policy.doubles import deferred

from .asking import served, subject

ZONES = """
1.2.0.192.bad.example A 127.0.0.2
1.2.0.192.bad.example TXT "see https://bad.example/192.0.2.1"
1.2.0.192.good.example A 127.0.5.1
example.net.names.example A 127.0.1.2
client.example.net.names.example A 127.0.1.3
example.org.names.example A 127.0.1.4
"""

WEIGHTS = {
    "bad.example": 4,
    "good.example=127.0.[0..255].[1..3]": -2.5,
    "names.example/$sender_address_domain,$helo_name": 1,
    "names.example/$domain": 0.1,
}


class ListTestCase(SynchronousTestCase):
    """What these tests share."""

    def setUp(self) -> None:
        """A DNS with lists."""
        self.dns = StaticResolver(ZONES)
        self.clock = Clock()
        asker = ListAsker(self.dns, self.clock, told=lambda zone, why: None)
        weights = Weights.parse(WEIGHTS)
        self.means = Means(lists=asker, weights=weights)

    def held(self, rule: Rule, asked: Subject) -> bool | None:
        """What the only condition of a rule says at once."""
        (test,) = made(rule, Vocabulary(), self.means).tests
        return self.successResultOf(deferred(test(asked)))


class DnsListsTests(ListTestCase):
    """Lists in rules."""

    def asked(self, *items: str, of: Subject | None = None) -> bool | None:
        """What lists come to."""
        about = of or subject()
        return self.held(Rule(about.stage, [DnsLists.make(items)], Reject()), about)

    def test_client(self) -> None:
        """It is looked up by its address."""
        self.assertIs(self.asked("bad.example"), True)
        self.assertIs(self.asked("bad.example", of=subject(peer=b"192.0.2.2")), False)
        self.assertIs(self.asked("bad.example=127.0.0.3"), False)

    def test_clientOfThisMachine(self) -> None:
        """It has no address, and is in no list."""
        self.assertIs(self.asked("bad.example", of=subject(peer=b"")), False)
        self.assertEqual(self.dns.asked, [])

    def test_keys(self) -> None:
        """Domains, and whatever variables tell."""
        key = "names.example/$sender_address_domain"
        self.assertIs(self.asked(key), True)
        self.assertIs(self.asked(key, of=subject(sender=b"a@b.example")), False)
        self.assertIs(self.asked(key, of=subject(sender=b"")), False)
        self.assertIs(self.asked("names.example/a.example, $helo_name"), True)
        self.assertIs(self.asked("names.example/x.$domain"), False)
        self.assertIs(self.asked("bad.example/192.0.2.1", of=subject(peer=b"")), True)

    def test_variables(self) -> None:
        """They have Exim's names."""
        about = subject()
        self.asked("none.example", "bad.example", of=about)
        told = {name: about.told[name] for name in about.told if "_seen" not in name}
        self.assertEqual(
            told,
            {
                "dnslist_domain": "bad.example",
                "dnslist_matched": "192.0.2.1",
                "dnslist_value": "127.0.0.2",
                "dnslist_text": "see https://bad.example/192.0.2.1",
            },
        )

    def test_explanation(self) -> None:
        """What was seen, and what could not be."""
        condition = DnsLists.make(["none.example"])
        about = subject()
        self.assertEqual(condition.shown(about), "nobody has asked")
        for items, text in (
            (["none.example"], "it is in none"),
            (["gone.example"], "it is in none; no answer from gone.example"),
            (
                ["bad.example"],
                "192.0.2.1 is in bad.example: 127.0.0.2"
                " (see https://bad.example/192.0.2.1)",
            ),
            (
                ["names.example/example.net"],
                "example.net is in names.example: 127.0.1.2",
            ),
            (
                ["+include_unknown", "gone.example"],
                "192.0.2.1 is in gone.example: it cannot be asked;"
                " no answer from gone.example",
            ),
        ):
            self.dns.fail(b"1.2.0.192.gone.example", "A")
            self.asked(*items, of=about)
            self.assertEqual(condition.shown(about), text)

    def test_errorsHaveTheirPlace(self) -> None:
        """All are found at start."""
        error = self.assertRaises(BadRule, DnsLists.make, ["a.b", "+include_unknwn"])
        (fault,) = error.faults
        self.assertEqual(fault.place, (1,))
        self.assertIn("+include_unknown", fault.known)
        rule = Rule(
            RuleStage.CONNECT,
            [DnsLists.make(["+defer_unknown", "a.b/$sender_address_domain"])],
            Reject(),
        )
        error = self.assertRaises(BadRule, made, rule, Vocabulary())
        self.assertEqual(
            str(error),
            "dnslists[1]: $sender_address_domain is known from mail on,"
            " and this is a rule of connect",
        )

    def test_resolverIsEnough(self) -> None:
        """From Python, nobody has to make who asks."""
        self.means = Means(resolver=self.dns, clock=self.clock)
        self.assertIs(self.asked("bad.example"), True)

    def test_withoutAnybodyWhoAsks(self) -> None:
        """Nobody knows."""
        for condition in (DnsLists.make(["bad.example"]), DnsScoreOver.make(1)):
            (test,) = made(Rule(RuleStage.RCPT, [condition]), Vocabulary()).tests
            self.assertIsNone(test(subject()))

    def test_refusal(self) -> None:
        """A client that is refused for it is told by which list."""
        message = "$sender_host_address is in $dnslist_domain: $dnslist_text"
        rules = [
            Rule(RuleStage.CONNECT, [DnsLists.make(["bad.example"])], Reject(message))
        ]
        server = served(rules, means=self.means)
        said = server.call("192.0.2.1").wire.said()
        text = b"192.0.2.1 is in bad.example: see https://bad.example/192.0.2.1"
        self.assertEqual(said, b"554 " + text + b"\r\n")
        self.assertEqual(server.call("192.0.2.2").wire.said()[:4], b"220 ")


class DnsScoreTests(ListTestCase):
    """Lists with weights."""

    def score(self, about: Subject, limit: float = 0) -> bool | None:
        """Is the score of somebody over a limit?"""
        condition = DnsScoreOver.make(limit)
        return self.held(Rule(about.stage, [condition], Reject()), about)

    def test_weightsAreAddedUp(self) -> None:
        """Those of lists that speak for a client as well; each list once."""
        about = subject(RuleStage.CONNECT)
        self.assertIs(self.score(about, 1.4), True)
        self.assertIs(self.score(about, 1.5), False)
        self.assertEqual(
            DnsScoreOver.make(0).shown(about),
            "1.5 (bad.example +4, good.example=127.0.[0..255].[1..3] -2.5)",
        )

    def test_whatIsKnownLaterCountsLater(self) -> None:
        """Domains of senders from MAIL on, those of recipients at RCPT."""
        for stage, total in (
            (RuleStage.CONNECT, "1.5"),
            (RuleStage.HELO, "1.5"),
            (RuleStage.MAIL, "2.5"),
            (RuleStage.RCPT, "2.6"),
            (RuleStage.DATA, "2.5"),
        ):
            about = subject(stage)
            self.score(about)
            shown = DnsScoreOver.make(0).shown(about)
            self.assertEqual(shown.partition(" ")[0], total, stage)

    def test_listThatIsAwayCountsNothing(self) -> None:
        """Nobody is refused because a list is away."""
        self.dns.fail(b"1.2.0.192.bad.example", "A")
        about = subject(RuleStage.CONNECT)
        self.assertIs(self.score(about), False)
        shown = DnsScoreOver.make(0).shown(about)
        self.assertEqual(shown.partition("; ")[2], "no answer from bad.example")

    def test_variables(self) -> None:
        """They last for the session, at other stages, too."""
        rules = [
            Rule(RuleStage.CONNECT, [DnsScoreOver.make(9)], Reject()),
            Rule(RuleStage.RCPT, [], Reject("$dns_score: $dns_score_lists")),
        ]
        call = served(rules, means=self.means).call("192.0.2.1")
        call.say(b"EHLO c.example\r\n")
        call.say(b"MAIL FROM:<ann@example.net>\r\n")
        said = call.say(b"RCPT TO:<bob@example.org>\r\n")
        lists = b"bad.example +4, good.example=127.0.[0..255].[1..3] -2.5"
        self.assertEqual(said, b"550 5.7.1 1.5: " + lists + b"\r\n")

    def test_stagesAskOnce(self) -> None:
        """What a list has said of a client holds for its session."""
        rules = [
            Rule(stage, [DnsScoreOver.make(9)], Reject())
            for stage in (RuleStage.CONNECT, RuleStage.HELO)
        ]
        call = served(rules, means=self.means).call("192.0.2.1")
        call.say(b"EHLO c.example\r\n")
        self.assertEqual(len(self.dns.asked), 2)

    def test_withoutWeights(self) -> None:
        """A rule that could never be true is an error at start."""
        words = Vocabulary(methods=frozenset({"spf"}))
        for rule in (
            Rule(RuleStage.CONNECT, [DnsScoreOver.make(1)], Reject()),
            Rule(RuleStage.CONNECT, [], Reject("$dns_score")),
        ):
            error = self.assertRaises(BadRule, made, rule, words)
            text = "no DNS list has a weight: dns_lists.weights is empty"
            self.assertIn(text, str(error))

    def test_whatCanHaveNoWeight(self) -> None:
        """Each error says what it is about."""
        for name, why in (
            ("!a.b", '"!a.b": a list that speaks for a client has a weight < 0'),
            ("a.b/$nothing", '"a.b/$nothing": there is no variable $nothing'),
            (
                "a.b/$spf_result",
                'it would have to wait for what "$spf_result" comes to',
            ),
            ("+include_unknown", '"+include_unknown" is no domain of a list'),
        ):
            error = self.assertRaises(Malformed, Weights.parse, {name: 1})
            self.assertIn(why, str(error))
