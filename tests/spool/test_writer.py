"""
Tests for L{smtpx.spool.writer} and L{smtpx.spool.desk}: what happens when the
disk fails.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from typing import Any, Callable
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from zope.interface import implementer

from smtpx.core.errors import UsageError
from smtpx.spool import bodies
from smtpx.spool.bodies import INSIDE
from smtpx.spool.format import Fate, Outcome
from smtpx.spool.interfaces import SpoolBroken, SpoolFull
from smtpx.spool.layout import ForeignFile
from smtpx.spool.store import Store, inWords, isFull

from .rig import NOW, PREFIX, Rig, SpoolTestCase, envelope

LONG = b"x" * (INSIDE + 1)


def failure(code: int) -> sqlite3.OperationalError:
    """What SQLite raises."""
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorcode = code
    return error


class FailureTestCase(SpoolTestCase):
    """A test in which the disk fails."""

    def failing(self, error: Exception, reallyThere: bool = False) -> None:
        """
        Let the next commit fail.

        @param reallyThere: it fails only after all was written.
        """
        commit = Store.commit
        left = [error]

        def once(store: Store, *arguments: Any) -> None:
            if not left or reallyThere:
                commit(store, *arguments)
            if left:
                raise left.pop()

        self.patch(Store, "commit", once)

    def start(self, rig: Rig, body: bytes = b"hello") -> Deferred[None]:
        """Commit a message, and let nothing happen yet."""
        incoming = rig.spool.begin()
        incoming.write(body)
        return incoming.commit(envelope(), PREFIX, False)

    def files(self, rig: Rig) -> list[str]:
        """The files of bodies."""
        return os.listdir(rig.path("bodies"))


class CommitFailureTests(FailureTestCase):
    """A commit fails."""

    def test_nothingUntilReopened(self) -> None:
        """
        All of that transaction fails, then nothing is taken until the file was
        opened again and verified.
        """
        rig = self.rig()
        before = rig.put(b"before")
        self.failing(failure(sqlite3.SQLITE_IOERR_FSYNC))
        one, other = self.start(rig), self.start(rig)
        rig.run()
        for done in (one, other):
            error = self.failureResultOf(done, SpoolBroken).value
            self.assertEqual(
                str(error), f"{os.path.abspath(rig.path('spool.db'))}: it failed"
            )
        self.assertRaises(SpoolBroken, rig.spool.begin)
        self.failureResultOf(rig.spool.ready(NOW, 1), SpoolBroken)
        self.failureResultOf(rig.spool.hold([before], ""), SpoolBroken)
        calls: list[int] = []
        rig.spool.watch(lambda: calls.append(1))
        with mock.patch.object(
            Store, "verify", autospec=True, side_effect=Store.verify
        ) as verify:
            rig.reactor.advance(1)
            self.assertRaises(SpoolBroken, rig.spool.begin)
            rig.run()
        self.assertEqual(verify.call_count, 1)
        self.assertEqual(calls, [1])
        after = rig.put(b"after")
        found = rig.wait(rig.spool.ready(NOW, 10))
        self.assertEqual([one.id for one in found], [before, after])

    def test_full(self) -> None:
        """A full disk is told as one, and loses nothing."""
        rig = self.rig()
        before = rig.put(b"before")
        self.failing(failure(sqlite3.SQLITE_FULL))
        done = self.start(rig)
        rig.run()
        self.failureResultOf(done, SpoolFull)
        self.assertRaises(SpoolFull, rig.spool.begin)
        rig.reactor.advance(1)
        rig.run()
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        self.assertEqual(found.id, before)

    def test_fullForAll(self) -> None:
        """
        What comes behind a commit for which there was no room is told the same,
        whether it was handed in already or is begun by one who heard of it.
        """
        rig = self.rig()
        self.failing(failure(sqlite3.SQLITE_FULL))
        first = self.start(rig)
        rig.turn()
        late = self.start(rig)
        page = rig.spool.messages("", 10)
        again: list[Deferred[None]] = []
        first.addErrback(lambda _: again.append(self.start(rig)))
        rig.run()
        self.failureResultOf(first, SpoolFull)
        self.assertEqual(again, [])
        self.failureResultOf(late, SpoolFull)
        self.failureResultOf(page, SpoolFull)

    def test_notThereAfterAll(self) -> None:
        """
        A message whose commit failed is not there after reopening, even when it
        had reached the file: its sender was told 4yz and will come again.
        """
        rig = self.rig()
        self.failing(failure(sqlite3.SQLITE_IOERR_FSYNC), reallyThere=True)
        short, long = self.start(rig), self.start(rig, LONG)
        rig.run()
        self.failureResultOf(short, SpoolBroken)
        self.failureResultOf(long, SpoolBroken)
        self.assertEqual(len(self.files(rig)), 1)
        rig.reactor.advance(1)
        rig.run()
        self.assertEqual(self.files(rig), [])
        self.assertEqual(rig.wait(rig.spool.messages("", 10)), [])
        self.assertEqual(rig.wait(rig.spool.count()), 0)

    def test_laterOnesFail(self) -> None:
        """What was handed in before the news came fails as well."""
        rig = self.rig()
        self.failing(failure(sqlite3.SQLITE_IOERR_FSYNC))
        first = self.start(rig)
        rig.turn()
        late, filed = self.start(rig), self.start(rig, LONG)
        page = rig.spool.messages("", 10)
        rig.run()
        for done in (first, late, filed):
            self.failureResultOf(done, SpoolBroken)
        self.failureResultOf(page, SpoolBroken)
        rig.reactor.advance(1)
        rig.run()
        self.assertEqual(self.files(rig), [])
        self.assertEqual(rig.wait(rig.spool.messages("", 10)), [])

    def test_commitWhileBroken(self) -> None:
        """A message that was begun before fails at once, and leaves no file."""
        rig = self.rig()
        short, long = rig.spool.begin(), rig.spool.begin()
        long.write(LONG)
        self.failing(failure(sqlite3.SQLITE_IOERR_FSYNC))
        self.start(rig).addErrback(lambda _: None)
        rig.run()
        for incoming in (short, long):
            done = incoming.commit(envelope(), PREFIX, False)
            self.failureResultOf(done, SpoolBroken)
        rig.run()
        self.assertEqual(self.files(rig), [])

    def test_backOff(self) -> None:
        """Opening is tried again after 1, 2, 4, … and at most 60 seconds."""
        rig = self.rig()
        self.failing(failure(sqlite3.SQLITE_IOERR_FSYNC))
        self.start(rig).addErrback(lambda _: None)
        rig.run()
        verify = Store.verify
        self.patch(Store, "verify", mock.Mock(side_effect=failure(10)))
        delays = []
        for _ in range(8):
            (call,) = rig.reactor.getDelayedCalls()
            delays.append(call.getTime() - rig.reactor.seconds())
            rig.reactor.advance(delays[-1])
            rig.run()
        self.assertEqual(delays, [1, 2, 4, 8, 16, 32, 60, 60])
        self.patch(Store, "verify", verify)
        rig.reactor.advance(60)
        rig.run()
        rig.put(b"good again")
        self.failing(failure(sqlite3.SQLITE_IOERR_FSYNC))
        self.start(rig).addErrback(lambda _: None)
        rig.run()
        (call,) = rig.reactor.getDelayedCalls()
        self.assertEqual(call.getTime() - rig.reactor.seconds(), 1)

    def test_doubtsStay(self) -> None:
        """What could not be cleared away at one reopening is so at the next."""
        rig = self.rig()
        self.failing(failure(sqlite3.SQLITE_IOERR_FSYNC), reallyThere=True)
        self.start(rig).addErrback(lambda _: None)
        rig.run()
        self.failing(failure(sqlite3.SQLITE_IOERR_FSYNC))
        rig.reactor.advance(1)
        rig.run()
        self.assertRaises(SpoolBroken, rig.spool.begin)
        rig.reactor.advance(2)
        rig.run()
        self.assertEqual(rig.wait(rig.spool.messages("", 10)), [])

    def test_settleFails(self) -> None:
        """A lease is kept where what became of it could not be written down."""
        rig = self.rig()
        rig.put(b"hello")
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        self.failing(failure(sqlite3.SQLITE_IOERR_FSYNC))
        outcomes = [Outcome(0, Fate.DELIVERED)]
        done = rig.spool.settle(found, outcomes, None)
        rig.run()
        self.failureResultOf(done, SpoolBroken)
        rig.reactor.advance(1)
        rig.run()
        self.assertEqual(rig.wait(rig.spool.ready(NOW, 10)), [])
        rig.wait(rig.spool.settle(found, outcomes, None))
        self.assertEqual(rig.wait(rig.spool.count()), 0)

    def test_deferredFails(self) -> None:
        """So it is where it is to be tried again, or to wait for a lane."""
        rig = self.rig()
        rig.put(b"hello")
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        for change in (
            lambda: rig.spool.settle(found, [Outcome(0, Fate.WAITING)], NOW + 9),
            lambda: rig.spool.park(found, b"lane"),
        ):
            broken = failure(sqlite3.SQLITE_IOERR_FSYNC)
            with mock.patch.object(Store, "commit", side_effect=broken):
                done: Deferred[Any] = change()
                rig.run()
            self.failureResultOf(done, SpoolBroken)
            rig.reactor.advance(2)
            rig.run()
        rig.wait(rig.spool.settle(found, [], NOW + 9))
        self.assertRaises(UsageError, rig.spool.settle, found, [], NOW + 9)

    def test_readFails(self) -> None:
        """A file that cannot be read is opened again; fresh messages wait."""
        rig = self.rig()
        id = rig.put(b"hello")
        with mock.patch.object(Store, "whole", side_effect=failure(10)):
            done = rig.spool.ready(NOW, 10)
            rig.run()
        self.failureResultOf(done, SpoolBroken)
        rig.reactor.advance(1)
        rig.run()
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        self.assertEqual(found.id, id)

    def test_closeWhileBroken(self) -> None:
        """A spool that failed can be closed, and is good at the next start."""
        rig = self.rig()
        id = rig.put(b"hello")
        self.failing(failure(sqlite3.SQLITE_IOERR_FSYNC))
        self.start(rig).addErrback(lambda _: None)
        rig.run()
        rig.close()
        self.assertEqual(rig.reactor.getDelayedCalls(), [])
        (found,) = (rig := self.rig()).wait(rig.spool.ready(NOW, 10))
        self.assertEqual(found.id, id)

    def test_failsWhileClosing(self) -> None:
        """A commit that fails while the spool closes is told; it closes."""
        rig = self.rig()
        self.failing(failure(sqlite3.SQLITE_IOERR_FSYNC))
        done = self.start(rig)
        rig.close()
        self.failureResultOf(done, SpoolBroken)
        self.assertEqual(rig.reactor.getDelayedCalls(), [])

    def test_closeWhileReopening(self) -> None:
        """A spool that is closed while the file is being opened again closes."""
        rig = self.rig()
        self.failing(failure(sqlite3.SQLITE_IOERR_FSYNC))
        self.start(rig).addErrback(lambda _: None)
        rig.run()
        rig.reactor.advance(1)
        rig.close()
        self.assertRaises(SpoolBroken, rig.spool.begin)

    def test_logged(self) -> None:
        """The operator is told, with file and reason, and when it is over."""
        rig = self.rig()
        events: list[LogEvent] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            events.append(event)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.failing(failure(sqlite3.SQLITE_IOERR_FSYNC))
        self.start(rig).addErrback(lambda _: None)
        rig.run()
        rig.reactor.advance(1)
        rig.run()
        mine = [event for event in events if "smtpx" in event["log_namespace"]]
        self.assertEqual(
            [event["log_level"] for event in mine], [LogLevel.critical, LogLevel.info]
        )
        self.assertEqual(str(mine[0]["error"]), "it failed")


class SyncFailureTests(FailureTestCase):
    """A sync of a body's file, or of the folder, fails."""

    def broken(self, when: Callable[[int], bool], code: int = errno.EIO) -> None:
        """Let each fsync fail for which C{when} holds."""
        fsync = os.fsync

        def failing(number: int) -> None:
            if when(number):
                raise OSError(code, os.strerror(code))
            fsync(number)

        self.patch(os, "fsync", failing)

    def test_file(self) -> None:
        """The message fails, its file is gone, and the spool is verified."""
        rig = self.rig()
        left = [True]
        self.broken(lambda _: bool(left) and left.pop())
        done = self.start(rig, LONG)
        rig.run()
        self.failureResultOf(done, SpoolBroken)
        self.assertEqual(self.files(rig), [])
        self.assertRaises(SpoolBroken, rig.spool.begin)
        rig.reactor.advance(1)
        rig.run()
        rig.put(LONG)

    def test_fileFull(self) -> None:
        """A file system that finds out late that it is full is told as full."""
        rig = self.rig()
        left = [True]
        self.broken(lambda _: bool(left) and left.pop(), errno.EDQUOT)
        done = self.start(rig, LONG)
        rig.run()
        self.failureResultOf(done, SpoolFull)

    def test_folder(self) -> None:
        """The transaction fails with the folder's sync, before any row."""
        rig = self.rig()
        self.patch(bodies, "syncFolder", mock.Mock(side_effect=OSError(5, "no")))
        long, short = self.start(rig, LONG), self.start(rig)
        rig.run()
        self.failureResultOf(long, SpoolBroken)
        self.failureResultOf(short, SpoolBroken)
        rig.reactor.advance(1)
        rig.run()
        self.assertEqual(self.files(rig), [])

    def test_noFolderSyncForShort(self) -> None:
        """Short messages cost no sync but the log's."""
        rig = self.rig()
        self.patch(bodies, "syncFolder", mock.Mock(side_effect=OSError(5, "no")))
        rig.put(b"hello")


