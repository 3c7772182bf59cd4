"""
Tests for L{smtpx.policy.rules.removing}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import Malformed
from smtpx.policy.editedheader import EditedHeader
from smtpx.policy.edits import FieldPlace
from smtpx.policy.rules.effects import add
from smtpx.policy.rules.removing import RemoveHeader, headerWishes, remove


class RemoveHeaderTests(SynchronousTestCase):
    """Fields to be taken out, as they stand in the configuration."""

    def test_namesMayBePatterns(self) -> None:
        """In any case."""
        field = RemoveHeader.parse(" X-Spam-* ")
        self.assertEqual(field, RemoveHeader("X-Spam-*"))
        self.assertTrue(field.fits(b"x-spam-flag", b" yes\r\n"))
        self.assertFalse(field.fits(b"x-spa", b" yes\r\n"))
        self.assertTrue(RemoveHeader.parse("*").fits(b"to", b""))

    def test_valueMayBeAPattern(self) -> None:
        """Of the value as one line, without blanks around it."""
        field = RemoveHeader.parse("X-Spam: yes, *high")
        self.assertTrue(field.fits(b"x-spam", b" Yes,\r\n very HIGH \r\n"))
        self.assertFalse(field.fits(b"x-spam", b" no\r\n"))
        self.assertFalse(field.fits(b"x-other", b" yes, high\r\n"))

    def test_valuesOfThoseThatStayHaveAMark(self) -> None:
        """As in all lists."""
        field = RemoveHeader.parse("List-Id: !*example.org*")
        self.assertTrue(field.fits(b"list-id", b" <a.example.com>\r\n"))
        self.assertFalse(field.fits(b"list-id", b" <a.example.org>\r\n"))

    def test_whatIsNoNameIsRefused(self) -> None:
        """Nor is a value that is none."""
        for text in ("", "X Y", "!X", ": x", "X:", "X:  "):
            self.assertRaises(Malformed, RemoveHeader.parse, text)


class HeaderWishesTests(SynchronousTestCase):
    """What rules want changed."""

    def setUp(self) -> None:
        """A message for two."""
        self.envelope = Envelope(
            b"", 0.0, [Recipient(b"a@x.org"), Recipient(b"b@x.org")]
        )

    def test_whereNothingWasNotedThereAreNone(self) -> None:
        """What goes above the header that came is not in it."""
        add(self.envelope, FieldPlace.AT_START, "X: 1")
        add(self.envelope, FieldPlace.AFTER_RECEIVED, "X: 1")
        self.assertIsNone(headerWishes(self.envelope))

    def test_wishesAreGrantedOnce(self) -> None:
        """A rule may be true of many recipients."""
        for each in self.envelope.recipients:
            remove(each, RemoveHeader("X-*"))
            add(each, FieldPlace.AT_START_RFC, "X-1: a")
            add(each, FieldPlace.AT_START_RFC, "X-2: b")
        add(self.envelope, FieldPlace.AT_END, "X-3: c")
        add(self.envelope, FieldPlace.AT_END, "X-4: d")
        remove(self.envelope, RemoveHeader("To"))
        wishes = headerWishes(self.envelope)
        assert wishes is not None
        self.assertEqual(len(wishes.removed), 2)
        header = EditedHeader(b"Received: x\r\nX-Old: y\r\nto: z\r\nSubject: s\r\n")
        wishes.grant(header)
        self.assertEqual(
            header.octets,
            b"Received: x\r\nX-1: a\r\nX-2: b\r\nSubject: s\r\nX-3: c\r\nX-4: d\r\n",
        )
