"""
Tests for L{smtpx.policy.rules.rated}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import execute, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Recipient
from smtpx.core.errors import UsageError
from smtpx.policy.rules import BadRule, Defer, Means, Rule, RuleStage, Vocabulary
from smtpx.policy.rules.rated import _KNOWN, Count, Rate, RateTerms
from smtpx.policy.rules.rule import made
from smtpx.policy.rules.subject import Subject
from smtpx.policy.strangers.alerts import Alert, Alerts
from smtpx.policy.strangers.notes import count
from smtpx.policy.strangers.pace import Mode
from smtpx.policy.strangers.rates import Rates

from .asking import served, subject

#: A rate of three.
_THREE: dict[str, Any] = {"messages": 3, "seconds": 3600, "mode": Mode.STRICT}


class RateCase(SynchronousTestCase):
    """Somebody who counts."""

    def setUp(self) -> None:
        """A clock, and the operator."""
        self.clock = Clock()
        self.clock.advance(1_795_341_600.0)
        now = self.clock.seconds
        self.rates = Rates(self.clock, now, execute, "nowhere")
        self.told: list[Alert] = []
        alerts = Alerts(now, lambda account, every: succeed(True), self.told.append)
        self.means = Means(now=now, rates=self.rates, alerts=alerts)

    def rate(self, per: str = "client", **terms: Any) -> Rate:
        """A condition."""
        given = terms if "seconds" in terms else {**_THREE, **terms}
        return Rate.make(RateTerms(per, **given))

    def held(self, rate: Rate, asked: Subject, means: Means | None = None) -> bool:
        """What it says."""
        said = rate.test(means or self.means)(asked)
        assert isinstance(said, bool)
        return said

    def level(self, rate: Rate, key: str = "192.0.2.1") -> float:
        """How much was counted."""
        return round(self.rates.look(rate.meter, key, 0), 3)


class RateTests(RateCase):
    """The condition C{rate}."""

    def test_tooMuch(self) -> None:
        """From the limit on it is true."""
        rate = self.rate()
        found = [self.held(rate, subject()) for _ in range(4)]
        self.assertEqual(found, [False, False, True, True])
        asked = subject()
        self.held(rate, asked)
        self.assertEqual(
            {name: asked.told[name] for name in asked.told if "sender_" in name},
            {
                "sender_rate": "5.0",
                "sender_rate_limit": "3",
                "sender_rate_period": "1h",
            },
        )
        self.assertEqual(rate.shown(asked), "192.0.2.1: 5.0 of 3 messages in 1h")

    def test_whose(self) -> None:
        """It can be counted for whom one wants."""
        asked = subject(sender=b"Ann@Example.net", peer=b"2001:db8:1:2:3::4")
        asked.session.identity = b"ann"
        for per, key in (
            ("client", "2001:db8:1:2::/64"),
            ("network", "2001:db8:1::/48"),
            ("user", "ann"),
            ("sender", "ann@example.net"),
            ("sender_domain", "example.net"),
            ("recipient", "bob@example.org"),
            ("domain", "example.org"),
        ):
            self.assertEqual(self.rate(per).keyOf(asked), key)
        self.assertEqual(self.rate("sender").keyOf(subject(sender=b"")), "<>")

    def test_nobodys(self) -> None:
        """Of nobody nothing is counted."""
        rate, asked = self.rate("user"), subject()
        self.assertFalse(self.held(rate, asked))
        self.assertEqual(rate.shown(asked), "there is no user")
        self.assertFalse(self.held(self.rate("sender_domain"), subject(sender=b"")))
        self.assertEqual(self.rates._known, {})

    def test_text(self) -> None:
        """A text with variables can say whose it is."""
        rate = self.rate("$sender_host_address to $domain")
        rule = Rule(RuleStage.RCPT, [rate], Defer())
        (condition,) = made(rule, Vocabulary(), self.means).conditions
        assert isinstance(condition, Rate)
        self.assertEqual(condition.keyOf(subject()), "192.0.2.1 to example.org")
        self.assertEqual(rate.stages, RuleStage.MAIL.onwards)

    def test_messageCountsOnce(self) -> None:
        """A message counts once, however many rules and recipients ask."""
        rate, asked = self.rate(), subject()
        for _ in range(3):
            self.assertFalse(self.held(rate, asked))
            other = subject()
            other.session = asked.session
            self.assertFalse(self.held(rate, other))
        self.assertEqual(self.level(rate), 1)

    def test_recipients(self) -> None:
        """Each counts at C{rcpt}, once; behind it all there are."""
        rate = self.rate(messages=None, recipients=5)
        for _ in range(2):
            asked = subject()
            self.held(rate, asked)
            self.held(rate, asked)
        self.assertEqual(self.level(rate), 2)
        asked = subject(RuleStage.DATA)
        asked.envelope.recipients += [Recipient(b"a@x"), Recipient(b"b@x")]
        self.assertFalse(self.held(rate, asked))
        self.assertEqual(self.level(rate), 4)

    def test_octets(self) -> None:
        """Sizes of messages can be counted."""
        rate = self.rate(messages=None, octets=1000)
        for octets, held in ((600, False), (500, True)):
            asked = subject(RuleStage.MESSAGE)
            asked.envelope.octets = octets
            self.assertIs(self.held(rate, asked), held)

    def test_connections(self) -> None:
        """A connection counts once, also when it is asked about later."""
        rate = self.rate(messages=None, connections=3)
        asked = subject(RuleStage.CONNECT)
        self.held(rate, asked)
        later = subject(RuleStage.MAIL)
        later.session = asked.session
        self.held(rate, later)
        self.assertEqual(self.level(rate), 1)

    def test_refusals(self) -> None:
        """Refusals are counted by others, and looked at here."""
        rate = self.rate(messages=None, refusals=2)
        refusals = rate.refusals
        assert refusals is not None
        asked = subject(RuleStage.CONNECT)
        self.assertEqual(refusals.keyOf(asked.session), "192.0.2.1")
        self.assertFalse(self.held(rate, asked))
        self.rates.count(refusals.meter, "192.0.2.1", 2)
        self.assertTrue(self.held(rate, asked))
        self.assertIsNone(self.rate().refusals)

    def test_never(self) -> None:
        """One can look without counting, also how much another rule has counted."""
        looks, counts = self.rate(count=Count.NEVER), self.rate()
        self.assertFalse(self.held(looks, subject()))
        self.assertEqual(self.level(looks), 0)
        for _ in range(2):
            self.held(counts, subject())
        self.assertTrue(self.held(looks, subject()))
        asked = subject()
        self.held(counts, asked)
        self.assertTrue(self.held(looks, asked))
        self.assertEqual(asked.told["sender_rate"], "3.0")

    def test_accepted(self) -> None:
        """What counts once it was accepted does not before."""
        rate = self.rate(messages=None, recipients=3, count=Count.ACCEPTED)
        first = subject()
        found = []
        for _ in range(3):
            asked = subject()
            asked.session = first.session
            assert asked.recipient is not None
            found.append(self.held(rate, asked))
            self.held(rate, asked)
            first.envelope.recipients.append(asked.recipient)
        self.assertEqual(found, [False, False, True])
        self.assertEqual(self.level(rate), 0)
        count(first.envelope, self.rates)
        self.assertEqual(self.level(rate), 3)

    def test_acceptedMessages(self) -> None:
        """So it is with messages."""
        rate, asked = self.rate(count=Count.ACCEPTED), subject(RuleStage.MAIL)
        self.held(rate, asked)
        self.assertEqual(self.level(rate), 0)
        count(asked.envelope, self.rates)
        self.assertEqual(self.level(rate), 1)

    def test_acceptedMessageOfRefusedRecipients(self) -> None:
        """
        A message counts, and once, whichever of its recipients were refused later on:
        nobody gets round a rate by a first one that nobody takes.
        """
        rate, first = self.rate(count=Count.ACCEPTED), subject()
        for taken in (False, True, True, False):
            asked = subject()
            asked.session = first.session
            assert asked.recipient is not None
            for _ in range(2):
                self.held(rate, asked)
            if taken:
                first.envelope.recipients.append(asked.recipient)
        count(first.envelope, self.rates)
        self.assertEqual(self.level(rate), 1)

    def test_acceptedOnceOfCounted(self) -> None:
        """What was counted at once does not count again when the message is taken."""
        asked = subject()
        assert asked.recipient is not None
        asked.envelope.recipients.append(asked.recipient)
        rate = self.rate(name="one")
        self.held(rate, asked)
        self.held(self.rate(name="one", count=Count.ACCEPTED), asked)
        count(asked.envelope, self.rates)
        self.assertEqual(self.level(rate), 1)

    def test_manySendersInOneSession(self) -> None:
        """Who is somebody else with each message fills no memory."""
        rate = self.rate("sender", messages=None, connections=3)
        first = subject(RuleStage.MAIL)
        for number in range(1200):
            asked = subject(RuleStage.MAIL, sender=b"a%d@example.net" % number)
            first.session.envelope = asked.envelope
            self.held(rate, first)
        known = first.session.stamps[_KNOWN]
        self.assertEqual(len(known), 1000)

    def test_trial(self) -> None:
        """Where it is only tried what rules decide, nothing is counted nor told."""
        means = Means(rates=self.rates, alerts=self.means.alerts, isTrial=True)
        rate = self.rate(messages=1, alert=True)
        for _ in range(2):
            self.assertTrue(self.held(rate, subject(), means))
        self.assertEqual(self.level(rate), 0)
        self.assertEqual(self.told, [])

    def test_alert(self) -> None:
        """The operator is told, once."""
        rate = self.rate("user", messages=2, alert=True, name="outgoing")
        for _ in range(4):
            asked = subject()
            asked.session.identity = b"ann"
            self.held(rate, asked)
        (alert,) = self.told
        self.assertEqual(
            alert,
            Alert(
                "user",
                "ann",
                "messages",
                2.0,
                2,
                "1h",
                "outgoing in 1h, strict",
                self.clock.seconds(),
                (("192.0.2.1", 2),),
            ),
        )

    def test_namesCountTogether(self) -> None:
        """Rates of one name, period and mode count together, whatever their limits."""
        one = self.rate("sender", messages=10, name="x")
        other = self.rate("$sender_address", messages=20, name="x")
        self.assertEqual(one.meter, other.meter)
        self.assertNotEqual(one.meter, self.rate("sender").meter)
        self.assertNotEqual(
            one.meter, self.rate("sender", messages=1, seconds=60, name="x").meter
        )

    def test_nobodyLentRates(self) -> None:
        """Who makes a server in Python and forgets the rates is told."""
        self.assertRaises(UsageError, self.rate().test(Means()), subject())


class TermsTests(RateCase):
    """What makes sense."""

    def wrong(self, per: str = "client", **terms: Any) -> str:
        """What is wrong with terms."""
        error = self.assertRaises(BadRule, self.rate, per, **terms)
        return str(error)

    def test_oneLimit(self) -> None:
        """There is one limit."""
        known = "expected one of messages, recipients, octets, connections, refusals"
        self.assertEqual(self.wrong(seconds=60), f"{known}; got none")
        self.assertEqual(self.wrong(recipients=3), f"{known}; got messages, recipients")

    def test_per(self) -> None:
        """It is per something that there is."""
        self.assertIn("per: expected one of client, network", self.wrong("clients"))
        error = self.assertRaises(BadRule, self.rate, "clients")
        self.assertEqual(error.faults[0].word, "clients")
        refusals: dict[str, Any] = {"messages": None, "refusals": 3}
        self.assertIn("of refusals", self.wrong("sender", **refusals))
        self.assertIn("of refusals", self.wrong("$helo_name", **refusals))

    def test_accepted(self) -> None:
        """What is of no message cannot count once that was accepted."""
        for what in ("connections", "refusals"):
            terms: dict[str, Any] = {"messages": None, what: 3}
            wrong = self.wrong(count=Count.ACCEPTED, **terms)
            self.assertIn("of no message", wrong)

    def test_seconds(self) -> None:
        """A period is a second at least."""
        self.assertIn("a second at least", self.wrong(messages=1, seconds=0.5))

    def test_stages(self) -> None:
        """Before there is what is counted, and whose it is, nothing can be told."""
        for rate, stage, good in (
            (self.rate(), RuleStage.HELO, False),
            (self.rate(), RuleStage.MAIL, True),
            (self.rate("domain"), RuleStage.DATA, False),
            (self.rate(messages=None, octets=1), RuleStage.DATA, False),
            (self.rate(messages=None, octets=1), RuleStage.MESSAGE, True),
            (self.rate(messages=None, connections=1), RuleStage.CONNECT, True),
            (self.rate("user", messages=None, connections=1), RuleStage.AUTH, False),
        ):
            rule = Rule(stage, [rate], Defer())
            if good:
                self.assertFalse(made(rule, Vocabulary()).needs)
            else:
                self.assertRaises(BadRule, made, rule, Vocabulary())


class RatedServerTests(RateCase):
    """Rules with rates, in a server."""

    def test_recipientsOfAClient(self) -> None:
        """Recipients that are too many are put off, the others are taken."""
        rate = self.rate(messages=None, recipients=3)
        rule = Rule(
            RuleStage.RCPT,
            [rate],
            Defer("$sender_rate of $sender_rate_limit in $sender_rate_period"),
        )
        ran = served([rule], means=self.means)
        call = ran.call()
        call.say(b"EHLO c.example\r\n")
        call.say(b"MAIL FROM:<ann@example.net>\r\n")
        replies = [call.say(b"RCPT TO:<b%d@example.org>\r\n" % n) for n in range(3)]
        self.assertEqual([each[:3] for each in replies], [b"250", b"250", b"451"])
        self.assertEqual(replies[2], b"451 4.7.1 3.0 of 3 in 1h\r\n")
        policy = ran.rules.policy()
        assert policy is not None
        self.assertFalse(policy.bearsRepeats)
