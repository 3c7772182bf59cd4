"""
Tests for L{smtpx.spool.store}.
"""

from __future__ import annotations

import os
import sqlite3
from math import inf
from typing import Any
from unittest import mock

import smtpx.spool.store as storeModule
from smtpx.spool.changes import (
    held,
    letGo,
    parked,
    planned,
    recorded,
    released,
)
from smtpx.spool.format import Row
from smtpx.spool.layout import LAYOUT, ForeignFile
from smtpx.spool.stock import Shift, Stock
from smtpx.spool.store import Insertion, Store, Unsound

from .rig import SpoolTestCase


class StoreTestCase(SpoolTestCase):
    """A test that has a file."""

    def setUp(self) -> None:
        """A folder for it."""
        super().setUp()
        os.mkdir(self.folder)
        self.path = os.path.join(self.folder, "spool.db")

    def store(self) -> Store:
        """The file, open, closed at the end."""
        store = Store(self.path)
        self.addCleanup(store.close)
        return store

    def execute(self, statement: str) -> None:
        """Do something to the file behind the store's back."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute(statement)
        connection.close()


def pageOf(store: Store) -> int:
    """The size of its pages, in octets."""
    ((octets,),) = store._connection.execute("PRAGMA page_size").fetchall()
    found: int = octets
    return found


class OpeningTests(StoreTestCase):
    """Whose file it is."""

    def test_durability(self) -> None:
        """The log is synced at each commit, and that is not an option."""
        execute = self.store()._connection.execute
        self.assertEqual(execute("PRAGMA journal_mode").fetchall(), [("wal",)])
        self.assertEqual(execute("PRAGMA synchronous").fetchall(), [(2,)])

    def test_newer(self) -> None:
        """A file of a newer layout is refused, named, and not touched."""
        self.store().close()
        self.execute(f"PRAGMA user_version = {LAYOUT + 1}")
        with open(self.path, "rb") as file:
            before = file.read()
        error = self.assertRaises(ForeignFile, Store, self.path)
        self.assertEqual(
            str(error),
            f"{self.path}: a spool of layout version {LAYOUT + 1}; "
            f"this smtpx reads up to version {LAYOUT}",
        )
        with open(self.path, "rb") as file:
            self.assertEqual(file.read(), before)

    def test_foreign(self) -> None:
        """Another program's database is refused."""
        self.execute("CREATE TABLE x(y)")
        error = self.assertRaises(ForeignFile, Store, self.path)
        self.assertIn("no spool of smtpx", str(error))

    def test_noDatabase(self) -> None:
        """What is no SQLite file is refused."""
        with open(self.path, "wb") as file:
            file.write(b"From x\n" * 1000)
        error = self.assertRaises(ForeignFile, Store, self.path)
        self.assertIn("no SQLite file", str(error))

    def test_otherErrors(self) -> None:
        """Any other trouble with opening is told as what it is."""
        os.mkdir(self.path)
        self.assertRaises(OSError, Store, self.path)
        self.path += "2"
        locked = sqlite3.DatabaseError("odd")
        locked.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        with mock.patch.object(sqlite3, "connect") as connect:
            connect.return_value.execute.side_effect = locked
            error = self.assertRaises(sqlite3.DatabaseError, Store, self.path)
        self.assertIs(error, locked)
        connect.return_value.close.assert_called_once_with()

    def test_openings(self) -> None:
        """Openings are counted, and the greatest second is remembered."""
        store = self.store()
        self.assertEqual(store.opened(100), (1, 0))
        self.assertEqual(store.opened(50), (2, 100))
        key = (1 << 18) * 3844 * 700
        store.commit([(key, 0, "{}", b"", None)])
        self.assertEqual(store.opened(50), (3, 700))
        self.assertEqual(store.opened(50), (4, 700))

    def test_logKeepsItsSize(self) -> None:
        """The log is grown once, and neither commits nor reopening grow it."""
        store = Store(self.path, 1 << 20)
        self.addCleanup(store.close)
        log = self.path + "-wal"
        size = os.stat(log).st_size
        self.assertGreater(size, 1 << 20)
        for key in range(1000):
            store.commit([(key, 0, "{}", b"x" * 2000, None)])
        self.assertEqual(os.stat(log).st_size, size)

    def test_logThatIsThere(self) -> None:
        """A log that a killed process left behind is not grown again."""
        one = Store(self.path, 1 << 20)
        self.addCleanup(one.close)
        size = os.stat(self.path + "-wal").st_size
        two = Store(self.path, 1 << 20)
        self.addCleanup(two.close)
        self.assertEqual(os.stat(self.path + "-wal").st_size, size)

    def test_smallerPages(self) -> None:
        """
        A file with pages of another size is read and written as it is, and its log
        keeps its size, too.
        """
        with mock.patch.object(storeModule, "PAGE_OCTETS", 4096):
            one = Store(self.path, 1 << 20)
            one.commit([(1, 10_000, "{}", b"x" * 10_000, None)])
            one.close()
        store = Store(self.path, 1 << 20)
        self.addCleanup(store.close)
        self.assertEqual(pageOf(store), 4096)
        size = os.stat(self.path + "-wal").st_size
        for key in range(2, 600):
            store.commit([(key, 10_000, "{}", b"y" * 10_000, None)])
        self.assertEqual(os.stat(self.path + "-wal").st_size, size)
        rows, _ = store.whole([1, 2], 1 << 20)
        self.assertEqual([row.content for row in rows], [b"x" * 10_000, b"y" * 10_000])
        store.verify()

    def test_pages(self) -> None:
        """A new file has pages of the size that we want."""
        self.assertEqual(pageOf(self.store()), storeModule.PAGE_OCTETS)

    def test_noRoomForLog(self) -> None:
        """Without room to grow the log, the spool opens all the same."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
        opened = sqlite3.connect

        def limited(*arguments: object, **options: object) -> sqlite3.Connection:
            made = opened(*arguments, **options)  # type: ignore[call-overload]  # only handed on
            made.execute("PRAGMA max_page_count = 50")
            return made  # type: ignore[no-any-return]  # as above

        self.patch(sqlite3, "connect", limited)
        store = Store(self.path, 1 << 20)
        self.addCleanup(store.close)
        store.commit([(1, 0, "{}", b"", None)])
        self.assertEqual(store.first(9), [1])

    def test_growingFails(self) -> None:
        """Any other failure while growing the log is not passed over."""
        store = self.store()
        store._connection.execute("CREATE TABLE growth(x)")
        with mock.patch.object(store, "_connection") as connection:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            connection.execute.side_effect = [None, error]
            with self.assertRaises(sqlite3.OperationalError):
                store._grow(1 << 30)


class CommitTests(StoreTestCase):
    """Transactions."""

    def keys(self, store: Store) -> list[int]:
        """The messages there are."""
        return store.first(1000)

    def test_many(self) -> None:
        """More rows than one statement takes are one transaction."""
        store = self.store()
        store.commit([(key, 0, "{}", b"", None) for key in range(200)])
        self.assertEqual(self.keys(store), list(range(200)))
        store.commit([], list(range(0, 200, 2)))
        self.assertEqual(self.keys(store), list(range(1, 200, 2)))

    def test_allOrNothing(self) -> None:
        """When one row fails, none is there, and the next transaction works."""
        store = self.store()
        store.commit([(150, 0, "{}", b"", None)])
        rows = [(key, 0, "{}", b"", None) for key in range(200)]
        self.assertRaises(sqlite3.IntegrityError, store.commit, rows)
        self.assertEqual(self.keys(store), [150])
        self.assertRaises(sqlite3.IntegrityError, store.commit, [rows[150]])
        store.commit(rows[:150])
        self.assertEqual(len(self.keys(store)), 151)

    def test_progress(self) -> None:
        """How far a message is, is written over and over."""
        store = self.store()
        store.commit([(1, 0, "{}", b"", None)], [], [held(1, "why")])
        (row,) = store.page(0, 5)
        self.assertEqual((row.held, row.note, row.attempts), (1, "why", 0))
        store.commit([], [], [recorded(1, 1, False, 5.0, "[]", "")])
        (row,) = store.page(0, 5)
        self.assertEqual((row.held, row.note, row.due), (1, "why", 5.0))
        store.commit([], [], [released(1, 7.0)])
        (row,) = store.page(0, 5)
        self.assertEqual((row.held, row.note, row.due), (0, "released", 7.0))
        self.assertEqual(store.search.due(7.0, 5, set(), {}), ([(0, 7.0, 1)], inf))
        self.assertEqual(store.search.due(7.0, 5, {1}, {}), ([], inf))
        self.assertEqual(store.search.due(6.9, 5, set(), {}), ([], 7.0))

    def test_putByForAMoment(self) -> None:
        """A message goes when it was to go once it is off hold."""
        store = self.store()
        rows = [(1, 0, "{}", b"", "wait"), (2, 0, "{}", b"", "wait")]
        store.commit(rows, [], [planned(2, 50.0, 3, "wait")])
        store.commit([], [], [letGo(1, 7.0), letGo(2, 7.0), letGo(3, 7.0)])
        one, other = store.page(0, 5)
        self.assertEqual((one.onHold, one.due, one.priority), (False, 7.0, 0))
        self.assertEqual((other.onHold, other.due, other.priority), (False, 50.0, 3))
        self.assertEqual((one.isReleased, one.why), (False, ""))

    def test_putByAndTried(self) -> None:
        """
        One that was to be given up meanwhile, and is on hold as nobody could be told,
        is found again.
        """
        store = self.store()
        store.commit([(1, 0, "{}", b"", "wait")])
        store.commit([], [], [recorded(1, 1, True, None, "[]", "nobody")])
        store.commit([], [], [letGo(1, 7.0)])
        self.assertEqual(store.search.due(7.0, 5, set(), {}), ([(0, 7.0, 1)], inf))

    def test_heldFromTheStart(self) -> None:
        """A message that arrives on hold is so until it is released."""
        store = self.store()
        store.commit([(1, 0, "{}", b"", "route"), (2, 0, "{}", b"", None)])
        self.assertEqual(store.search.fresh(-1, 5), ([2], None))
        one, other = store.page(0, 5)
        self.assertEqual((one.onHold, one.why), (True, "route"))
        self.assertEqual((other.onHold, other.why), (False, ""))
        store.commit([], [], [released(1, 7.0), released(2, 7.0), released(3, 7.0)])
        one, other = store.page(0, 5)
        self.assertEqual((one.onHold, one.why, one.due), (False, "released", 7.0))
        self.assertEqual((one.isReleased, other.isReleased), (True, False))
        self.assertEqual((other.onHold, other.attempts), (False, None))
        self.assertEqual(store.search.due(7.0, 5, set(), {}), ([(0, 7.0, 1)], inf))
        store.commit([], [], [held(1, "again")])
        (one, _) = store.page(0, 5)
        self.assertEqual((one.onHold, one.why), (True, "again"))

    def test_takeAllOrNothing(self) -> None:
        """Rows that another file had are taken all, or none."""
        store = self.store()
        row = Row(
            1, 3, "{}", 0, b"abc", "since then", 2, 1, 5.0, "[]", "why", 0, None, 7.5
        )
        bad: Any = row._replace(key=2)
        bad = bad._replace(text=None)
        self.assertRaises(sqlite3.IntegrityError, store.take, [row, bad])
        self.assertEqual(self.keys(store), [])
        store.take([row])
        store.take([row, row._replace(key=3, attempts=None)])
        self.assertEqual(self.keys(store), [1, 3])
        self.assertEqual(store.page(0, 1), [row._replace(content=None)])

    def test_noBodiesInPages(self) -> None:
        """A page of messages is read without the bodies."""
        store = self.store()
        store.commit([(1, 3, "{}", b"abc", None), (2, 70000, "{}", None, None)])
        one, other = store.page(0, 5)
        self.assertEqual((one.content, one.filed), (None, 0))
        self.assertEqual((other.content, other.filed), (None, 1))
        (whole,), seen = store.whole([1], 100)
        self.assertEqual((whole.content, seen), (b"abc", 1))

    def test_filed(self) -> None:
        """Messages with files are had by pages."""
        store = self.store()
        store.commit([(1, 1, "{}", b"x", None)])
        rows = [(key, 70000 + key % 2, "{}", None, None) for key in range(2, 6)]
        store.commit(rows)
        self.assertEqual(store.filed((-1, -1), 3), [(70000, 2), (70000, 4), (70001, 3)])
        self.assertEqual(store.filed((70001, 3), 3), [(70001, 5)])


def row(key: int, hold: str | None = None) -> Insertion:
    """A message."""
    return key, 1, f'{{"number":{key}}}', b"body %d" % key, hold


class RemovalTests(StoreTestCase):
    """Putting messages down and removing others in one transaction."""

    def keys(self, store: Store) -> list[int]:
        """What there is."""
        return store.first(1000)

    def test_both(self) -> None:
        """What is put down is there as it was given, and what was removed is gone."""
        store = self.store()
        store.commit([row(key) for key in range(5)])
        store.commit([row(7), (8, 70000, "{}", None, "why")], [0, 2, 4])
        self.assertEqual(self.keys(store), [1, 3, 7, 8])
        rows, _ = store.whole([7, 8], 1000)
        self.assertEqual(
            [(each.text, each.content) for each in rows],
            [('{"number":7}', b"body 7"), ("{}", None)],
        )
        self.assertEqual([each.hold for each in rows], [None, "why"])
        self.assertEqual(store.tally.shift(), Shift())
        self.assertEqual(store.stock(), Stock(4, 70003, 1))

    def test_asGiven(self) -> None:
        """What a body is, octets, none of them or a file, is the same when read."""
        store = self.store()
        bodies = [b"\0\xff", b"", None]
        store.commit([(key, 5, "{}", body, None) for key, body in enumerate(bodies)])
        held = [(key + 3, 5, "{}", body, "x") for key, body in enumerate(bodies)]
        store.commit(held)
        store.commit([(9, 5, "{}", b"", None)], [0])
        rows, _ = store.whole([1, 2, 3, 4, 5, 9], 1000)
        self.assertEqual(
            [(each.content, each.filed) for each in rows],
            [(b"", 0), (None, 1), (b"\0\xff", 0), (b"", 0), (None, 1), (b"", 0)],
        )

    def test_onlyRemovals(self) -> None:
        """Removals may come alone, however many they are."""
        store = self.store()
        for count in 1, 64, 65:
            store.commit([row(key) for key in range(count)])
            store.commit([], list(range(count)))
            self.assertEqual(self.keys(store), [])

    def test_tried(self) -> None:
        """With a message goes what is known of how far it is."""
        store = self.store()
        store.commit([row(1), row(2)])
        store.commit([], [], [held(1, ""), parked(2, b"x", "[]")])
        self.assertEqual(store.tally.shift(), Shift(1, 1))
        store.commit([row(3)], [1, 2])
        self.assertEqual(store.tally.shift(), Shift(-1, -1))
        store.commit([row(1), row(2)])
        rows, _ = store.whole([1, 2], 1000)
        self.assertEqual([each.attempts for each in rows], [None, None])

    def test_missing(self) -> None:
        """
        What is not there to be removed is counted, also where something else had been
        tried before.
        """
        store = self.store()
        for tried in False, True:
            store.commit([row(1)], [])
            if tried:
                store.commit([], [], [parked(1, b"x", "[]")])
                store.tally.shift()
            store.commit([row(5)], [1, 2])
            self.assertEqual(store.tally.shift(), Shift(0, -tried, 1))
            store.commit([row(6)], [5])
            self.assertEqual(store.tally.shift(), Shift())
            store.commit([], [6])

    def test_allOrNothing(self) -> None:
        """Where one row cannot be put down, nothing is done."""
        store = self.store()
        store.commit([row(1), row(2)])
        with self.assertRaises(sqlite3.IntegrityError):
            store.commit([row(3), row(2)], [1])
        self.assertEqual(self.keys(store), [1, 2])
        store.commit([row(3)], [1, 2])
        self.assertEqual(self.keys(store), [3])
        self.assertEqual(store.tally.shift(), Shift())


class VerifyTests(StoreTestCase):
    """Looking a file through after a failure."""

    def test_sound(self) -> None:
        """A file in order is found so, and its log is empty then."""
        store = self.store()
        store.commit([(1, 0, "{}", b"", None)])
        store.verify()
        self.assertEqual(os.stat(self.path + "-wal").st_size, 0)

    def test_unsound(self) -> None:
        """A file that is damaged is not trusted again."""
        store = self.store()
        store.commit([(key, 9, "{}", b"x" * 2000, None) for key in range(100)])
        store.close()
        with open(self.path, "r+b") as file:
            file.seek(-4096 * 10, os.SEEK_END)
            file.write(b"\xff" * 4096 * 10)
        store = self.store()
        with self.assertRaises((Unsound, sqlite3.DatabaseError)):
            store.verify()

    def test_busyLog(self) -> None:
        """A log that somebody else is reading is not emptied: no trust yet."""
        store = self.store()
        store.commit([(1, 0, "{}", b"", None)])
        reader = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(reader.close)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM message").fetchall()
        store.commit([(2, 0, "{}", b"", None)])
        store._connection.execute("PRAGMA busy_timeout = 0")
        error = self.assertRaises(Unsound, store.verify)
        self.assertIn("could not be emptied", str(error))
