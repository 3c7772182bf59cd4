"""Tests for L{smtpx.queue.deliverystatus}."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import Action
from smtpx.queue.account import Account
from smtpx.queue.deliverystatus import Heading, date, deliveryStatus
from smtpx.queue.remote import Remote
from smtpx.spool.via import Cause

from .reports import ARRIVED, NOW

HEADING = Heading("mail.example.org", "1abc", ARRIVED, NOW)
REMOTE = Remote("mx.example.net", "192.0.2.1")
ACCOUNT = Account(
    index=0,
    address="bob@example.net",
    target=None,
    action=Action.FAILED,
    until=None,
    tried=True,
    status=(5, 1, 1),
    cause=Cause.RECIPIENT,
    said=("550 5.1.1 No",),
    remote=REMOTE,
    why="",
    diagnostic="after RCPT TO: 550 5.1.1 No",
    fields=(),
)


def lines(
    *accounts: Account, heading: Heading = HEADING, utf8: bool = False
) -> list[bytes]:
    """The lines of a part."""
    content = deliveryStatus(heading, accounts, utf8).content
    assert content.endswith(b"\r\n")
    return content.split(b"\r\n")[:-1]


class DeliveryStatusTests(SynchronousTestCase):
    """The part for programs."""

    def test_whole(self) -> None:
        """As in RFC 3464 section 2, in its order."""
        arrived, tried = date(ARRIVED).encode(), date(NOW).encode()
        heading = evolve(
            HEADING, fields=(("Deliver-By-Date", "x"), ("Original-Envelope-Id", "QQ"))
        )
        other = evolve(
            ACCOUNT,
            fields=(("X-Other", "y"), ("Original-Recipient", "rfc822;B@Example.NET")),
        )
        self.assertEqual(
            lines(other, ACCOUNT, heading=heading),
            [
                b"Original-Envelope-Id: QQ",
                b"Reporting-MTA: dns; mail.example.org",
                b"Arrival-Date: " + arrived,
                b"X-Smtpx-Message-Id: 1abc",
                b"Deliver-By-Date: x",
                b"",
                b"Original-Recipient: rfc822;B@Example.NET",
                b"Final-Recipient: rfc822;bob@example.net",
                b"Action: failed",
                b"Status: 5.1.1",
                b"Remote-MTA: dns; mx.example.net",
                b"Remote-MTA: X-ip; [192.0.2.1]",
                b"Diagnostic-Code: smtp; 550 5.1.1 No",
                b"Last-Attempt-Date: " + tried,
                b"X-Smtpx-Diagnostic: X-str; after RCPT TO: 550 5.1.1 No",
                b"X-Other: y",
                b"",
                b"Final-Recipient: rfc822;bob@example.net",
                b"Action: failed",
                b"Status: 5.1.1",
                b"Remote-MTA: dns; mx.example.net",
                b"Remote-MTA: X-ip; [192.0.2.1]",
                b"Diagnostic-Code: smtp; 550 5.1.1 No",
                b"Last-Attempt-Date: " + tried,
                b"X-Smtpx-Diagnostic: X-str; after RCPT TO: 550 5.1.1 No",
            ],
        )

    def test_aNameThatIsNoDomain(self) -> None:
        """It is no name of the DNS (RFC 3461 section 6.3)."""
        found = lines(heading=evolve(HEADING, name="localhost"))
        self.assertIn(b"Reporting-MTA: x-local-hostname; localhost", found)

    def test_noHost(self) -> None:
        """Where no host was involved, none is named."""
        text = b"\n".join(lines(evolve(ACCOUNT, remote=None, said=())))
        self.assertNotIn(b"Remote-MTA", text)
        self.assertNotIn(b"Diagnostic-Code", text)

    def test_aHostWithoutName(self) -> None:
        """It is named by its address."""
        found = lines(evolve(ACCOUNT, remote=Remote("", "192.0.2.1")))
        self.assertIn(b"Remote-MTA: dns; [192.0.2.1]", found)

    def test_extraInformation(self) -> None:
        """
        What was read of the host is told, as Exim tells it; the port is where it is
        not that of SMTP.
        """
        remote = evolve(
            REMOTE,
            address="2001:db8::1",
            port=587,
            greeting="220 mx.example.net ESMTP Exim x.yz",
            hello="250-mx.example.net Hello mail.example.org [192.0.2.9]",
        )
        heading = evolve(HEADING, diagnostic="X-Exim-Diagnostic")
        found = lines(evolve(ACCOUNT, remote=remote), heading=heading)
        self.assertIn(b"Remote-MTA: X-ip; [2001:db8::1]:587", found)
        self.assertIn(
            b"X-Remote-MTA-smtp-greeting: X-str; 220 mx.example.net ESMTP Exim x.yz",
            found,
        )
        whole = b"\r\n".join(found).replace(b"\r\n ", b" ")
        self.assertIn(
            b"\r\nX-Remote-MTA-helo-response: X-str;"
            b" 250-mx.example.net Hello mail.example.org [192.0.2.9]\r\n",
            whole,
        )
        self.assertIn(b"X-Exim-Diagnostic: X-str; after RCPT TO: 550 5.1.1 No", found)

    def test_whatWasNeverRead(self) -> None:
        """It is left out."""
        text = b"\n".join(lines(evolve(ACCOUNT, diagnostic="")))
        for name in (b"X-Remote-MTA", b"Diagnostic:", b"]:"):
            self.assertNotIn(name, text)

    def test_brokenConnection(self) -> None:
        """What went wrong is no reply of SMTP."""
        found = lines(evolve(ACCOUNT, said=(), why="Connection refused"))
        self.assertIn(b"Diagnostic-Code: x-smtpx; Connection refused", found)

    def test_nothingWasTried(self) -> None:
        """Then there is no date of an attempt."""
        text = b"\n".join(lines(evolve(ACCOUNT, cause=Cause.EARLY)))
        self.assertNotIn(b"Last-Attempt-Date", text)

    def test_delayed(self) -> None:
        """Only a delay has an end of trying (RFC 3464 section 2.3.9)."""
        until = b"Will-Retry-Until: " + date(NOW + 60).encode()
        untried = lines(evolve(ACCOUNT, tried=False))
        self.assertNotIn(b"Last-Attempt-Date", b"\n".join(untried))
        late = evolve(ACCOUNT, action=Action.DELAYED, until=NOW + 60)
        self.assertIn(until, lines(late))
        self.assertNotIn(until, lines(evolve(late, action=Action.FAILED)))
        text = b"\n".join(lines(evolve(late, until=None)))
        self.assertNotIn(b"Will-Retry-Until", text)

    def test_actions(self) -> None:
        """Each in the words of RFC 3464 section 2.3.3."""
        for action in Action:
            found = lines(evolve(ACCOUNT, action=action))
            self.assertIn(b"Action: " + action.value.encode(), found)

    def test_folded(self) -> None:
        """Long values are folded at spaces, and nothing is lost."""
        said = tuple(f"550-5.1.1 line {number} of a long reply" for number in range(8))
        found = lines(evolve(ACCOUNT, said=said))
        text = b"\r\n".join(found).replace(b"\r\n ", b" ").decode()
        self.assertIn("Diagnostic-Code: smtp; " + " ".join(said), text)
        self.assertLessEqual(max(map(len, found)), 78)

    def test_bounded(self) -> None:
        """Neither a word nor a value is too long for a message."""
        for word in ("x" * 5000, "x " * 2500, "\u4e2d" * 500):
            found = lines(evolve(ACCOUNT, said=(word,)))
            self.assertLessEqual(max(map(len, found)), 998)
            self.assertLess(sum(map(len, found)), 2500)
            self.assertTrue(any(line.endswith(b"...") for line in found))

    def test_nobodyEndsALine(self) -> None:
        """Whatever gets here, it is no field of its own."""
        evil = "a\r\nX-Evil: b\n\nX-Evil: c\x0b\x0c\x1c\x00X-Evil: d"
        for account in (
            evolve(ACCOUNT, said=(evil,)),
            evolve(ACCOUNT, address=evil),
            evolve(ACCOUNT, remote=Remote(evil, evil, 25, evil, evil)),
            evolve(ACCOUNT, fields=(("X-Good", evil),)),
        ):
            for line in lines(account):
                self.assertFalse(line.startswith(b"X-Evil"), line)
                self.assertTrue(line.isascii())
                self.assertTrue(line.decode().isprintable(), line)


class InternationalTests(SynchronousTestCase):
    """Addresses beyond ASCII (RFC 6533)."""

    OTHER = evolve(
        ACCOUNT,
        address="j\xf6rg+a@example.net",
        said=("550 \xfcnbekannt",),
        fields=(("Original-Recipient", r"utf-8;\x{F6}@example.net"),),
    )

    def test_inASCII(self) -> None:
        """Where a report is to be ASCII, they are spelled (section 3)."""
        part = deliveryStatus(HEADING, [self.OTHER], False)
        self.assertEqual(part.type, b"message/delivery-status")
        self.assertEqual(part.encoding, b"7bit")
        found = part.content.split(b"\r\n")
        self.assertIn(rb"Original-Recipient: utf-8;\x{F6}@example.net", found)
        self.assertIn(rb"Final-Recipient: utf-8;j\x{F6}rg\x{2B}a@example.net", found)
        self.assertIn(rb"Diagnostic-Code: smtp; 550 \xfcnbekannt", found)

    def test_inUTF8(self) -> None:
        """Where it may have UTF-8, they are as they are (section 4.1)."""
        part = deliveryStatus(HEADING, [self.OTHER, ACCOUNT], True)
        self.assertEqual(part.type, b"message/global-delivery-status")
        self.assertEqual(part.encoding, b"8bit")
        found = part.content.decode().split("\r\n")
        self.assertIn("Original-Recipient: utf-8;\xf6@example.net", found)
        self.assertIn("Final-Recipient: utf-8;j\xf6rg+a@example.net", found)
        self.assertIn("Final-Recipient: rfc822;bob@example.net", found)
        self.assertIn("Diagnostic-Code: smtp; 550 \xfcnbekannt", found)
