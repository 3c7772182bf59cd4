"""
Tests for L{smtpx.policy.rules.greylisted}.
"""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import UsageError
from smtpx.policy.rules import (
    AddHeader,
    BadRule,
    Defer,
    Greylisted,
    HouseRules,
    Means,
    Rule,
    RuleStage,
    Senders,
    Spf,
    SPFVerdict,
    Vocabulary,
    settle,
)
from smtpx.policy.rules.rule import made
from smtpx.policy.rules.subject import Subject
from smtpx.policy.strangers.interfaces import Standing, Triples

from .asking import saying, served, subject

_WAITS = Standing(False, "it was not here before", 299.6)
_COMES = Standing(True, "it has come again", 0.0, 312.4)


class Remembering:
    """
    A greylist that says what it is told to.

    @ivar says: what that is, by recipient; everybody else is known.
    @ivar asked: who has asked.
    @ivar looked: who has only looked.
    """

    def __init__(self, **says: Standing | None) -> None:
        self.says = says
        self.asked: list[Triples] = []
        self.looked: list[Triples] = []

    def _say(self, triples: Triples) -> Deferred[Standing | None]:
        name = triples.recipients[0].partition(b"@")[0].decode()
        return succeed(self.says.get(name, Standing(True, "it was here before")))

    def ask(self, triples: Triples) -> Deferred[Standing | None]:
        """See L{smtpx.policy.strangers.interfaces.IGreylist}."""
        self.asked.append(triples)
        return self._say(triples)

    def look(self, triples: Triples) -> Deferred[Standing | None]:
        """See L{smtpx.policy.strangers.interfaces.IGreylist}."""
        self.looked.append(triples)
        return self._say(triples)


def _rule(*conditions: object, wanted: bool = True) -> Rule:
    return Rule(
        RuleStage.RCPT,
        [*conditions, Greylisted.make(wanted)],  # type: ignore[list-item]  # they are
        Defer("Come again in $greylist_seconds s"),
    )


class GreylistedTests(SynchronousTestCase):
    """The condition C{greylist}."""

    def held(
        self, greylist: Remembering, asked: Subject, wanted: bool = True
    ) -> bool | None:
        """What the condition says."""
        test = Greylisted.make(wanted).test(Means(greylist=greylist))
        found = test(asked)
        return self.successResultOf(found) if isinstance(found, Deferred) else found

    def test_hasToWait(self) -> None:
        """It holds for a client that has to wait, and not for one that has not."""
        greylist = Remembering(bob=_WAITS)
        self.assertIs(self.held(greylist, subject()), True)
        self.assertIs(self.held(greylist, subject(recipient=b"ann@x")), False)
        self.assertEqual(
            greylist.asked[0],
            Triples(b"192.0.2.1", b"ann@example.net", (b"bob@example.org",)),
        )

    def test_false(self) -> None:
        """With C{false} it is the other way round."""
        greylist = Remembering(bob=_WAITS)
        self.assertIs(self.held(greylist, subject(), False), False)
        self.assertIs(self.held(greylist, subject(recipient=b"ann@x"), False), True)

    def test_away(self) -> None:
        """Where it is to defer while it cannot be used, it cannot be told."""
        asked = subject()
        self.assertIs(self.held(Remembering(bob=None), asked), None)
        self.assertEqual(
            Greylisted.make(True).shown(asked), "the greylist cannot be used"
        )

    def test_wholeMessage(self) -> None:
        """Behind C{rcpt} all recipients are asked about together."""
        greylist = Remembering()
        asked = subject(RuleStage.DATA)
        asked.envelope.recipients += [Recipient(b"bob@x"), Recipient(b"carol@x")]
        self.held(greylist, asked)
        self.assertEqual(greylist.asked[0].recipients, (b"bob@x", b"carol@x"))

    def test_noStrangers(self) -> None:
        """Who has logged in, and who comes over no network, is not asked about."""
        greylist = Remembering(bob=_WAITS)
        user, local = subject(), subject(peer=b"")
        user.session.identity = b"ann"
        for asked in (user, local):
            self.assertIs(self.held(greylist, asked), False)
        self.assertEqual(Greylisted.make(True).shown(user), "it is no stranger")
        self.assertEqual(greylist.asked, [])

    def test_askedOnce(self) -> None:
        """However many rules want to know, it is asked once."""
        greylist = Remembering(bob=_COMES)
        asked = subject()
        self.assertIs(self.held(greylist, asked), False)
        self.assertIs(self.held(greylist, asked, False), True)
        self.assertEqual(len(greylist.asked), 1)
        self.assertEqual(asked.told["greylist_delayed"], 312)

    def test_trial(self) -> None:
        """Where it is only tried what rules decide, nothing is remembered."""
        greylist = Remembering(bob=_WAITS)
        asked = subject()
        test = Greylisted.make(True).test(Means(greylist=greylist, isTrial=True))
        found = test(asked)
        assert isinstance(found, Deferred)
        self.assertIs(self.successResultOf(found), True)
        self.assertEqual((len(greylist.asked), len(greylist.looked)), (0, 1))
        self.assertEqual(
            Greylisted.make(True).shown(asked),
            "it was not here before: to wait 300 s",
        )

    def test_nobodyLentOne(self) -> None:
        """Who makes a server in Python and forgets the greylist is told."""
        test = Greylisted.make(True).test(Means())
        self.assertRaises(UsageError, test, subject())

    def test_stage(self) -> None:
        """Before there is a recipient, nothing is known."""
        rule = Rule(RuleStage.MAIL, [Greylisted.make(True)], Defer())
        error = self.assertRaises(BadRule, made, rule, Vocabulary())
        self.assertIn("greylist: it is known from rcpt on", str(error))


