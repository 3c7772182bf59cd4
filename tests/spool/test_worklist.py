"""
Tests for L{smtpx.spool.worklist}.
"""

from __future__ import annotations

import sqlite3

from smtpx.spool.changes import held, parked
from smtpx.spool.stock import Shift, Stock
from smtpx.spool.store import Insertion, Store
from smtpx.spool.worklist import MOST

from .test_store import StoreTestCase


def row(key: int, hold: str | None = None) -> Insertion:
    """A message."""
    return key, 1, f'{{"number":{key}}}', b"body %d" % key, hold


class WorklistTests(StoreTestCase):
    """Putting messages down and removing others in one statement."""

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
        self.assertEqual([(each.text, each.content) for each in rows], [*TEXTS])
        self.assertEqual([each.hold for each in rows], [None, "why"])
        self.assertEqual(store.tally.shift(), Shift())
        self.assertEqual(store.stock(), Stock(4, 70003, 1))

    def test_onlyRemovals(self) -> None:
        """Removals may come alone, however many they are."""
        store = self.store()
        for count in 1, MOST, MOST + 1:
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


TEXTS = (('{"number":7}', b"body 7"), ("{}", None))
