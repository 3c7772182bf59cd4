"""
DMARC Policy Records are read.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.mailauth.dmarcrecord import (
    PLACES_MOST,
    RECORD_OCTETS,
    DMARCRecord,
    Place,
    Policy,
    Suffix,
)

parse = DMARCRecord.parse


class RecordTests(SynchronousTestCase):
    """
    What a record says.
    """

    def test_recordWithEverythingIsRead(self) -> None:
        """
        Every tag has its place.
        """
        record = parse(
            b"v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; aspf=s; psd=n; t=y;"
            b" pct=30; fo=1:d:s; rua=mailto:a@example.org;"
            b" ruf=mailto:f@example.org, mailto:g@example.net"
        )
        self.assertEqual(
            DMARCRecord(
                Policy.REJECT,
                Policy.QUARANTINE,
                Policy.NONE,
                strictDKIM=True,
                strictSPF=True,
                suffix=Suffix.OWN,
                testing=True,
                percent=30,
                options=("1", "d", "s"),
                aggregate=(Place(b"a@example.org", "mailto:a@example.org"),),
                failure=(
                    Place(b"f@example.org", "mailto:f@example.org"),
                    Place(b"g@example.net", "mailto:g@example.net"),
                ),
                reported=True,
            ),
            record,
        )

    def test_versionAloneIsARecord(self) -> None:
        """
        Everything has a default (RFC 9989 section 4.7), C{p} too.
        """
        record = parse(b"v=DMARC1")
        self.assertEqual(DMARCRecord(), record)
        self.assertEqual(Policy.NONE, record.policyHere)

    def test_spacesAndCaseDoNotMatter(self) -> None:
        """
        White space may stand around C{=} and C{;}; only the version has a case.
        """
        self.assertEqual(
            DMARCRecord(Policy.REJECT, strictSPF=True),
            parse(b"V\t= DMARC1 ;P = Reject\t; ASPF=S ;"),
        )

    def test_whatIsNotDMARCIsRefused(self) -> None:
        """
        The version has to be first, and this one.
        """
        for text in (
            b"",
            b"v=spf1 -all",
            b"v=dmarc1; p=none",
            b"v=DMARC2; p=none",
            b"v=DMARC1 p=none",
            b"v=DMARC10; p=none",
            b" v=DMARC1; p=none",
            b"p=none; v=DMARC1",
        ):
            with self.subTest(text=text):
                self.assertRaises(Malformed, parse, text)

    def test_errorsTakeOnlyTheirOwnTag(self) -> None:
        """
        What is not in the grammar has its default; unknown tags are passed over (RFC
        9989 section 4.8).
        """
        record = parse(
            b"v=DMARC1; p=reject; adkim=x; psd=; ;;=; t=maybe; fo=7; x-y=1; pct=abc;"
            b" rua=nonsense; sp"
        )
        self.assertEqual(DMARCRecord(Policy.REJECT), record)

    def test_firstOfTwoEqualTagsCounts(self) -> None:
        """
        A tag that is there twice is an error, the second time.
        """
        self.assertEqual(Policy.NONE, parse(b"v=DMARC1;p=none;p=reject").policy)

    def test_policyThatIsNoneIsToldFromOneThatIsNotThere(self) -> None:
        """
        A word that is no policy makes the record faulty.
        """
        self.assertFalse(parse(b"v=DMARC1").faulty)
        for text in (b"p=rejct", b"p=none; sp=all", b"p=none; np=x"):
            with self.subTest(text=text):
                self.assertTrue(parse(b"v=DMARC1; " + text).faulty)

    def test_sizesBehindPlacesAreDropped(self) -> None:
        """
        RFC 7489 had them, RFC 9989 wants them ignored (section 4.8).
        """
        record = parse(b"v=DMARC1; rua=mailto:a@example.org!10m,mailto:b@example.org!5")
        self.assertEqual(
            [b"a@example.org", b"b@example.org"],
            [each.mailbox for each in record.aggregate],
        )

    def test_placesThatTakeNoMailArePassedOver(self) -> None:
        """
        Places of another kind are a wish for reports that we cannot fulfil; others are
        none at all.
        """
        record = parse(b"v=DMARC1; rua=https://example.org/dmarc")
        self.assertEqual((), record.aggregate)
        self.assertTrue(record.reported)
        for uri in (
            b"mailto:",
            b"mailto:postmaster",
            b"mailto:a@[192.0.2.1]",
            b"mailto:a@localhost",
            b"mailto:a%0d%0ab@example.org",
            b"mailto:a@example.org%20x",
        ):
            with self.subTest(uri=uri):
                self.assertEqual((), parse(b"v=DMARC1; rua=" + uri).aggregate)

    def test_mailboxesAreDecoded(self) -> None:
        """
        A mailbox is as RFC 6068 writes it.
        """
        (place,) = parse(
            b"v=DMARC1; rua=MAILTO:%22a%2Cb%21%22@Example.org?subject=x"
        ).aggregate
        self.assertEqual(b'"a,b!"@Example.org', place.mailbox)
        self.assertEqual(b"example.org", place.host)

    def test_placesAreBounded(self) -> None:
        """
        Of many places only the first are used.
        """
        text = b",".join(b"mailto:a%d@example.org" % number for number in range(50))
        self.assertEqual(PLACES_MOST, len(parse(b"v=DMARC1; rua=" + text).aggregate))

    def test_longRecordIsRefused(self) -> None:
        """
        There is an end to what is read.
        """
        text = b"v=DMARC1; " + b"x" * RECORD_OCTETS
        self.assertRaises(Malformed, parse, text)
        self.assertIsNone(DMARCRecord.among([text]))

    def test_percentIsAtMostHundred(self) -> None:
        """
        More is all.
        """
        self.assertEqual(100, parse(b"v=DMARC1; pct=400").percent)
        self.assertEqual(0, parse(b"v=DMARC1; pct=0").percent)

    def test_onlyOneRecordCounts(self) -> None:
        """
        Others under the name don't matter; two of DMARC are none (RFC 9989 section
        4.10).
        """
        one = b"v=DMARC1; p=reject"
        self.assertEqual(
            Policy.REJECT,
            (DMARCRecord.among([b"v=spf1", one]) or DMARCRecord()).policy,
        )
        self.assertIsNone(DMARCRecord.among([one, b"v=DMARC1"]))
        self.assertIsNone(DMARCRecord.among([]))

    def test_policiesForWhatIsBelow(self) -> None:
        """
        C{np} gives way to C{sp}, and that to C{p} (RFC 9989 section 4.7).
        """
        for text, there, missing in (
            (b"p=reject", Policy.REJECT, Policy.REJECT),
            (b"p=reject; sp=none", Policy.NONE, Policy.NONE),
            (b"p=none; np=reject", Policy.NONE, Policy.REJECT),
            (b"p=none; sp=quarantine; np=reject", Policy.QUARANTINE, Policy.REJECT),
        ):
            with self.subTest(text=text):
                record = parse(b"v=DMARC1; " + text)
                self.assertEqual(there, record.policyBelow(True))
                self.assertEqual(missing, record.policyBelow(False))

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=200))
    def test_anythingIsReadInBounds(self, rest: bytes) -> None:
        """
        Whatever stands behind the version, it is a record.
        """
        self.assertIsInstance(parse(b"v=DMARC1;" + rest), DMARCRecord)
