"""
Tests for L{smtpx.core.timestamp}.
"""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.core.timestamp import parseTimestamp, renderTimestamp

#: The first and the last second that can be written.
FIRST, LAST = -62135596800, 253402300799


class TimestampTests(SynchronousTestCase):
    """C{date-time} (RFC 3339 section 5.6)."""

    @given(st.integers(FIRST, LAST))
    def test_isItsOwnInverse(self, seconds: int) -> None:
        """Every second of four-digit years, and it is what a calendar says."""
        text = renderTimestamp(seconds)
        self.assertEqual(parseTimestamp(text), seconds)
        self.assertEqual(len(text), 20)

    def test_examples(self) -> None:
        """Those of RFC 3339 section 5.8, but for fractions."""
        for text, when in (
            (b"1985-04-12T23:20:50Z", datetime(1985, 4, 12, 23, 20, 50)),
            (b"1996-12-19T16:39:57-08:00", datetime(1996, 12, 20, 0, 39, 57)),
            (b"1990-12-31T23:59:60Z", datetime(1991, 1, 1)),
            (b"1990-12-31T15:59:60-08:00", datetime(1991, 1, 1)),
            (b"1937-01-01T12:00:27+00:20", datetime(1937, 1, 1, 11, 40, 27)),
            (b"2014-04-03t23:01:00z", datetime(2014, 4, 3, 23, 1)),
        ):
            expected = when.replace(tzinfo=UTC).timestamp()
            self.assertEqual(parseTimestamp(text), expected, text)

    def test_fractions(self) -> None:
        """They are rounded up, and dropped when written."""
        self.assertEqual(parseTimestamp(b"1970-01-01T00:00:10.52Z"), 11)
        self.assertEqual(parseTimestamp(b"1970-01-01T00:00:10.000Z"), 10)
        self.assertEqual(renderTimestamp(10.9), b"1970-01-01T00:00:10Z")
        self.assertEqual(renderTimestamp(-0.5), b"1969-12-31T23:59:59Z")

    def test_malformed(self) -> None:
        """What is no date or time is none."""
        for text in (
            b"",
            b"2014-04-03",
            b"2014-04-03T23:01Z",
            b"2014-04-03T23:01:00",
            b"2014-04-03 23:01:00Z",
            b"2014-02-30T23:01:00Z",
            b"2014-13-01T23:01:00Z",
            b"0000-01-01T00:00:00Z",
            b"2014-04-03T24:00:00Z",
            b"2014-04-03T23:01:61Z",
            b"2014-04-03T23:01:00.Z",
            b"2014-04-03T23:01:00+24:00",
            b"2014-04-03T23:01:00+00:60",
            b"2014-04-03T23:01:00+0000",
            b"2014-04-03T23:01:00Z\n",
            b"+014-04-03T23:01:00Z",
        ):
            self.assertRaises(Malformed, parseTimestamp, text)

    def test_beyondTheCalendar(self) -> None:
        """Other years cannot be written."""
        self.assertRaises(OverflowError, renderTimestamp, LAST + 1)
