"""Tests for L{smtpx.spool.eximwriter}."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.spool.eximreader import parseHeaderFile
from smtpx.spool.eximspool import EximField, EximMessage, EximRecipient, Setting
from smtpx.spool.eximwriter import (
    HEADER_OCTETS,
    LineCounter,
    NotExpressible,
    eximField,
    renderHeaderFile,
    splitMessage,
)

from .eximsamples import FULL, FULL_MESSAGE, ID, LEAST, OLD_ID

WORDS = st.text("abc.-_", min_size=1, max_size=8).map(lambda text: b"w" + text.encode())
MAILBOXES = st.builds(lambda a, b: b"%b@%b" % (a, b), WORDS, WORDS)
SETTINGS = st.one_of(
    st.builds(Setting, WORDS, st.none(), st.none(), st.booleans()),
    st.builds(Setting, WORDS, st.text("xé -#", max_size=9).map(str.encode)),
    st.builds(
        Setting,
        st.sampled_from([b"aclm", b"aclc"]),
        WORDS,
        st.binary(max_size=20),
        st.booleans(),
    ),
)
RECIPIENTS = st.one_of(
    st.builds(EximRecipient, MAILBOXES),
    st.builds(
        EximRecipient,
        MAILBOXES,
        st.one_of(st.just(b""), WORDS),
        st.integers(1, 31),
        st.one_of(st.just(b""), MAILBOXES),
        st.integers(-1, 9),
    ),
)
FIELDS = st.builds(
    lambda name, value: EximField(b" ", b"%b: %b\n" % (name, value)),
    WORDS,
    st.text("xé \n", max_size=1200).map(str.encode),
)
MESSAGES = st.builds(
    EximMessage,
    id=st.sampled_from([ID, OLD_ID]),
    login=st.sampled_from([b"mail", b"a login"]),
    uid=st.integers(-1, 70_000),
    gid=st.integers(-1, 70_000),
    sender=st.one_of(st.just(b""), MAILBOXES),
    received=st.integers(0, 1 << 33),
    warnings=st.integers(0, 9),
    settings=st.lists(SETTINGS, max_size=5).map(tuple),
    done=st.frozensets(MAILBOXES, max_size=12),
    recipients=st.lists(RECIPIENTS, max_size=5).map(tuple),
    fields=st.lists(FIELDS, max_size=4).map(tuple),
)


class HeaderFileTests(SynchronousTestCase):
    """Header files that are written."""

    def test_asEximDoes(self) -> None:
        """What Exim wrote is written in the same octets, but for how a tree grows."""
        wanted = FULL.replace(
            b"YY bob@server.example\nNN alias@server.example\n"
            b"NY eve@server.example\nNN zoe@server.example\n",
            b"YY eve@server.example\nYN bob@server.example\n"
            b"NN alias@server.example\nNN zoe@server.example\n",
        )
        self.assertEqual(renderHeaderFile(FULL_MESSAGE), wanted)
        self.assertEqual(renderHeaderFile(parseHeaderFile(LEAST)), LEAST)

    @settings(max_examples=100, deadline=None)
    @given(MESSAGES)
    def test_readsBack(self, message: EximMessage) -> None:
        """What is written is read as the same."""
        self.assertEqual(parseHeaderFile(renderHeaderFile(message)), message)

    def test_lineEndInAnAddress(self) -> None:
        """What would begin a line of its own is not written."""
        for bad in (
            evolve(FULL_MESSAGE, sender=b"a@b.example>\n-N"),
            evolve(FULL_MESSAGE, login=b"a\n"),
            evolve(FULL_MESSAGE, done=frozenset([b"a\nb"])),
            evolve(FULL_MESSAGE, settings=(Setting(b"x", b"a\nb"),)),
            evolve(FULL_MESSAGE, recipients=(EximRecipient(b"a\nb@c"),)),
            evolve(FULL_MESSAGE, recipients=(EximRecipient(b"a@c", b"x\0y", 1),)),
        ):
            self.assertRaises(NotExpressible, renderHeaderFile, bad)

    def test_orcptAlone(self) -> None:
        """The original recipient is kept where no report was asked for."""
        message = evolve(FULL_MESSAGE, recipients=(EximRecipient(b"a@c", b"x;y"),))
        self.assertIn(b"\na@c x;y 3,0  0,-1#3\n", renderHeaderFile(message))


class SplitTests(SynchronousTestCase):
    """A message, taken apart."""

    def split(self, *pieces: bytes) -> tuple[list[bytes], bytes]:
        """The fields and the body of a message."""
        fields, rest = splitMessage(pieces)
        body = list(rest)
        self.assertNotIn(b"", body)
        return fields, b"".join(body)

    def test_cutAnywhere(self) -> None:
        """It does not matter in what pieces it comes."""
        message = b"A: 1\r\n 2\r\nb : \xe9\r\n\r\nbody\r\n\r\nC: 3\r\n"
        wanted = [b"A: 1\r\n 2\r\n", b"b : \xe9\r\n"], b"body\r\n\r\nC: 3\r\n"
        self.assertEqual(self.split(message), wanted)
        for end in range(1, len(message)):
            self.assertEqual(self.split(message[:end], message[end:]), wanted)
        octets = [message[at : at + 1] for at in range(len(message))]
        self.assertEqual(self.split(*octets), wanted)

    def test_noEmptyLine(self) -> None:
        """A line that is no field begins the body, and belongs to it."""
        self.assertEqual(
            self.split(b"A: 1\r\nno field\r\nB: 2\r\n"),
            ([b"A: 1\r\n"], b"no field\r\nB: 2\r\n"),
        )

    def test_noHeader(self) -> None:
        """There may be no header at all, or nothing at all."""
        self.assertEqual(self.split(b"\r\nbody"), ([], b"body"))
        self.assertEqual(self.split(b" folded\r\n"), ([], b" folded\r\n"))
        self.assertEqual(self.split(), ([], b""))

    def test_noBody(self) -> None:
        """A message may end in its header; the end of the last line is added."""
        self.assertEqual(self.split(b"A: 1\r\n"), ([b"A: 1\r\n"], b""))
        self.assertEqual(self.split(b"A: 1\r\n b"), ([b"A: 1\r\n b\r\n"], b""))
        self.assertEqual(self.split(b"A: 1\r\nword"), ([b"A: 1\r\n"], b"word"))

    def test_tooLong(self) -> None:
        """A header that Exim would not take is not handed to it."""
        line = b"A: " + b"x" * 997 + b"\r\n"
        fits = HEADER_OCTETS // len(line)
        self.assertEqual(len(self.split(*[line] * fits)[0]), fits)
        for pieces in ([line] * (fits + 1), [b"A" * 65536] * 17):
            error = self.assertRaises(NotExpressible, self.split, *pieces)
            self.assertTrue(error.tooMuch)

    def test_manyLinesOfAField(self) -> None:
        """A field of a quarter of a million lines takes no longer than it has to."""
        field = b"A: \r\n" + b" \r\n" * 250_000
        pieces = [field[at : at + 65536] for at in range(0, len(field), 65536)]
        self.assertEqual(self.split(*pieces), ([field], b""))


class FieldTests(SynchronousTestCase):
    """Fields of a header, as Exim has them."""

    def test_kinds(self) -> None:
        """The fields that Exim looks for are marked, those sent again too."""
        for field, kind in (
            (b"Received: x\r\n", b"P"),
            (b"FROM : x\r\n", b"F"),
            (b"To: x\r\n", b"T"),
            (b"Cc: x\r\n", b"C"),
            (b"Bcc: x\r\n", b"B"),
            (b"Message-Id: x\r\n", b"I"),
            (b"Reply-To: x\r\n", b"R"),
            (b"Sender: x\r\n", b"S"),
            (b"Resent-From: x\r\n", b"F"),
            (b"Resent-Reply-To: x\r\n", b" "),
            (b"Subject: x\r\n", b" "),
        ):
            self.assertEqual(eximField(field).kind, kind, field)

    def test_lineEnds(self) -> None:
        """CRLF becomes LF."""
        self.assertEqual(eximField(b"A: 1\r\n\t2\r\n").text, b"A: 1\n\t2\n")

    def test_whatCannotBe(self) -> None:
        """An LF alone would be read as a line end, and NUL as damage."""
        for field in (b"A: 1\n2\r\n", b"A: \0\r\n"):
            self.assertRaises(NotExpressible, eximField, field)


def plain(text: bytes) -> tuple[int, int, int, int]:
    """What Exim notes of a text, counted as simply as can be."""
    lines = text.split(b"\n")
    return len(text), len(lines) - 1, max(map(len, lines)), text.count(0)


class LineCounterTests(SynchronousTestCase):
    """What is counted of a body."""

    @settings(max_examples=100)
    @given(st.lists(st.text("a\n\0", min_size=1).map(str.encode), max_size=6))
    def test_anyPieces(self, pieces: Sequence[bytes]) -> None:
        """The numbers are those of the whole, and the pieces pass."""
        counter = LineCounter()
        self.assertEqual(list(counter.count(pieces)), pieces)
        self.assertEqual(
            (counter.octets, counter.lines, counter.longest, counter.nulls),
            plain(b"".join(pieces)),
        )
