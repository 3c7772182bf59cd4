"""
Tests for L{smtpx.commands.sendmailmessage}.
"""

from __future__ import annotations

import io

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands.sendmailmessage import (
    HEADER_OCTETS,
    Author,
    BadMessage,
    pieces,
    readHeader,
)

AUTHOR = Author(b"ann@mx.example", "Ann")


def through(said: bytes, dots: bool, octets: int) -> bytes:
    """What is read of a message in pieces of so many octets."""
    source = io.BytesIO(said)
    return b"".join(pieces(lambda most: source.read(octets), dots))


class PieceTests(SynchronousTestCase):
    """Lines and dots."""

    def test_theEnd(self) -> None:
        """A line with a single dot ends it, wherever pieces are cut."""
        for said, whole in (
            (b"", b""),
            (b".", b"."),
            (b".\n", b""),
            (b".\r\nrest", b""),
            (b"\n.\n", b"\r\n"),
            (b"a\n.\nb\n", b"a\r\n"),
            (b"a\r\n.\r\nb", b"a\r\n"),
            (b"a\n..\nb", b"a\r\n..\r\nb"),
            (b"a\n.b\n.", b"a\r\n.b\r\n."),
            (b"a\r", b"a\r\n"),
            (b"a\n\n.\n\n", b"a\r\n\r\n"),
        ):
            for octets in range(1, 6):
                self.assertEqual(through(said, False, octets), whole, said)

    @settings(max_examples=100, deadline=None)
    @given(st.text("a.\r\n", max_size=30).map(str.encode), st.integers(1, 9))
    def test_anywhere(self, said: bytes, octets: int) -> None:
        """Cuts change nothing, and dots are all there where they are to be."""
        for dots in (False, True):
            self.assertEqual(through(said, dots, octets), through(said, dots, 100))
        whole = through(said, True, octets)
        self.assertEqual(whole.count(b"."), said.count(b"."))
        self.assertEqual(whole.replace(b"\r\n", b"").strip(b"a."), b"")
        start = through(said, False, octets)
        self.assertTrue(whole.startswith(start))


class HeaderTests(SynchronousTestCase):
    """The header, wherever it ends."""

    def whole(self, *said: bytes) -> bytes:
        """A message whose header was read and made whole."""
        message = iter(said)
        header = readHeader(message).completed(AUTHOR, b"mx.example")
        return header.octets() + b"".join(message)

    def test_itsEnd(self) -> None:
        """The text behind it stays as it is, cut anywhere."""
        start = b"From: Ann <ann@mx.example>\r\n"
        for said, expected in (
            (b"A: b\r\n\r\ntext\r\n\r\nmore", b"A: b\r\n\r\ntext\r\n\r\nmore"),
            (b"\r\ntext", b"\r\ntext"),
            (b"A: b", b"A: b\r\n\r\n"),
            (b"A: b\r\nno field\r\n", b"A: b\r\n\r\nno field\r\n"),
            (b"no field", b"\r\nno field\r\n"),
            (b"", b"\r\n"),
        ):
            for cut in range(len(said) + 1):
                self.assertEqual(self.whole(said[:cut], said[cut:]), start + expected)

    def test_anAddressBeyondASCII(self) -> None:
        """It has no name beside it that would have to be encoded."""
        author = Author("j\u00f6rg@mx.example".encode(), "J\u00f6rg")
        self.assertEqual(author.field(), "From: j\u00f6rg@mx.example\r\n".encode())

    def test_tooLong(self) -> None:
        """It has a bound."""
        line = b"A: " + b"b" * 1000 + b"\r\n"
        lines = iter([line] * (HEADER_OCTETS // 1000 + 1))
        self.assertRaises(BadMessage, readHeader, lines)
