"""
Tests for L{smtpx.core.body}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.body import (
    DotReader,
    HeaderWatch,
    LineMeter,
    bare,
    headerFields,
    normalised,
)

#: Octets among which line ends and dots are common.
TEXTS = st.lists(
    st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"a", b"..", b"\r\n.", b"xyz"]),
    max_size=30,
).map(b"".join)


def readAll(*pieces: bytes) -> tuple[bytes, bool, bytes]:
    """
    Feed a reader.

    @return: the body, whether it ended, and what was left over.
    """
    reader = DotReader()
    data, out, ended = b"", b"", False
    for piece in pieces:
        data += piece
        position = 0
        while position < len(data) and not ended:
            after, found, ended = reader.read(data, position)
            # Never cut between CR and LF.
            assert not (out.endswith(b"\r") and found.startswith(b"\n"))
            out += found
            if after == position:
                break
            position = after
        data = data[position:]
    return out, ended, data


def reference(text: bytes) -> tuple[bytes, bool, bytes]:
    """The same by RFC 5321 section 4.5.2, line by line."""
    out, rest = b"", text
    while True:
        end = rest.find(b"\r\n")
        if end < 0:
            return out, False, rest
        line, rest = rest[: end + 2], rest[end + 2 :]
        if line == b".\r\n":
            return out, True, rest
        out += line.removeprefix(b".")


class DotReaderTests(SynchronousTestCase):
    """
    Tests for L{DotReader}.
    """

    def test_onlyTheRightEndEnds(self) -> None:
        """
        None of the sequences that other servers take for the end of a message
        ends one (CVE-2023-51764 and its kin).
        """
        for trick in (
            b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n",
            b"\r.\n", b"\n.\r", b"\r\r\n.\r\r\n", b"\r\n.\r\r\n", b"\n\n.\r\n",
            b"\r\n\x00.\r\n", b"\r\n.\x00\r\n",
        ):  # fmt: skip
            text = b"x" + trick + b"MAIL FROM:<a@b>\r\nx"
            self.assertFalse(readAll(text)[1], trick)

    def test_emptyBody(self) -> None:
        """
        A body may be empty: the CRLF of DATA is the one before the dot.
        """
        self.assertEqual(readAll(b".\r\nNOOP\r\n"), (b"", True, b"NOOP\r\n"))

    def test_leadingDots(self) -> None:
        """
        A dot in front of a line is taken away, the first line's too.
        """
        self.assertEqual(
            readAll(b"..a\r\n.b\r\n...\r\n.\r\n"), (b".a\r\nb\r\n..\r\n", True, b"")
        )

    @given(TEXTS, st.lists(st.integers(0, 60), max_size=4))
    @settings(max_examples=100)
    def test_anyCut(self, text: bytes, cuts: list[int]) -> None:
        """
        However the input is cut, the body is that of the line by line reading,
        and the end is at the same place.
        """
        text += b"\r\n.\r\nRSET\r\n"
        places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
        pieces = [text[a:b] for a, b in zip(places, places[1:], strict=False)]
        body, ended, rest = readAll(*pieces)
        wanted = reference(text)
        self.assertEqual((body, ended), wanted[:2])
        self.assertTrue(wanted[2].endswith(rest))

    def test_octetByOctet(self) -> None:
        """
        A client that sends one octet at a time is understood.
        """
        text = b"a\r\n..\r\n\r\nb.\r\n.\r\n"
        pieces = [text[i : i + 1] for i in range(len(text))]
        self.assertEqual(readAll(*pieces), (b"a\r\n.\r\n\r\nb.\r\n", True, b""))


class LineEndTests(SynchronousTestCase):
    """
    Tests for L{bare} and L{normalised}.
    """

    @given(TEXTS)
    @settings(max_examples=100)
    def test_bare(self, text: bytes) -> None:
        """
        A CR or LF that stands alone is found wherever it is.
        """
        without = text.replace(b"\r\n", b"")
        self.assertEqual(bare(text), b"\r" in without or b"\n" in without)

    @given(TEXTS)
    @settings(max_examples=100)
    def test_normalisedHasNone(self, text: bytes) -> None:
        """
        After normalising none is left, and good text is as it was.
        """
        self.assertFalse(bare(normalised(text)))
        if not bare(text):
            self.assertEqual(normalised(text), text)


class LineMeterTests(SynchronousTestCase):
    """
    Tests for L{LineMeter}.
    """

    def test_manyLinesInAPiece(self) -> None:
        """
        It is a line that is too long, not a piece, be its end in the next.
        """
        meter = LineMeter(6)
        self.assertFalse(meter.tooLong(b"abcd\r\n" * 3 + b"abc"))
        self.assertFalse(meter.tooLong(b"d\r\nabcd\r\n"))
        self.assertTrue(meter.tooLong(b"abcd\r\nabcde\r\n"))

    @given(
        st.lists(st.integers(0, 40), max_size=12),
        st.integers(3, 30),
        st.lists(st.integers(1, 25), min_size=1, max_size=8),
    )
    @settings(max_examples=100)
    def test_findsLongLines(
        self, lengths: list[int], limit: int, sizes: list[int]
    ) -> None:
        """
        A line above the limit is found, however the text is cut; none below is.
        """
        text = b"".join(b"x" * length + b"\r\n" for length in lengths)
        meter, found, at, turn = LineMeter(limit), False, 0, 0
        while at < len(text):
            size = sizes[turn % len(sizes)]
            piece = text[at : at + size]
            if piece.endswith(b"\r"):
                piece = text[at : at + size + 1]
            found = meter.tooLong(piece) or found
            at += len(piece)
            turn += 1
        self.assertEqual(found, any(length + 2 > limit for length in lengths))


class HeaderTests(SynchronousTestCase):
    """
    Tests for L{HeaderWatch} and L{headerFields}.
    """

    def test_anyCut(self) -> None:
        """
        The header ends at the first empty line, wherever the pieces end.
        """
        text = b"A: 1\r\nB: 2\r\n 3\r\n\r\nbody\r\n\r\n"
        for i in range(len(text) + 1):
            for j in range(i, len(text) + 1):
                watch = HeaderWatch(1000)
                pieces = [p for p in (text[:i], text[i:j], text[j:]) if p]
                found = (watch.feed(piece) for piece in pieces)
                header = next(header for header in found if header is not None)
                self.assertEqual(header, b"A: 1\r\nB: 2\r\n 3\r\n")

    def test_noHeader(self) -> None:
        """
        A body that begins with the empty line has an empty header.
        """
        self.assertEqual(HeaderWatch(10).feed(b"\r\nA: 1\r\n"), b"")

    def test_unfinished(self) -> None:
        """
        Where no empty line comes, the whole body is the header.
        """
        watch = HeaderWatch(100)
        self.assertIsNone(watch.feed(b"A: 1\r\n"))
        self.assertEqual(watch.finish(), b"A: 1\r\n")

    def test_bounded(self) -> None:
        """
        Of a header that never ends only so much is looked at.
        """
        watch = HeaderWatch(10)
        self.assertIsNone(watch.feed(b"A: 1\r\n"))
        self.assertEqual(watch.feed(b"B: 2\r\n"), b"A: 1\r\nB: 2")
        for limit in range(1, 12):
            found = HeaderWatch(limit).feed(b"A: 1\r\n\r\nB: 2")
            whole = limit >= len(b"A: 1\r\n\r\n")
            self.assertEqual(found, b"A: 1\r\n" if whole else b"A: 1\r\n\r"[:limit])

    def test_fields(self) -> None:
        """
        Fields are found by name, unfolded, in any case, and only as a name.
        """
        header = (
            b"Subject: x-no: y\r\nX-No: 1\r\nx-NO :\r\n\t2\r\n 3 \r\n"
            b"X-Not: 4\r\nX-No\r\nX-No:"
        )
        found = list(headerFields(header, [b"x-no", b"subject"]))
        self.assertEqual(
            found,
            [
                (b"x-no", b"1"),
                (b"x-no", b"2 3"),
                (b"x-no", b""),
                (b"subject", b"x-no: y"),
            ],
        )
        self.assertEqual(list(headerFields(b"", [b"x-no"])), [])

    def test_oddEnds(self) -> None:
        """
        A bare CR belongs to the value; the header may end with or without CRLF.
        """
        for end in (b"", b"\r\n", b"\r"):
            found = list(headerFields(b"A: 1\r2\r\n 3" + end, [b"a"]))
            self.assertEqual(found, [(b"a", b"1\r2 3")], end)
