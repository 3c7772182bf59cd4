"""
Tests for L{smtpx.mime.encoders}.
"""

from __future__ import annotations

import binascii
import quopri
import re

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.mime.encoders import Base64, IEncoder, QuotedPrintable, base64Octets

#: What makes trouble at the ends of lines.
TEXT = st.lists(
    st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"\t", b"=", b"\xc3\xa4", b"abc"])
    | st.binary(max_size=3)
    | st.integers(60, 90).map(lambda count: b"x" * count)
    | st.integers(72, 78).map(lambda count: b"x" * count)
).map(b"".join)


def encoded(
    encoder: IEncoder, octets: bytes, last: bool = False, cut: int = 0
) -> bytes:
    """
    All that an encoder makes of C{octets}.

    @param cut: in pieces of so many octets; 0: at once.
    """
    step = cut or len(octets) or 1
    pieces = [octets[at : at + step] for at in range(0, len(octets), step)]
    return b"".join(encoder.write(piece) for piece in pieces) + encoder.end(last)


class QuotedPrintableTests(SynchronousTestCase):
    """Quoted-printable (RFC 2045 section 6.7)."""

    def quoted(self, octets: bytes, last: bool = False) -> bytes:
        """What becomes of a text, whatever the cut."""
        whole = encoded(QuotedPrintable(), octets, last)
        for cut in range(1, min(len(octets), 9)):
            self.assertEqual(encoded(QuotedPrintable(), octets, last, cut), whole)
        return whole

    def test_whatStaysAsItIs(self) -> None:
        """Printable ASCII but for the equals sign, space and tab; line ends."""
        text = bytes(o for o in range(33, 127) if o != 61)[:60] + b"\r\n"
        text += bytes(o for o in range(33, 127) if o != 61)[60:] + b" \tx\r\n"
        self.assertEqual(self.quoted(text), text)
        self.assertEqual(self.quoted(b""), b"")

    def test_whatIsEncoded(self) -> None:
        """Everything else, in capital letters."""
        self.assertEqual(self.quoted(b"a=\xc3\xa4\0\x7f"), b"a=3D=C3=A4=00=7F")

    def test_loneLineEnds(self) -> None:
        """A CR or LF that stands alone is no line end, and stays what it is."""
        self.assertEqual(self.quoted(b"a\rb\nc\r\r\n\n\r"), b"a=0Db=0Ac=0D\r\n=0A=0D")

    def test_nothingBetweenCRAndLF(self) -> None:
        """An empty piece is no cut."""
        encoder = QuotedPrintable()
        pieces = [encoder.write(octets) for octets in (b"a\r", b"", b"\nb")]
        self.assertEqual(b"".join(pieces) + encoder.end(False), b"a\r\nb")

    def test_whiteSpaceBeforeLineEnds(self) -> None:
        """It would be taken off (rule 3)."""
        self.assertEqual(
            self.quoted(b"a \r\nb\t\r\n \r\nc "), b"a=20\r\nb=09\r\n=20\r\nc=20"
        )

    def test_longLines(self) -> None:
        """
        No line is longer than 76 (rule 5), none is broken without need, and no
        triplet ever.
        """
        x = b"x"
        for text, wanted in (
            (x * 76, x * 76),
            (x * 77, x * 75 + b"=\r\nxx"),
            (x * 76 + b"\r\n", x * 76 + b"\r\n"),
            (x * 151, x * 75 + b"=\r\n" + x * 76),
            (x * 73 + b"\xff", x * 73 + b"=FF"),
            (x * 74 + b"\xff", x * 74 + b"=\r\n=FF"),
            (x * 72 + b"\xffyy", x * 72 + b"=FF=\r\nyy"),
            (x * 73 + b"\xffyy", x * 73 + b"=\r\n=FFyy"),
            (x * 74 + b"\xffyy", x * 74 + b"=\r\n=FFyy"),
            (x * 75 + b"\xffyy", x * 75 + b"=\r\n=FFyy"),
            (x * 75 + b" \r\n", x * 75 + b"=\r\n=20\r\n"),
            (x * 73 + b" \r\n", x * 73 + b"=20\r\n"),
            (x * 74 + b" \r\n", x * 74 + b"=\r\n=20\r\n"),
        ):
            self.assertEqual(self.quoted(text), wanted)

    def test_endOfTheMessage(self) -> None:
        """It is the end of a line, and what was none before is none now."""
        self.assertEqual(self.quoted(b"a", last=True), b"a=\r\n")
        self.assertEqual(self.quoted(b"a\r\n", last=True), b"a\r\n")
        self.assertEqual(self.quoted(b"a ", last=True), b"a=20=\r\n")
        self.assertEqual(self.quoted(b"a\r", last=True), b"a=0D=\r\n")
        self.assertEqual(self.quoted(b"", last=True), b"")
        x = b"x"
        for text, wanted in (
            (x * 75, x * 75 + b"=\r\n"),
            (x * 76, x * 75 + b"=\r\nx=\r\n"),
            (x * 73 + b"\xff", x * 73 + b"=\r\n=FF=\r\n"),
            (x * 73 + b" ", x * 73 + b"=\r\n=20=\r\n"),
        ):
            self.assertEqual(self.quoted(text, last=True), wanted)

    @given(TEXT, st.booleans(), st.integers(1, 80))
    @settings(max_examples=100)
    def test_isItsInverse(self, octets: bytes, last: bool, cut: int) -> None:
        """Others decode what was there, however it was cut; and it is fit."""
        found = encoded(QuotedPrintable(), octets, last, cut)
        self.assertEqual(found, encoded(QuotedPrintable(), octets, last))
        self.assertEqual(quopri.decodestring(found), octets)
        self.assertTrue(all(len(line) <= 76 for line in found.split(b"\r\n")))
        self.assertIsNone(re.search(rb"[^\t\r\n -~]|[ \t](?:\r\n|\Z)", found))
        self.assertFalse(last and found and not found.endswith(b"\r\n"))


class Base64Tests(SynchronousTestCase):
    """Base64 (RFC 2045 section 6.8)."""

    def test_lines(self) -> None:
        """Lines of 76, none of them empty, and none behind the last."""
        for count, last, lengths in (
            (0, False, [0]),
            (0, True, [0]),
            (1, False, [4]),
            (57, False, [76]),
            (58, False, [76, 4]),
            (58, True, [76, 4, 0]),
            (114, True, [76, 76, 0]),
            (115, False, [76, 76, 4]),
        ):
            found = encoded(Base64(), b"x" * count, last)
            lines = found.split(b"\r\n")
            self.assertEqual([len(line) for line in lines], lengths)
            self.assertEqual(len(found), base64Octets(count, last))

    @given(st.binary(max_size=300), st.booleans(), st.integers(1, 120))
    @settings(max_examples=100)
    def test_isItsInverse(self, octets: bytes, last: bool, cut: int) -> None:
        """Others decode what was there, however it was cut."""
        found = encoded(Base64(), octets, last, cut)
        self.assertEqual(binascii.a2b_base64(found), octets)
        self.assertEqual(found, encoded(Base64(), octets, last))
        self.assertEqual(len(found), base64Octets(len(octets), last))
