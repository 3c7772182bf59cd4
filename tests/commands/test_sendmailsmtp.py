"""
Tests for L{smtpx.commands.sendmailsmtp}.
"""

from __future__ import annotations

import errno
import os

from smtpx.commands import sendmail
from smtpx.spool.dropfolder import Dropping

from .dropped import SendmailTestCase

BEGIN = b"EHLO localhost\r\nMAIL FROM:<ann@a.example> RET=HDRS\r\n"
RCPT = b"RCPT TO:<bob@b.example> NOTIFY=NEVER\r\n"
TEXT = b"DATA\r\nSubject: x\r\n\r\n..hello\r\n.\r\n"


class StandardSMTPTests(SendmailTestCase):
    """C{sendmail -bs}."""

    def talk(self, *said: bytes, pieces: int = 1 << 16) -> list[bytes]:
        """The codes of the replies."""
        told = self.run_("-bs", said=b"".join(said), pieces=pieces)
        self.assertEqual(told.status, 0)
        self.complaints = told.err
        lines = told.out.split(b"\r\n")[:-1]
        return [line[:3] for line in lines if line[3:4] != b"-"]

    def test_aMessage(self) -> None:
        """It is dropped, with what was said of it; the user's client knows nothing."""
        for pieces in (1 << 16, 7, 1):
            codes = self.talk(BEGIN, RCPT, TEXT, b"QUIT\r\n", pieces=pieces)
            self.assertEqual(codes, b"220 250 250 250 354 250 221".split())
            ((drop, message),) = self.taken()
            self.assertEqual(drop.sender, b"FROM:<ann@a.example> RET=HDRS")
            self.assertEqual(drop.recipients, (b"TO:<bob@b.example> NOTIFY=NEVER",))
            self.assertEqual(message, b"Subject: x\r\n\r\n.hello\r\n")

    def test_severalMessages(self) -> None:
        """What was refused, or taken back, is in none of them."""
        again = b"MAIL FROM:<c@c.example>\r\nRCPT TO:<d@d.example>\r\nRCPT TO:<bad\r\n"
        codes = self.talk(
            BEGIN, RCPT, b"RSET\r\n", again, TEXT, again, TEXT, b"QUIT\r\n"
        )
        self.assertEqual(codes.count(b"501"), 2)
        found = self.taken()
        self.assertEqual([len(drop.recipients) for drop, _ in found], [1, 1])
        self.assertEqual({drop.sender for drop, _ in found}, {b"FROM:<c@c.example>"})

    def test_theEnd(self) -> None:
        """Whoever leaves in the middle has sent nothing."""
        self.talk(BEGIN, RCPT, b"DATA\r\nSubject: x\r\n")
        self.assertEqual(os.listdir(self.folder / "drop/new"), [])

    def test_tooLong(self) -> None:
        """The server's limit is said, and holds."""
        told = self.run_("-bs", said=b"EHLO x\r\n")
        self.assertIn(b"250-SIZE 100000\r\n", told.out)
        long = b"DATA\r\n" + b"x" * 100_000 + b"\r\n.\r\n"
        codes = self.talk(BEGIN, RCPT, long, b"QUIT\r\n")
        self.assertEqual(codes[-2:], [b"552", b"221"])
        self.assertEqual(os.listdir(self.folder / "drop/new"), [])

    def test_noRoom(self) -> None:
        """A full disk is 452, and the user learns why."""

        def full(*what: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        for what in ("write", "commit"):
            self.patch(Dropping, what, full)
            codes = self.talk(BEGIN, RCPT, TEXT, b"QUIT\r\n")
            self.assertIn(codes[-2], (b"451", b"452"))
            self.assertIn("No space left on device", self.complaints)
            self.assertEqual(os.listdir(self.folder / "drop/new"), [])
        self.patch(sendmail, "Dropping", full)
        self.assertIn(b"452", self.talk(BEGIN, RCPT, TEXT, b"QUIT\r\n"))
