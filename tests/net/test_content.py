"""
Tests for L{smtpx.net.content} and L{smtpx.net.addressing}: what programs send.
"""

from __future__ import annotations

import io
from email.message import EmailMessage, Message
from typing import Any

from hypothesis import given, settings, strategies
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.errors import Malformed, UsageError
from smtpx.core.interfaces import IBody
from smtpx.extensions.eightbitmime import EIGHTBIT
from smtpx.extensions.smtputf8 import UTF8
from smtpx.net.addressing import mailbox, prepared, spelled
from smtpx.net.content import Content, contentOf


def octetsOf(content: Content) -> bytes:
    """All of a message; its length is what it says."""
    pieces = list(content.body.pieces())
    assert all(0 < len(piece) <= 65_536 for piece in pieces)
    whole = b"".join(pieces)
    assert len(whole) == content.body.octets
    return whole


class Once(io.RawIOBase):
    """A file that can be read only once, such as a pipe."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def readable(self) -> bool:
        """It can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """What is left of it."""
        octets, self._octets = self._octets, b""
        return octets


class ContentTests(SynchronousTestCase):
    """
    Messages become octets with CRLF line ends.
    """

    def test_lineEnds(self) -> None:
        """Whatever they were; there is one at the end."""
        for octets in (b"A: b\n\nx\ny", b"A: b\r\n\r\nx\r\ny\r\n", b"A: b\r\rx\ry\r"):
            self.assertEqual(octetsOf(contentOf(octets)), b"A: b\r\n\r\nx\r\ny\r\n")
        self.assertEqual(octetsOf(contentOf(b"")), b"")
        self.assertEqual(octetsOf(contentOf(b"x\r")), b"x\r\n")

    def test_text(self) -> None:
        """Text is UTF-8."""
        content = contentOf("A: b\n\n\u00e4\n")
        self.assertEqual(octetsOf(content), b"A: b\r\n\r\n\xc3\xa4\r\n")
        self.assertTrue(content.eightBit)

    def test_bytearraysAndViews(self) -> None:
        """Other octets are octets, too."""
        for octets in (bytearray(b"x\n"), memoryview(b"x\n")):
            self.assertEqual(octetsOf(contentOf(octets)), b"x\r\n")  # type: ignore[arg-type]  # taken all the same

    def test_files(self) -> None:
        """A file is read from where it stands, as often as it takes."""
        file = io.BytesIO(b"not this\nA: b\n\nx\n")
        file.readline()
        content = contentOf(file)
        verifyObject(IBody, content.body)
        for _ in range(2):
            self.assertEqual(octetsOf(content), b"A: b\r\n\r\nx\r\n")
        one, two = content.body.pieces(), content.body.pieces()
        self.assertEqual(next(one), next(two))

    def test_pipes(self) -> None:
        """What can be read only once is kept."""
        content = contentOf(Once(b"A: b\n\nx\n"))  # type: ignore[arg-type]  # a file
        for _ in range(2):
            self.assertEqual(octetsOf(content), b"A: b\r\n\r\nx\r\n")

    def test_textFiles(self) -> None:
        """A file that was opened for text is a mistake."""
        with self.assertRaises(TypeError):
            contentOf(io.StringIO("x"))  # type: ignore[arg-type]  # on purpose
        with self.assertRaises(TypeError):
            contentOf(5)  # type: ignore[arg-type]  # on purpose

    def test_large(self) -> None:
        """Pieces stay within their bound when line ends double."""
        content = contentOf(b"\n" * 100_000)
        self.assertEqual(octetsOf(content), b"\r\n" * 100_000)

    def test_marks(self) -> None:
        """What is beyond ASCII, in the body or in the header."""
        for octets, eightBit, utf8 in (
            (b"A: b\n\nx", False, False),
            (b"A: b\n\n\xe4", True, False),
            (b"A: \xc3\xa4\n\nx", True, True),
            (b"\nx\n\n\xe4", True, False),
            (b"A: b", False, False),
        ):
            content = contentOf(octets)
            self.assertEqual((content.eightBit, content.utf8), (eightBit, utf8))

    def test_marksInLaterPieces(self) -> None:
        """A header may be longer than a piece."""
        long = b"A: b\n" * 10_000
        self.assertTrue(contentOf(long + b"B: \xc3\xa4\n\n").utf8)
        self.assertFalse(contentOf(long + b"\n\xc3\xa4\n").utf8)

    @given(strategies.binary(max_size=200), strategies.integers(1, 20))
    @settings(max_examples=100)
    def test_anyOctets(self, octets: bytes, cut: int) -> None:
        """There is never a CR or LF that stands alone, however it is cut."""
        found = octetsOf(contentOf(octets))
        plain = found.replace(b"\r\n", b"")
        self.assertNotIn(b"\r", plain)
        self.assertNotIn(b"\n", plain)
        lines = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if lines and not lines.endswith(b"\n"):
            lines += b"\n"
        self.assertEqual(found, lines.replace(b"\n", b"\r\n"))


def letter(**fields: str) -> EmailMessage:
    """A message of Python's email."""
    message = EmailMessage()
    message["Subject"] = "hello"
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content("hi\n")
    return message


