"""
Tests for L{smtpx.knowledge.file} and L{smtpx.knowledge.folder}: what stands on the
disk, and who else is at it.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat

from attrs import define

from smtpx.knowledge import folder as folderModule
from smtpx.knowledge.file import Row
from smtpx.knowledge.folder import alone, identityAt, putAside
from smtpx.knowledge.layout import APPLICATION, LAYOUT, ForeignFile
from smtpx.knowledge.rooms import Name

from .test_file import _A, _B, _NOW, FileCase, record


@define
class Seconds:
    """
    A clock for who waits for a lock.

    @ivar slept: how long each wait was, in seconds.
    """

    slept: list[float]
    passed: float = 0.0

    def monotonic(self) -> float:
        """What time it is."""
        return self.passed

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.passed += seconds


class DiskTests(FileCase):
    """What SQLite is told of the file."""

    def test_marked(self) -> None:
        """A new file says whose it is, and of which layout."""
        self.opened().close()
        connection = sqlite3.connect(self.path)
        found = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version", "auto_vacuum")
        ]
        connection.close()
        self.assertEqual(found, [APPLICATION, LAYOUT, 2])

    def test_markedByOthers(self) -> None:
        """A file without tables that somebody has marked is not taken for new."""
        for name in ("application_id", "user_version"):
            self.execute(f"PRAGMA {name} = 77")
            self.assertRaises(ForeignFile, self.opened)
            os.unlink(self.path)

    def test_givesBack(self) -> None:
        """What is removed gives its room on the disk back."""
        file = self.opened()
        places = [Name("retry", b"%d" % number) for number in range(300)]
        self.keep(file, *((place, record(b"x" * 2000)) for place in places))
        file.close()
        before = os.path.getsize(self.path)
        file = self.opened()
        self.assertEqual(file.tidy(_NOW + 1000), 300)
        file.close()
        self.assertLess(os.path.getsize(self.path), before / 4)

    def test_everythingAgain(self) -> None:
        """
        Who was away for so long that others may have forgotten something reads
        everything, though nobody has written meanwhile.
        """
        file = self.opened()
        long = record(now=_NOW + 5000)
        self.keep(file, (_A, long))
        later = _NOW + 2000
        self.assertEqual(file.exchange({}, {}, later), (True, [Row(_A, 1, long, _NOW)]))
        self.assertEqual(file.exchange({}, {}, later), (False, []))

    def test_forgottenOutlivesTidying(self) -> None:
        """That something is to be forgotten is kept until everybody has heard it."""
        one, two = self.opened(), self.opened()
        self.keep(one, (_A, record()), (_B, record()))
        two.exchange({}, {}, _NOW)
        one.forget([_A], _NOW)
        one.tidy(_NOW + 50)
        self.assertEqual(
            two.exchange({}, {}, _NOW + 60), (False, [Row(_A, 1, None, _NOW)])
        )

    def test_strangeTypes(self) -> None:
        """A row with something strange in any of its columns is left out."""
        file = self.opened()
        for column, strange in (
            ("kind", "x'00'"),
            ("name", "'b'"),
            ("version", "'two'"),
            ("value", "'text'"),
            ("written", "'then'"),
            ("used", "'now'"),
            ("expires", "'later'"),
        ):
            self.keep(file, (_A, record()), (_B, record()))
            self.execute(f"UPDATE record SET {column} = {strange} WHERE name = x'61'")
            self.assertEqual([row.place for row in file.all()], [_B], column)
            self.execute("DELETE FROM record")


class FolderTests(FileCase):
    """Who has the folder, and for whom the file is."""

    def wait(self) -> Seconds:
        """Somebody else has the folder's lock, for ever."""
        other = os.open(self.folder, os.O_RDONLY)
        self.addCleanup(os.close, other)
        fcntl.flock(other, fcntl.LOCK_EX)
        seconds = Seconds([])
        self.patch(folderModule, "time", seconds)
        return seconds

    def test_rootMakesItForOthers(self) -> None:
        """What a command of root's makes belongs to whom the folder does."""
        given: list[tuple[int, int]] = []
        self.patch(os, "geteuid", lambda: 0)
        self.patch(os, "fchown", lambda file, *owner: given.append(owner))
        self.opened().close()
        found = os.stat(self.folder)
        self.assertEqual(given, [(found.st_uid, found.st_gid)])

    def test_waited(self) -> None:
        """A lock that somebody holds is waited for, for twenty seconds."""
        seconds = self.wait()
        self.assertRaises(TimeoutError, alone(self.folder).__enter__)
        self.assertTrue(20.0 <= seconds.passed < 20.1, seconds.passed)
        self.assertEqual(set(seconds.slept), {0.02})

    def test_asideAlone(self) -> None:
        """A file is only put aside where nobody else is about to do so."""
        self.opened().close()
        seconds = self.wait()
        self.assertRaises(TimeoutError, putAside, self.path)
        self.assertGreaterEqual(seconds.passed, 20.0)
        self.assertTrue(os.path.exists(self.path))

    def test_asideByAnother(self) -> None:
        """
        A file that another process has put aside, and whose place is taken, stays; so
        does what is not there at all.
        """
        self.opened().close()
        damaged = identityAt(self.path)
        assert damaged is not None
        self.assertIsNone(putAside(self.path, (damaged[0], damaged[1] + 1)))
        self.assertTrue(os.path.exists(self.path))
        self.assertEqual(putAside(self.path, damaged), self.path + ".damaged")
        self.assertIsNone(putAside(self.path, damaged))

    def test_asideHere(self) -> None:
        """A file that is named without its folder is in the current one."""
        self.opened().close()
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)
        aside = putAside("peers.sqlite")
        self.assertEqual(os.listdir(self.folder), [aside])

    def test_asideOfAnEarlierOne(self) -> None:
        """The log of a file that was put aside before does not stay."""
        self.opened().close()
        aside = putAside(self.path)
        assert aside is not None
        with open(aside + "-wal", "wb") as log:
            log.write(b"of the first")
        self.opened().close()
        self.assertEqual(putAside(self.path), aside)
        self.assertEqual(os.listdir(self.folder), [os.path.basename(aside)])

    def modeOf(self, before: int) -> int:
        """What becomes of a file's mode when it is opened."""
        os.chmod(self.path, before)
        self.opened().close()
        return stat.S_IMODE(os.stat(self.path).st_mode)

    def test_others(self) -> None:
        """Whatever others may do with it, they may not any longer."""
        self.opened().close()
        for others in (0o001, 0o020, 0o004, 0o077):
            self.assertEqual(self.modeOf(0o600 | others), 0o600)
        self.assertEqual(self.modeOf(0o700), 0o700)

    def test_notOurs(self) -> None:
        """The mode of somebody else's file is left as it is."""
        self.opened().close()
        somebody = os.geteuid() + 1
        self.patch(os, "geteuid", lambda: somebody)
        self.assertEqual(self.modeOf(0o644), 0o644)
