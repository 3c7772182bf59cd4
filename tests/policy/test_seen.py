"""
Tests for L{smtpx.policy.seen}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.seen import FIELDS_MOST, SeenHeader, hasTooMany


class SeenTests(SynchronousTestCase):
    """A header is what anybody may take for it."""

    def test_usual(self) -> None:
        """A header that is one to everybody."""
        seen = SeenHeader.of(b"From: a@b.example\r\nTo: c\r\n d\r\n")
        self.assertEqual([b"from", b"to"], [each.name for each in seen.fields])
        self.assertEqual((True, [b" a@b.example\r\n"]), (seen.whole, seen.authors))

    def test_everyFromThatAnybodySees(self) -> None:
        """Behind whatever ends a line, and behind lines that are no fields."""
        for header, authors in (
            (b"A: b\nFROM : c\r\nFrom:d\r\n", [b" c", b"d"]),
            (b"A: b\rfrom: c\n\td\r\n", [b" c\r\n\td"]),
            (b" A: b\r\nFrom: c\r\n", [b" c"]),
            (b"From x@y Mon\r\nFrom: c", [b" c"]),
            (b"A: b\n\nFrom: c\r\nX-From: d\r\n", [b" c"]),
            (b"no field\r\n", []),
        ):
            with self.subTest(header=header):
                seen = SeenHeader.of(header)
                self.assertEqual((False, authors), (seen.whole, list(seen.authors)))

    def test_tooMany(self) -> None:
        """Lines that go on with a field are no further ones."""
        self.assertFalse(hasTooMany(b"a:\r\n" * FIELDS_MOST))
        self.assertTrue(hasTooMany(b"a:\r\n" * (FIELDS_MOST + 1)))
        self.assertFalse(hasTooMany(b"a:\r\n b\r\n\tc\r\n" * FIELDS_MOST))
