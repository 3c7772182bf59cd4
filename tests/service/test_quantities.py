"""
Tests for L{smtpx.service.quantities}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.quantities import (
    parseOctets,
    parseSeconds,
    renderOctets,
    renderSeconds,
    spellSeconds,
)


class OctetsTests(SynchronousTestCase):
    """Sizes in words."""

    def test_units(self) -> None:
        """Binary and decimal units are told apart."""
        self.assertEqual(parseOctets("50 MiB"), 52_428_800)
        self.assertEqual(parseOctets("50MB"), 50_000_000)
        self.assertEqual(parseOctets("1.5 KiB"), 1536)
        self.assertEqual(parseOctets(" 7 octets "), 7)

    def test_largeSizesAreExact(self) -> None:
        """A size is never rounded."""
        self.assertEqual(parseOctets("9007199254740993 octets"), 9007199254740993)

    def test_refused(self) -> None:
        """A unit with two meanings, no unit, no number: refused with words."""
        for text in ("50 M", "50", "MiB", "", "-1 MiB", "1 mib", "1 MiB 2"):
            error = self.assertRaises(ValueError, parseOctets, text)
            self.assertIn('expected a size such as "50 MiB"', str(error))

    def test_partsOfAnOctet(self) -> None:
        """There is no half octet."""
        error = self.assertRaises(ValueError, parseOctets, "0.3 KiB")
        self.assertEqual(str(error), "expected a whole number of octets")

    @given(st.integers(0, 2**50) | st.integers(0, 2**10).map(lambda n: n << 20))
    @settings(max_examples=100)
    def test_inverse(self, octets: int) -> None:
        """What is rendered is read back."""
        self.assertEqual(parseOctets(renderOctets(octets)), octets)

    @given(st.text(max_size=12))
    @settings(max_examples=100)
    def test_onlyValueError(self, text: str) -> None:
        """Any text is a size or a C{ValueError}."""
        try:
            self.assertGreaterEqual(parseOctets(text), 0)
        except ValueError as error:
            self.assertIn("expected", str(error))


class SecondsTests(SynchronousTestCase):
    """Durations in words."""

    def test_units(self) -> None:
        """One part or several are added up."""
        self.assertEqual(parseSeconds("5 min"), 300)
        self.assertEqual(parseSeconds("1h 30min"), 5400)
        self.assertEqual(parseSeconds("250 ms"), 0.25)
        self.assertEqual(parseSeconds("2 w"), 1209600)

    def test_refused(self) -> None:
        """What is not a duration is refused with words."""
        for text in ("5", "", " ", "min", "5 minutes", "1 h 30", "-1 s"):
            error = self.assertRaises(ValueError, parseSeconds, text)
            self.assertIn('expected a duration such as "5 min"', str(error))

    @given(st.integers(0, 10**9).map(lambda n: n / 1000) | st.integers(0, 10**7))
    @settings(max_examples=100)
    def test_inverse(self, seconds: float) -> None:
        """What is rendered is read back."""
        self.assertAlmostEqual(parseSeconds(renderSeconds(seconds)), seconds)

    @given(st.text(max_size=12))
    @settings(max_examples=100)
    def test_onlyValueError(self, text: str) -> None:
        """Any text is a duration or a C{ValueError}."""
        try:
            self.assertGreaterEqual(parseSeconds(text), 0)
        except ValueError as error:
            self.assertIn("expected", str(error))

    @given(st.integers(0, 10**9))
    def test_spelled(self, seconds: int) -> None:
        """For people, in all units that it takes."""
        self.assertEqual(parseSeconds(spellSeconds(seconds)), seconds)
        self.assertEqual(spellSeconds(5400.4), "1 h 30 min")
        self.assertEqual(spellSeconds(0), "0 s")
