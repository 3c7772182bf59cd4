"""
Tests for L{smtpx.spool.dropfile}.
"""

from __future__ import annotations

import os
import tempfile

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.spool.dropfile import (
    COMMAND_OCTETS,
    RECIPIENTS_MAX,
    BadDrop,
    Drop,
    DropWriter,
    messageOf,
    readDrop,
)

SENDER, RECIPIENT = b"FROM:<ann@a.example>", b"TO:<bob@b.example> NOTIFY=NEVER"
MESSAGE = b"Subject: x\r\n\r\nhello\r\n"
MOST = 1 << 30

_words = st.from_regex(rb"\A[!-~][ -~]{0,20}\Z").map(bytes)


def readAll(octets: bytes) -> tuple[Drop, bytes]:
    """
    Read a file of these octets.

    @raise BadDrop: it is none.
    """
    with tempfile.TemporaryFile() as file:
        file.write(octets)
        file.flush()
        drop = readDrop(file.fileno(), MOST)
        return drop, b"".join(messageOf(file.fileno(), drop))


def written(
    *pieces: bytes, sender: bytes = SENDER, recipients: tuple[bytes, ...] = (RECIPIENT,)
) -> bytes:
    """The octets of a file."""
    with tempfile.TemporaryFile() as file:
        writer = DropWriter(file.fileno())
        for each in pieces:
            writer.write(each)
        writer.finish(sender, recipients)
        file.seek(0)
        return file.read()


class DropFileTests(SynchronousTestCase):
    """What was written is read, and nothing else."""

    def test_asItStandsThere(self) -> None:
        """An operator can read it."""
        self.assertEqual(
            written(MESSAGE),
            b"smtpx-drop 1 00000000000000000021 1f816e2b\n"
            + MESSAGE
            + b"MAIL FROM:<ann@a.example>\n"
            + b"RCPT TO:<bob@b.example> NOTIFY=NEVER\nEND\n",
        )

    @settings(max_examples=50, deadline=None)
    @given(
        st.lists(st.binary(max_size=200), max_size=4),
        _words,
        st.lists(_words, min_size=1, max_size=4),
    )
    def test_roundTrip(
        self, pieces: list[bytes], sender: bytes, recipients: list[bytes]
    ) -> None:
        """Message, sender and recipients come back, whatever octets they have."""
        octets = written(*pieces, sender=sender, recipients=tuple(recipients))
        drop, message = readAll(octets)
        self.assertEqual(message, b"".join(pieces))
        self.assertEqual((drop.sender, drop.recipients), (sender, tuple(recipients)))

    def test_aLongMessage(self) -> None:
        """It is read in pieces."""
        message = b"0123456789abcde\r\n" * 20_000
        _, found = readAll(written(message))
        self.assertEqual(found, message)

    def test_cutAnywhere(self) -> None:
        """A file that is not whole is none, wherever it ends."""
        octets = written(MESSAGE)
        for end in range(len(octets)):
            self.assertRaises(BadDrop, readAll, octets[:end])

    def test_notFinished(self) -> None:
        """One that is being written is none."""
        with tempfile.TemporaryFile() as file:
            DropWriter(file.fileno()).write(MESSAGE)
            self.assertRaises(BadDrop, readDrop, file.fileno(), MOST)

    def test_damaged(self) -> None:
        """Where the disk has lost a part of the message, that is seen."""
        octets = written(MESSAGE)
        error = self.assertRaises(BadDrop, readAll, octets.replace(b"hello", b"\0" * 5))
        self.assertEqual(str(error), "its message is damaged")

    def test_becomesShorter(self) -> None:
        """Whoever owns it may do that while it is read."""
        with tempfile.TemporaryFile() as file:
            file.write(written(MESSAGE))
            file.flush()
            drop = readDrop(file.fileno(), MOST)
            os.truncate(file.fileno(), 50)
            self.assertRaises(BadDrop, list, messageOf(file.fileno(), drop))

    def test_rubbish(self) -> None:
        """Each says what is wrong."""
        good = written(b"")
        first = good.split(b"\n")[0] + b"\n"
        long, many = b"x" * COMMAND_OCTETS, b"RCPT TO:<a>\n" * (RECIPIENTS_MAX + 1)
        for octets, why in (
            (b"", "begin as such a file"),
            (b"hello" * 100, "begin as such a file"),
            (good.replace(b"drop 1 ", b"drop 2 "), "of version 2"),
            (good.replace(b"END", b"end"), "not whole"),
            (good + b"\n", "not whole"),
            (first + b"RCPT TO:<a>\nEND\n", "line 1 behind"),
            (first + b"MAIL FROM:<>\nEND\n", "no recipients"),
            (first + b"MAIL FROM:<>\nMAIL FROM:<>\nEND\n", "line 2 behind"),
            (first + b"MAIL FROM:<>\nRCPT TO:<a>\rX\nEND\n", "line 2 behind"),
            (first + b"MAIL FROM:<>\nDATA\nEND\n", "line 2 behind"),
            (first + b"MAIL FROM:<>\nRCPT " + long + b"\nEND\n", "too long"),
            (first + b"MAIL FROM:<>\n" + many + b"END\n", "more than"),
        ):
            error = self.assertRaises(BadDrop, readAll, octets)
            self.assertIn(why, str(error))

    def test_tooLong(self) -> None:
        """Nothing is read of a file that is longer than any message may be."""
        with tempfile.TemporaryFile() as file:
            file.write(written(MESSAGE))
            file.flush()
            error = self.assertRaises(BadDrop, readDrop, file.fileno(), 20)
        self.assertEqual(str(error), "it is longer than 20 octets")

    def test_whatNobodyWouldRead(self) -> None:
        """It is not written."""
        self.assertRaises(BadDrop, written, MESSAGE, sender=b"FROM:<a>\nDATA")
        self.assertRaises(BadDrop, written, MESSAGE, recipients=())