class OpenFailureTests(FailureTestCase):
    """The spool cannot be opened at all."""

    def test_foreign(self) -> None:
        """Another's file: the reason is told, and the lock is given back."""
        self.rig().close()
        path = os.path.join(self.folder, "1", "spool.db")
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 7")
        connection.close()
        for _ in range(2):
            rig = Rig(self.folder)
            self.assertRaises(ForeignFile, rig.open)
            self.assertRaises(SpoolBroken, rig.spool.begin)
            rig.close()

    def test_sqlite(self) -> None:
        """SQLite's own errors come with the file's name."""
        self.patch(Store, "opened", mock.Mock(side_effect=failure(11)))
        rig = Rig(self.folder)
        error = self.assertRaises(SpoolBroken, rig.open)
        self.assertIn("spool.db: it failed", str(error))

    def test_closedMeanwhile(self) -> None:
        """A spool that is closed while it fails to open closes."""
        self.patch(Store, "opened", mock.Mock(side_effect=failure(11)))
        rig = Rig(self.folder)
        opened, closed = rig.spool.open(), rig.spool.close()
        rig.run()
        self.failureResultOf(opened, SpoolBroken)
        self.successResultOf(closed)


class FullTests(SpoolTestCase):
    """Which errors mean that there is no room."""

    def test_isFull(self) -> None:
        """Those of a full disk or quota, SQLite's among them."""
        for error, full in [
            (OSError(errno.ENOSPC, ""), True),
            (OSError(errno.EDQUOT, ""), True),
            (OSError(errno.EIO, ""), False),
            (failure(sqlite3.SQLITE_FULL), True),
            (failure(sqlite3.SQLITE_IOERR_SHMSIZE), True),
            (failure(sqlite3.SQLITE_IOERR_WRITE), False),
            (sqlite3.ProgrammingError("no code"), False),
            (ValueError(), False),
        ]:
            self.assertEqual(isFull(error), full, error)

    def test_inWords(self) -> None:
        """SQLite says which of its many I/O errors it was by a name only."""
        found = failure(sqlite3.SQLITE_IOERR_WRITE)
        found.sqlite_errorname = "SQLITE_IOERR_WRITE"
        self.assertEqual(inWords(found), "it failed (SQLITE_IOERR_WRITE)")
        self.assertEqual(inWords(OSError("no disk")), "no disk")
