"""Tests for L{smtpx.knowledge.clerk}."""

from __future__ import annotations

import os
import sqlite3

from smtpx.knowledge.clerk import Clerk, Given, Got
from smtpx.knowledge.file import Change, KnowledgeFile
from smtpx.knowledge.rooms import ROOM, Name, Room

from .test_file import _A, _B, _NOW, FileCase, record

_GIVEN = Given(_NOW, {_A: Change(records=(record(),))})


class ClerkTests(FileCase):
    """Who has the file open."""

    def setUp(self) -> None:
        """A clerk without a file."""
        super().setUp()
        self.clerk = self.hired()

    def hired(self, room: Room = ROOM) -> Clerk:
        """Another process's clerk, who closes the file at the end."""
        clerk = Clerk(self.path, room)
        self.addCleanup(clerk.turn, Given(_NOW, last=True))
        return clerk

    def known(self) -> list[bytes]:
        """The names in the file."""
        return [row.place.name for row in self.opened(make=False).all()]

    def test_first(self) -> None:
        """The first turn makes the file and reads everything."""
        got = self.clerk.turn(_GIVEN)
        self.assertEqual(got, Got(True, True, []))
        self.assertEqual(self.known(), [b"a"])

    def test_others(self) -> None:
        """Later turns read what others found out."""
        other = self.hired()
        other.turn(Given(_NOW))
        self.clerk.turn(_GIVEN)
        got = other.turn(Given(_NOW))
        self.assertEqual((got.whole, [row.place for row in got.rows]), (False, [_A]))

    def test_last(self) -> None:
        """The last turn closes the file, and leaves no log behind."""
        self.clerk.turn(_GIVEN)
        self.clerk.turn(Given(_NOW, {_B: Change(records=(record(),))}, last=True))
        self.assertEqual(os.listdir(self.folder), ["peers.sqlite"])
        self.assertEqual(self.known(), [b"a", b"b"])

    def test_tidies(self) -> None:
        """The file is tidied if that is wanted."""
        self.clerk.turn(_GIVEN)
        self.clerk.turn(Given(_NOW + 100))
        self.assertEqual(self.known(), [b"a"])
        self.clerk.turn(Given(_NOW + 100, tidies=True))
        self.assertEqual(self.known(), [])

    def test_deleted(self) -> None:
        """A file that was deleted is made again, without what was in it."""
        self.clerk.turn(_GIVEN)
        os.unlink(self.path)
        change = {_B: Change(records=(record(),))}
        self.assertEqual(self.clerk.turn(Given(_NOW, change)), Got(True, True, []))
        self.assertEqual(self.known(), [b"b"])

    def test_damagedBefore(self) -> None:
        """A damaged file is put aside, and a new one begins."""
        with open(self.path, "wb") as file:
            file.write(b"not at all" * 1000)
        got = self.clerk.turn(_GIVEN)
        self.assertEqual(got, Got(True, True, [], aside=self.path + ".damaged"))
        with open(self.path + ".damaged", "rb") as file:
            self.assertEqual(file.read(10), b"not at all")
        self.assertEqual(self.known(), [b"a"])

    def test_damagedMeanwhile(self) -> None:
        """The same, if it comes out in the middle."""
        self.clerk.turn(Given(_NOW))
        other = self.opened()
        names = (Name("retry", b"%d" % number) for number in range(1000))
        self.keep(other, *((name, record(b"x" * 100)) for name in names))
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with open(self.path, "r+b") as file:
            file.seek(4096)
            file.write(b"\xaa" * 100_000)
        got = self.clerk.turn(Given(_NOW, {_B: Change(records=(record(),))}))
        self.assertEqual(got, Got(True, True, [], aside=self.path + ".damaged"))
        self.assertEqual(self.known(), [b"b"])

    def test_damageThatSomebodyElsePutAside(self) -> None:
        """Where somebody else was faster, the new file stays."""
        self.clerk.turn(_GIVEN)
        failing = self.clerk._file
        assert failing is not None
        other = self.hired()
        path = self.path

        def exchange(*what: object) -> None:
            os.rename(path, path + ".damaged")
            other.turn(Given(_NOW, {_B: Change(records=(record(),))}))
            error = sqlite3.DatabaseError("malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

        self.patch(failing, "exchange", exchange)
        got = self.clerk.turn(_GIVEN)
        self.assertEqual((got.taken, got.aside), (True, None))
        self.assertEqual(self.known(), [b"a", b"b"])

    def test_foreign(self) -> None:
        """Somebody else's file is told of, and left alone; later it may be ours."""
        self.execute("CREATE TABLE a(b)")
        got = self.clerk.turn(_GIVEN)
        text = f"{self.path}: an SQLite file, but not one of peers that smtpx made"
        self.assertEqual(got, Got(False, trouble=text))
        os.unlink(self.path)
        self.assertEqual(self.clerk.turn(_GIVEN), Got(True, True, []))

    def test_noFolder(self) -> None:
        """A folder that is not there is told of by its name."""
        os.rmdir(self.folder)
        got = self.clerk.turn(_GIVEN)
        assert got.trouble is not None
        self.assertIn(self.folder, got.trouble)

    def test_full(self) -> None:
        """A disk without room is told of; as soon as there is some, it goes on."""
        self.clerk.turn(Given(_NOW))
        file = self.clerk._file
        assert file is not None
        file._connection.execute("PRAGMA max_page_count = 1").fetchall()
        many = tuple(record(b"x" * 10_000, version) for version in range(9))
        given = Given(_NOW, {_A: Change(records=many)})
        got = self.clerk.turn(given)
        self.assertEqual(
            got, Got(False, trouble=f"{self.path}: database or disk is full")
        )
        self.assertTrue(self.clerk.turn(given).taken)
        self.assertEqual(len(self.known()), 9)

    def test_busy(self) -> None:
        """Where somebody else has the file for long, that is no trouble."""
        self.clerk.turn(Given(_NOW))
        file = self.clerk._file
        assert file is not None
        file._connection.execute("PRAGMA busy_timeout = 1")
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.assertEqual(self.clerk.turn(_GIVEN), Got(False))
        other.execute("ROLLBACK")
        self.assertTrue(self.clerk.turn(_GIVEN).taken)

    def test_faultOfOurOwn(self) -> None:
        """What nobody thought of comes out."""
        self.patch(KnowledgeFile, "exchange", lambda *what: 1 / 0)
        self.assertRaises(ZeroDivisionError, self.clerk.turn, _GIVEN)
