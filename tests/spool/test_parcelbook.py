"""Tests for L{smtpx.spool.parcelbook}."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.spool.parcelbook import BookUnusable, Entry, ParcelBook, Stage

ONE = Entry("x 1", "mark", (("id1", ""), ("id2", "frozen")))
TWO = Entry("y 2", "mark", ())


class ParcelBookTests(SynchronousTestCase):
    """What is known of parcels."""

    def setUp(self) -> None:
        """A book, new."""
        self.path = Path(self.mktemp())
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.book = self.open()

    def open(self) -> ParcelBook:
        """Open it, as a process does."""
        book = ParcelBook(str(self.path))
        self.addCleanup(book.close)
        return book

    def test_survives(self) -> None:
        """What was written is there when it is opened again."""
        self.book.begin([ONE, TWO])
        self.book.reach(Stage.COMMITTED, ["y 2"])
        self.book.close()
        found = self.open().find(["x 1", "y 2", "z 3"])
        self.assertEqual(found, {"x 1": ONE, "y 2": evolve(TWO, stage=Stage.COMMITTED)})

    def test_unfinished(self) -> None:
        """Those that were being taken are found, of one kind at a time."""
        self.book.begin([ONE, TWO])
        self.assertEqual(self.book.unfinished("x "), [ONE])
        self.book.reach(Stage.TAKEN, ["x 1"])
        self.assertEqual(self.book.unfinished(""), [TWO])

    def test_anotherInItsPlace(self) -> None:
        """Where another comes, it is the one that is known."""
        self.book.begin([ONE])
        other = evolve(ONE, mark="other")
        self.book.begin([other])
        self.assertEqual(self.book.find(["x 1"]), {"x 1": other})

    def test_forget(self) -> None:
        """What is forgotten is not known any more."""
        self.book.begin([ONE, TWO])
        self.book.forget(["x 1", "never"])
        self.assertEqual(list(self.book.find(["x 1", "y 2"])), ["y 2"])

    def test_many(self) -> None:
        """Any number can be asked for at once."""
        entries = [Entry(f"x {number}", "m", ()) for number in range(1200)]
        self.book.begin(entries)
        self.assertEqual(len(self.book.find([each.place for each in entries])), 1200)

    def test_allOrNothing(self) -> None:
        """What fails half way leaves nothing."""
        bad = Entry("z", None, ())  # type: ignore[arg-type]  # so that it fails
        self.assertRaises(sqlite3.IntegrityError, self.book.begin, [ONE, bad])
        self.assertEqual(self.book.find(["x 1"]), {})
        self.book.begin([TWO])

    def test_durable(self) -> None:
        """It is on the disk before the next step is done, and for its owner alone."""
        rows = self.book._connection.execute("PRAGMA synchronous").fetchall()
        self.assertEqual(rows, [(2,)])
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)

    def test_somethingElse(self) -> None:
        """Another file is not touched."""
        for name, make in (("text", self._text), ("sqlite", self._sqlite)):
            path = self.path.with_name(name)
            make(path)
            before = path.read_bytes()
            error = self.assertRaises(BookUnusable, ParcelBook, str(path))
            self.assertIn(str(path), str(error))
            self.assertEqual(path.read_bytes(), before)

    def _text(self, path: Path) -> None:
        path.write_text("something\n" * 200)

    def _sqlite(self, path: Path) -> None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE other(x)")
        connection.close()

    def test_newer(self) -> None:
        """A book of a newer smtpx is left to that."""
        self.book._connection.execute("PRAGMA user_version = 9")
        self.book.close()
        error = self.assertRaises(BookUnusable, self.open)
        self.assertIn("a newer smtpx made it", str(error))
