"""
Tests for L{smtpx.core.grammar}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.core.grammar import DECIMAL, FLAG, KEYWORD, XTEXT, token


class FlagTests(SynchronousTestCase):
    """Keywords that stand alone."""

    def test_flag(self) -> None:
        """A parameter without a value, and nothing else."""
        self.assertTrue(FLAG.parse(FLAG.render(True)))
        self.assertIsNone(FLAG.render(True))
        for value in (b"", b"x"):
            self.assertRaises(Malformed, FLAG.parse, value)

    def test_keyword(self) -> None:
        """What stands behind an EHLO keyword is ignored; none is sent."""
        self.assertTrue(KEYWORD.parse(KEYWORD.render(True)))
        self.assertIsNone(KEYWORD.render(True))
        for value in (b"", b"x y"):
            self.assertTrue(KEYWORD.parse(value))


class DecimalTests(SynchronousTestCase):
    """C{1*20DIGIT} (RFC 1870 section 3)."""

    @settings(max_examples=100, deadline=None)
    @given(st.integers(0, 10**20 - 1))
    def test_inverse(self, number: int) -> None:
        """Every number is read as it is written."""
        self.assertEqual(DECIMAL.parse(DECIMAL.render(number)), number)

    def test_leadingZeros(self) -> None:
        """They are digits like others."""
        self.assertEqual(DECIMAL.parse(b"00012"), 12)

    def test_malformed(self) -> None:
        """A sign, a blank, other digits, none, or more than twenty."""
        for value in (
            None,
            b"",
            b"-1",
            b"+1",
            b" 1",
            b"1 ",
            b"1_0",
            b"0x1",
            b"1.0",
            "\u0661".encode(),
            b"1" * 21,
        ):
            self.assertRaises(Malformed, DECIMAL.parse, value)


class XtextTests(SynchronousTestCase):
    """xtext (RFC 3461 section 4)."""

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=40))
    def test_inverse(self, raw: bytes) -> None:
        """Any octets come back, and nothing unsafe is on the wire."""
        wire = XTEXT.render(raw)
        assert wire is not None
        self.assertEqual(XTEXT.parse(wire), raw)
        self.assertTrue(all(33 <= octet <= 126 and octet != 0x3D for octet in wire))

    def test_examples(self) -> None:
        """C{+}, C{=} and what is not printable stand as hexchar."""
        self.assertEqual(XTEXT.render(b"a+b=c d"), b"a+2Bb+3Dc+20d")
        self.assertEqual(XTEXT.parse(b"rfc822;a+2Bb@c"), b"rfc822;a+b@c")
        self.assertEqual(XTEXT.parse(b""), b"")
        # Only upper case is in the grammar, of whatever octet.
        self.assertEqual(XTEXT.parse(b"+61"), b"a")

    def test_malformed(self) -> None:
        """Hexchars that are cut short or no hex; octets that must not be raw."""
        for value in (
            None,
            b"+",
            b"a+4",
            b"+4G",
            b"+2b",
            b"+ 1",
            b"++2B",
            b"+0x",
            b"a=b",
            b"a b",
            b"\x7f",
            b"\xe9",
            b"\n",
        ):
            self.assertRaises(Malformed, XTEXT.parse, value)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=12))
    def test_anyInput(self, value: bytes) -> None:
        """Whatever comes is octets or L{Malformed}, and octets render again."""
        try:
            raw = XTEXT.parse(value)
        except Malformed:
            return
        self.assertEqual(XTEXT.parse(XTEXT.render(raw)), raw)


class TokenTests(SynchronousTestCase):
    """A choice of words."""

    def test_inverse(self) -> None:
        """Each word is read as it is written, in any case."""
        grammar = token(b"FULL", b"HDRS")
        for word in (b"FULL", b"HDRS"):
            self.assertEqual(grammar.parse(grammar.render(word)), word)
        self.assertEqual(grammar.parse(b"hDrS"), b"HDRS")

    def test_malformed(self) -> None:
        """Other words are refused with the choice there is."""
        grammar = token(b"FULL", b"HDRS")
        for value in (None, b"", b"HALF", b"FULL "):
            error = self.assertRaises(Malformed, grammar.parse, value)
            self.assertEqual(str(error), "wants one of FULL, HDRS")
