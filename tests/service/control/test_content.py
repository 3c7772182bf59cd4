"""
Tests for L{smtpx.service.control.content}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.control.content import PIECE_OCTETS, What, pieces
from smtpx.testing.spool import MemoryBody


class ContentTests(SynchronousTestCase):
    """What a message says."""

    def shown(self, body: bytes, what: What, prefix: bytes = b"P: 1\r\n") -> bytes:
        """Some of a message."""
        found = list(pieces(prefix, MemoryBody(body), what))
        self.assertTrue(all(0 < len(each) <= PIECE_OCTETS for each in found))
        return b"".join(found)

    def test_parts(self) -> None:
        """Header and body, and all of it, with what was put before."""
        message = b"A: b\r\nC: d\r\n\r\nHi\r\n\r\nthere\r\n"
        self.assertEqual(self.shown(message, What.WHOLE), b"P: 1\r\n" + message)
        self.assertEqual(self.shown(message, What.HEADER), b"P: 1\r\nA: b\r\nC: d\r\n")
        self.assertEqual(self.shown(message, What.BODY), b"Hi\r\n\r\nthere\r\n")

    def test_noHeader(self) -> None:
        """A message may begin with the empty line, or have none, or nothing at all."""
        self.assertEqual(self.shown(b"\r\nHi\r\n", What.HEADER), b"P: 1\r\n")
        self.assertEqual(self.shown(b"\r\nHi\r\n", What.BODY), b"Hi\r\n")
        self.assertEqual(self.shown(b"A: b\r\n", What.HEADER), b"P: 1\r\nA: b\r\n")
        self.assertEqual(self.shown(b"A: b\r\n", What.BODY), b"")
        self.assertEqual(self.shown(b"", What.WHOLE, b""), b"")

    def test_long(self) -> None:
        """A long message comes in pieces; a header that does not end is cut."""
        body = b"A: b\r\n\r\n" + b"x" * 300_000
        self.assertEqual(self.shown(body, What.BODY), b"x" * 300_000)
        endless = b"x" * (3 << 20)
        self.assertLess(len(self.shown(endless, What.HEADER)), 2 << 20)
        header = self.shown(endless, What.HEADER, b"")
        self.assertEqual(header + self.shown(endless, What.BODY), endless)

    def test_emptyLineBetweenPieces(self) -> None:
        """The empty line is found wherever a piece ends."""
        for length in range(65_520, 65_540):
            header = b"A: " + b"x" * length + b"\r\n"
            message = header + b"\r\nHi\r\n"
            self.assertEqual(self.shown(message, What.HEADER, b""), header)
            self.assertEqual(self.shown(message, What.BODY), b"Hi\r\n")
