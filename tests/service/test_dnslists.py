"""
Tests for the table C{[dns_lists]}, L{smtpx.service.dnslistcautions}, and DNS lists in
a whole server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import evolve
from twisted.internet.defer import Deferred

from smtpx.dns.servers import Server
from smtpx.service.cautions import cautions
from smtpx.service.config import Configuration, readConfiguration
from smtpx.service.problems import ConfigurationError
from smtpx.service.rulecheck import checkRules
from smtpx.service.spelling import shown
from smtpx.service.toml import parseDocument
from smtpx.service.wiring.ruletest import Trial, tryRules

from .made import FOUND, HouseTestCase

RULES = """
[dns_lists]
weights = { "bad.example" = 4, "good.example=127.0.0.[1..3]" = -2 }

[[policy.connect]]
dns_score_over = 2
action = "reject"
message = "$dns_score: $dns_score_lists"

[[policy.rcpt]]
dnslists = ["+include_unknown", "names.example/$sender_address_domain"]
action = "reject"
message = "$dnslist_matched is in $dnslist_domain ($dnslist_value)"
"""

ZONES = """
9.2.0.192.bad.example A 127.0.0.2
9.2.0.192.good.example A 127.0.0.9
8.2.0.192.bad.example A 127.0.0.2
8.2.0.192.good.example A 127.0.0.3
spam.example.names.example A 127.0.0.2
"""


def parsed(text: str) -> dict[str, object]:
    """The values of a file."""
    return dict(parseDocument(text, "lists.toml", Path()).values)


def configured(text: str) -> Configuration:
    """What a file says."""
    return readConfiguration(parsed(text), FOUND)


class TableTests(HouseTestCase):
    """What operators write."""

    def test_readAndShown(self) -> None:
        """Weights may be fractions, and below zero."""
        text = '[dns_lists]\nseconds = 2\nat_once = 1\nweights = { "a.b" = -0.5 }\n'
        found = configured(text).dnsLists
        self.assertEqual((found.seconds, found.atOnce), (2.0, 1))
        self.assertEqual([e.weight for e in found.weights.entries], [-0.5])
        again = "\n".join(shown(configured(text), FOUND))
        self.assertIn('weights = { "a.b" = -0.5 }', again)

    def test_errors(self) -> None:
        """All at once, each with its place."""
        text = (
            '[dns_lists]\nweights = { "!a.b" = 1, "c d" = 2, "e.f" = "x" }\n'
            '[[policy.mail]]\ndnslists = ["g.h/$sendr_address"]\naction = "reject"\n'
        )
        error = self.assertRaises(ConfigurationError, configured, text)
        self.assertIn("policy.mail[0].dnslists[0]", str(error))
        self.assertIn('did you mean "sender_address"?', str(error))
        text = '[dns_lists]\nweights = { "!a.b" = 1, "c d" = 2, "e.f" = 3 }\n'
        error = self.assertRaises(ConfigurationError, configured, text)
        self.assertEqual(len(error.problems), 2)
        for bad in ('{ "a.b" = "x" }', "3"):
            text = f"[dns_lists]\nweights = {bad}\n"
            self.assertRaises(ConfigurationError, configured, text)

    def test_scoreWithoutWeights(self) -> None:
        """A rule that could never be true is an error at start."""
        rule = '[[policy.connect]]\ndns_score_over = 1\naction = "reject"\n'
        (problem,) = checkRules(configured(rule), FOUND)
        self.assertIn("dns_lists.weights is empty", problem.text)
        self.assertEqual(list(checkRules(configured(RULES), FOUND)), [])


class CautionTests(HouseTestCase):
    """Lists that are tried at start."""

    def cautioned(
        self, text: str, said: Mapping[bytes, tuple[bytes, ...] | None]
    ) -> list[str]:
        """What an operator is told, where the DNS says this and else nothing."""

        def addresses(
            servers: Sequence[Server], name: bytes
        ) -> tuple[bytes, ...] | None:
            self.assertEqual(servers, (Server("192.0.2.53"),))
            return said.get(name, ())

        machine = evolve(self.site.machine, addressesNow=addresses)
        values = parsed(text) | {"state": str(self.site.folder)}
        values["dns"] = {"servers": ["192.0.2.53"]}
        found = cautions(machine, readConfiguration(values, FOUND))
        return [str(each) for each in found if "example: " in each.text]

    def test_deadListsAreNoticed(self) -> None:
        """Each once, by its name."""
        one = (b"127.0.0.2",)
        good = {b"2.0.0.127.bad.example": one, b"test.names.example": one}
        told = self.cautioned(RULES, good)
        self.assertEqual(len(told), 1, told)
        self.assertIn("good.example: it does not list 127.0.0.2", told[0])
        good[b"2.0.0.127.good.example"] = one
        self.assertEqual(self.cautioned(RULES, good), [])
        told = self.cautioned(RULES, {**good, b"test.names.example": ()})
        self.assertIn("names.example: it does not list test", told[0])
        self.assertIn("policy.rcpt", told[0])

    def test_withoutListsNobodyIsAsked(self) -> None:
        """A check costs no question then."""
        self.assertEqual(self.cautioned("", {}), [])


class ListedHouseTests(HouseTestCase):
    """A server that asks lists."""

    def listed(self) -> None:
        """The DNS has lists."""
        for line in ZONES.strip().splitlines():
            self.site.resolver.add(line)

    def test_clients(self) -> None:
        """Those in bad lists, in good ones too, and in none."""
        self.listed()
        door = {"port": 0, "tls": "none"}
        self.start(listener=[door], **parsed(RULES))
        call = self.site.call(host="192.0.2.9")
        self.assertEqual(call.wire.said(), b"554 4: bad.example +4\r\n")
        for host, sender, code in (
            ("192.0.2.8", b"a@spam.example", b"550"),
            ("192.0.2.8", b"a@b.example", b"250"),
            ("192.0.2.7", b"", b"250"),
        ):
            call = self.site.call(host=host)
            call.say(b"EHLO c.example\r\n")
            call.say(b"MAIL FROM:<%b>\r\n" % sender)
            said = call.say(b"RCPT TO:<bob@localhost>\r\n")
            self.assertEqual(said[:3], code, said)

    def test_policyTest(self) -> None:
        """C{smtpx policy test} asks as the server does, and says what it saw."""
        self.listed()
        trial = Trial(
            b"192.0.2.8",
            None,
            b"c",
            None,
            False,
            b"a@spam.example",
            (b"b@c.example",),
            None,
        )
        asking = tryRules(self.site.machine, configured(RULES), FOUND, trial)
        told = self.successResultOf(Deferred.fromCoroutine(asking))
        rules = [rule for each in told for rule in each.told.rules]
        saw = [asked.saw for rule in rules for asked in rule.conditions]
        self.assertEqual(
            saw,
            [
                "2 (bad.example +4, good.example=127.0.0.[1..3] -2)",
                "spam.example is in names.example: 127.0.0.2",
            ],
        )
