"""
Tests for L{smtpx.policy.strangers.sharedfile}.
"""

from __future__ import annotations

import os
import sqlite3
import stat

from smtpx.knowledge.layout import DamagedFile, ForeignFile
from smtpx.policy.strangers.sharedfile import FileKeeper, Layout, SharedFile, Turn

from .made import FolderCase

_LAYOUT = Layout("tests", 0x74657374, 1, "CREATE TABLE word(text TEXT NOT NULL)")


class Words(SharedFile):
    """A file with words."""

    def __init__(self, path: str, make: bool = True) -> None:
        super().__init__(path, _LAYOUT, make=make)

    def add(self, word: str) -> list[str]:
        """Add one; all there are then."""
        with self.transaction():
            self.connection.execute("INSERT INTO word VALUES(?)", (word,))
        return [text for (text,) in self.connection.execute("SELECT * FROM word")]


class SharedFileTests(FolderCase):
    """One file."""

    def opened(self, layout: Layout = _LAYOUT, make: bool = True) -> SharedFile:
        """Somebody opens it."""
        file = SharedFile(self.path, layout, make=make)
        self.addCleanup(file.close)
        return file

    def test_onlyForUs(self) -> None:
        """Nobody else may read it."""
        self.opened()
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_notMade(self) -> None:
        """Who only looks makes none."""
        self.assertRaises(FileNotFoundError, self.opened, make=False)
        self.assertEqual(os.listdir(self.folder), [])

    def test_wholeOrNotAtAll(self) -> None:
        """What fails in the middle leaves nothing behind."""
        file = self.opened()

        def fail() -> None:
            with file.transaction():
                file.connection.execute("INSERT INTO word VALUES('half')")
                raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, fail)
        self.assertEqual(file.connection.execute("SELECT * FROM word").fetchall(), [])

    def test_foreign(self) -> None:
        """A file that is somebody else's is not touched."""
        self.execute("CREATE TABLE theirs(a)")
        error = self.assertRaises(ForeignFile, self.opened)
        self.assertIn("not one of tests that smtpx made", str(error))

    def test_newerLayout(self) -> None:
        """Nor is one that a newer smtpx has made."""
        self.opened(Layout("tests", _LAYOUT.application, 2, _LAYOUT.tables)).close()
        error = self.assertRaises(ForeignFile, self.opened)
        self.assertIn("of layout version 2; this smtpx reads version 1", str(error))

    def test_damaged(self) -> None:
        """One that is in disorder is found out when it is opened."""
        file = self.opened()
        for _ in range(2000):
            file.connection.execute("INSERT INTO word VALUES(hex(randomblob(50)))")
        file.close()
        with open(self.path, "r+b") as octets:
            octets.seek(8192)
            octets.write(b"\xa5" * 4096)
        self.assertRaises((DamagedFile, sqlite3.DatabaseError), self.opened)

    def test_moved(self) -> None:
        """Whoever has it open hears that it is another one by now."""
        file = self.opened()
        self.assertFalse(file.isMoved())
        os.rename(self.path, self.path + ".old")
        self.assertTrue(file.isMoved())


class FileKeeperTests(FolderCase):
    """Somebody who has a file open."""

    def setUp(self) -> None:
        """Somebody who has."""
        super().setUp()
        self.keeper = FileKeeper(self.path, Words)
        self.addCleanup(self.keeper.close)

    def add(self, word: str) -> Turn[list[str]]:
        """Add a word."""
        return self.keeper.turn(lambda file: file.add(word))

    def test_kept(self) -> None:
        """It stays open, and what was done is there."""
        self.assertEqual(self.add("a"), Turn(["a"]))
        self.assertEqual(self.add("b"), Turn(["a", "b"]))

    def test_deleted(self) -> None:
        """A file that was deleted is made anew."""
        self.add("a")
        os.unlink(self.path)
        self.assertEqual(self.add("b"), Turn(["b"]))

    def test_damagedIsPutAside(self) -> None:
        """A damaged one is put aside, and what was to be done is done to a new one."""
        self.add("a")
        self.keeper.close()
        self.damage()
        aside = self.path + ".damaged"
        self.assertEqual(self.add("b"), Turn(["b"], "", aside))
        self.assertTrue(os.path.exists(aside))

    def test_alreadyPutAside(self) -> None:
        """One that somebody else has put aside by then is not put aside again."""
        self.add("a")

        def job(file: Words) -> list[str]:
            if not os.path.exists(self.path + ".gone"):
                os.rename(self.path, self.path + ".gone")
                raise DamagedFile("it is damaged")
            return file.add("b")

        self.assertEqual(self.keeper.turn(job), Turn(["b"]))

    def test_trouble(self) -> None:
        """What cannot be opened is told, and tried again the next time."""
        os.rmdir(self.folder)
        self.assertIn("No such file", self.add("a").trouble)
        os.mkdir(self.folder)
        self.assertEqual(self.add("a"), Turn(["a"]))

    def test_glance(self) -> None:
        """Who only looks makes no file, and puts none aside."""
        self.assertIsNone(self.keeper.glance(lambda file: file.path))
        self.assertEqual(os.listdir(self.folder), [])
        self.add("a")
        self.assertEqual(self.keeper.glance(lambda file: file.path), Turn(self.path))
        self.keeper.close()
        self.damage()
        found = self.keeper.glance(lambda file: file.path)
        assert found is not None
        self.assertIn(self.path, found.trouble)
        self.assertEqual(os.listdir(self.folder), ["strangers.sqlite"])

    def test_busy(self) -> None:
        """Where somebody else does not let go of it, it stays open."""
        self.add("a")

        def busy(file: Words) -> list[str]:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error

        self.assertEqual(
            self.keeper.turn(busy).trouble, f"{self.path}: database is locked"
        )
        self.assertEqual(self.add("b"), Turn(["a", "b"]))
