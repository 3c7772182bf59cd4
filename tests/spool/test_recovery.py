"""
Tests for L{smtpx.spool.recovery}: what a crash left behind, and the estate of
the dead.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from typing import Any
from unittest import mock

from smtpx.core.hooks import Schedule
from smtpx.spool import recovery
from smtpx.spool.bodies import INSIDE, Bodies
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.spool.recovery import Lock, SpoolInUse
from smtpx.spool.store import Store

from .rig import NOW, Rig, SpoolTestCase

LONG = b"x" * (INSIDE + 1)


class Killed(BaseException):
    """The process ends here."""


class OrphanTests(SpoolTestCase):
    """Bodies and messages that lost each other."""

    def test_bodyWithoutMessage(self) -> None:
        """A body that nobody speaks of is deleted; strangers' files are not."""
        rig = self.rig()
        kept, orphan = rig.put(LONG), rig.spool.begin().id
        rig.close()
        for name in (orphan, "README"):
            with open(rig.path("bodies", name), "wb") as file:
                file.write(LONG)
        self.rig()
        self.assertEqual(set(os.listdir(rig.path("bodies"))), {kept, "README"})

    def test_messageWithoutBody(self) -> None:
        """A message whose body is gone, or cut, is put on hold and says so."""
        rig = self.rig()
        gone, cut, good = (rig.put(LONG) for _ in range(3))
        rig.close()
        os.unlink(rig.path("bodies", gone))
        os.truncate(rig.path("bodies", cut), 5)
        rig = self.rig()
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        self.assertEqual(found.id, good)
        for seen in rig.wait(rig.spool.messages("", 2)):
            self.assertTrue(seen.held)
            self.assertEqual(
                seen.note,
                f"{os.path.abspath(rig.path('bodies', seen.id))}"
                " is missing or not 65537 octets long",
            )
        state = rig.spool.state()
        self.assertEqual((state.messages, state.held), (3, 2))

    def test_counted(self) -> None:
        """What there is, and what is on hold, is counted when a spool is opened."""
        rig = self.rig()
        rig.put(b"12345", hold=True)
        again = rig.put(b"123", hold=True)
        tried = rig.put(LONG)
        rig.wait(rig.spool.release([again]))
        rig.wait(rig.spool.hold([tried], "look"))
        rig.close()
        state = self.rig().spool.state()
        self.assertEqual(
            (state.messages, state.held, state.octets), (3, 2, 8 + len(LONG))
        )

    def test_foldersAreSynced(self) -> None:
        """New folders are made durable, each in the one above."""
        synced: list[str] = []
        self.patch(recovery, "syncFolder", synced.append)
        self.rig()
        top = os.path.abspath(self.folder)
        own = os.path.join(top, "1")
        self.assertEqual(synced, [os.path.dirname(top), top, own, own])


class LockTests(SpoolTestCase):
    """One process a folder."""

    def test_lock(self) -> None:
        """A lock is had once, and can be had again."""
        path = self.mktemp()
        lock = Lock(path)
        error = self.assertRaises(SpoolInUse, Lock, path)
        self.assertEqual(str(error), f"{path}: in use by process {os.getpid()}")
        lock.release()
        Lock(path).release()