class RulesTests(SynchronousTestCase):
    """Rules that ask a greylist, in a server."""

    def test_othersAreNotHeldUp(self) -> None:
        """A recipient that has to wait costs the others nothing."""
        greylist = Remembering(bob=_WAITS)
        call = served([_rule()], means=Means(greylist=greylist)).call()
        call.say(b"EHLO c.example\r\n")
        call.say(b"MAIL FROM:<ann@example.net>\r\n")
        self.assertEqual(
            call.say(b"RCPT TO:<bob@example.org>\r\n"),
            b"451 4.7.1 Come again in 300 s\r\n",
        )
        self.assertEqual(call.say(b"RCPT TO:<carol@example.org>\r\n")[:3], b"250")
        self.assertEqual(call.say(b"DATA\r\n")[:3], b"354")

    def test_askedLast(self) -> None:
        """Of whom the rule is not, nothing is remembered: others are asked first."""
        greylist = Remembering(bob=_WAITS)
        passes = saying(SPFVerdict("pass"))
        rule = evolve(_rule(), conditions=[Greylisted.make(True), Spf.make(["!pass"])])
        call = served([rule], passes, means=Means(greylist=greylist)).call()
        call.say(b"EHLO c.example\r\n")
        call.say(b"MAIL FROM:<ann@example.net>\r\n")
        self.assertEqual(call.say(b"RCPT TO:<bob@example.org>\r\n")[:3], b"250")
        self.assertEqual(greylist.asked, [])

    def test_noRepeats(self) -> None:
        """A packet that may be a recording does not count against anybody."""
        rules = [_rule(Senders.make(["ann@example.net"]))]
        house = HouseRules.of(rules, Vocabulary(), Means(greylist=Remembering()))
        policy = house.policy()
        assert policy is not None
        self.assertFalse(policy.bearsRepeats)

    def test_delayIsNoted(self) -> None:
        """A message that has waited can be given a field that says how long."""
        greylist = Remembering(bob=_COMES)
        note = Rule(
            RuleStage.RCPT,
            [Greylisted.make(False)],
            addHeaders=[
                AddHeader.parse("X-Greylist: delayed $greylist_delayed seconds")
            ],
        )
        ran = served([_rule(), note], means=Means(greylist=greylist))
        call = ran.call()
        call.say(b"EHLO c.example\r\n")
        call.say(b"MAIL FROM:<ann@example.net>\r\n")
        self.assertEqual(call.say(b"RCPT TO:<bob@example.org>\r\n")[:3], b"250")
        self.assertEqual(len(greylist.asked), 1)
        assert ran.envelope is not None
        settled = settle(ran.envelope, Envelope(b"", 0.0))
        self.assertEqual(settled.below, b"X-Greylist: delayed 312 seconds\r\n")
