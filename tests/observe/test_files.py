"""
A file of lines.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.files import LineFile

from .stories import Heard


class LineFileTests(SynchronousTestCase):
    """What is written arrives, soon and whole."""

    def setUp(self) -> None:
        """A file in a folder of its own."""
        self.clock = Clock()
        self.path = Path(self.mktemp())
        self.path.mkdir()
        self.path /= "log"
        self.file = LineFile(str(self.path), self.clock, 1.0, 64)
        heard = Heard()
        self.told = heard.events
        globalLogPublisher.addObserver(heard)
        self.addCleanup(globalLogPublisher.removeObserver, heard)

    def breakDisk(self, *answers: int | OSError) -> list[bytes]:
        """
        Let C{os.write} answer so, then really write.

        @param answers: how many octets are taken, or what goes wrong.
        @return: what it was asked to write.
        """
        wanted: list[bytes] = []
        left = list(answers)
        write = os.write

        def broken(descriptor: int, octets: bytes) -> int:
            wanted.append(bytes(octets))
            if not left:
                return write(descriptor, octets)
            answer = left.pop(0)
            if isinstance(answer, OSError):
                raise answer
            return write(descriptor, octets[:answer])

        self.patch(os, "write", broken)
        return wanted

    def test_linesArriveWithinASecond(self) -> None:
        """A line is kept back for a second at most, counted from the first."""
        self.file.write(b"one\n")
        self.clock.advance(0.5)
        self.file.write(b"two\n")
        self.assertEqual(self.path.read_bytes(), b"")
        self.clock.advance(0.5)
        self.assertEqual(self.path.read_bytes(), b"one\ntwo\n")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_whoFollowsTheFileSeesALineAtOnce(self) -> None:
        """Unless somebody wants it otherwise, a line is there within 0.1 seconds."""
        file = LineFile(str(self.path), self.clock)
        file.write(b"one\n")
        file.write(b"two\n")
        self.assertEqual(self.path.read_bytes(), b"")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(0.09)
        self.assertEqual(self.path.read_bytes(), b"one\ntwo\n")
        file.close()

    def test_whoHasNothingToWriteDoesNotWake(self) -> None:
        """A quiet server has no timer, neither before its first line nor after it."""
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.file.write(b"one\n")
        self.file.flush()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(60)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_manyLinesAreWrittenAtOnce(self) -> None:
        """What is kept back is bounded."""
        for _ in range(16):
            self.file.write(b"abc\n")
        self.assertEqual(self.path.read_bytes(), b"abc\n" * 16)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_aMovedFileIsLeftAlone(self) -> None:
        """After a rotation, old lines are in the old file, new in the new."""
        self.file.write(b"old\n")
        moved = self.path.rename(self.path.with_suffix(".1"))
        self.file.reopen()
        self.file.write(b"new\n")
        self.file.close()
        self.assertEqual(moved.read_bytes(), b"old\n")
        self.assertEqual(self.path.read_bytes(), b"new\n")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_aFileThatCannotBeOpenedAgainIsKept(self) -> None:
        """Where the new file cannot be made, the old one takes the lines."""
        moved = self.path.rename(self.path.with_suffix(".1"))
        self.path.mkdir()
        self.file.reopen()
        self.file.write(b"still here\n")
        self.file.close()
        self.assertEqual(moved.read_bytes(), b"still here\n")
        self.assertIn("cannot be opened again", self.told[0]["log_format"])

    def test_aFileThatCannotBeOpenedIsAnError(self) -> None:
        """A server whose log cannot be written does not start."""
        self.assertRaises(OSError, LineFile, str(self.path / "x"), self.clock)

    def test_aLogIsNotForEverybody(self) -> None:
        """Others may not read who wrote to whom."""
        self.assertEqual(self.path.stat().st_mode & 0o007, 0)

    def test_aWriteInPartsIsFinished(self) -> None:
        """Where the system takes half a line, the rest follows."""
        wanted = self.breakDisk(2)
        self.file.write(b"abcd\n")
        self.file.flush()
        self.assertEqual(wanted, [b"abcd\n", b"cd\n"])
        self.assertEqual(self.path.read_bytes(), b"abcd\n")

    def test_aFullDiskLosesLinesAndIsToldOnce(self) -> None:
        """Lines are dropped and counted; the server goes on."""
        full = OSError(errno.ENOSPC, "No space left on device")
        self.breakDisk(full, full)
        for _ in range(2):
            self.file.write(b"lost\n")
            self.file.flush()
        self.assertEqual(self.file.lost, 2)
        self.file.write(b"kept\n")
        self.file.flush()
        self.assertEqual(self.path.read_bytes(), b"kept\n")
        self.assertEqual(self.file.lost, 0)
        levels = [event["log_level"].name for event in self.told]
        self.assertEqual(levels, ["error", "warn"])
        self.assertEqual(self.told[1]["lost"], 2)

    def test_aTornLineIsEndedFirst(self) -> None:
        """A line that a full disk cut short does not swallow the next."""
        self.breakDisk(2, OSError(errno.ENOSPC, "No space left on device"))
        self.file.write(b"torn\n")
        self.file.flush()
        self.file.write(b"whole\n")
        self.file.flush()
        self.assertEqual(self.path.read_bytes(), b"to\nwhole\n")

    def test_whatHasNoNameIsOpenedByItsOwner(self) -> None:
        """Standard output is a file of lines as well."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        file = LineFile("output", self.clock, opener=lambda path: os.dup(writer))
        os.close(writer)
        file.write(b"one\n")
        file.flush()
        self.assertEqual(os.read(reader, 100), b"one\n")
        file.close()

    def test_nothingToFlushIsNotWritten(self) -> None:
        """No lines, no write."""
        wanted = self.breakDisk()
        self.file.flush()
        self.assertEqual(wanted, [])

    def test_linesOfAPipeDoNotMix(self) -> None:
        """
        A pipe that several processes write to mixes what is longer than it can take at
        once: lines are written as whole lines up to there.
        """
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        file = LineFile("pipe", self.clock, 1.0, 1 << 20, lambda _: write)
        long = b"x" * 3_000 + b"\n"
        for line in (b"a\n", long, b"b\n", long, long, b"y" * 5_000 + b"\n", b"c\n"):
            file.write(line)
        wanted = self.breakDisk()
        file.close()
        self.assertEqual([len(each) for each in wanted], [3005, 3001, 3001, 5001, 2])
        self.assertTrue(all(each.endswith(b"\n") for each in wanted))

    def test_linesOfAFileAreWrittenAtOnce(self) -> None:
        """In a file nothing comes between what is written at once."""
        wanted = self.breakDisk()
        self.file = LineFile(str(self.path), self.clock, 1.0, 1 << 20)
        for _ in range(100):
            self.file.write(b"x" * 99 + b"\n")
        self.file.flush()
        self.assertEqual([len(each) for each in wanted], [10_000])

    def test_twoProcesses(self) -> None:
        """Two that write to one file have all their lines in it, moved or not."""
        other = LineFile(str(self.path), self.clock, 1.0, 64)
        for file in (self.file, other):
            file.write(b"old\n")
        self.clock.advance(1.0)
        moved = self.path.rename(self.path.with_suffix(".1"))
        self.file.reopen()
        for file in (self.file, other):
            file.write(b"between\n")
        other.reopen()
        for file in (self.file, other):
            file.write(b"new\n")
            file.close()
        self.assertEqual(moved.read_bytes(), b"old\nold\nbetween\n")
        self.assertEqual(self.path.read_bytes(), b"between\nnew\nnew\n")
