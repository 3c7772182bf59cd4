"""Tests for L{smtpx.policy.lookups.sqlitetable}."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import CancelledError, Deferred, execute
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.policy.lookups import (
    Database,
    ITable,
    LookupDeferred,
    SQLiteTable,
    sqlitetable,
)

from .tables import Heard

QUERY = "SELECT value FROM relay WHERE name = :key"


def write(path: Path, *rows: tuple[object, object]) -> None:
    """Make a database."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE relay (name, value)")
    connection.executemany("INSERT INTO relay VALUES (?, ?)", rows)
    connection.commit()
    connection.close()


class SQLiteTableTests(SynchronousTestCase):
    """A query of a database."""

    def setUp(self) -> None:
        """Make one."""
        self.path = Path(self.mktemp())
        write(
            self.path,
            ("example.org", "yes"),
            ("m\u00fcnchen.example", "s\u00fc\u00df"),
            (b"\xff", b"\xfe"),
            ("number", 42),
            ("null", None),
            ("it's; DROP TABLE relay --", "quoted"),
        )
        self.heard = Heard()

    def table(self, query: str = QUERY, seconds: float = 0.01) -> SQLiteTable:
        """The table that a query gives."""
        self.database = Database(self.path, query, seconds)
        self.addCleanup(self.database.close)
        return SQLiteTable(self.database, execute, self.heard.complaints())

    def failing(self, table: SQLiteTable, key: bytes = b"example.org") -> str:
        """Why it cannot tell."""
        failure = self.failureResultOf(table.find(key), LookupDeferred)
        return str(failure.value)

    def test_whoLeavesStillCounts(self) -> None:
        """
        Clients that come and leave do not fill the queue of the thread: what it has
        not come to counts, and is not asked then.
        """
        self.patch(sqlitetable, "WAITING_MOST", 3)
        jobs: list[tuple[Callable[[], bytes | None], Deferred[bytes | None]]] = []

        def work(job: Callable[[], bytes | None]) -> Deferred[bytes | None]:
            jobs.append((job, Deferred()))
            return jobs[-1][1]

        database = Database(self.path, QUERY)
        self.addCleanup(database.close)
        table = SQLiteTable(database, work, self.heard.complaints())
        for _ in range(3):
            found = table.find(b"example.org")
            found.cancel()
            self.failureResultOf(found, CancelledError)
        self.assertIn("3 questions wait already", self.failing(table))
        self.assertEqual(len(jobs), 3)
        (first, done), (_, other), _ = jobs
        self.assertIsNone(first())
        self.assertIsNone(database._open)
        done.callback(None)
        other.errback(sqlite3.Error("broken"))
        answer = table.find(b"example.org")
        job, done = jobs[-1]
        done.callback(job())
        self.assertEqual(self.successResultOf(answer), b"yes")

    def test_provides(self) -> None:
        """It is a table that does not answer at once."""
        self.assertTrue(verifyObject(ITable, self.table()))
        self.assertFalse(self.table().prompt)

    def test_values(self) -> None:
        """Keys are text where they are UTF-8; values become octets."""
        for query in (QUERY, "SELECT value FROM relay WHERE name = ?"):
            table = self.table(query)
            for key, value in (
                (b"example.org", b"yes"),
                ("m\u00fcnchen.example".encode(), "s\u00fc\u00df".encode()),
                (b"\xff", b"\xfe"),
                (b"number", b"42"),
                (b"null", None),
                (b"other", None),
                (b"it's; DROP TABLE relay --", b"quoted"),
            ):
                self.assertEqual(self.successResultOf(table.find(key)), value, key)
        self.assertEqual(self.heard.told, [])

    def test_readOnly(self) -> None:
        """No query changes anything."""
        table = self.table("DELETE FROM relay WHERE name = :key RETURNING value")
        self.assertIn("attempt to write a readonly database", self.failing(table))

    def test_locked(self) -> None:
        """A database that somebody is writing to cannot tell, and then can."""
        table = self.table()
        other = sqlite3.connect(self.path)
        other.execute("BEGIN EXCLUSIVE")
        self.assertEqual(self.failing(table), f"{self.path}: database is locked")
        other.rollback()
        other.close()
        self.assertEqual(self.successResultOf(table.find(b"example.org")), b"yes")
        self.assertEqual(
            self.heard.told,
            [
                ("lookup.broken", f"{self.path}: database is locked"),
                ("lookup.works", None),
            ],
        )

    def test_slow(self) -> None:
        """A query that takes too long is ended."""
        table = self.table(
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
            " SELECT max(x) FROM n WHERE x <> :key"
        )
        self.assertEqual(self.failing(table), f"{self.path}: interrupted")

    def test_writtenAhead(self) -> None:
        """With a log that is written ahead, a writer keeps nobody waiting."""
        writer = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(writer.close)
        writer.execute("PRAGMA journal_mode = WAL")
        table = self.table()
        self.assertEqual(self.successResultOf(table.find(b"example.org")), b"yes")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE relay SET value = 'new' WHERE name = 'example.org'")
        self.assertEqual(self.successResultOf(table.find(b"example.org")), b"yes")
        writer.execute("COMMIT")
        self.assertEqual(self.successResultOf(table.find(b"example.org")), b"new")

    def test_missing(self) -> None:
        """A file that is missing is not made."""
        self.path.unlink()
        why = f"{self.path}: cannot be read: No such file or directory"
        self.assertEqual(self.failing(self.table()), why)
        self.assertFalse(self.path.exists())

    def test_broken(self) -> None:
        """A file that is none, or is cut short."""
        whole = self.path.read_bytes()
        for octets in (b"example.org: yes\n" * 50, whole[: len(whole) // 2]):
            self.path.write_bytes(octets)
            self.assertIn(str(self.path), self.failing(self.table()))

    def test_replaced(self) -> None:
        """A database that was put in its place is the one from then on."""
        table = self.table()
        self.successResultOf(table.find(b"example.org"))
        other = Path(self.mktemp())
        write(other, ("example.org", "other"))
        os.rename(other, self.path)
        self.assertEqual(self.successResultOf(table.find(b"example.org")), b"other")

    def test_prepared(self) -> None:
        """A query that does not go with the database is found out at the start."""
        for query in (
            "SELECT value FROM other WHERE name = :key",
            "SELEKT value",
            "SELECT value FROM relay WHERE name = ? AND value = ?",
            "SELECT 1; SELECT 2",
        ):
            self.table(query)
            self.assertRaises((sqlite3.Error, sqlite3.Warning), self.database.prepare)
        self.table()
        self.database.prepare()

    def test_severalColumns(self) -> None:
        """A query gives one value."""
        table = self.table("SELECT name, value FROM relay WHERE name = :key")
        why = "the query has to be a SELECT of one column"
        self.assertEqual(self.failing(table), f"{self.path}: {why}")

    def test_largeValue(self) -> None:
        """A value that is too long is nobody's value."""
        table = self.table("SELECT replace(hex(zeroblob(32769)), '0', :key)")
        self.assertIn("a value has more than 65536 octets", self.failing(table, b"v"))

    def test_manyWait(self) -> None:
        """Only so many wait for a database."""
        self.patch(sqlitetable, "WAITING_MOST", 2)
        waiting: list[Deferred[bytes | None]] = []

        def work(job: Callable[[], bytes | None]) -> Deferred[bytes | None]:
            waiting.append(Deferred())
            return waiting[-1]

        database = Database(self.path, QUERY)
        table = SQLiteTable(database, work, self.heard.complaints())
        first, _ = table.find(b"a"), table.find(b"b")
        self.assertIn("2 questions wait already", self.failing(table))
        waiting[0].callback(b"yes")
        self.assertEqual(self.successResultOf(first), b"yes")
        self.assertNoResult(table.find(b"c"))
