"""Tests for L{smtpx.queue.prefixed}."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.interfaces import IBody
from smtpx.core.verbatim import Verbatim
from smtpx.queue.prefixed import PrefixedBody
from smtpx.spool.bodies import HeldBody


@implementer(IBody)
@frozen
class Pieces:
    """A body of several pieces."""

    parts: tuple[bytes, ...]

    @property
    def octets(self) -> int:
        """Of all of them."""
        return sum(map(len, self.parts))

    def pieces(self) -> Iterator[bytes]:
        """One after the other."""
        return iter(self.parts)


class PrefixedBodyTests(SynchronousTestCase):
    """A body with fields above it."""

    def test_short(self) -> None:
        """Both are one piece, however often it is read."""
        body = PrefixedBody(b"A: b\r\n", HeldBody(b"C: d\r\n\r\nx\r\n"))
        verifyObject(IBody, body)
        for _ in range(2):
            self.assertEqual(list(body.pieces()), [b"A: b\r\nC: d\r\n\r\nx\r\n"])
        self.assertEqual(body.octets, 17)

    def test_verbatim(self) -> None:
        """What is known of the body is known of both, if the fields are as good."""
        body = HeldBody(Verbatim(b"C: d\r\n\r\nx\r\n"))
        for prefix, kind in ((b"A: b\r\n", Verbatim), (b"A: b\n", bytes)):
            (piece,) = PrefixedBody(prefix, body).pieces()
            self.assertEqual((type(piece), piece), (kind, prefix + body.content))

    def test_long(self) -> None:
        """A piece does not grow beyond what pieces may have."""
        parts = b"x" * (64 << 10), b"y"
        body = PrefixedBody(b"A: b\r\n", Pieces(parts))
        self.assertEqual(list(body.pieces()), [b"A: b\r\n", *parts])
        self.assertEqual(body.octets, (64 << 10) + 7)

    def test_justLongEnough(self) -> None:
        """Both are one piece as long as that is no longer than pieces may be."""
        part = b"x" * ((64 << 10) - 6)
        body = PrefixedBody(b"A: b\r\n", Pieces((part,)))
        self.assertEqual(list(body.pieces()), [b"A: b\r\n" + part])

    def test_nothingBelow(self) -> None:
        """Fields alone."""
        self.assertEqual(
            list(PrefixedBody(b"A: b\r\n", HeldBody(b"")).pieces()), [b"A: b\r\n"]
        )

    def test_nothingAbove(self) -> None:
        """Then it is the body itself."""
        body = HeldBody(b"x\r\n")
        self.assertIs(PrefixedBody.over(b"", body), body)
        self.assertEqual(
            list(PrefixedBody.over(b"A: b\r\n", body).pieces()), [b"A: b\r\nx\r\n"]
        )
