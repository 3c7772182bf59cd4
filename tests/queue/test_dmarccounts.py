"""
What is told of messages is counted.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.dmarc import Override, Status
from smtpx.mailauth.dmarcseen import Outcome, Seen, Signature
from smtpx.queue.dmarccounts import (
    SIGNATURES_MOST,
    AuthResult,
    DMARCCounts,
    PolicyPublished,
    Row,
    Tallied,
    Tally,
    rowOf,
    tallyOf,
)

from ..mailauth.test_dmarchistory import seen

DAY = 1_700_000_000 // 86400


def tally(text: str = "p=reject; rua=mailto:a@example.com") -> Tally:
    """
    What is counted of the message of L{seen}.
    """
    found = tallyOf(seen(text))
    assert found is not None
    return found


class TallyTests(SynchronousTestCase):
    """
    What there is to tell of a message.
    """

    def reasons(self, message: Seen) -> tuple[tuple[str, str], ...]:
        """
        Why less was done than the record asks for.
        """
        return rowOf(message).reasons

    def test_messageIsTold(self) -> None:
        """
        Where it came from, what was found out, and what was done.
        """
        self.assertEqual(
            Tally(
                DAY,
                "example.com",
                PolicyPublished("example.com", "reject"),
                Row(
                    "192.0.2.1",
                    "none",
                    False,
                    False,
                    (("local_policy", ""),),
                    "example.com",
                    "mail.example.com",
                    (
                        AuthResult("example.net", "pass", "s2"),
                        AuthResult("example.com", "fail", "s1"),
                    ),
                    AuthResult("mail.example.com", "softfail"),
                ),
            ),
            tally(),
        )

    def test_recordIsTold(self) -> None:
        """
        With all that it says.
        """
        self.assertEqual(
            PolicyPublished(
                "example.com", "none", "reject", "quarantine", "s", "s", "1:d", True
            ),
            tally(
                "p=none; sp=reject; np=quarantine; adkim=s; aspf=s; fo=1:d; t=y;"
                "rua=mailto:a@example.com"
            ).policy,
        )

    def test_nobodyAsks(self) -> None:
        """
        Then nothing is counted; nor of a domain that cannot stand in a file name.
        """
        self.assertIsNone(tallyOf(seen("p=reject")))
        message = seen("p=reject; rua=mailto:a@example.com")
        published = message.verdict.published
        assert published is not None
        odd = evolve(published, domain=b"a!b.example")
        for found in (None, odd):
            verdict = evolve(message.verdict, published=found)
            self.assertIsNone(tallyOf(evolve(message, verdict=verdict)))

    def test_reasonsAreGiven(self) -> None:
        """
        Wherever less was done than the record asks for, and only there.
        """
        message = seen("p=reject; rua=mailto:a@example.com")
        self.assertEqual((("local_policy", ""),), self.reasons(message))
        refused = evolve(message, outcome=Outcome.REFUSED)
        self.assertEqual((), self.reasons(refused))
        self.assertEqual("reject", rowOf(refused).disposition)
        passed = seen("p=reject; rua=mailto:a@example.com", b"example.com")
        self.assertEqual((), self.reasons(passed))
        self.assertEqual("pass", rowOf(passed).disposition)
        tested = evolve(
            seen("p=quarantine; t=y; rua=mailto:a@example.com"), outcome=Outcome.HELD
        )
        self.assertEqual((("policy_test_mode", ""),), self.reasons(tested))
        tested = seen("p=reject; t=y; rua=mailto:a@example.com")
        self.assertEqual(
            (("policy_test_mode", ""), ("local_policy", "")), self.reasons(tested)
        )
        sampled = evolve(message.verdict, status=Status.NONE, override=Override.SAMPLE)
        ((word, why),) = self.reasons(evolve(message, verdict=sampled))
        self.assertEqual(("other", True), (word, "pct" in why))
        unsure = evolve(message.verdict, status=Status.TEMPERROR)
        ((word, why),) = self.reasons(evolve(message, verdict=unsure))
        self.assertEqual(("other", True), (word, "for now" in why))

    def test_signaturesAreBounded(self) -> None:
        """
        Those that hold come first; what was not looked at is not told.
        """
        bad = Signature(b"x" * 1000, b"s", "fail")
        good = Signature(b"example.com", b"s", "pass")
        row = rowOf(evolve(seen(), signatures=(*[bad] * 50, good), spf=""))
        self.assertEqual(SIGNATURES_MOST, len(row.dkim))
        self.assertEqual(AuthResult("example.com", "pass", "s"), row.dkim[0])
        self.assertEqual(255, len(row.dkim[1].domain))
        self.assertIsNone(row.spf)


class CountsTests(SynchronousTestCase):
    """
    Adding up.
    """

    def test_alikeIsAddedUp(self) -> None:
        """
        And what could not be written down is there again.
        """
        counts = DMARCCounts()
        counts.add(tally())
        counts.add(tally())
        taken = counts.taken()
        self.assertEqual([Tallied(tally(), 2)], taken)
        self.assertEqual(0, len(counts))
        counts.add(tally())
        counts.returned(taken)
        self.assertEqual([Tallied(tally(), 3)], counts.taken())

    def test_tooMuchIsANumber(self) -> None:
        """
        For each domain while there is room for that, and for all then.
        """
        counts = DMARCCounts(4)
        for number in range(7):
            counts.add(evolve(tally(), day=number % 5, row=rowOf(seen())))
            counts.add(evolve(tally(), domain=str(number)))
        self.assertEqual(4, len(counts))
        left = [each.messages for each in counts.taken() if each.tally.row is None]
        self.assertEqual(14, 3 + counts.lost + sum(left))
        self.assertEqual(2, len(left))
