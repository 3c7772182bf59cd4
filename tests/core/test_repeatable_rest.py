"""
Tests for what is left to send of a body, in L{smtpx.core.repeatable}.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.dialogue import Flow
from smtpx.core.interfaces import IBody
from smtpx.core.repeatable import Rest, restOf
from smtpx.testing.client import OctetsBody


def ran(dialogue: Generator[Any, Any, IBody | None]) -> IBody | None:
    """What a dialogue comes to that only leaves room."""
    try:
        while True:
            assert next(dialogue) == Flow()
    except StopIteration as stop:
        found: IBody | None = stop.value
        return found


def octetsOf(body: IBody | None) -> bytes | None:
    """A body, whole; its length is what it says."""
    if body is None:
        return None
    found = b"".join(body.pieces())
    assert len(found) == body.octets
    return found


class RestTests(SynchronousTestCase):
    """What is left of a body."""

    @settings(max_examples=80)
    @given(
        st.lists(st.sampled_from([b"", b"a", b"bcd", b"\r", b"."]), max_size=6),
        st.integers(0, 30),
        st.integers(1, 5),
        st.booleans(),
    )
    def test_isTheRest(
        self, lines: list[bytes], had: int, cut: int, byLines: bool
    ) -> None:
        """It is what stands behind the beginning, or it cannot be told."""
        body = b"".join(line + b"\r\n" for line in lines)
        rest = ran(restOf(OctetsBody(body, cut), had, byLines))
        if rest is None:
            inLine = byLines and had and body[:had][-2:] != b"\r\n"
            self.assertTrue(had > len(body) or inLine or b"\r\r" in body)
        else:
            self.assertEqual(octetsOf(rest), body[had:])

    def test_lineEnds(self) -> None:
        """
        Where a line end stood alone before, the peer may have another one; behind
        that place it does not matter.
        """
        for body in (b"a\nb\r\nc\r\n", b"a\rb\r\nc\r\n"):
            self.assertIsNone(ran(restOf(OctetsBody(body), 5, False)))
            self.assertEqual(
                octetsOf(ran(restOf(OctetsBody(body), 1, False))), body[1:]
            )
            self.assertEqual(octetsOf(ran(restOf(OctetsBody(body), 8, True))), b"")

    def test_lastLine(self) -> None:
        """A peer that got it by DATA has an end of the last line, too."""
        for byLines in (True, False):
            for had in (4, 6):
                rest = ran(restOf(OctetsBody(b"a\r\nb"), had, byLines))
                self.assertEqual(octetsOf(rest), b"")
            self.assertIsNone(ran(restOf(OctetsBody(b"a\r\nb"), 5, byLines)))
            self.assertIsNone(ran(restOf(OctetsBody(b"a\r\nb\r\n"), 8, byLines)))
            self.assertIsNone(ran(restOf(OctetsBody(b"a\nb"), 5, byLines)))

    def test_betweenCRAndLF(self) -> None:
        """That is no beginning of a line, but a place to go on from."""
        body = OctetsBody(b"a\r\nb\r\n")
        self.assertIsNone(ran(restOf(body, 2, True)))
        self.assertEqual(octetsOf(ran(restOf(body, 2, False))), b"\nb\r\n")

    def test_reads(self) -> None:
        """It reads no more than it needs, and can be read again."""
        rest = Rest(OctetsBody(b"abcdefg", 2), 3)
        self.assertEqual(list(rest.pieces()), [b"d", b"ef", b"g"])
        self.assertEqual(list(rest.pieces()), [b"d", b"ef", b"g"])
        self.assertEqual(list(Rest(OctetsBody(b"abcd", 2), 2).pieces()), [b"cd"])
