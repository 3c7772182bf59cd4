"""
Tests for L{smtpx.core.reply}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core import reply as module
from smtpx.core.errors import PeerError
from smtpx.core.reply import (
    MAX_LINES,
    OK,
    Reply,
    ReplyReader,
    readReply,
    reply,
    saying,
)

#: Text that stays as it is: no controls but HT.
TEXT = st.binary(max_size=20).map(
    lambda octets: bytes(o for o in octets if o == 9 or (o >= 32 and o != 127))
)

LINES = st.lists(TEXT, min_size=1, max_size=4).map(tuple)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """
    Any reply that a peer could send.  Where it has no enhanced code its text
    begins with a letter, for it could be taken for one.
    """
    code = draw(st.integers(200, 599))
    digit = code // 100
    lines = draw(LINES)
    number = st.integers(0, 999)
    if digit != 3 and draw(st.booleans()):
        return Reply(code, (digit, draw(number), draw(number)), lines)
    return Reply(code, None, tuple(b"x" + line for line in lines))


def read(*lines: bytes) -> Reply | None:
    """The last answer of a reader to these lines."""
    reader = ReplyReader()
    got = None
    for line in lines:
        got = reader.line(line)
    return got


class OneLineTests(SynchronousTestCase):
    """A reply as the operator is shown it."""

    def test_lines(self) -> None:
        """Each line with its code, on one line, and readable whatever it is."""
        self.assertEqual(reply(250, "2.0.0", b"OK").onOneLine, "250 2.0.0 OK")
        several = Reply(550, (5, 1, 1), (b"No", "S\xe3o".encode(), b"\xff"))
        self.assertEqual(
            several.onOneLine,
            "550-5.1.1 No / 550-5.1.1 S\xe3o / 550 5.1.1 \\xff",
        )


class ReplyTests(SynchronousTestCase):
    """Replies as values."""

    def test_oneLine(self) -> None:
        """Code, enhanced code, text."""
        self.assertEqual(
            reply(550, "5.1.1", b"Unknown").octets, b"550 5.1.1 Unknown\r\n"
        )
        self.assertEqual(reply(220, None, b"mx ESMTP").octets, b"220 mx ESMTP\r\n")

    def test_manyLines(self) -> None:
        """
        Every line has the code and the enhanced code (RFC 2034 section 4), all
        but the last with a hyphen.
        """
        self.assertEqual(
            reply(250, "2.0.0", b"one", b"two").octets,
            b"250-2.0.0 one\r\n250 2.0.0 two\r\n",
        )

    def test_withoutText(self) -> None:
        """A reply always has a line (RFC 5321 section 4.2)."""
        self.assertEqual(reply(334, None).octets, b"334 \r\n")
        self.assertEqual(reply(334, None).lines, (b"",))

    def test_controls(self) -> None:
        """Text that came from a peer cannot become a line of its own."""
        made = reply(550, "5.1.1", b"no\r\n250 2.0.0 OK\0\x7f\ttab")
        self.assertEqual(made.lines, (b"no??250 2.0.0 OK??\ttab",))
        self.assertEqual(made.octets.count(b"\r\n"), 1)

    def test_refuses(self) -> None:
        """4yz and 5yz refuse; 5yz for good."""
        for code, refuses, permanent in (
            (250, False, False),
            (354, False, False),
            (451, True, False),
            (550, True, True),
        ):
            made = reply(code, None)
            self.assertEqual((made.refuses, made.permanent), (refuses, permanent))

    def test_value(self) -> None:
        """Replies are equal where they say the same and end the same."""
        self.assertEqual(reply(250, "2.0.0", b"a"), Reply(250, (2, 0, 0), (b"a",)))
        self.assertNotEqual(reply(250, None), reply(250, None, closes=True))

    def test_constants(self) -> None:
        """
        The core's own replies have an enhanced code of their class, and those
        that end the connection say so.
        """
        found = [made for made in vars(module).values() if isinstance(made, Reply)]
        self.assertGreater(len(found), 10)
        for made in found:
            assert made.status is not None
            self.assertEqual(made.status[0], made.code // 100)
            if made.code in (221, 421):
                self.assertTrue(made.closes)


class SayingTests(SynchronousTestCase):
    """
    Replies that are made fast.
    """

    def test_same(self) -> None:
        """It is the reply that is made of the same words."""
        made = saying(reply(250, "2.0.0", b""), b"OK id=1")
        other = reply(250, "2.0.0", b"OK id=1")
        self.assertEqual(made, other)
        self.assertEqual(hash(made), hash(other))
        self.assertEqual(made.octets, other.octets)
        self.assertEqual(repr(made), repr(other))


class ReplyReaderTests(SynchronousTestCase):
    """Octets of a peer to replies."""

    def test_enhancedCode(self) -> None:
        """It is taken off the text where every line has it."""
        self.assertEqual(read(b"250 2.1.5 ok"), reply(250, "2.1.5", b"ok"))
        self.assertEqual(read(b"250 2.1.5"), reply(250, "2.1.5", b""))
        self.assertEqual(
            read(b"550-5.7.1 a", b"550 5.7.1 b"), reply(550, "5.7.1", b"a", b"b")
        )

    def test_whatIsNoEnhancedCode(self) -> None:
        """Anything else is plain text."""
        for text in (
            b"4.1.1 x",  # of another class
            b"2.1.5x",
            b"2.1 x",
            b"2.1.5.1 x",
            b"2.1000.1 x",
            b" 2.1.5 x",
            b"3.0.0 x",
        ):
            self.assertEqual(read(b"250 " + text), Reply(250, None, (text,)))
        self.assertEqual(
            read(b"250-2.1.5 a", b"250 b"), Reply(250, None, (b"2.1.5 a", b"b"))
        )
        self.assertEqual(
            read(b"250-a", b"250 2.1.5 b"), Reply(250, None, (b"a", b"2.1.5 b"))
        )
        self.assertEqual(
            read(b"250-2.1.5 a", b"250 2.1.6 b"),
            Reply(250, None, (b"2.1.5 a", b"2.1.6 b")),
        )

    def test_codeAlone(self) -> None:
        """Without text, and without the space (RFC 5321 section 4.2)."""
        for line in (b"250", b"250 "):
            self.assertEqual(read(line), Reply(250, None, (b"",)))
        self.assertEqual(read(b"250-", b"250"), Reply(250, None, (b"", b"")))

    def test_controls(self) -> None:
        """A bare LF or CR in a line is not the end of it."""
        self.assertEqual(read(b"250 a\n250 b\r"), Reply(250, None, (b"a?250 b?",)))

    def test_noReply(self) -> None:
        """What is not in the grammar is the peer's fault."""
        for line in (
            b"",
            b"25",
            b"150 x",
            b"650 x",
            b"25x y",
            b"250x",
            b"2500 x",
            b" 250 x",
            b"250=x",
            b"hello",
            b"\xb2\xb5\xb0 x",
        ):
            self.assertRaises(PeerError, ReplyReader().line, line)

    def test_codesThatDiffer(self) -> None:
        """All lines of a reply have one code (RFC 5321 section 4.2.1)."""
        reader = ReplyReader()
        self.assertIsNone(reader.line(b"250-a"))
        self.assertRaises(PeerError, reader.line, b"251 b")

    def test_tooManyLines(self) -> None:
        """A reply has so many lines and no more."""
        reader = ReplyReader()
        for _ in range(MAX_LINES):
            self.assertIsNone(reader.line(b"250-x"))
        self.assertRaises(PeerError, reader.line, b"250 x")

    def test_longestReply(self) -> None:
        """The last line may be the last that is allowed."""
        reader = ReplyReader()
        for _ in range(MAX_LINES - 1):
            reader.line(b"250-x")
        got = reader.line(b"250 y")
        assert got is not None
        self.assertEqual(len(got.lines), MAX_LINES)

    def test_midway(self) -> None:
        """It is known whether a reply has begun, at every line of one."""
        reader = ReplyReader()
        self.assertFalse(reader.midway)
        for line in (b"250-a", b"250-b", b"250-c"):
            reader.line(line)
            self.assertTrue(reader.midway)
        self.assertEqual(
            reader.line(b"250 d"), Reply(250, None, (b"a", b"b", b"c", b"d"))
        )
        self.assertFalse(reader.midway)
        self.assertEqual(reader.line(b"251 e"), Reply(251, None, (b"e",)))

    @settings(max_examples=100, deadline=None)
    @given(st.lists(replies(), max_size=4))
    def test_inverseOfRendering(self, sent: list[Reply]) -> None:
        """Replies in a row come out as they went in."""
        reader = ReplyReader()
        wire = b"".join(made.octets for made in sent)
        got = [reader.line(line) for line in wire.split(b"\r\n")[:-1]]
        self.assertEqual([made for made in got if made is not None], sent)
        self.assertFalse(reader.midway)

    @settings(max_examples=100, deadline=None)
    @given(
        st.integers(200, 599),
        st.one_of(
            st.binary(max_size=12),
            st.from_regex(rb"\A[2-6]\.[0-9]{1,4}\.[0-9]{1,4}(?: |x|\Z).{0,3}\Z"),
        ),
    )
    def test_oneLineIsAsGoodAsTwo(self, code: int, text: bytes) -> None:
        """A reply of one line is read in another way, to the same."""
        text = text.replace(b"\r", b"").replace(b"\n", b"")
        one = read(b"%d %b" % (code, text))
        two = read(b"%d-%b" % (code, text), b"%d %b" % (code, text))
        assert one is not None and two is not None
        self.assertEqual(Reply(one.code, one.status, one.lines * 2), two)

    @given(st.lists(st.binary(max_size=12), max_size=4))
    def test_anyInput(self, lines: list[bytes]) -> None:
        """Whatever comes is a reply, the beginning of one, or a L{PeerError}."""
        reader = ReplyReader()
        for line in lines:
            try:
                got = reader.line(line)
            except PeerError:
                return
            self.assertEqual(got is None, reader.midway)


class ReadReplyTests(SynchronousTestCase):
    """What was written down of a reply."""

    def test_readBack(self) -> None:
        """Each comes back as it was."""
        for said in (OK, reply(550, None, b"No"), reply(550, "5.1.1", b"No", b"user")):
            self.assertEqual(readReply(said.octets), said)

    def test_noReply(self) -> None:
        """What is none is nothing."""
        for octets in (b"", b"what?\r\n", b"550-unfinished\r\n", b"550 no line end"):
            self.assertIsNone(readReply(octets))
