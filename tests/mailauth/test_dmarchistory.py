"""
The history file of OpenDMARC is written.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.dmarc import Evidence, Status, evaluate
from smtpx.mailauth.dmarchistory import block
from smtpx.mailauth.dmarcseen import Disposition, Outcome, Sealed, Seen, Signature

from .zone import Zone


def seen(
    text: str = "p=reject; rua=mailto:a@example.com,mailto:b@example.net!10m",
    spf: bytes | None = None,
) -> Seen:
    """
    A message of example.com.
    """
    zone = Zone().dmarc("example.com", f"v=DMARC1; {text}")
    verdict = zone.run(evaluate(Evidence(b"example.com", spf)))
    return Seen(
        verdict,
        "1abc-2",
        1700000000.7,
        "192.0.2.1",
        Outcome.TAKEN,
        b"bounce@mail.example.com",
        (b"x@example.org",),
        "softfail",
        b"mail.example.com",
        "",
        (
            Signature(b"example.com", b"s1", "fail"),
            Signature(b"example.net", b"s2", "pass"),
        ),
    )


class BlockTests(SynchronousTestCase):
    """
    The lines of a message.
    """

    def test_blockHasTheLinesOfOpenDMARC(self) -> None:
        """
        All of them, in its order.
        """
        self.assertEqual(
            b"""\
job 1abc-2
reporter mx.example.org
received 1700000000
ipaddr 192.0.2.1
from example.com
mfrom mail.example.com
spf 2
dkim example.com s1 7
dkim example.net s2 0
pdomain example.com
policy 16
rua mailto:a@example.com
rua mailto:b@example.net
pct 100
adkim 114
aspf 114
p 114
sp 0
align_dkim 5
align_spf 5
action 2
arc 6
arc_policy 1 json:[]
""",
            block(seen(), "mx.example.org"),
        )

    def test_passedMailSaysSo(self) -> None:
        """
        So does the part of the record that it was judged by.
        """
        lines = block(
            seen("p=none; sp=quarantine; adkim=s; pct=20", b"example.com"), "mx"
        ).splitlines()
        for line in (
            b"policy 15",
            b"rua -",
            b"pct 20",
            b"adkim 115",
            b"p 110",
            b"sp 113",
            b"align_spf 4",
        ):
            self.assertIn(line, lines)

    def test_actionIsWhatWasDone(self) -> None:
        """
        Not what was asked for.
        """
        for text, outcome, action in (
            ("p=reject", Outcome.TAKEN, 2),
            ("p=reject", Outcome.REFUSED, 0),
            ("p=reject", Outcome.DISCARDED, 1),
            ("p=reject", Outcome.DEFERRED, 3),
            ("p=quarantine", Outcome.HELD, 4),
            ("p=none", Outcome.REFUSED, 2),
        ):
            with self.subTest(text=text, outcome=outcome):
                lines = block(evolve(seen(text), outcome=outcome), "mx")
                self.assertIn(b"\naction %d\n" % action, lines)

    def test_policyIsWhatWasAskedFor(self) -> None:
        """
        After tests of the policy.
        """
        for text, policy in (
            ("p=none", 18),
            ("p=quarantine", 17),
            ("p=reject", 16),
            ("p=reject; t=y", 17),
        ):
            with self.subTest(text=text):
                self.assertIn(b"\npolicy %d\n" % policy, block(seen(text), "mx"))

    def test_chainIsAList(self) -> None:
        """
        In the form that the importer reads, the newest set first.
        """
        told = evolve(
            seen(),
            arc="pass",
            sets=(
                Sealed(1, b"a.example", b"s", b"192.0.2.9"),
                Sealed(2, b"b.example", b"t"),
            ),
        )
        self.assertTrue(
            block(told, "mx").endswith(
                b"\narc 0\n"
                b'arc_policy 1 json:[{"i":2,"d":"b.example","s":"t","ip":""},'
                b'{"i":1,"d":"a.example","s":"s","ip":"192.0.2.9"}]\n'
            )
        )

    def test_valuesCannotAddLines(self) -> None:
        """
        Whatever came over the wire, it is one word.
        """
        bad = b"a\n\rjob 9\x00\xff"
        told = evolve(
            seen(),
            sender=b"x@" + bad,
            signatures=(Signature(bad, bad, "x"), Signature(b"", b"\n", "pass")),
            sets=(Sealed(1, bad, bad, bad),),
        )
        lines = block(told, "mx\nx").splitlines()
        self.assertEqual(len(block(seen(), "mx").splitlines()), len(lines))
        self.assertIn(b"mfrom ajob9", lines)
        self.assertIn(b"dkim ajob9 ajob9 6", lines)
        self.assertIn(b"dkim - - 0", lines)

    def test_nullSenderHasNoDomain(self) -> None:
        """
        The line is there all the same: the importer passes over a message without it.
        """
        self.assertIn(b"\nmfrom \n", block(evolve(seen(), sender=b""), "mx"))


class SeenTests(SynchronousTestCase):
    """
    What was done of what the owner asks for.
    """

    def test_disposition(self) -> None:
        """
        What was asked for and done, and whether that is the same.
        """
        for text, spf, outcome, disposition, overridden in (
            ("p=reject", None, Outcome.REFUSED, Disposition.REJECT, False),
            ("p=reject", None, Outcome.TAKEN, Disposition.NONE, True),
            ("p=reject", None, Outcome.HELD, Disposition.QUARANTINE, True),
            ("p=quarantine", None, Outcome.HELD, Disposition.QUARANTINE, False),
            ("p=quarantine; t=y", None, Outcome.REFUSED, Disposition.NONE, True),
            ("p=none", None, Outcome.REFUSED, Disposition.NONE, False),
            ("p=none", b"example.com", Outcome.TAKEN, Disposition.NONE, False),
            ("p=reject", b"example.com", Outcome.TAKEN, Disposition.PASS, False),
        ):
            with self.subTest(text=text, outcome=outcome):
                told = evolve(seen(text, spf), outcome=outcome)
                self.assertEqual(disposition, told.disposition)
                self.assertEqual(overridden, told.isOverridden)

    def test_unjudgedMailHasNone(self) -> None:
        """
        Nothing was asked for.
        """
        told = seen()
        told = evolve(
            told, verdict=evolve(told.verdict, status=Status.NORECORD, policy=None)
        )
        self.assertEqual(Disposition.NONE, told.disposition)
        self.assertFalse(told.isOverridden)
