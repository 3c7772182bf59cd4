"""
Tests for L{tests.faults.syncorder}, on traces written by hand.
"""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from .syncorder import Findings, check, parse

ONE = re.compile(rb"250 .*id=(?P<id>\w+)")
ANY = re.compile(rb"250 ")

ROW = rb'7 pwrite64(5</s/spool.db-wal>, "\0\1id AAA\n", 4096, 32) = 4096'
SYNC = rb"7 fdatasync(5</s/spool.db-wal>) = 0"
TOLD = rb'6 sendto(9<TCP:[1->2]>, "250 2.0.0 OK id=AAA\r\n", 21, 0, NULL, 0) = 21'
MADE = (
    rb'6 openat(AT_FDCWD</x>, "/s/bodies/AAA", O_WRONLY|O_CREAT, 0600)'
    rb" = 8</s/bodies/AAA>"
)
BODY = rb'6 write(8</s/bodies/AAA>, "octets", 6) = 6'
FILE = rb"8 fsync(8</s/bodies/AAA>) = 0"
FOLDER = rb"7 fsync(10</s/bodies>) = 0"


def problems(*lines: bytes, pattern: re.Pattern[bytes] = ONE) -> tuple[str, ...]:
    """What is wrong with a trace."""
    return check(parse(lines), pattern, "/s").problems


class ParseTests(SynchronousTestCase):
    """Lines of strace."""

    def test_call(self) -> None:
        """A call on one line, with and without a thread."""
        for line in (ROW, ROW[2:], b"[pid  7] " + ROW[2:]):
            (call,) = parse([line + b"\n"])
            self.assertEqual(call.name, "pwrite64")
            self.assertEqual(call.path, "/s/spool.db-wal")
            self.assertEqual(call.octets, b"\x00\x01id AAA\n")
            self.assertEqual((call.began, call.ended, call.result), (0, 0, 4096))

    def test_resumed(self) -> None:
        """A call that others came between."""
        first, other = parse(
            [
                b"7 fdatasync(5</s/spool.db-wal> <unfinished ...>",
                b"6 fsync(5</s/x> <unfinished ...>",
                b"7 <... fdatasync resumed>) = 0",
                b"6 <... fsync resumed>) = -1 EIO (Input/output error)",
                b"6 <... poll resumed>) = 0",
                b"6 +++ killed by SIGKILL +++",
            ]
        )
        self.assertEqual((first.began, first.ended, first.result), (0, 2, 0))
        self.assertEqual((other.began, other.ended, other.result), (1, 3, -1))

    def test_neverEnded(self) -> None:
        """A call in which the process died."""
        (call,) = parse([b"7 fdatasync(5</s/spool.db-wal> <unfinished ...>"])
        self.assertEqual((call.ended, call.good()), (None, False))
        (call,) = parse([b"7 fdatasync(5</s/spool.db-wal>) = ?"])
        self.assertEqual((call.ended, call.good()), (None, False))

    def test_opened(self) -> None:
        """A file that is made is named by its path."""
        (call,) = parse([MADE])
        self.assertEqual((call.path, call.makes), ("/s/bodies/AAA", True))
        (call,) = parse([rb'6 openat(3</s>, "bodies/B", O_RDONLY) = -1 ENOENT (No)'])
        self.assertEqual((call.path, call.makes), ("/s/bodies/B", False))

    def test_vectors(self) -> None:
        """All pieces of a write count."""
        (call,) = parse(
            [rb'6 writev(9<x>, [{iov_base="25"}, {iov_base="0 \""}], 2) = 5']
        )
        self.assertEqual(call.octets, b'250 "')


class CheckTests(SynchronousTestCase):
    """What comes before an acknowledgement."""

    def test_good(self) -> None:
        """Row, sync, answer."""
        self.assertEqual(problems(ROW, SYNC, TOLD), ())
        self.assertEqual(problems(ROW, SYNC, TOLD, pattern=ANY), ())

    def test_counts(self) -> None:
        """Acknowledgements and files are counted."""
        both = TOLD.replace(rb"\r\n", rb"\r\n250 id=AAA\r\n")
        found = check(parse([MADE, ROW, SYNC, both]), ONE, "/s")
        self.assertEqual((found.acknowledged, found.filed), (2, 2))
        self.assertEqual(check(parse([ROW, SYNC]), ONE, "/s"), Findings())
        found = check(parse([MADE, ROW, SYNC, TOLD]), ANY, "/s")
        self.assertEqual((found.acknowledged, found.filed), (1, 1))

    def test_noSync(self) -> None:
        """No sync, one too late, one too early, one that failed, one unfinished."""
        wanted = "AAA: the log was not synced between row and answer"
        failed = SYNC.replace(b"= 0", b"= -1 EIO (Input/output error)")
        begun = b"7 fdatasync(5</s/spool.db-wal> <unfinished ...>"
        ended = b"7 <... fdatasync resumed>) = 0"
        for lines in (
            [ROW, TOLD],
            [ROW, TOLD, SYNC],
            [SYNC, ROW, TOLD],
            [ROW, failed, TOLD],
            [ROW, failed, SYNC, TOLD],
            [ROW, begun, TOLD, ended],
            [begun, ROW, ended, TOLD],
            [ROW, SYNC.replace(b"-wal", b""), TOLD],
        ):
            self.assertEqual(problems(*lines), (wanted,))
            self.assertEqual(
                len(problems(*lines, pattern=ANY)), lines != [ROW, failed, SYNC, TOLD]
            )

    def test_noRow(self) -> None:
        """An answer for a message that was never written."""
        wanted = ("AAA: acknowledged, but not written to the log",)
        self.assertEqual(problems(SYNC, TOLD), wanted)
        self.assertEqual(problems(TOLD, ROW, SYNC), wanted)
        self.assertEqual(
            problems(SYNC, TOLD, pattern=ANY),
            ("acknowledged, but nothing was written to the log",),
        )

    def test_nextOnItsWay(self) -> None:
        """With ids, the next message may be half written; without, it may not."""
        following = ROW.replace(b"AAA", b"BBB")
        self.assertEqual(problems(ROW, SYNC, following, TOLD), ())
        self.assertEqual(
            problems(ROW, SYNC, following, TOLD, pattern=ANY),
            ("the log was not synced after its last write",),
        )

    def test_file(self) -> None:
        """A file's content and name are durable before its row."""
        log = [ROW, SYNC, TOLD]
        good = [MADE, BODY, FILE, FOLDER]
        content = "AAA: the file was not synced after its last write"
        name = "AAA: the folder was not synced after the file was made"
        for lines, wanted in [
            ([*good, *log], []),
            ([MADE, FOLDER, BODY, FILE, *log], []),
            ([MADE, BODY, FOLDER, *log], [content]),
            ([MADE, BODY, FILE, BODY, FOLDER, *log], [content]),
            ([MADE, BODY, FOLDER, ROW, FILE, SYNC, TOLD], [content]),
            ([MADE, BODY, FILE, *log], [name]),
            ([FOLDER, MADE, BODY, FILE, *log], [name]),
            ([MADE, BODY, FILE, ROW, FOLDER, SYNC, TOLD], [name]),
            ([BODY, FILE, FOLDER, *log], []),
            ([FOLDER, BODY, FILE, *log], [name]),
        ]:
            self.assertEqual(list(problems(*lines)), wanted)
        self.assertEqual(problems(*good, *log, pattern=ANY), ())
        self.assertEqual(problems(MADE, BODY, *log, pattern=ANY), (content, name))
        self.assertEqual(problems(*log, *good, pattern=ANY), ())
