"""
Tests for L{smtpx.mime.international}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.mime import InternationalHeader

from .oracle import pieces

MIXED = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n%b\r\n\r\nb\r\n--x--"


class InternationalHeaderTests(SynchronousTestCase):
    """Header fields in UTF-8, at any level."""

    def found(self, message: bytes) -> bool:
        """Is there one, whatever the cut?"""
        answers = set()
        for cut in range(30):
            header = InternationalHeader()
            for piece in pieces(message, cut):
                header.feed(piece)
            header.end()
            answers.add(header.found)
        [answer] = answers
        return answer

    def test_found(self) -> None:
        """In the header, in that of a part, or of a message inside of it."""
        for message in (
            "Subject: März\r\n\r\nx".encode(),
            b"Subject: M\xe4rz",
            MIXED % "Subject: März".encode(),
            MIXED % b"Content-Type: message/rfc822\r\n\r\nSubject: M\xc3\xa4rz",
            MIXED % b"Content-Type: message/global\r\n\r\nSubject: M\xc3\xa4rz",
        ):
            self.assertTrue(self.found(message), message)

    def test_notFound(self) -> None:
        """What is in a body, encoded, or in no part at all, is none."""
        for message in (
            b"",
            b"Subject: x\r\n\r\nM\xc3\xa4rz",
            MIXED % b"Subject: x\r\n\r\nM\xc3\xa4rz",
            (MIXED % b"Subject: x") + b"\r\nM\xc3\xa4rz",
            MIXED % b"Content-Type: message/global\r\n\r\nSubject: x",
            MIXED % b"Content-Type: message/global\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\nTcOkcno=",
        ):
            self.assertFalse(self.found(message), message)
