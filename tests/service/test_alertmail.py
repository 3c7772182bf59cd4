"""
Tests for L{smtpx.service.alertmail}.
"""

from __future__ import annotations

from email import message_from_bytes, policy

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.address import parseMailbox
from smtpx.policy.strangers.alerts import Alert
from smtpx.queue.author import usualAuthor
from smtpx.service.alertmail import alertMail

#: 2026-11-22 10:00:00 UTC.
NOW = 1_795_341_600.0

_ALERT = Alert(
    "user",
    "ann",
    "recipients",
    203.44,
    200,
    "1h",
    "recipients per user in 1h, leaky",
    NOW,
    (("2001:db8::1", 1), ("192.0.2.7", 203)),
)

_TO = [parseMailbox(b"ops@example.org"), parseMailbox(b"abuse@example.org")]


def mail(alert: Alert) -> bytes:
    """What the operator is written."""
    return alertMail(alert, usualAuthor("mx.example.org"), _TO, "mx.example.org")


class AlertMailTests(SynchronousTestCase):
    """What an operator is written."""

    def test_whole(self) -> None:
        """Who, how much, and from where; no program is to answer."""
        found = message_from_bytes(mail(_ALERT), policy=policy.default)
        self.assertEqual(found.defects, [])
        self.assertEqual(
            {name: str(found[name]) for name in ("From", "To", "Subject")},
            {
                "From": "Mail Delivery System <MAILER-DAEMON@mx.example.org>",
                "To": "ops@example.org, abuse@example.org",
                "Subject": "Too much mail: user ann",
            },
        )
        self.assertEqual(found["Auto-Submitted"], "auto-generated")
        self.assertEqual(found["Date"].datetime.timestamp(), NOW)
        self.assertRegex(
            found["Message-ID"], r"\A<alert\.[0-9a-f]{32}@mx.example.org>\Z"
        )
        self.assertEqual(
            found.get_content().replace("\r\n", "\n"),
            "On the mail server mx.example.org somebody does too much:\n\n"
            "  user ann\n\n"
            "It has come to 203.4 recipients in 1h, and 200 is too much\n"
            "(recipients per user in 1h, leaky).\n\n"
            "It came from:\n\n"
            "  192.0.2.7: 203 times\n"
            "  2001:db8::1: once\n\n"
            "Somebody else may have the password.\n"
            "What becomes of such mail, the rules of the server decide.  You are not"
            " told\nof it again for a while, even if it goes on.\n",
        )
        self.assertEqual(found["Content-Description"], "An alert")

    def test_client(self) -> None:
        """A host has no password that somebody could have guessed."""
        words = mail(evolve(_ALERT, per="client", account="192.0.2.7"))
        self.assertIn(b"\r\n  client 192.0.2.7\r\n", words)
        self.assertNotIn(b"password", words)

    def test_longWords(self) -> None:
        """A long name makes no line that is too long (RFC 5322 section 2.1.1)."""
        said = "\U0001f600" * 200
        found = mail(evolve(_ALERT, account=said))
        self.assertTrue(all(len(each) <= 998 for each in found.split(b"\r\n")))
        read = message_from_bytes(found, policy=policy.SMTP)
        self.assertEqual(str(read["Subject"]), f"Too much mail: user {said}")

    def test_strangersWords(self) -> None:
        """What somebody else has chosen is cut, and makes no lines of its own."""
        name = "\r\nBcc: all@example.org\r\n\r\n" + "ü" * 500
        octets = mail(evolve(_ALERT, per="$helo_name", account=name, clients=()))
        self.assertNotIn(b"\nBcc:", octets)
        self.assertTrue(octets.partition(b"\r\n\r\n")[0].isascii())
        self.assertLess(len(octets), 5000)
        self.assertLess(max(map(len, octets.split(b"\r\n"))), 990)
        found = message_from_bytes(octets, policy=policy.default)
        self.assertIn("$helo_name ??Bcc: all@example.org????ü", found["Subject"])
        self.assertNotIn("It came from", found.get_content())
