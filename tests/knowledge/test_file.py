"""
Tests for L{smtpx.knowledge.file}, and for what it stands on: L{smtpx.knowledge.folder}
and L{smtpx.knowledge.layout}.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
from typing import cast

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.knowledge import folder as folderModule
from smtpx.knowledge.file import Change, KnowledgeFile, Row
from smtpx.knowledge.folder import alone, putAside
from smtpx.knowledge.interfaces import Record
from smtpx.knowledge.layout import DamagedFile, ForeignFile, glance, isBusy, isDamage
from smtpx.knowledge.rooms import ROOM, Name, Room

_NOW = 1_000_000.0
_A, _B = Name("retry", b"a"), Name("retry", b"b")


def record(value: bytes = b"x", version: int = 1, now: float = _NOW) -> Record:
    """A record that counts for a hundred seconds."""
    return Record(version, value, now, now + 100)


class FileCase(SynchronousTestCase):
    """A place for a file."""

    def setUp(self) -> None:
        """A folder."""
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        self.path = os.path.join(self.folder, "peers.sqlite")

    def opened(self, room: Room = ROOM, make: bool = True) -> KnowledgeFile:
        """Somebody opens it."""
        file = KnowledgeFile(self.path, room, make=make)
        self.addCleanup(file.close)
        return file

    def keep(self, file: KnowledgeFile, *records: tuple[Name, Record]) -> None:
        """Somebody finds something out."""
        changes = {place: Change(records=(each,)) for place, each in records}
        file.exchange(changes, {}, _NOW)

    def execute(self, *statements: str) -> None:
        """Somebody else works at the file."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()


