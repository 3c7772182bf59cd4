"""
What DMARC found out of messages is passed on.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.submitted import Field, fieldsOf
from smtpx.mailauth.arcvalues import Chain, ChainSet, ChainState
from smtpx.mailauth.dkimvalues import DKIMResult, Verified
from smtpx.mailauth.dmarc import OFF, Evidence, evaluate
from smtpx.mailauth.dmarchistory import block
from smtpx.mailauth.dmarcseen import Outcome, Sealed, Seen, Signature
from smtpx.mailauth.spfquery import Outcome as SPFOutcome, queryOf
from smtpx.mailauth.spfrecord import SPFResult
from smtpx.policy.dmarccontrols import DMARC_FORENSIC
from smtpx.policy.dmarcwitness import DMARCWitness
from smtpx.policy.rules.effects import discard, hold
from smtpx.policy.verdicts import Verdicts

from ..mailauth.zone import Zone
from .authmade import HEADER
from .doubles import sessionFrom

ZONE = Zone().dmarc("example.org", "v=DMARC1; p=reject")
VERDICTS = Verdicts(
    SPFOutcome(
        SPFResult.FAIL,
        queryOf(b"192.0.2.9", b"a@Example.net", b"h", "mx"),
        problem="no",
    ),
    None,
    (
        Verified(DKIMResult.FAIL, "bad", b"example.org", b"s1", b"@example.org"),
        Verified(DKIMResult.NONE),
    ),
    Chain(ChainState.FAIL, "bad", (ChainSet(1, b"relay.example", b"r"),)),
    ZONE.run(evaluate(Evidence(b"example.org"))),
    fields=tuple(fieldsOf(HEADER + b"\r\n")[0]),
)


class WitnessTests(SynchronousTestCase):
    """
    Who is told of what.
    """

    def setUp(self) -> None:
        """
        Nobody was told of anything.
        """
        self.seen: list[Seen] = []
        self.whole: list[tuple[Seen, Sequence[Field]]] = []
        self.witness = DMARCWitness(
            [self.seen.append], [lambda *told: self.whole.append(told)]
        )
        self.envelope = Envelope(b"a@Example.net", 0.0, [Recipient(b"b@example.net")])

    def concluded(self, verdicts: Verdicts = VERDICTS, id: str | None = "1abc") -> None:
        """
        Something became of a message.
        """
        session = sessionFrom(b"192.0.2.9")
        self.witness.concluded(session, self.envelope, verdicts, id)

    def test_everythingIsPassedOn(self) -> None:
        """
        What reports are made of; a signature that is not there is none.
        """
        self.concluded()
        (seen,) = self.seen
        self.assertEqual(
            Seen(
                VERDICTS.dmarc,  # type: ignore[arg-type]  # it is there
                "1abc",
                seen.received,
                "192.0.2.9",
                Outcome.TAKEN,
                b"a@Example.net",
                (b"b@example.net",),
                "fail",
                b"example.net",
                "no",
                (Signature(b"example.org", b"s1", "fail", "bad", b"@example.org"),),
                "fail",
                (Sealed(1, b"relay.example", b"r"),),
            ),
            seen,
        )
        self.assertIn(b"\nfrom example.org\n", block(seen, "mx"))

    def test_whatWasRefusedHasItsSessionsId(self) -> None:
        """
        It has none of its own.
        """
        self.concluded(id=None)
        self.assertEqual(Outcome.REFUSED, self.seen[0].outcome)
        self.assertTrue(self.seen[0].id)

    def test_whatRulesDoIsTold(self) -> None:
        """
        They can have a message held, or thrown away for all who would get it.
        """
        [recipient] = self.envelope.recipients
        hold(recipient, "why")
        self.concluded()
        discard(recipient)
        self.concluded()
        discard(self.envelope)
        self.concluded()
        self.assertEqual(
            [Outcome.HELD, Outcome.DISCARDED, Outcome.DISCARDED],
            [each.outcome for each in self.seen],
        )

    def test_headerIsPassedOnOnlyIfAPolicyAllowsIt(self) -> None:
        """
        C{control = dmarc_enable_forensic}.
        """
        self.concluded()
        self.assertEqual([], self.whole)
        self.envelope.stamps[DMARC_FORENSIC] = True
        self.concluded()
        self.assertEqual([(self.seen[1], VERDICTS.fields)], self.whole)

    def test_withoutRecordNobodyIsTold(self) -> None:
        """
        Nobody has asked for it; nor of what was not looked at.
        """
        self.concluded(Verdicts())
        self.concluded(evolve(VERDICTS, dmarc=OFF))
        self.assertEqual([], self.seen)

    def test_lessIsKnownWhereLessIsLookedAt(self) -> None:
        """
        SPF and DKIM may be off.
        """
        self.concluded(evolve(VERDICTS, spf=None, dkim=None, arc=None))
        self.assertEqual(("", ()), (self.seen[0].arc, self.seen[0].sets))
        self.assertEqual(
            ("", b"", ()),
            (self.seen[0].spf, self.seen[0].spfDomain, self.seen[0].signatures),
        )
