"""Tests for L{smtpx.policy.rules.sources}."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.envelope import Envelope
from smtpx.core.interfaces import IServerSession
from smtpx.core.submitted import Field
from smtpx.mailauth import dmarc
from smtpx.mailauth.arcvalues import Chain, ChainState
from smtpx.mailauth.dkimvalues import DKIMResult, Verified
from smtpx.mailauth.spfquery import Outcome, queryOf
from smtpx.mailauth.spfrecord import SPFResult
from smtpx.policy.rules import MessageVerdict, RuleStage
from smtpx.policy.rules.sources import messageVerdict, toldOf, verdictsOf
from smtpx.policy.rules.subject import Need, Subject
from smtpx.policy.verdicts import IVerdicts, Verdicts

from .asking import subject

QUERY = queryOf(b"192.0.2.1", b"ann@example.net", b"client.example.net", "mx.example")
FAIL = Outcome(SPFResult.FAIL, QUERY)
GUESS = Outcome(SPFResult.PASS, QUERY, guessed=True)


@implementer(IVerdicts)
class Found:
    """Has found out what it was given."""

    methods = frozenset({"spf"})

    def __init__(self, spf: Outcome | None, guess: Outcome | None) -> None:
        self._spf, self._guess = spf, guess

    def checks(self, session: IServerSession) -> bool:
        """See L{IVerdicts}."""
        return True

    def spf(
        self, session: IServerSession, envelope: Envelope
    ) -> Deferred[Outcome | None]:
        """See L{IVerdicts}."""
        return succeed(self._spf)

    def guess(
        self, session: IServerSession, envelope: Envelope
    ) -> Deferred[Outcome | None]:
        """See L{IVerdicts}."""
        return succeed(self._guess)

    def message(
        self, session: IServerSession, envelope: Envelope
    ) -> Deferred[Verdicts | None]:
        """See L{IVerdicts}."""
        return succeed(Verdicts(self._spf))


class SourceTests(SynchronousTestCase):
    """What was found out, as rules have it."""

    def asked(self, need: Need, spf: Outcome | None, guess: Outcome | None) -> Subject:
        """A subject of which something was found out."""
        made = subject(RuleStage.MESSAGE, verdicts=verdictsOf(Found(spf, guess)))
        waiting = made.find(need)
        assert waiting is not None
        self.successResultOf(waiting)
        return made

    def test_spf(self) -> None:
        """The result, and what is written about it."""
        found = self.asked(Need.SPF, FAIL, None).spf
        self.assertEqual((found.result, found.domain), ("fail", "example.net"))
        self.assertTrue(found.received.startswith("Received-SPF: fail "))
        self.assertIn("example.net", found.comment)
        self.assertIn("example.net", found.smtpComment)

    def test_spfOfAClientThatIsNotLookedAt(self) -> None:
        """It has no result at all."""
        self.assertEqual(self.asked(Need.SPF, None, None).spf.result, "")

    def test_guess(self) -> None:
        """Where none was made, what the domain itself says holds."""
        guessed = self.asked(Need.GUESS, FAIL, GUESS).guessed
        self.assertEqual((guessed.result, guessed.guessed), ("pass", True))
        self.assertEqual(self.asked(Need.GUESS, FAIL, None).guessed.result, "fail")

    def test_messageThatIsNotLookedAt(self) -> None:
        """Nothing is known of it."""
        self.assertEqual(messageVerdict(None), MessageVerdict())
        nothing = self.asked(Need.MESSAGE, None, None).message
        self.assertEqual(nothing, MessageVerdict())

    def test_resultsOfTheOldestSetThatPasses(self) -> None:
        """Unfolded; of a chain that does not pass there are none."""
        fields = (
            Field(b"subject", b"Subject: i=2; x\r\n"),
            Field(
                b"arc-authentication-results",
                b"ARC-Authentication-Results: i=1; a.example; none\r\n",
            ),
            Field(
                b"arc-authentication-results",
                b"ARC-Authentication-Results: i=2;\r\n\tb.example; spf=pass\r\n",
            ),
        )
        for oldest, results in ((2, "i=2;\tb.example; spf=pass"), (0, ""), (3, "")):
            chain = Chain(ChainState.PASS, oldestPass=oldest)
            found = messageVerdict(Verdicts(FAIL, arc=chain, fields=fields))
            self.assertEqual(found.arcOldestResults, results)

    def test_message(self) -> None:
        """Who has signed, the chain, and what DMARC says."""
        signed = Verified(DKIMResult.PASS, "", domain=b"example.net")
        judged = dmarc.Verdict(dmarc.Status.ACCEPT, "it passes", alignedDKIM=True)
        chain = Chain(ChainState.FAIL, "cv=fail")
        found = messageVerdict(Verdicts(FAIL, dkim=(signed,), arc=chain, dmarc=judged))
        self.assertEqual(
            found,
            MessageVerdict(
                ("example.net",),
                "fail",
                "cv=fail",
                dmarcStatus="accept",
                dmarcText="it passes",
                alignedDKIM=True,
            ),
        )

    def test_notAllThatIsLookedAtIsAMatterOfRules(self) -> None:
        """A client's name is one of host lists."""
        self.assertEqual(toldOf(frozenset({"spf", "iprev"})), frozenset({"spf"}))
