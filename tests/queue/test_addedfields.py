"""Tests for L{smtpx.queue.addedfields}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Recipient
from smtpx.core.errors import UsageError
from smtpx.extensions.bmi import BMI_VERDICT, BMIDelivery, BMIVerdict
from smtpx.queue.addedfields import AddedFields


def judged(verdict: BMIVerdict) -> Recipient:
    """A recipient with a verdict."""
    recipient = Recipient(b"ann@example.org")
    recipient.stamps[BMI_VERDICT] = verdict
    return recipient


NOBODY = Recipient(b"bob@example.org")


class AddedFieldsTests(SynchronousTestCase):
    """Fields that a route puts above a recipient's copy."""

    def render(self, text: str, recipient: Recipient) -> bytes:
        """What comes of one."""
        return AddedFields.parse([text]).render(recipient)

    def test_verdict(self) -> None:
        """The variables are the recipient's."""
        recipient = judged(BMIVerdict(verdict=b"v", tracker=b"t"))
        made = AddedFields.parse(
            [
                "X-Verdict: $bmi_base64_verdict",
                "X-Tracker: <${bmi_base64_tracker_verdict}> costs $$1",
                "X-Deliver: $bmi_deliver",
            ]
        )
        self.assertEqual(
            made.render(recipient),
            b"X-Verdict: dg==\r\nX-Tracker: <dA==> costs $1\r\nX-Deliver: 1\r\n",
        )

    def test_nothingToTell(self) -> None:
        """A field of which only its name is left is left out."""
        self.assertEqual(self.render("X-Verdict: $bmi_base64_verdict", NOBODY), b"")
        self.assertEqual(self.render("$bmi_alt_location", NOBODY), b"")
        self.assertEqual(AddedFields().render(NOBODY), b"")

    def test_location(self) -> None:
        """A location that is a field is one; another is none."""
        for location, field in (
            ("X-Bulk: yes", b"X-Bulk: yes\r\n"),
            ("Spam", b""),
            ("Spam folder: yes", b""),
        ):
            recipient = judged(BMIVerdict(BMIDelivery.ALTERNATE, location))
            self.assertEqual(self.render("$bmi_alt_location", recipient), field)

    def test_long(self) -> None:
        """A verdict that is longer than a line may be is folded; a word is not."""
        recipient = judged(BMIVerdict(verdict=bytes(3000), tracker=b"x" * 100))
        made = self.render("X-Verdict: $bmi_base64_verdict", recipient)
        lines = made.split(b"\r\n")
        self.assertTrue(all(len(each) <= 78 for each in lines))
        self.assertTrue(all(each.startswith(b" ") for each in lines[1:-1]))
        self.assertEqual(b"".join(made.split()[1:]), b"A" * 4000)
        short = self.render("X-Tracker: $bmi_base64_tracker_verdict", recipient)
        self.assertEqual(len(short.split()), 2)

    def test_beyondASCII(self) -> None:
        """Other characters are encoded (RFC 2047)."""
        recipient = judged(BMIVerdict(BMIDelivery.ALTERNATE, "Müll"))
        made = self.render("X-Folder: $bmi_alt_location", recipient)
        self.assertEqual(made, b"X-Folder: =?utf-8?b?TcO8bGw=?=\r\n")

    def test_wrong(self) -> None:
        """What is no field, or no variable, is told at once."""
        for text in (
            "no field",
            ": x",
            "X y: z",
            "X-A: b\r\nBcc: c",
            "X-A: $bmi_verdict",
            "X-A: $",
            "$bmi_deliver",
        ):
            self.assertRaises(UsageError, AddedFields.parse, [text])
