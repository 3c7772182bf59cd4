"""
Tests for L{smtpx.core.buffer}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.buffer import Buffer


class BufferTests(SynchronousTestCase):
    """
    Tests for L{Buffer}.
    """

    def test_linesAtAnyCut(self) -> None:
        """
        Lines come out the same wherever the input was cut.
        """
        text = b"EHLO a\r\n\r\nMAIL\rx\n\r\nrest"
        for i in range(len(text) + 1):
            buffer, lines = Buffer(), []
            for piece in (text[:i], text[i:]):
                buffer.feed(piece)
                while (line := buffer.line()) is not None:
                    lines.append(line)
            self.assertEqual(lines, [b"EHLO a", b"", b"MAIL\rx\n"])
            self.assertEqual(buffer.take(100), b"rest")
            self.assertEqual(len(buffer), 0)

    def test_take(self) -> None:
        """
        Octets are taken up to a number, whole pieces without a copy.
        """
        buffer, piece = Buffer(), b"abcdef"
        buffer.feed(piece)
        self.assertIs(buffer.take(6), piece)
        buffer.feed(piece)
        self.assertEqual((buffer.take(2), buffer.take(9)), (b"ab", b"cdef"))

    def test_head(self) -> None:
        """
        What comes next can be seen without taking it.
        """
        buffer = Buffer()
        self.assertEqual(buffer.head(3), b"")
        buffer.feed(b"a\r\nbcd")
        buffer.line()
        self.assertEqual((buffer.head(2), buffer.head(9)), (b"bc", b"bcd"))
        self.assertEqual(len(buffer), 3)

    def test_clear(self) -> None:
        """
        After C{clear} nothing is left.
        """
        buffer = Buffer()
        buffer.feed(b"abc")
        buffer.clear()
        self.assertEqual((len(buffer), buffer.line()), (0, None))
