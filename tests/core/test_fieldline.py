"""
Tests for L{smtpx.core.fieldline}.
"""

from __future__ import annotations

from email import message_from_bytes, policy

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.fieldline import foldedField


class FoldedFieldTests(SynchronousTestCase):
    """Fields that we write."""

    def test_short(self) -> None:
        """It is a line."""
        self.assertEqual(foldedField("X-Seen", "by us"), b"X-Seen: by us\r\n")

    def test_long(self) -> None:
        """It is folded at blanks, and reads as before."""
        value = " ".join(["some-words"] * 30)
        found = foldedField("X-Long", value)
        self.assertTrue(all(len(each) < 78 for each in found.split(b"\r\n")))
        self.assertEqual(found.replace(b"\r\n", b"").decode(), f"X-Long: {value}")

    def test_withoutBlanks(self) -> None:
        """What has none stays whole as long as a line may be, and is cut then."""
        self.assertEqual(foldedField("X", "a" * 500), b"X:\r\n %b\r\n" % (b"a" * 500))
        found = foldedField("X", "a" * 3000)
        self.assertTrue(all(len(each) < 78 for each in found.split(b"\r\n")))
        self.assertEqual(found.count(b"a"), 3000)

    def test_beyondASCII(self) -> None:
        """A reader of RFC 2047 has the same text."""
        value = "Grüße " * 40 + "aus Köln"
        found = foldedField("X-Greeting", value)
        self.assertTrue(found.isascii())
        self.assertTrue(all(len(each) <= 78 for each in found.split(b"\r\n")))
        read = message_from_bytes(found + b"\r\n", policy=policy.default)
        self.assertEqual(read["X-Greeting"], value)
