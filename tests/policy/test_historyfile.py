"""
Blocks are appended to a file that others read.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy import historyfile
from smtpx.policy.historyfile import HistoryFile, append

from .workers import heard


class AppendTests(SynchronousTestCase):
    """
    One block.
    """

    def setUp(self) -> None:
        """
        Make a place for the file.
        """
        self.path = self.mktemp()

    def test_blocksAreAppended(self) -> None:
        """
        The file is made, for its owner and group.
        """
        append(self.path, b"a\n")
        append(self.path, b"b\n")
        self.assertEqual(b"a\nb\n", Path(self.path).read_bytes())
        self.assertEqual(0, stat.S_IMODE(os.stat(self.path).st_mode) & 0o137)

    def test_aBlockIsOneWrite(self) -> None:
        """
        Whole, whoever else writes.
        """
        writes: list[bytes] = []
        real = os.write

        def write(file: int, octets: bytes) -> int:
            writes.append(octets)
            return real(file, octets)

        self.patch(os, "write", write)
        append(self.path, b"a\nb\n")
        self.assertEqual([b"a\nb\n"], writes)

    def test_lockIsWaitedFor(self) -> None:
        """
        A reader that has it is let finish.
        """
        reader = os.open(self.path, os.O_RDWR | os.O_CREAT)
        fcntl.flock(reader, fcntl.LOCK_SH)

        def sleep(seconds: float) -> None:
            self.assertEqual(b"", Path(self.path).read_bytes())
            fcntl.flock(reader, fcntl.LOCK_UN)

        append(self.path, b"a\n", sleep)
        os.close(reader)
        self.assertEqual(b"a\n", Path(self.path).read_bytes())

    def test_lockIsNotWaitedForInVain(self) -> None:
        """
        There is an end to that.
        """
        reader = os.open(self.path, os.O_RDWR | os.O_CREAT)
        self.addCleanup(os.close, reader)
        fcntl.flock(reader, fcntl.LOCK_SH)
        with self.assertRaisesRegex(TimeoutError, "locked for 10 s"):
            append(self.path, b"a\n", lambda seconds: None)

    def test_fileThatIsTakenAwayIsLetBe(self) -> None:
        """
        C{opendmarc-importstats} renames it, and then reads it: what is written after
        that would be lost.
        """
        for away in (os.rename, lambda old, new: os.unlink(old)):
            with self.subTest(away=away):
                reader = os.open(self.path, os.O_RDWR | os.O_CREAT)
                fcntl.flock(reader, fcntl.LOCK_EX)

                def sleep(
                    seconds: float,
                    reader: int = reader,
                    away: Callable[[str, str], None] = away,
                ) -> None:
                    away(self.path, self.path + ".old")
                    fcntl.flock(reader, fcntl.LOCK_UN)

                append(self.path, b"a\n", sleep)
                os.close(reader)
                self.assertEqual(b"a\n", Path(self.path).read_bytes())
                os.unlink(self.path)

    def test_halfABlockIsTakenBack(self) -> None:
        """
        Where the disk is full, what is there is whole.
        """
        append(self.path, b"a\n")
        real = os.write
        self.patch(os, "write", lambda file, octets: real(file, octets[:1]))
        self.assertRaises(OSError, append, self.path, b"bcd\n")
        self.assertEqual(b"a\n", Path(self.path).read_bytes())


class Threads:
    """
    Runs jobs when it is told to.
    """

    def __init__(self) -> None:
        self.jobs: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def __call__(self, job: Callable[[], Any]) -> Deferred[Any]:
        """Take a job."""
        self.jobs.append((job, Deferred()))
        return self.jobs[-1][1]

    def run(self) -> None:
        """Do the next one."""
        job, done = self.jobs.pop(0)
        done.callback(job())


class HistoryFileTests(SynchronousTestCase):
    """
    Blocks, one after the other.
    """

    def setUp(self) -> None:
        """
        Make one whose writes are remembered.
        """
        self.events = heard(self)
        self.written: list[bytes] = []
        self.trouble: OSError | None = None
        self.threads = Threads()
        self.file = HistoryFile("history", self.threads, self.write)

    def write(self, path: str, block: bytes) -> None:
        """
        Stand in for L{append}.
        """
        if self.trouble is not None:
            raise self.trouble
        self.written.append(block)

    def stop(self) -> Deferred[None]:
        """
        End it.
        """
        return Deferred.fromCoroutine(self.file.stop())

    def test_blocksKeepTheirOrder(self) -> None:
        """
        Those that come while others are written wait for them.
        """
        self.file.add(b"a")
        self.file.add(b"b")
        self.file.add(b"c")
        self.threads.run()
        self.assertEqual([b"a"], self.written)
        self.threads.run()
        self.assertEqual([b"a", b"b", b"c"], self.written)
        self.assertEqual([], self.threads.jobs)
        self.successResultOf(self.stop())

    def test_whatCannotBeWrittenWaits(self) -> None:
        """
        It is told once, and tried again with the next block.
        """
        self.trouble = OSError("no room")
        self.file.add(b"a")
        self.threads.run()
        self.file.add(b"b")
        self.threads.run()
        (event,) = self.events
        self.assertEqual("Nothing can be written to history: no room", event[1])
        self.trouble = None
        self.file.add(b"c")
        self.threads.run()
        self.assertEqual([b"a", b"b", b"c"], self.written)

    def test_stopWritesWhatWaits(self) -> None:
        """
        Once; what is lost is told.
        """
        self.file.add(b"a")
        self.file.add(b"b")
        stopping = self.stop()
        self.threads.run()
        self.threads.run()
        self.successResultOf(stopping)
        self.assertEqual([b"a", b"b"], self.written)
        self.trouble = OSError("no room")
        self.file.add(b"c")
        self.threads.run()
        stopping = self.stop()
        self.threads.run()
        self.successResultOf(stopping)
        self.assertEqual("1 messages are missing in history", self.events[-1][1])

    def test_waitingBlocksAreBounded(self) -> None:
        """
        Those that there is no room for are counted.
        """
        self.patch(historyfile, "WAITING_MOST", 2)
        self.trouble = OSError("no room")
        for block in (b"a", b"b", b"c", b"d"):
            self.file.add(block)
        self.threads.run()
        self.file.add(b"e")
        stopping = self.stop()
        self.threads.run()
        self.successResultOf(stopping)
        self.assertEqual("5 messages are missing in history", self.events[-1][1])

    def test_brokenThreadLosesNothing(self) -> None:
        """
        Whatever comes out of it, the blocks wait.
        """
        self.file.add(b"a")
        self.threads.jobs.pop()[1].errback(Failure(ValueError("broken")))
        self.assertEqual("Nothing can be written to history: broken", self.events[0][1])
        self.file.add(b"b")
        self.threads.run()
        self.assertEqual([b"a", b"b"], self.written)

    def test_jobsThatAreDoneAtOnce(self) -> None:
        """
        A thread may be through before we look.
        """
        file = HistoryFile("history", lambda job: succeed(job()), self.write)
        file.add(b"a")
        file.add(b"b")
        self.assertEqual([b"a", b"b"], self.written)
        self.successResultOf(Deferred.fromCoroutine(file.stop()))