class OpeningTests(FileCase):
    """Files as they are found."""

    def test_new(self) -> None:
        """A new file has nothing in it."""
        self.assertEqual(self.opened().exchange({}, {}, _NOW), (True, []))

    def test_onlyForUs(self) -> None:
        """The file and what SQLite has beside it are for nobody else."""
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        self.keep(self.opened(), (_A, record()))
        found = {
            name: stat.S_IMODE(os.stat(os.path.join(self.folder, name)).st_mode)
            for name in os.listdir(self.folder)
        }
        expected = ("peers.sqlite", "peers.sqlite-shm", "peers.sqlite-wal")
        self.assertEqual(found, dict.fromkeys(expected, 0o600))

    def test_madeForUs(self) -> None:
        """A file that others could read no longer is one."""
        self.opened().close()
        os.chmod(self.path, 0o644)
        self.opened()
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_again(self) -> None:
        """What was kept is there when the file is opened again."""
        first = self.opened()
        self.keep(first, (_A, record()))
        first.close()
        self.assertEqual(
            self.opened().exchange({}, {}, _NOW),
            (True, [Row(_A, 1, record(), _NOW)]),
        )

    def test_notMade(self) -> None:
        """A file is not made for who only wants to look."""
        self.assertRaises(FileNotFoundError, self.opened, make=False)
        self.assertEqual(os.listdir(self.folder), [])

    def test_noFile(self) -> None:
        """Something else than a file is refused."""
        os.mkdir(self.path)
        self.assertRaises(sqlite3.Error, self.opened)

    def test_notAllowed(self) -> None:
        """A file that may not be written to is refused in plain words."""
        self.opened().close()
        # Whoever runs the tests may write anywhere, perhaps.
        self.patch(os, "access", lambda path, mode: False)
        error = self.assertRaises(PermissionError, self.opened)
        self.assertIn(self.path, str(error))

    def test_foreign(self) -> None:
        """Somebody else's file is not touched."""
        self.execute("CREATE TABLE a(b)")
        with open(self.path, "rb") as file:
            before = file.read()
        error = self.assertRaises(ForeignFile, self.opened)
        self.assertIn("not one of peers", str(error))
        with open(self.path, "rb") as file:
            self.assertEqual(file.read(), before)

    def test_newer(self) -> None:
        """A file that a newer smtpx made is not touched."""
        self.opened().close()
        self.execute("PRAGMA user_version = 2")
        error = self.assertRaises(ForeignFile, self.opened)
        self.assertIn("layout version 2; this smtpx reads up to version 1", str(error))

    def test_glanced(self) -> None:
        """A file can be looked at beside those who have it open."""
        self.assertIsNone(glance(self.path))
        first = self.opened()
        self.assertIsNone(glance(self.path))
        first.close()
        self.assertIsNone(glance(self.path))
        self.execute("PRAGMA user_version = 3")
        self.assertIn("of layout version 3;", str(glance(self.path)))
        self.execute("PRAGMA application_id = 7")
        self.assertIn("not one of peers", str(glance(self.path)))
        for content in (b"not at all" * 1000, b"SQLite format 3\0"):
            with open(self.path, "wb") as file:
                file.write(content)
            self.assertEqual(glance(self.path), f"{self.path}: no SQLite file")
        os.truncate(self.path, 0)
        self.assertIsNone(glance(self.path))
        self.assertRaises(OSError, glance, self.folder)

    def test_noSQLite(self) -> None:
        """A file that is none of SQLite is damage."""
        with open(self.path, "wb") as file:
            file.write(b"not at all" * 1000)
        self.assertTrue(isDamage(self.assertRaises(sqlite3.Error, self.opened)))

    def test_overwritten(self) -> None:
        """A file in whose middle something else stands is damage."""
        first = self.opened()
        names = [Name("retry", b"%d" % number) for number in range(1000)]
        self.keep(first, *((name, record(b"x" * 100)) for name in names))
        first.close()
        with open(self.path, "r+b") as file:
            file.seek(4096)
            file.write(b"\xaa" * 40_000)
        error = self.assertRaises((DamagedFile, sqlite3.Error), self.opened)
        self.assertTrue(isDamage(error), error)

    def test_lacking(self) -> None:
        """A file in which something of ours is missing is damage."""
        for statement, said in (
            ("DROP TABLE record", "no such table: record"),
            ("DROP TABLE counter", "no such table: counter"),
            ("DELETE FROM counter", "its counter is not there"),
        ):
            self.opened().close()
            self.execute(statement)
            error = self.assertRaises(DamagedFile, self.opened)
            self.assertEqual(str(error), f"{self.path}: {said}")
            os.unlink(self.path)

    def test_unreadableSchema(self) -> None:
        """What SQLite says of a schema that is no text is damage, too."""
        error = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
        self.assertTrue(isDamage(error))

    def test_locked(self) -> None:
        """Who opens it does not wait for ever for another process."""
        self.patch(folderModule, "_WAIT_SECONDS", 0.05)
        descriptor = os.open(self.folder, os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self.assertRaises(TimeoutError, self.opened)

    def test_moved(self) -> None:
        """It is noticed that the file was deleted, or is another one."""
        first = self.opened()
        self.assertFalse(first.isMoved())
        os.unlink(self.path)
        self.assertTrue(first.isMoved())
        second = self.opened()
        self.assertTrue(first.isMoved())
        self.assertFalse(second.isMoved())
        # Nobody who closes the old one takes the new one's log away.
        self.keep(second, (_A, record()))
        first.close()
        self.assertEqual(len(self.opened().all()), 1)

    def test_aside(self) -> None:
        """A file is put aside with all that belongs to it."""
        first = self.opened()
        self.keep(first, (_A, record()))
        for _ in range(2):
            self.assertEqual(putAside(self.path), self.path + ".damaged")
            with self.assertRaises(FileNotFoundError):
                self.opened(make=False)
            self.opened()
        self.assertTrue(first.isMoved())

    def test_alone(self) -> None:
        """The lock on the folder is given back."""
        for _ in range(2):
            with alone(self.folder):
                pass


class ExchangeTests(FileCase):
    """Two processes that share a file."""

    def setUp(self) -> None:
        """They have both opened it."""
        super().setUp()
        self.one, self.two = self.opened(), self.opened()
        for each in (self.one, self.two):
            each.exchange({}, {}, _NOW)

    def news(self, file: KnowledgeFile, now: float = _NOW) -> list[Row]:
        """What one hears of."""
        whole, rows = file.exchange({}, {}, now)
        self.assertFalse(whole)
        return list(rows)

    def test_kept(self) -> None:
        """What one finds out the other hears once, and the one not at all."""
        self.keep(self.one, (_A, record()))
        self.assertEqual(self.news(self.one), [])
        self.assertEqual(self.news(self.two), [Row(_A, 1, record(), _NOW)])
        self.assertEqual(self.news(self.two), [])

    def test_replaced(self) -> None:
        """What was found out last counts."""
        self.keep(self.one, (_A, record(b"1")))
        self.keep(self.two, (_A, record(b"2")))
        self.assertEqual(self.news(self.one), [Row(_A, 1, record(b"2"), _NOW)])
        self.assertEqual(len(self.one.all()), 1)

    def test_forgotten(self) -> None:
        """What one forgets the other forgets, of all versions."""
        self.keep(self.one, (_A, record()))
        self.keep(self.one, (_A, record(b"y", 2)))
        self.news(self.two)
        self.one.exchange({_A: Change(forgotten=True)}, {}, _NOW)
        self.assertEqual(
            self.news(self.two), [Row(_A, 1, None, _NOW), Row(_A, 2, None, _NOW)]
        )
        self.assertEqual(self.two.all(), [])

    def test_forgottenAndKept(self) -> None:
        """What is found out after something was forgotten counts."""
        self.keep(self.one, (_A, record(b"1")))
        self.keep(self.one, (_A, record(b"2", 2)))
        self.news(self.two)
        change = Change(forgotten=True).then(Change(records=(record(b"3"),)))
        self.one.exchange({_A: change}, {}, _NOW)
        self.assertEqual(
            sorted(self.news(self.two)),
            [Row(_A, 1, record(b"3"), _NOW), Row(_A, 2, None, _NOW)],
        )

    def test_operatorForgets(self) -> None:
        """What is deleted by hand is counted, and both hear of it."""
        self.keep(self.one, (_A, record()), (_B, record()))
        self.news(self.two)
        hand = self.opened(make=False)
        self.assertEqual(hand.forget([_A, Name("retry", b"c")], _NOW), 1)
        for each in (self.one, self.two):
            self.assertEqual(self.news(each), [Row(_A, 1, None, _NOW)])

    def test_estranged(self) -> None:
        """Who was asleep for long reads everything again."""
        self.keep(self.one, (_A, record()))
        later = _NOW + 1800
        self.assertEqual(self.two.exchange({}, {}, later), (True, []))
        self.assertEqual(self.two.exchange({}, {}, later - 1), (True, []))

    def test_forgottenIsForgotten(self) -> None:
        """After an hour nothing is left of what was forgotten."""
        self.keep(self.one, (_A, record()))
        self.one.forget([_A], _NOW)
        self.assertEqual(self.one.tidy(_NOW + 3600), 0)
        connection = sqlite3.connect(self.path)
        self.addCleanup(connection.close)
        self.assertEqual(
            connection.execute("SELECT count(*) FROM record").fetchall(), [(0,)]
        )

    def test_uses(self) -> None:
        """What was asked for last is what stays."""
        small = self.opened(Room(records=1))
        self.keep(small, (_A, record()), (_B, record()))
        small.exchange({}, {_A: _NOW + 5}, _NOW)
        self.assertEqual(small.tidy(_NOW), 1)
        self.assertEqual(small.all(), [Row(_A, 1, record(), _NOW + 5)])

    def test_orderOfUse(self) -> None:
        """Who opens the file gets what was asked for last, in order."""
        self.keep(self.one, (_A, record()), (_B, record()))
        self.one.exchange({}, {_A: _NOW + 5}, _NOW)
        _, rows = self.opened().exchange({}, {}, _NOW)
        self.assertEqual([row.place for row in rows], [_B, _A])
        _, rows = self.opened(Room(records=1)).exchange({}, {}, _NOW)
        self.assertEqual([row.place for row in rows], [_A])

    def test_expired(self) -> None:
        """What expired is not read, and tidying removes it."""
        later = _NOW + 100
        self.keep(self.one, (_A, record()), (_B, record(now=later)))
        _, rows = self.opened().exchange({}, {}, later)
        self.assertEqual([row.place for row in rows], [_B])
        self.assertEqual(self.one.tidy(later), 1)
        self.assertEqual([row.place for row in self.one.all()], [_B])
        self.assertEqual(self.one.tidy(later), 0)

    def test_ofTheFuture(self) -> None:
        """Tidying removes what a clock that was wrong has left."""
        self.keep(self.one, (_A, record(now=_NOW + 4000)))
        self.assertEqual(self.one.tidy(_NOW), 1)

    def test_tooManyOctets(self) -> None:
        """Tidying keeps the file within its bounds."""
        small = self.opened(Room(octets=250))
        for number, place in enumerate((_A, _B, Name("retry", b"c"))):
            self.keep(small, (place, record(b"x" * 100)))
            small.exchange({}, {place: _NOW + number}, _NOW)
        self.assertEqual(small.tidy(_NOW), 1)
        self.assertEqual([row.place.name for row in small.all()], [b"b", b"c"])

    def test_busy(self) -> None:
        """Who cannot write now hears of all of it the next time."""
        self.keep(self.one, (_A, record()))
        self.two._connection.execute("PRAGMA busy_timeout = 1")
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        change = {_B: Change(records=(record(),))}
        error = self.assertRaises(
            sqlite3.OperationalError, self.two.exchange, change, {}, _NOW
        )
        self.assertTrue(isBusy(error))
        other.execute("ROLLBACK")
        _, rows = self.two.exchange(change, {}, _NOW)
        self.assertEqual([row.place for row in rows], [_A])

    def test_allOrNothing(self) -> None:
        """Of what cannot be written down as a whole, nothing is."""
        wrong = evolve(record(), value=cast(bytes, object()))
        changes = {
            _A: Change(records=(record(),)),
            _B: Change(records=(wrong,)),
        }
        self.assertRaises(sqlite3.Error, self.one.exchange, changes, {}, _NOW)
        self.assertEqual(self.two.all(), [])
        self.keep(self.one, (_A, record()))

    def test_notOurs(self) -> None:
        """Rows that are not as they should be are left out."""
        self.execute(
            "INSERT INTO record(kind, name, version, value, written, used, expires,"
            " change) VALUES('retry', 'text', 1, x'00', 1.0, 1.0, 1e9, 1)",
            "INSERT INTO record(kind, name, version, value, written, used, expires,"
            " change) VALUES('retry', x'00', 1, zeroblob(100000), 1.0, 1.0, 1e9, 1)",
        )
        self.assertEqual(self.news(self.one), [])
        self.assertEqual(self.opened().exchange({}, {}, _NOW), (True, []))

    def test_noText(self) -> None:
        """A kind that is no text is one of its own."""
        self.execute(
            "INSERT INTO record(kind, name, version, value, written, used, expires,"
            " change) VALUES(CAST(x'ff' AS TEXT), x'00', 1, x'00', 1.0, 1.0, 1e9, 1)",
        )
        [row] = self.news(self.one)
        self.assertEqual(row.place, Name("\\xff", b"\x00"))

    def test_hostileNames(self) -> None:
        """A name is a name, whatever a host calls itself."""
        place = Name("retry", b"'; DROP TABLE record; --\x00\xff")
        self.keep(self.one, (place, record()))
        self.assertEqual(self.news(self.two)[0].place, place)
        self.assertEqual(self.two.forget([place], _NOW), 1)


class ChangeTests(SynchronousTestCase):
    """What is found out one after the other."""

    def test_then(self) -> None:
        """The later counts, and other versions stay."""
        first = Change(records=(record(b"1"), record(b"2", 2)))
        later = Change(records=(record(b"3"),))
        self.assertEqual(
            first.then(later), Change(records=(record(b"2", 2), record(b"3")))
        )
        self.assertEqual(first.then(Change(forgotten=True)), Change(forgotten=True))
        self.assertEqual(
            Change(forgotten=True).then(later), Change(True, later.records)
        )
