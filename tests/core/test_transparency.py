"""
Tests for L{smtpx.core.transparency}.
"""

from __future__ import annotations

import re

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.body import DotReader
from smtpx.core.transparency import DotWriter, LineEnds, canonical, dotted

#: Bodies made of what matters.
BODIES = st.lists(
    st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"..", b"a", b"\0", b"\x85", b""])
).map(b"".join)


def cut(octets: bytes, size: int) -> list[bytes]:
    """C{octets} in pieces of C{size}."""
    return [octets[start : start + size] for start in range(0, len(octets), size)]


def written(*pieces: bytes) -> bytes:
    """What goes over the wire for a body of these pieces."""
    writer = DotWriter()
    return b"".join(writer.write(piece) for piece in pieces) + writer.end()


def plainly(body: bytes) -> bytes:
    """C{body} with CRLF line ends, slowly and surely."""
    return re.sub(rb"\r\n|\r|\n", b"\r\n", body)


class LineEndsTests(SynchronousTestCase):
    """Line ends are set right."""

    def test_nothingToDo(self) -> None:
        """A body that is right goes through, and nothing is found."""
        ends = LineEnds()
        self.assertEqual(ends.write(b"a\r\n\r\nb"), b"a\r\n\r\nb")
        self.assertEqual(ends.end(), b"")
        self.assertFalse(ends.found)

    def test_emptyPieces(self) -> None:
        """They change nothing, not even between CR and LF."""
        ends = LineEnds()
        got = [ends.write(piece) for piece in (b"", b"a\r", b"", b"\nb")]
        self.assertEqual(b"".join(got), b"a\r\nb")
        self.assertFalse(ends.found)

    def test_canonical(self) -> None:
        """Pieces are set right one by one, and none of them is empty."""
        got = list(canonical([b"a\r", b"", b"\nb\n", b"c\r"]))
        self.assertEqual(got, [b"a", b"\r\nb\r\n", b"c", b"\r\n"])
        self.assertEqual(list(canonical([b"a\r\n"])), [b"a\r\n"])

    def test_bareAtTheEnd(self) -> None:
        """A CR at the very end stands alone."""
        ends = LineEnds()
        self.assertEqual(ends.write(b"a\r"), b"a")
        self.assertEqual(ends.end(), b"\r\n")
        self.assertTrue(ends.found)
        self.assertEqual(ends.end(), b"")

    @settings(max_examples=100, deadline=None)
    @given(BODIES, st.integers(1, 5))
    def test_anyBodyInAnyCut(self, body: bytes, size: int) -> None:
        """Every line end is a CRLF, and nothing else is changed."""
        self.assertEqual(b"".join(canonical(cut(body, size))), plainly(body))
        self.assertNotIn(b"", list(canonical(cut(body, size))))
        ends = LineEnds()
        for piece in cut(body, size):
            ends.write(piece)
        ends.end()
        self.assertEqual(ends.found, plainly(body) != body)


class DotWriterTests(SynchronousTestCase):
    """The body on its way out."""

    def test_examples(self) -> None:
        """Dots at the beginning of lines, the first among them."""
        for body, wire in (
            (b"", b".\r\n"),
            (b".", b"..\r\n.\r\n"),
            (b".\r\n", b"..\r\n.\r\n"),
            (b"a\r\n", b"a\r\n.\r\n"),
            (b"a", b"a\r\n.\r\n"),
            (b"\r\n.\r\n", b"\r\n..\r\n.\r\n"),
            (b"a.\r\n.b", b"a.\r\n..b\r\n.\r\n"),
            (b"a\r\n.\r\n.\r\n", b"a\r\n..\r\n..\r\n.\r\n"),
            (b"a\r", b"a\r\n.\r\n"),
        ):
            self.assertEqual(written(body), wire)
            self.assertEqual(written(*cut(body, 1)), wire)

    @settings(max_examples=200, deadline=None)
    @given(BODIES)
    def test_whole(self, body: bytes) -> None:
        """A whole body at once comes to the same."""
        self.assertEqual(dotted(body), written(body))

    def test_smuggling(self) -> None:
        """
        No sequence that some server takes for the end of the data gets out but
        the one at the end.
        """
        for trick in (
            b"\n.\n",
            b"\n.\r\n",
            b"\r\n.\n",
            b"\r.\r",
            b"\r\n.\r",
            b"\r.\r\n",
            b"\r.\n",
            b"\n.\r",
            b"\r\r\n.\r\r\n",
            b"\r\n.\r\r\n",
            b"\n\n.\r\n",
        ):
            body = b"a" + trick + b"MAIL FROM:<b@x>\r\n"
            for size in (1, 2, 100):
                wire = written(*cut(body, size))
                self.assertEqual(wire.index(b"\r\n.\r\n"), len(wire) - 5)
                self.assertIsNone(re.search(rb"(?<!\r)\n|\r(?!\n)", wire))

    @settings(max_examples=100, deadline=None)
    @given(BODIES, st.integers(1, 5))
    def test_readerIsTheInverse(self, body: bytes, size: int) -> None:
        """What a server reads is the body, in any cut."""
        wire = written(*cut(body, size))
        self.assertEqual(wire, written(body))
        wanted = plainly(body)
        if wanted and not wanted.endswith(b"\r\n"):
            wanted += b"\r\n"
        position, piece, done = DotReader().read(wire, 0)
        self.assertEqual((position, piece, done), (len(wire), wanted, True))
