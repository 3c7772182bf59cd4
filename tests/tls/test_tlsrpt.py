"""
Tests for L{smtpx.tls.tlsrpt}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.tls.tlsrpt import (
    PLACES_MOST,
    RECORD_OCTETS,
    MailPlace,
    Place,
    ReportRecord,
    WebPlace,
)

#: The examples of RFC 8460 section 3.1.
MAIL = b"v=TLSRPTv1;rua=mailto:reports@example.com"
WEB = b"v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt"

BOX = MailPlace(b"reports@example.com")
SITE = WebPlace(b"reporting.example.com", 443, b"/v1/tlsrpt")


class ReportRecordTests(SynchronousTestCase):
    """Where a domain wants reports."""

    def places(self, rua: bytes) -> tuple[Place, ...]:
        """The places of a record with that field."""
        return ReportRecord.parse(b"v=TLSRPTv1; rua=" + rua).places

    def bad(self, text: bytes) -> str:
        """Why a record is none."""
        return str(self.assertRaises(Malformed, ReportRecord.parse, text))

    def test_examples(self) -> None:
        """The records of RFC 8460 are read, and their places are spelled again."""
        self.assertEqual(ReportRecord.parse(MAIL), ReportRecord((BOX,)))
        self.assertEqual(ReportRecord.parse(WEB), ReportRecord((SITE,)))
        self.assertEqual(str(BOX), "mailto:reports@example.com")
        self.assertEqual(str(SITE), "https://reporting.example.com/v1/tlsrpt")

    def test_several(self) -> None:
        """There may be several, with white space between, each once."""
        rua = b"mailto:reports@example.com ,\thttps://reporting.example.com/v1/tlsrpt"
        self.assertEqual(self.places(rua), (BOX, SITE))
        self.assertEqual(self.places(rua + b"," + rua), (BOX, SITE))

    def test_tooMany(self) -> None:
        """But not any number of them."""
        rua = b",".join(b"mailto:r%d@example.com" % each for each in range(20))
        self.assertEqual(len(self.places(rua)), PLACES_MOST)

    def test_otherFields(self) -> None:
        """Fields that nobody knows are ignored, and of two the first counts."""
        text = MAIL + b"; x-y=z; rua=mailto:others@example.com;"
        self.assertEqual(ReportRecord.parse(text), ReportRecord((BOX,)))

    def test_encoded(self) -> None:
        """What has to be encoded is decoded in an address, and left in a path."""
        self.assertEqual(
            self.places(b"mailto:a%2Bb@example.com?subject=x"),
            (MailPlace(b"a+b@example.com"),),
        )
        self.assertEqual(
            self.places(b"https://R.example:8443/a%2Cb?c=d#e"),
            (WebPlace(b"r.example", 8443, b"/a%2Cb?c=d"),),
        )
        self.assertEqual(str(self.places(b"https://r.example:8443")[0])[-6:], ":8443/")

    def test_nowhere(self) -> None:
        """Places that nothing can be sent to are passed over."""
        for rua in (
            b"http://reporting.example.com/",
            b"ftp://example.com/",
            b"mailto:nobody",
            b"mailto:root@localhost",
            b"mailto:x@[10.0.0.1]",
            b"mailto:%FF@example.com",
            b"mailto:a%0Ab@example.com",
            b"https:///path",
            b"https://[::1]/",
            b"https://192.0.2.1/",
            b"https://user@example.com/",
            b"https://user:pw@example.com/",
            b"https://example.com:x/",
            b"https://example.com:99999/",
            b"https://exa_mple.com/",
            b'https://example.com/"',
            b"https://[x/",
        ):
            self.assertEqual(self.places(rua), (), rua)
            self.assertEqual(self.places(rua + b"," + MAIL[15:]), (BOX,), rua)

    def test_noURI(self) -> None:
        """What is no URI makes it no record."""
        for rua in (
            b"reports@example.com",
            b"mailto:",
            b"mailto:a b@c",
            b"mailto:a@b,",
        ):
            self.assertIn("no URI", self.bad(b"v=TLSRPTv1; rua=" + rua))

    def test_noRua(self) -> None:
        """Without a place, or with a field in disorder, it is none."""
        self.assertIn("no rua", self.bad(b"v=TLSRPTv1;"))
        self.assertIn("name=value", self.bad(b"v=TLSRPTv1; rua="))
        self.assertIn("name=value", self.bad(MAIL + b"; x=a=b"))
        self.assertIn("name=value", self.bad(MAIL + b";;"))
        self.assertIn("begin", self.bad(b"v=TLSRPTv2; rua=mailto:a@b"))

    def test_tooLong(self) -> None:
        """A record that is much too long is none."""
        text = MAIL + b"; x="
        text += b"y" * (RECORD_OCTETS - len(text))
        self.assertEqual(ReportRecord.parse(text).places, (BOX,))
        self.assertIn("longer", self.bad(text + b"y"))

    def test_cutAtEveryOffset(self) -> None:
        """A record that was cut is none, or names what is left of a place."""
        for length in range(len(WEB)):
            try:
                record = ReportRecord.parse(WEB[:length])
            except Malformed:
                continue
            self.assertLessEqual(len(record.places), 1)

    def test_among(self) -> None:
        """Of several records there has to be one (RFC 8460 section 3)."""
        self.assertEqual(ReportRecord.among([b"x", MAIL]), ReportRecord((BOX,)))
        self.assertIsNone(ReportRecord.among([b"v=TLSRPTv11;"]))
        self.assertIsNone(ReportRecord.among([MAIL, WEB]))

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=60))
    def test_fuzz(self, noise: bytes) -> None:
        """Whatever stands there, it is a record or none; places can be spelled."""
        for text in (noise, MAIL + noise, b"v=TLSRPTv1;rua=https://" + noise):
            try:
                record = ReportRecord.parse(text)
            except Malformed:
                continue
            for place in record.places:
                again = ReportRecord.parse(b"v=TLSRPTv1;rua=" + str(place).encode())
                self.assertLessEqual(len(again.places), 1)
