"""Tests for L{smtpx.queue.returned}."""

from __future__ import annotations

import quopri
from collections.abc import Iterator

from attrs import frozen
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.interfaces import IBody
from smtpx.queue.multipart import Part
from smtpx.queue.returned import Message, readMessage, returned
from smtpx.testing.spool import MemoryBody

PREFIX = b"Received: from x\r\n\tby y; then\r\n"
HEADER = b"Subject: Hello\r\nMessage-ID: <1@client.example>\r\n"
TEXT = b"How are you?\r\n"

#: Of subjects.
WORDS = [b"=?", b"?=", b"?q?", b"?b?", b"utf-8", b"utf-16", b"=FF", b"idna", b"\r\n "]


@implementer(IBody)
@frozen
class Pieces:
    """A body that comes in pieces."""

    given: tuple[bytes, ...]

    @property
    def octets(self) -> int:
        """Its length."""
        return sum(map(len, self.given))

    def pieces(self) -> Iterator[bytes]:
        """The pieces."""
        yield from self.given


@implementer(IBody)
class Long:
    """A long body, of which nobody is to read more than the beginning."""

    octets = 10_000

    def pieces(self) -> Iterator[bytes]:
        """The beginning."""
        yield HEADER + b"\r\n"
        yield b"x" * 1000
        raise AssertionError("it read on")


def message(octets: bytes, most: int = 50_000, prefix: bytes = b"") -> Message:
    """A message as a report reads it."""
    return readMessage(prefix, MemoryBody(octets), most)


class ReadTests(SynchronousTestCase):
    """What is read of a message."""

    def test_small(self) -> None:
        """All of it, with what we put above it."""
        read = message(HEADER + b"\r\n" + TEXT, prefix=PREFIX)
        self.assertEqual(read.header, PREFIX + HEADER)
        self.assertEqual(read.whole, PREFIX + HEADER + b"\r\n" + TEXT)

    def test_long(self) -> None:
        """Of a long one its header, without reading on."""
        read = readMessage(PREFIX, Long(), 500)
        self.assertEqual(read.header, PREFIX + HEADER)
        self.assertIsNone(read.whole)

    def test_cuts(self) -> None:
        """The same wherever the pieces of the body end."""
        octets = HEADER + b"\r\n" + TEXT
        for cut in range(1, len(octets)):
            read = readMessage(PREFIX, Pieces((octets[:cut], octets[cut:])), 50_000)
            self.assertEqual(read.header, PREFIX + HEADER)
            self.assertEqual(read.whole, PREFIX + octets)

    def test_longHeader(self) -> None:
        """Of a very long header as many whole fields as there is room for."""
        header = b"A: 1\r\nB: 2\r\n\t3\r\nC: 4\r\n"
        octets = header + b"\r\nText"
        self.assertEqual(
            message(octets, most=len(header) - 1).header, b"A: 1\r\nB: 2\r\n\t3\r\n"
        )
        self.assertEqual(message(octets, most=10).header, b"A: 1\r\n")
        self.assertEqual(message(octets, most=3).header, b"")

    def test_odd(self) -> None:
        """No header, no text, no line at all, or no field."""
        for octets, header in (
            (b"", b""),
            (b"\r\nText", b""),
            (b"A: 1\r\n", b"A: 1\r\n"),
            (b"A: 1", b"A: 1"),
            (b"Text\r\nA: 1\r\n", b""),
            (b"A: 1\r\nText\r\nB: 2\r\n\r\n", b"A: 1\r\n"),
        ):
            read = message(octets)
            self.assertEqual(read.header, header, octets)
            self.assertEqual(read.whole, octets)


class FieldTests(SynchronousTestCase):
    """What people and programs know a message by."""

    def test_subject(self) -> None:
        """Decoded, in one line, with nothing odd in it, and not too long."""
        for value, expected in (
            (b"Hello\r\n there", "Hello there"),
            (
                b"=?utf-8?q?Gr=C3=BC=C3=9Fe?= an =?latin-1?q?=FC?=",
                "Gr\xfc\xdfe an \xfc",
            ),
            ("Gr\xfc\xdfe".encode(), "Gr\xfc\xdfe"),
            (b"\xff", "\\xff"),
            (b"=?utf-8?q?=0D=0AX:_y=E2=80=AE?=", "\\x0d\\x0aX: y\\u202e"),
            (b"=?nonsense?q?a?=", "=?nonsense?q?a?="),
            (b"=?utf-8?b?a?=", "=?utf-8?b?a?="),
            (b"", ""),
        ):
            self.assertEqual(
                message(b"Subject: " + value + b"\r\n\r\n").subject, expected
            )
        self.assertEqual(message(b"").subject, "")
        long = message(b"Subject: " + b"x" * 500 + b"\r\n").subject
        self.assertEqual(long, "x" * 197 + "...")

    @settings(max_examples=100)
    @given(st.binary() | st.lists(st.sampled_from(WORDS)).map(b"".join))
    def test_anySubject(self, value: bytes) -> None:
        """Whatever a subject is, it is shown in one line or not at all."""
        words = message(b"Subject: " + value + b"\r\n\r\n").subject
        self.assertTrue(words.isprintable())
        self.assertLessEqual(len(words), 200)

    def test_messageID(self) -> None:
        """Only one that can be repeated as it is."""
        self.assertEqual(message(HEADER).messageID, b"<1@client.example>")
        for bad in (
            b"",
            b"x",
            b"<a b>",
            b"<\xc3\xbc>",
            b"<a\x07>",
            b"<" + b"x" * 300 + b">",
        ):
            self.assertIsNone(message(b"Message-ID: " + bad + b"\r\n").messageID)
        self.assertIsNone(message(b"").messageID)