class AdoptionTests(SpoolTestCase):
    """The messages of a process that is dead."""

    def leave(self, number: int = 2) -> list[str]:
        """A process that dies with three messages, one tried, one long."""
        rig = Rig(self.folder, number=number).open()
        ids = [rig.put(b"short", b"b@x", b"c@x"), rig.put(LONG)]
        first, _ = rig.wait(rig.spool.ready(NOW, 10))
        outcomes = [Outcome(0, Fate.DELIVERED)]
        rig.wait(rig.spool.settle(first, outcomes, NOW + 60))
        ids.append(rig.put(b"held", hold=True))
        rig.close()
        return ids

    def all(self, rig: Rig) -> list[SpooledMessage]:
        """All messages of a spool."""
        found = rig.wait(rig.spool.messages("", 100))
        return list(found)

    def check(self, rig: Rig, ids: list[str]) -> None:
        """Are those that L{leave} left all there, as they were?"""
        found = {one.id: one for one in self.all(rig)}
        self.assertEqual(sorted(found), sorted(ids))
        self.assertEqual(found[ids[0]].waiting, (1,))
        self.assertEqual(found[ids[0]].due, NOW + 60)
        body = rig.spool.body(found[ids[1]])
        self.assertEqual(b"".join(body.pieces()), LONG)
        self.assertTrue(found[ids[2]].held)
        self.assertEqual(os.listdir(rig.path("bodies")), [ids[1]])
        self.assertEqual(os.listdir(os.path.join(self.folder, "2", "bodies")), [])

    def test_adopted(self) -> None:
        """All are taken over as they were, and are not there any more."""
        ids = self.leave()
        rig = self.rig()
        self.check(rig, ids)
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        self.assertEqual(found.id, ids[1])
        self.assertEqual(self.all(Rig(self.folder, number=2).open()), [])

    def test_lanes(self) -> None:
        """What was parked is parked here, and what was urgent is so."""
        urgent = Schedule(priority=4)
        rig = Rig(self.folder, number=2, scheduleFor=lambda _: urgent).open()
        ids = [rig.put(b"one"), rig.put(b"other")]
        for message in rig.wait(rig.spool.ready(NOW, 1)):
            rig.wait(rig.spool.park(message, b"lane"))
        rig.close()
        rig = self.rig()
        self.assertEqual(rig.spool.state().parked, 1)
        for found in (rig.spool.parked(b"lane", 9), rig.spool.ready(NOW, 9)):
            [message] = rig.wait(found)
            self.assertEqual((message.id, message.priority), (ids.pop(0), 4))

    def test_many(self) -> None:
        """More than are taken over at a time are all taken over."""
        self.patch(recovery, "_MESSAGES", 3)
        rig = Rig(self.folder, number=2).open()
        ids = [rig.put(LONG if number % 2 else b"short") for number in range(10)]
        rig.close()
        rig = self.rig()
        self.assertEqual([one.id for one in self.all(rig)], ids)
        self.assertEqual(len(os.listdir(rig.path("bodies"))), 5)
        rig.close()
        os.unlink(rig.path("bodies", ids[9]))
        self.assertEqual(self.rig().spool.state().held, 1)

    def test_alive(self) -> None:
        """Those of a process that lives are left alone."""
        living = self.rig(number=2)
        id = living.put(b"hello")
        rig = self.rig()
        self.assertEqual(self.all(rig), [])
        (found,) = living.wait(living.spool.ready(NOW, 10))
        self.assertEqual(found.id, id)

    def test_workers(self) -> None:
        """
        Of several workers the first takes over the folders of numbers that none has,
        and nobody those of one that is only about to start.
        """
        ids: dict[int, str] = {}
        for number in (2, 4):
            rig = Rig(self.folder, number=number, workers=4).open()
            ids[number] = rig.put(b"hello")
            rig.close()
        third = self.rig(number=3, workers=3)
        self.assertEqual(self.all(third), [])
        first = self.rig(number=1, workers=3)
        self.assertEqual([one.id for one in self.all(first)], [ids[4]])
        second = self.rig(number=2, workers=3)
        self.assertEqual([one.id for one in self.all(second)], [ids[2]])

    def test_oneWorkerAgain(self) -> None:
        """A server that has one process again has all that several had."""
        ids = []
        for number in (1, 2, 3):
            rig = Rig(self.folder, number=number, workers=3).open()
            ids.append(rig.put(b"hello"))
            rig.close()
        self.assertEqual([one.id for one in self.all(self.rig())], sorted(ids))

    def test_killedAnywhere(self) -> None:
        """
        Killed at any step of it, the next start finishes it: nothing is lost
        and nothing is there twice.
        """
        steps: list[tuple[object, str]] = [
            (os, "link"),
            (Bodies, "sync"),
            (Store, "take"),
            (Store, "commit"),
            (Bodies, "delete"),
        ]
        for where, name in steps:
            for after in (False, True):
                self.folder = self.mktemp()
                ids = self.leave()
                real = getattr(where, name)

                def step(
                    *arguments: Any, real: Any = real, after: bool = after
                ) -> None:
                    if after:
                        real(*arguments)
                    raise Killed

                with mock.patch.object(where, name, step):
                    dying = Rig(self.folder)
                    dying.spool.open()
                    self.assertRaises(Killed, dying.run)
                # A killed process leaves no lock.
                dying.spool.ended()
                rig = self.rig()
                self.check(rig, ids)
                rig.close()

    def test_deleteFails(self) -> None:
        """
        Where they cannot be deleted from their old place, the spool does not
        open: they would be delivered from both.
        """
        ids = self.leave()
        commit = Store.commit

        def failing(store: Store, *arguments: Any) -> None:
            if store.path.endswith("2/spool.db"):
                raise sqlite3.OperationalError("disk I/O error")
            commit(store, *arguments)

        with mock.patch.object(Store, "commit", failing):
            rig = Rig(self.folder)
            with self.assertRaisesRegex(Exception, "2/spool.db and .*1/spool.db"):
                rig.open()
            rig.close()
        self.check(self.rig(), ids)

    def test_foreign(self) -> None:
        """A folder that cannot be read is left alone, and so are others."""
        ids = self.leave()
        newer = os.path.join(self.folder, "3")
        shutil.copytree(os.path.join(self.folder, "2"), newer)
        with sqlite3.connect(os.path.join(newer, "spool.db")) as connection:
            connection.execute("PRAGMA user_version = 9")
        connection.close()
        for name in ("4", "other"):
            os.mkdir(os.path.join(self.folder, name))
        self.check(self.rig(), ids)
        self.assertEqual(len(os.listdir(os.path.join(newer, "bodies"))), 1)

    def test_unreadable(self) -> None:
        """A file that is damaged is left alone from there on."""
        self.leave()
        broken = sqlite3.DatabaseError("database disk image is malformed")
        with mock.patch.object(Store, "whole", side_effect=broken):
            rig = self.rig()
        self.assertEqual(self.all(rig), [])
        self.assertEqual(len(os.listdir(os.path.join(self.folder, "2", "bodies"))), 1)

    def test_bodyMissing(self) -> None:
        """One whose body is gone is taken over, and put on hold."""
        ids = self.leave()
        os.unlink(os.path.join(self.folder, "2", "bodies", ids[1]))
        rig = self.rig()
        found = {one.id: one for one in self.all(rig)}
        self.assertTrue(found[ids[1]].held)

    def test_noLinks(self) -> None:
        """Where the file system knows no links, bodies are copied."""
        for late in (False, True):
            self.folder = self.mktemp()
            ids = self.leave()
            refused = mock.Mock(side_effect=OSError(errno.EPERM, "no links"))
            with mock.patch.object(os, "link", refused):
                if late:
                    # Killed after the copy was committed, before the delete.
                    with mock.patch.object(Store, "commit", side_effect=Killed):
                        dying = Rig(self.folder)
                        dying.spool.open()
                        self.assertRaises(Killed, dying.run)
                    dying.spool.ended()
                rig = self.rig()
            self.check(rig, ids)
            mode = os.stat(rig.path("bodies", ids[1])).st_mode
            self.assertEqual(mode & 0o777, 0o600)
            rig.close()
