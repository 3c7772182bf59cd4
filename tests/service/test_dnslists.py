"""
Tests for the table C{[dns_lists]}, L{smtpx.service.dnslistcautions}, and DNS lists in
a whole server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent

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

from .made import FOUND, HouseTestCase, send

PAGE = Path(__file__).parent.parent.parent / "doc/howto/dns-lists.rst"

DOOR = {"port": 0, "tls": "none"}

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

EARLY = """
[[policy.mail]]
early_talk = true
action = "defer"
code = "450 4.7.1"
message = "Wait"
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

    def test_earlyTalkers(self) -> None:
        """
        Who was offered to talk before the greeting may, whatever the lists take; who
        was not is put off, if the operator wants that.
        """
        self.listed()
        text = RULES + EARLY
        values = {"listener": [{"port": 0, "tls": "none"}], **parsed(text)}
        self.start(**values)
        self.assertEqual(self.early("203.0.113.1"), b"450 4.7.1 Wait\r\n")
        waits = self.site.call(host="198.51.100.1")
        waits.say(b"EHLO c.example\r\n")
        self.assertEqual(waits.say(b"MAIL FROM:<a@b.example>\r\n")[:3], b"250")
        self.assertEqual(self.early("198.51.100.2")[:3], b"250")
        self.stop()
        # A server that starts anew makes no strangers.
        self.start(**values)
        self.assertEqual(self.early("198.51.100.1", 1)[:3], b"250")
        self.assertEqual(self.early("203.0.200.1", 1)[:3], b"450")

    def early(self, host: str, port: int = 0) -> bytes:
        """What a client is told for MAIL that does not wait for the greeting."""
        name = b".".join(reversed(host.encode().split(b"."))) + b".bad.example"
        self.site.resolver.hold(name, "A")
        call = self.site.call(port, host)
        said = call.say(b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n")
        self.assertEqual(said, b"")
        self.site.resolver.release(name, "A")
        replies = call.wire.said()
        self.assertEqual(replies[:4], b"220 ")
        return replies.splitlines(True)[-1]

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


#: What the lists of the page say.
REAL = """
9.100.51.198.zen.spamhaus.org A 127.0.0.2
9.100.51.198.zen.spamhaus.org TXT "https://check.spamhaus.org/sbl/query/SBL2"
8.100.51.198.bl.spamcop.net A 127.0.0.2
7.100.51.198.bl.spamcop.net A 127.0.0.2
7.100.51.198.b.barracudacentral.org A 127.0.0.2
6.100.51.198.zen.spamhaus.org A 127.0.0.4
6.100.51.198.list.dnswl.org A 127.0.5.2
spam.example.dbl.spamhaus.org A 127.0.1.2
"""


class ManualTests(HouseTestCase):
    """What C{doc/howto/dns-lists.rst} says."""

    def example(self, *numbers: int) -> None:
        """Start a server with some examples of the page."""
        snippets = re.findall(
            r"code-block:: toml\n\n((?:   .*\n|\n)+)", PAGE.read_text("utf-8")
        )
        text = "".join(dedent(snippets[number]) for number in numbers)
        values = parsed(text)
        self.assertEqual(list(checkRules(configured(text), FOUND)), [])
        for line in REAL.strip().splitlines():
            self.site.resolver.add(line)
        local = {"domains": ["example.org"]}
        self.start(listener=[DOOR], local=local, **values)

    def said(
        self,
        host: str,
        recipient: bytes = b"bob@example.org",
        sender: bytes = b"a@b.example",
    ) -> bytes:
        """What a client is told last, up to RCPT."""
        call = self.site.call(host=host)
        said = call.wire.said()
        for line in (
            b"EHLO c.example",
            b"MAIL FROM:<%b>" % sender,
            b"RCPT TO:<%b>" % recipient,
        ):
            if said[:1] in (b"4", b"5"):
                break
            said = call.say(line + b"\r\n")
        return said

    def test_oneList(self) -> None:
        """The first example."""
        self.example(0)
        text = (
            b"550 5.7.1 198.51.100.9 is listed at zen.spamhaus.org:"
            b" https://check.spamhaus.org/sbl/query/SBL2\r\n"
        )
        self.assertEqual(self.said("198.51.100.9"), text)
        said = self.said("198.51.100.9", b"postmaster@example.org")
        self.assertEqual(said[:3], b"250")
        self.assertEqual(self.said("198.51.100.8")[:3], b"250")

    def test_oneAfterTheOther(self) -> None:
        """The second goes with the first."""
        self.example(0, 1)
        self.assertEqual(self.said("198.51.100.9")[:3], b"550")

    def test_weights(self) -> None:
        """Two lists are worse than one, and a good one is better."""
        self.example(2)
        for host, said in (
            ("198.51.100.9", b"554 198.51.100.9 is listed: zen.spamhaus.org +4\r\n"),
            (
                "198.51.100.7",
                b"554 198.51.100.7 is listed: bl.spamcop.net +2,"
                b" b.barracudacentral.org +2\r\n",
            ),
        ):
            self.assertEqual(self.said(host), said)
        for host in ("198.51.100.8", "198.51.100.6", "198.51.100.5"):
            self.assertEqual(self.said(host)[:3], b"250")
        said = self.said("198.51.100.8", sender=b"a@spam.example")
        self.assertIn(b"spam.example or its host is listed: bl.spamcop.net +2", said)
        call = self.site.call(host="198.51.100.8")
        self.assertEqual(send(call, b"bob@example.org")[:3], b"250")
        self.site.reactor.advance(1)
        (message,) = self.site.inboxes()
        self.assertIn(b"\nX-DNS-Score: 2 (bl.spamcop.net +2)", message)

    def test_earlyTalk(self) -> None:
        """The rule is one, and the last example switches PIPECONNECT off."""
        self.example(3)
        self.stop()
        call = self.site.call
        self.example(4)
        said = call(1).say(b"EHLO c.example\r\n")
        self.assertNotIn(b"PIPECONNECT", said)
