"""
Tests for L{smtpx.service.wiring.strangers}: a server that counts; and for the page
C{doc/howto/rates.rst}.
"""

from __future__ import annotations

import json
import os
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, execute

from smtpx.policy.rules import HouseRules, RuleStage, Vocabulary
from smtpx.policy.strangers.ratesfile import RatesFile
from smtpx.service.toml import parseDocument
from smtpx.service.wiring.ruletest import Trial, tryRules

from .made import FOUND, HouseTestCase, send
from .test_manual import blocks
from .test_wiring_strangers import DOOR, configured

PAGE = "howto/rates.rst"

_RULE = """
[[policy.message]]
rate = { per = "client", messages = 3, seconds = "1 h", alert = true, mode = "fixed" }
action = "defer"
"""

_ALERTS = '[rates]\nalert_to = ["ann@localhost"]\n'


class RatedHouseTests(HouseTestCase):
    """Rates, in a whole server."""

    def rules(self, text: str) -> None:
        """Start a server with these rules."""
        self.site.reactor.tcpServers.clear()
        values = dict(parseDocument(text, "rules.toml", Path()).values)
        folder = self.site.folder
        log = {"main": str(folder / "main.log"), "json": str(folder / "log.json")}
        self.start(listener=[DOOR], log=log, **values)

    def sent(
        self, number: int, host: str = "192.0.2.1", to: bytes = b"bob"
    ) -> list[bytes]:
        """What is said of some messages, the codes alone."""
        return [
            send(self.site.call(host=host), to + b"@localhost")[:3]
            for _ in range(number)
        ]

    def settled(self) -> None:
        """What is to be delivered is."""
        for _ in range(3):
            self.site.reactor.advance(1)

    def test_limit(self) -> None:
        """Who is above the limit is put off, and nobody else is."""
        self.rules(_RULE)
        self.assertEqual(self.sent(4), [b"250", b"250", b"451", b"451"])
        self.assertEqual(self.sent(1, "192.0.2.2"), [b"250"])

    def test_afterRestart(self) -> None:
        """What was counted is known after a restart."""
        self.rules(_RULE)
        self.sent(2)
        self.stop()
        self.rules(_RULE)
        self.assertEqual(self.sent(1), [b"451"])
        self.assertTrue((self.site.folder / "state" / "rates.sqlite").exists())

    def test_alert(self) -> None:
        """The operator is told once: by mail, in the log, and as an event."""
        self.rules(_RULE + _ALERTS)
        self.sent(9)
        self.settled()
        found = [
            message_from_bytes(each, policy=policy.default)
            for each in self.site.inboxes()
        ]
        (mail,) = [each for each in found if "Too much" in each["Subject"]]
        self.assertEqual(mail["Subject"], "Too much mail: client 192.0.2.1")
        self.assertEqual(mail["Return-Path"], "<>")
        self.assertEqual(mail["Auto-Submitted"], "auto-generated")
        self.assertIn("It has come to 3.0 messages in 1h", mail.get_content())
        log = (self.site.folder / "main.log").read_text()
        self.assertEqual(log.count("Alert: client 192.0.2.1: 3.0 of 3 messages"), 1)
        lines = (self.site.folder / "log.json").read_text().splitlines()
        events = [json.loads(line) for line in lines]
        (event,) = [each for each in events if each["event"] == "policy.alert"]
        self.assertEqual(
            (event["per"], event["account"], event["limit"]), ("client", "192.0.2.1", 3)
        )

    def test_alertedOnce(self) -> None:
        """It is not told again after a restart, but after a day."""
        for days, mails in ((0, 1), (0, 1), (1, 2)):
            self.site.reactor.advance(days * 86400)
            self.rules(_RULE + _ALERTS)
            self.sent(4)
            self.settled()
            log = (self.site.folder / "main.log").read_text()
            self.assertEqual(log.count("Alert: "), mails)
            self.stop()

    def test_nobodyToTell(self) -> None:
        """Where nobody is named, the log has it."""
        self.rules(_RULE)
        self.sent(4)
        self.settled()
        self.assertEqual(len(self.site.inboxes()), 2)
        self.assertIn("Alert: ", (self.site.folder / "main.log").read_text())

    def test_accepted(self) -> None:
        """What was refused does not count where only what was taken does."""
        self.rules(
            """
[[policy.rcpt]]
action = "defer"
[policy.rcpt.rate]
per = "client"
recipients = 3
seconds = "1 h"
count = "accepted"
mode = "fixed"
[[policy.rcpt]]
recipients = ["no@localhost"]
action = "reject"
"""
        )
        self.assertEqual(self.sent(4, to=b"no"), [b"550"] * 4)
        self.assertEqual(self.sent(3), [b"250", b"250", b"451"])

    def test_refusals(self) -> None:
        """Who has asked for too many that there are not is not let in."""
        self.rules(blocks(PAGE, "toml")[1])
        call = self.site.call()
        call.say(b"EHLO c.example\r\n")
        call.say(b"MAIL FROM:<a@b.example>\r\n")
        for number in range(22):
            call.say(b"RCPT TO:<x%d@elsewhere.example>\r\n" % number)
        refused = self.site.call()
        self.assertEqual(
            refused.wire.said(),
            b"554 Too many unknown recipients from 192.0.2.1\r\n",
        )

    def test_trial(self) -> None:
        """C{smtpx policy test} knows how much it is, and counts nothing."""
        self.rules(_RULE)
        self.sent(1)
        self.stop()
        configuration = configured(f"state = '{self.site.folder / 'state'}'\n" + _RULE)
        trial = Trial(
            b"192.0.2.1", b"c.example", b"c", None, False, b"a@b", [b"b@c"], b"\r\n"
        )
        for _ in range(3):
            work = tryRules(self.site.machine, configuration, FOUND, trial)
            (tried,) = self.successResultOf(Deferred.fromCoroutine(work))
            self.assertIs(tried.told.stage, RuleStage.MESSAGE)
            ((condition,),) = [each.conditions for each in tried.told.rules]
            self.assertEqual(condition.saw, "192.0.2.1: 2.0 of 3 messages in 1h")

    def test_withoutRules(self) -> None:
        """Where no rule asks, there is no file, and no thread for it."""
        self.rules("")
        self.sent(1)
        self.assertFalse(os.path.exists(self.site.folder / "state" / "rates.sqlite"))
        self.assertNotIn("rates", [each.name for each in self.site.pools])


class PageTests(HouseTestCase):
    """What the page says besides."""

    def test_examples(self) -> None:
        """The examples can be read."""
        found = blocks(PAGE, "toml")
        self.assertEqual(len(found), 3)
        for text in found:
            self.assertTrue(any(configured(text).policy.entries()))

    def test_fromExim(self) -> None:
        """So can the translation."""
        text = (Path(__file__).parents[2] / "doc" / PAGE).read_text("utf-8")
        (rate,) = [
            each.partition("``")[0]
            for each in text.split("``")
            if each.startswith("rate = {")
        ]
        configured(f'[[policy.rcpt]]\n{rate}\naction = "defer"\n')

    def test_python(self) -> None:
        """The example in Python makes rules that count."""
        found: dict[str, Any] = {}
        (example,) = blocks(PAGE, "python")
        exec(example, found)
        clock, path = self.site.reactor, str(self.site.folder / "rates.sqlite")
        making = found["means"](clock, clock.seconds, execute, path)
        means = self.successResultOf(Deferred.fromCoroutine(making))
        HouseRules.of(found["RULES"], Vocabulary(), means)
        self.successResultOf(Deferred.fromCoroutine(means.rates.stop()))
        RatesFile(path, make=False).close()