class EmailTests(SynchronousTestCase):
    """
    Objects of Python's email package.
    """

    def test_object(self) -> None:
        """It becomes octets."""
        message = letter(From="me@example.org", To="you@example.net")
        self.assertIn(b"\r\n\r\nhi\r\n", octetsOf(contentOf(message)))

    def test_hiddenRecipients(self) -> None:
        """Nobody sees a Bcc; the program's object stays as it is."""
        message = letter(Bcc="x@example.org", Resent_Bcc="y@example.org")
        self.assertNotIn(b"Bcc", octetsOf(contentOf(message)))
        self.assertEqual(message["Bcc"], "x@example.org")

    def test_oldObjects(self) -> None:
        """Those of the old kind will do."""
        message = Message()
        message["To"] = "you@example.net"
        message.set_payload("hi")
        self.assertEqual(octetsOf(contentOf(message, True))[-6:], b"\r\nhi\r\n")

    def test_beyondASCII(self) -> None:
        """A header is UTF-8 only where it has to be."""
        message = letter(From="me@example.org", To="j\u00f6@example.net")
        ready = prepared(None, None, message, 0.0)
        self.assertTrue(ready.envelope.stamps[UTF8])
        self.assertIn("j\u00f6@".encode(), b"".join(ready.body.pieces()))
        message = letter(From="J\u00f6 <me@example.org>", To="you@example.net")
        ready = prepared(None, None, message, 0.0)
        self.assertNotIn(UTF8, ready.envelope.stamps)
        self.assertNotIn(EIGHTBIT, ready.envelope.stamps)

    def test_names(self) -> None:
        """Who sends and who gets it stands in the message, if nobody says."""
        message = letter(
            From="A <a@example.org>, b@example.org",
            To="c@example.net, D <d@example.net>",
            Cc="c@example.net",
            Bcc="e@example.net",
        )
        ready = prepared(None, None, message, 5.0)
        self.assertEqual(ready.envelope.sender, b"a@example.org")
        self.assertEqual(
            ready.names, ("c@example.net", "d@example.net", "e@example.net")
        )
        self.assertEqual(ready.envelope.arrived, 5.0)
        del message["From"]
        message["From"] = "A <a@example.org>, b@example.org"
        message["Sender"] = "s@example.org"
        ready = prepared(None, "x@example.net", message, 5.0)
        self.assertEqual(ready.envelope.sender, b"s@example.org")
        self.assertEqual(ready.names, ("x@example.net",))

    def test_nobodyNamed(self) -> None:
        """Then somebody has to be given."""
        for sender, recipients, message in (
            (None, "a@example.org", b"x"),
            (None, "a@example.org", letter()),
            ("a@example.org", None, b"x"),
            ("a@example.org", None, letter()),
            ("a@example.org", [], b"x"),
        ):
            source: Any = message
            with self.assertRaises(UsageError):
                prepared(sender, recipients, source, 0.0)


class AddressTests(SynchronousTestCase):
    """
    Addresses of programs.
    """

    def test_envelope(self) -> None:
        """Each recipient once, as octets or as text."""
        ready = prepared(
            b"me@example.org",
            ["a@example.net", b"b@example.net", "a@example.net"],
            b"A: b\n\n\xe4",
            0.0,
        )
        envelope = ready.envelope
        self.assertEqual(envelope.sender, b"me@example.org")
        paths = [recipient.path for recipient in envelope.recipients]
        self.assertEqual(paths, [b"a@example.net", b"b@example.net"])
        self.assertEqual(envelope.octets, ready.body.octets)
        self.assertTrue(envelope.stamps[EIGHTBIT])

    def test_nobodySends(self) -> None:
        """Reports have no sender (RFC 5321 section 4.5.5)."""
        for sender in ("", b""):
            self.assertEqual(
                prepared(sender, "a@b.example", b"", 0).envelope.sender, b""
            )

    def test_domainsBeyondASCII(self) -> None:
        """They have another form, for which no SMTPUTF8 is needed."""
        ready = prepared("me@b\u00fccher.example", "a@b\u00fccher.example", b"", 0.0)
        self.assertEqual(ready.envelope.sender, b"me@xn--bcher-kva.example")
        self.assertNotIn(UTF8, ready.envelope.stamps)

    def test_localPartsBeyondASCII(self) -> None:
        """There SMTPUTF8 is needed."""
        for sender, recipient in (
            ("j\u00f6@b.example", "a@b.example"),
            ("a@b.example", "j\u00f6@b.example"),
        ):
            ready = prepared(sender, recipient, b"", 0.0)
            self.assertTrue(ready.envelope.stamps[UTF8])

    def test_noAddress(self) -> None:
        """The message has what is wrong, and with what."""
        for wrong in (
            "Me <me@example.org>",
            "me",
            "a@b\r\nRCPT",
            "x@\u2603..",
            b"\xff@x",
        ):
            with self.assertRaises(Malformed) as caught:
                mailbox(wrong)
            self.assertIn("is no address", str(caught.exception))
        self.assertEqual(spelled(b"\xff@x"), "\\xff@x")
