"""
Tests for L{smtpx.service.dropwatch} and L{smtpx.service.foldernews}.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.dropwatch import DropWatch
from smtpx.service.foldernews import hearOf
from smtpx.spool.dropfile import BadDrop
from smtpx.spool.dropfolder import Claim, DropFolder, Dropping, DropSettings


class DropWatchTests(SynchronousTestCase):
    """When files are taken."""

    def setUp(self) -> None:
        """A folder, and somebody who takes nothing yet."""
        self.path = Path(self.mktemp())
        self.folder = DropFolder(self.path)
        self.folder.make(DropSettings("mx.example.org"))
        self.clock = Clock()
        self.taken: list[str] = []
        self.recovered: list[Claim] = []
        self.waiting: Deferred[None] | None = None
        self.error: Exception | None = None
        self.watch = DropWatch(
            self.clock,
            self.clock.seconds,
            self.folder,
            self.take,
            self.recover,
            10.0,
        )

    async def take(self, name: str) -> None:
        """See L{DropWatch}."""
        self.taken.append(name)
        if self.waiting is not None:
            await self.waiting
        if self.error is not None:
            raise self.error

    async def recover(self, claim: Claim) -> None:
        """See L{DropWatch}."""
        self.recovered.append(claim)
        if self.error is not None:
            raise self.error

    def drop(self) -> str:
        """Drop something."""
        return Dropping(self.path).commit(b"FROM:<>", [b"TO:<a>"])

    def test_looks(self) -> None:
        """At the start, and from time to time."""
        self.watch.start()
        name = self.drop()
        self.clock.advance(9)
        self.assertEqual(self.taken, [])
        self.clock.advance(1)
        self.assertEqual(self.taken, [name])

    def test_hears(self) -> None:
        """At once where it is told to."""
        self.watch.start()
        name = self.drop()
        self.watch.wake()
        self.watch.wake()
        self.clock.advance(0)
        self.assertEqual(self.taken, [name])
        self.successResultOf(Deferred.fromCoroutine(self.watch.stop()))
        self.watch.wake()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_onlyOnce(self) -> None:
        """What is being taken is not taken again; so many at once and no more."""
        waiting: Deferred[None] = Deferred()
        self.waiting = waiting
        names = {self.drop() for _ in range(12)}
        self.watch.start()
        self.clock.advance(10)
        self.assertEqual(len(self.taken), 10)
        self.waiting = None
        waiting.callback(None)
        self.assertEqual(set(self.taken[:12]), names)

    def test_veryMany(self) -> None:
        """They are taken in several looks."""
        self.patch(sys.modules[DropWatch.__module__], "_MOST", 3)
        for _ in range(7):
            self.drop()
        taken = self.taken

        async def take(name: str) -> None:
            taken.append(name)
            (self.path / "new" / name).unlink()

        self.watch._take = take
        self.watch.start()
        self.assertEqual(len(taken), 3)
        self.clock.pump([0, 0])
        self.assertEqual(len(taken), 7)

    def test_rests(self) -> None:
        """A look that takes long is followed by a rest, whoever wakes us."""
        names = self.folder.names
        looked: list[float] = []

        def slowly(now: float) -> object:
            looked.append(self.clock.seconds())
            self.clock.rightNow += 1.0
            return names(now)

        self.patch(self.folder, "names", slowly)
        self.watch.start()
        self.watch.wake()
        self.clock.advance(19)
        self.assertEqual(len(looked), 1)
        self.clock.advance(1)
        self.assertEqual(len(looked), 2)

    def test_recovers(self) -> None:
        """What somebody had begun is gone on with, and again later."""
        claim = self.folder.claim(self.drop(), "1vM5vQ-000001-00")
        self.error = OSError(5, "Input/output error")
        self.watch.start()
        self.assertEqual(self.recovered, [claim])
        self.clock.advance(10)
        self.assertEqual(self.recovered, [claim])
        self.clock.advance(60)
        self.assertEqual(self.recovered, [claim] * 2)

    def test_trouble(self) -> None:
        """Where something of ours is broken, the file stays, and others are taken."""
        self.error = ZeroDivisionError("oops")
        name = self.drop()
        self.watch.start()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.error = None
        other = self.drop()
        self.clock.advance(10)
        self.assertEqual(self.taken, [name, other])
        self.clock.pump([10] * 5)
        self.assertEqual(self.taken.count(name), 2)

    def test_whatNobodyCanTake(self) -> None:
        """
        It is tried for ever, and does not fill the log: anybody can put there what the
        server cannot read.
        """
        lines: list[LogEvent] = []
        observe = cast(ILogObserver, lines.append)
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.error = PermissionError(13, "Permission denied")
        self.drop()
        self.watch.start()
        self.clock.pump([10] * 6 * 60)
        self.assertGreater(len(self.taken), 50)
        self.assertEqual(len(lines), 6)
        self.error = None
        self.clock.pump([10] * 7)
        self.assertEqual(self.watch._later, {})

    def test_muchThatNobodyCanTake(self) -> None:
        """What is remembered of it takes no more than some room."""
        self.patch(sys.modules[DropWatch.__module__], "_REMEMBERED", 5)
        self.error = PermissionError(13, "Permission denied")
        self.watch.start()
        most = 0
        for _ in range(20):
            name = self.drop()
            self.clock.advance(10)
            (self.path / "new" / name).unlink()
            most = max(most, len(self.watch._later))
        self.assertLessEqual(most, 6)
        self.assertEqual(len(self.taken), 20)

    def test_noMail(self) -> None:
        """What is none is put aside."""
        self.error = BadDrop("no")
        name = self.drop()
        self.watch.start()
        self.assertTrue((self.path / "bad" / name).exists())

    def test_noFolder(self) -> None:
        """Where it cannot be read, that is told, and tried again."""
        (self.path / "new").rename(self.path / "old")
        self.watch.start()
        (self.path / "old").rename(self.path / "new")
        self.drop()
        self.clock.advance(10)
        self.assertEqual(len(self.taken), 1)

    def test_theEnd(self) -> None:
        """It waits for what is under way, and begins nothing more."""
        waiting: Deferred[None] = Deferred()
        self.waiting = waiting
        for _ in range(11):
            self.drop()
        self.watch.start()
        stopped = Deferred.fromCoroutine(self.watch.stop())
        self.assertNoResult(stopped)
        waiting.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(len(self.taken), 10)

    def test_theEndOfWhatHangs(self) -> None:
        """It is not waited for longer than some seconds."""
        self.waiting = Deferred()
        self.drop()
        self.watch.start()
        stopped = Deferred.fromCoroutine(self.watch.stop())
        self.clock.advance(9)
        self.assertNoResult(stopped)
        self.clock.advance(1)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class FolderNewsTests(SynchronousTestCase):
    """Where the system does not tell, somebody has to look."""

    def test_notHere(self) -> None:
        """Another system, and a folder that cannot be watched."""
        self.patch(sys, "modules", sys.modules | {"twisted.internet.inotify": None})
        self.assertIsNone(hearOf(None, Path("."), print))