class ReturnedTests(SynchronousTestCase):
    """What stands in the report."""

    def part(
        self, octets: bytes, full: bool = True, utf8: bool = False, sent: bool = False
    ) -> tuple[bytes, bytes, bytes]:
        """The part of a message, as type, encoding, content."""
        part: Part = returned(message(octets), full, utf8, sent)
        return part.type, part.encoding, part.content

    def test_header(self) -> None:
        """A header in ASCII as it is, whatever the text."""
        octets = HEADER + b"\r\n\xc3\xbc\0"
        expected = b"text/rfc822-headers", b"7bit", HEADER
        self.assertEqual(self.part(octets, full=False), expected)
        self.assertEqual(self.part(octets, full=False, utf8=True, sent=True), expected)

    def test_whole(self) -> None:
        """The whole message as it is: it cannot be encoded."""
        octets = HEADER + b"\r\n" + TEXT
        self.assertEqual(self.part(octets), (b"message/rfc822", b"7bit", octets))
        octets = HEADER + b"\r\n\xc3\xbc\r\n"
        self.assertEqual(self.part(octets), (b"message/rfc822", b"8bit", octets))

    def test_whatCannotBeInAReport(self) -> None:
        """A binary message, one with long lines or an odd header: its header."""
        for text in (b"\0", b"a\rb", b"x" * 1000):
            octets = HEADER + b"\r\n" + text
            self.assertEqual(
                self.part(octets), (b"text/rfc822-headers", b"7bit", HEADER)
            )
        self.assertEqual(
            self.part(b"A: \xff\r\n\r\nText"),
            (
                b"text/rfc822-headers; charset=unknown-8bit",
                b"quoted-printable",
                b"A: =FF\r\n",
            ),
        )
        self.assertEqual(
            self.part(b"A: \xc3\xbc\r\n\r\nText"),
            (
                b"text/rfc822-headers; charset=utf-8",
                b"quoted-printable",
                b"A: =C3=BC\r\n",
            ),
        )

    def test_whatCannotBeConverted(self) -> None:
        """
        A message with octets above 127 that must not be touched on its way: its
        header, for the next host may lack 8BITMIME.
        """
        signed = (
            b"MIME-Version: 1.0\r\n"
            b'Content-Type: multipart/signed; boundary="b"; micalg="x"; protocol="y"'
            b"\r\n"
        )
        text = b"\r\n--b\r\nContent-Type: text/plain\r\n\r\n\xc3\xbc\r\n--b--\r\n"
        self.assertEqual(
            self.part(signed + text), (b"text/rfc822-headers", b"7bit", signed)
        )

    def test_tooLong(self) -> None:
        """A message that is too long: its header."""
        part = returned(message(HEADER + b"\r\n" + TEXT, most=55), True, False, False)
        self.assertEqual(part.type, b"text/rfc822-headers")

    def test_SMTPUTF8(self) -> None:
        """
        What was sent with SMTPUTF8 is returned in the types of RFC 6533, as it is
        where it may be.
        """
        header = "Subject: Gr\xfc\xdfe\r\n".encode()
        octets = header + b"\r\nText\r\n"
        self.assertEqual(
            self.part(octets, sent=True, utf8=True),
            (b"message/global", b"8bit", octets),
        )
        kind, encoding, content = self.part(octets, sent=True)
        self.assertEqual((kind, encoding), (b"message/global", b"quoted-printable"))
        self.assertEqual(quopri.decodestring(content), octets)
        self.assertEqual(
            self.part(octets, full=False, sent=True, utf8=True),
            (b"message/global-headers", b"8bit", header),
        )
        kind, encoding, content = self.part(octets, full=False, sent=True)
        self.assertEqual(
            (kind, encoding), (b"message/global-headers", b"quoted-printable")
        )
        self.assertEqual(quopri.decodestring(content), header)
