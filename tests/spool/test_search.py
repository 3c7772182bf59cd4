"""
Tests for L{smtpx.spool.search}.
"""

from __future__ import annotations

from smtpx.spool import search
from smtpx.spool.changes import (
    parked,
    planned,
    recorded,
)
from smtpx.spool.store import Store

from .test_store import StoreTestCase


class SearchTests(StoreTestCase):
    """Finding what is to go without looking at the rest."""

    def put(self, store: Store, *keys: int) -> None:
        """Put down messages."""
        store.commit([(key, 1, "{}", b"x", None) for key in keys])

    def test_fresh(self) -> None:
        """Fresh ones are found stretch by stretch."""
        store = self.store()
        self.assertEqual(store.search.fresh(-1, 4), ([], None))
        self.put(store, *range(10))
        store.commit([(10, 1, "{}", b"x", "held"), (11, 1, "{}", b"x", None)])
        store.commit(
            [], [], [parked(1, b"x", "[]"), recorded(2, 1, False, 5.0, "", "")]
        )
        self.assertEqual(store.search.fresh(-1, 4), ([0, 3], 3))
        self.assertEqual(store.search.fresh(3, 4), ([4, 5, 6, 7], 7))
        self.assertEqual(store.search.fresh(7, 4), ([8, 9, 11], 11))
        self.assertEqual(store.search.fresh(11, 4), ([], None))

    def test_due(self) -> None:
        """The urgent first, each after where it was passed, and when more is due."""
        store = self.store()
        plans = [(1, 5.0, 0), (2, 5.0, 0), (3, 4.0, -9), (4, 6.0, 9), (5, 7.0, 0)]
        self.put(store, *[key for key, _, _ in plans])
        store.commit([], [], [planned(*plan, None) for plan in plans])
        urgent, one, other, slow = (9, 6.0, 4), (0, 5.0, 1), (0, 5.0, 2), (-9, 4.0, 3)
        due = store.search.due
        self.assertEqual(due(6.0, 9, set(), {}), ([urgent, one, other, slow], 7.0))
        self.assertEqual(due(6.0, 2, set(), {}), ([urgent, one], 5.0))
        self.assertEqual(due(6.0, 2, {1, 4}, {}), ([other, slow], 7.0))
        self.assertEqual(
            due(6.0, 2, set(), {0: (5.0, 1), 9: (6.0, 4)})[0], [other, slow]
        )
        self.assertEqual(due(8.0, 9, set(), {-9: (4.0, 3)})[0][-1], (0, 7.0, 5))
        self.assertEqual(due(3.0, 9, set(), {}), ([], 4.0))

    def test_lanes(self) -> None:
        """Lanes are found page by page, and what waits for one by its age."""
        store = self.store()
        names = [b"a", b"b", b"b", b"c", b"b", b"a"]
        self.put(store, *range(len(names)))
        store.commit(
            [], [], [parked(key, name, "[]") for key, name in enumerate(names)]
        )
        lanes, found = store.search.lanes, store.search.parked
        self.assertEqual(lanes(b"", 2), [b"a", b"b"])
        self.assertEqual(lanes(b"b", 2), [b"c"])
        self.assertEqual(lanes(b"", 0), [])
        self.assertEqual(found(b"b", 2, set()), [1, 2])
        self.assertEqual(found(b"b", 2, {1}), [2, 4])
        self.assertEqual(found(b"b", 9, {1, 2, 4}), [])

    def test_indexes(self) -> None:
        """No search sorts, nor goes through messages that are not wanted."""
        store = self.store()
        searches = [
            (store._connection.execute, statement)
            for statement in (search._DUE, search._PARKED)
        ]
        for execute, statement in searches:
            values = [0] * statement.count("?")
            plan = execute("EXPLAIN QUERY PLAN " + statement, values).fetchall()
            self.assertEqual(len(plan), 1)
            self.assertIn("COVERING INDEX", plan[0][3])
