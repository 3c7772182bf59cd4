"""
Tests for L{smtpx.spool.tally}.
"""

from __future__ import annotations

import sqlite3

from smtpx.spool.changes import (
    Change,
    held,
    parked,
    recorded,
    released,
    unparked,
)
from smtpx.spool.stock import Shift, Stock
from smtpx.spool.store import Store

from .test_store import StoreTestCase


class TallyTests(StoreTestCase):
    """Counting along."""

    def put(self, store: Store, *keys: int) -> None:
        """Put down messages."""
        store.commit([(key, 1, "{}", b"x", None) for key in keys])

    def test_stock(self) -> None:
        """What there is, is the same counted along and counted from the start."""
        store = self.store()
        self.put(store, *range(8))
        store.commit([(8, 1, "{}", b"x", "held"), (9, 70000, "{}", None, "held")])
        steps: list[list[Change]] = [
            [parked(key, b"x", "[]") for key in range(5)],
            [held(0, ""), held(0, "again"), held(5, ""), held(99, "")],
            [released(0, 1.0), released(8, 1.0), released(7, 1.0)],
            [unparked(b"x", 5.0, 1), parked(6, b"x", "[]"), parked(6, b"y", "[]")],
            [
                recorded(2, 1, False, 1.0, "[]", ""),
                recorded(3, 1, True, None, "[]", ""),
            ],
            [held(4, "while parked"), held(9, "once more")],
        ]
        told = Stock(10, 70009, 2)
        self.assertEqual(store.stock(), told)
        for step in steps:
            store.commit([], [], step)
            told.shift(store.tally.shift())
            self.assertEqual(store.stock(), told)
        self.assertEqual((told.held, told.parked), (4, 1))
        store.commit([], [0, 3, 4, 6])
        told.shift(store.tally.shift())
        self.assertEqual(store.stock(), Stock(6, 70005, told.held, told.parked))
        self.assertEqual((told.held, told.parked), (2, 0))
        self.assertEqual(store.tally.shift(), Shift())

    def test_rolledBack(self) -> None:
        """What was not written down is not counted."""
        store = self.store()
        self.put(store, 1)
        bad: Change = ("INSERT INTO nothing VALUES(1)", ())
        changes = [held(1, ""), bad]
        self.assertRaises(sqlite3.OperationalError, store.commit, [], [], changes)
        store.commit([], [], [parked(1, b"x", "[]")])
        self.assertEqual(store.tally.shift(), Shift(0, 1))
