"""
Tests for L{smtpx.observe.logsearch}.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe import logsearch
from smtpx.observe.logsearch import LogFile, linesOf, logFiles


def timeOf(line: bytes) -> float | None:
    """Lines here begin with a number; that is their time."""
    word = line.partition(b" ")[0]
    return float(word) if word.isdigit() else None


class LogFilesTests(SynchronousTestCase):
    """The files of a log."""

    def setUp(self) -> None:
        """A folder with some."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def put(self, name: str, changed: float, octets: bytes = b"x\n") -> Path:
        """A file."""
        path = self.folder / name
        path.write_bytes(octets)
        os.utime(path, (changed, changed))
        return path

    def test_movedAway(self) -> None:
        """Those that were moved away are found as well, the oldest first."""
        names = [
            "main.log-20261120.xz",
            "main.log.3.bz2",
            "main.log.2.gz",
            "main.log.1",
            "main.log",
        ]
        for age, name in enumerate(names):
            self.put(name, 1000.0 + age)
        for name in ("main.log.old", "other.log", "main.log~", "main.log.gz.x"):
            self.put(name, 1000.0)
        (self.folder / "main.log.4").mkdir()
        found = logFiles(self.folder / "main.log")
        self.assertEqual([each.path.name for each in found], names)
        packed = [each.packed for each in found]
        self.assertEqual(packed, [".xz", ".bz2", ".gz", None, None])

    def test_none(self) -> None:
        """There need be none."""
        self.assertEqual(logFiles(self.folder / "gone" / "main.log"), [])

    def test_packed(self) -> None:
        """However they are packed, they are read."""
        whole = b"1 one\n2 two wanted\n3 three\n4 wanted"
        for name, pack in (
            ("a.gz", gzip.compress),
            ("a.bz2", bz2.compress),
            ("a.xz", lzma.compress),
        ):
            path = self.put(name, 1000.0, pack(whole))
            file = LogFile(path, 1000.0, path.suffix)
            found = list(linesOf(file, b"wanted", 0.0, timeOf))
            self.assertEqual(found, [b"2 two wanted", b"4 wanted"])
            path.write_bytes(pack(whole)[:-5])
            with self.assertRaises(OSError) as caught:
                list(linesOf(file, b"wanted", 0.0, timeOf))
            self.assertIn("it cannot be unpacked", str(caught.exception))

    def test_progress(self) -> None:
        """Who waits hears how far it is."""
        self.patch(logsearch, "_STEP_OCTETS", 10)
        whole = b"".join(b"%d x\n" % n for n in range(10))
        told: list[tuple[int, int]] = []

        def tell(path: Path, octets: int, all: int) -> None:
            told.append((octets, all))

        plain = LogFile(self.put("a", 1000.0, whole), 1000.0)
        self.assertEqual(list(linesOf(plain, b"9 x", 0.0, timeOf, tell)), [b"9 x"])
        self.assertTrue(told)
        self.assertLessEqual(max(octets for octets, _ in told), len(whole))
        told.clear()
        packed = self.put("b.gz", 1000.0, gzip.compress(whole))
        list(linesOf(LogFile(packed, 1000.0, ".gz"), b"z", 0.0, timeOf, tell))
        self.assertTrue(told)


class SearchTests(SynchronousTestCase):
    """Finding lines."""

    def file(self, octets: bytes, changed: float = 1e6) -> LogFile:
        """A log."""
        path = Path(self.mktemp())
        path.write_bytes(octets)
        return LogFile(path, changed)

    def found(self, octets: bytes, since: float = 0.0) -> list[bytes]:
        """The lines with C{id} in them."""
        return list(linesOf(self.file(octets), b"id", since, timeOf))

    def test_lines(self) -> None:
        """Each once, whole, wherever the words stand in it."""
        self.assertEqual(
            self.found(b"id a\n2 b\n3 id id\n4 id"), [b"id a", b"3 id id", b"4 id"]
        )
        self.assertEqual(self.found(b""), [])
        self.assertEqual(self.found(b"1 x\n"), [])

    def test_acrossSteps(self) -> None:
        """Where one step of the search ends does not matter."""
        whole = b"".join(b"%d id\n" % n for n in range(50))
        wanted = whole.splitlines()
        for step in (1, 2, 3, 7, 50):
            self.patch(logsearch, "_STEP_OCTETS", step)
            self.assertEqual(self.found(whole), wanted)

    def test_since(self) -> None:
        """What is from before is not looked through."""
        whole = b"".join(b"%d id\n" % (n * 1000) for n in range(100))
        found = self.found(whole, since=50_000)
        self.assertEqual(found[0], b"50000 id")
        self.assertEqual(len(found), 50)

    def test_linesWithoutATime(self) -> None:
        """They are where they stand."""
        whole = b"".join(b"%d id\nmore id\n" % (n * 1000) for n in range(20))
        found = self.found(whole, since=10_000)
        self.assertIn(b"10000 id", found)
        self.assertEqual(found[-1], b"more id")
        self.assertEqual(len(self.found(b"id\n" * 20, since=10_000)), 20)

    def test_ended(self) -> None:
        """A file that ended before is not opened."""
        file = LogFile(Path("there is none"), 1000.0)
        self.assertEqual(list(linesOf(file, b"id", 2000.0, timeOf)), [])

    def test_longLines(self) -> None:
        """Of a line that is far too long, a part is given."""
        self.patch(logsearch, "LINE_OCTETS", 10)
        found = self.found(b"x" * 100 + b"id" + b"y" * 100 + b"\nid\n")
        self.assertLessEqual(len(found[0]), 25)
        self.assertEqual(found[-1], b"id")
