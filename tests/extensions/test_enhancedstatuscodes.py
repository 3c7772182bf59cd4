"""
Tests for L{smtpx.extensions.enhancedstatuscodes}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.extensions.enhancedstatuscodes import EnhancedStatusCodes
from smtpx.testing.server import talk


class EnhancedStatusCodesTests(SynchronousTestCase):
    """Replies carry a second code."""

    def test_keywordIsOffered(self) -> None:
        """The keyword stands in the EHLO response, alone."""
        said = talk([EnhancedStatusCodes()], b"EHLO c.example\r\n")
        self.assertEqual(
            said.replies[1:], [b"250-mx.example.org", b"250 ENHANCEDSTATUSCODES"]
        )

    def test_codesAreWhereTheyBelong(self) -> None:
        """
        All replies have one but the greeting, those to EHLO and HELO, and 3yz
        (RFC 2034 section 4); also for a client that said HELO (section 5).
        """
        said = talk(
            [EnhancedStatusCodes()],
            b"HELO c.example\r\nNOOP\r\nMAIL FROM:<a@c.example>\r\n"
            b"RCPT TO:<b@d.example>\r\nDATA\r\n.\r\nNONSENSE\r\nQUIT\r\n",
        )
        classes = [line.split(b" ")[1][:2] for line in said.replies[2:]]
        self.assertEqual(
            list(zip(said.codes[2:], classes, strict=True)),
            [
                (250, b"2."),
                (250, b"2."),
                (250, b"2."),
                (354, b"En"),
                (250, b"2."),
                (500, b"5."),
                (221, b"2."),
            ],
        )

    def test_thereIsNothingToSet(self) -> None:
        """It has no options."""
        extension = EnhancedStatusCodes()
        self.assertIs(extension.configured(None), extension)
