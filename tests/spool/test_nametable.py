"""
Tests for L{smtpx.spool.nametable}: names in the spool file, and their rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from attrs import evolve

from smtpx.spool.changes import Change
from smtpx.spool.nametable import (
    Census,
    Name,
    Remnant,
    dropped,
    forgotten,
    left,
    recorded,
    weightOf,
)
from smtpx.spool.store import Store

from .rig import NOW, SpoolTestCase

NAME = Name(b"k1", b"ann", NOW + 60, 1042, b"\x00" * 32, '{"said": "\u00fc"}')
REMNANT = Remnant(b"k2", b"bob", NOW + 90, 4711, 70_000, '{"v":1}', "noted")


class NameTableTests(SpoolTestCase):
    """One open spool file."""

    def setUp(self) -> None:
        """A file that nobody else has."""
        super().setUp()
        self.path: str = self.mktemp()
        self.store = Store(self.path)
        self.addCleanup(self.store.close)
        self.table = self.store.names

    def change(self, *changes: Change) -> Sequence[int]:
        """Write changes down, in one transaction."""
        return self.store.commit((), (), changes)

    def test_nothing(self) -> None:
        """A new file knows no name."""
        self.assertIsNone(self.table.name(b"k1"))
        self.assertIsNone(self.table.remnant(b"k1"))
        self.assertEqual(self.table.census(), Census())
        self.assertEqual((self.table.some(9), self.table.whole()), ([], []))

    def test_asItWas(self) -> None:
        """What is put down comes back as it was, also from the file opened again."""
        unknown = evolve(NAME, key=b"k3", digest=None)
        self.change(*recorded(NAME), *recorded(unknown), left(REMNANT))
        self.store.close()
        again = Store(self.path)
        self.addCleanup(again.close)
        self.assertEqual(again.names.name(b"k1"), NAME)
        self.assertEqual(again.names.name(b"k3"), unknown)
        self.assertEqual(again.names.remnant(b"k2"), REMNANT)
        self.assertEqual(again.names.whole(), [REMNANT])

    def test_exactly(self) -> None:
        """A key is octets: neither case nor a part of it is overlooked."""
        self.change(*recorded(NAME))
        for key in (b"K1", b"k", b"k1\x00", b""):
            self.assertIsNone(self.table.name(key), key)

    def test_endsWhatWasCutShort(self) -> None:
        """With a name, nothing is cut short under it any more; only under it."""
        other = evolve(REMNANT, key=b"k1")
        self.change(left(REMNANT), left(other))
        self.change(*recorded(NAME))
        self.assertEqual(self.table.whole(), [REMNANT])

    def test_replaced(self) -> None:
        """The last one that was put down under a name counts."""
        self.change(*recorded(NAME), left(REMNANT))
        later, longer = evolve(NAME, note="{}"), evolve(REMNANT, octets=80_000)
        self.change(*recorded(later), left(longer))
        self.assertEqual(self.table.name(b"k1"), later)
        self.assertEqual(self.table.remnant(b"k2"), longer)
        self.assertEqual(self.table.census().counts, {b"ann": 1})

    def test_forgotten(self) -> None:
        """Forgetting tells whether there was something."""
        self.change(*recorded(NAME), left(REMNANT))
        found = self.change(forgotten(b"k1"), dropped(b"k2"), forgotten(b"k9"))
        self.assertEqual(list(found), [1, 1, 0])
        self.assertIsNone(self.table.name(b"k1"))
        self.assertIsNone(self.table.remnant(b"k2"))

    def test_counts(self) -> None:
        """Names are counted by client."""
        for key, client in ((b"1", b"ann"), (b"2", b"ann"), (b"3", b"bob")):
            self.change(*recorded(evolve(NAME, key=key, client=client)))
        self.assertEqual(self.table.census().counts, {b"ann": 2, b"bob": 1})

    def test_heavy(self) -> None:
        """One of which much is remembered counts as several, in the file as here."""
        notes = ["x" * octets for octets in (0, 1023, 1024, 5000)]
        self.assertEqual([weightOf(each) for each in notes], [1, 1, 2, 5])
        for number, note in enumerate(notes):
            self.change(*recorded(evolve(NAME, key=b"%d" % number, note=note)))
        census = self.table.census()
        self.assertEqual(census.counts, {b"ann": 9})
        self.assertEqual(census.heavy, {b"2": 2, b"3": 5})

    def test_oldestFirst(self) -> None:
        """What was cut short is listed by age, without what is long of it."""
        newer = evolve(REMNANT, key=b"k3", until=NOW + 91)
        self.change(left(newer), left(REMNANT))
        light = [evolve(each, envelope="", note="") for each in (REMNANT, newer)]
        self.assertEqual(self.table.census().remnants, light)

    def test_among(self) -> None:
        """Of files it is known which something cut short is in."""
        self.change(left(REMNANT))
        self.assertEqual(self.table.among([4711, 4712]), {4711})
        self.assertEqual(self.table.among([]), set())

    def test_expire(self) -> None:
        """The oldest go first, so many at a time; what has time left stays."""
        for number in range(5):
            key, client = b"%d" % number, b"c%d" % number
            name = evolve(NAME, key=key, client=client, until=NOW + number)
            self.change(*recorded(name))
        first = [(b"0", b"c0"), (b"1", b"c1"), (b"2", b"c2")]
        self.assertEqual(sorted(self.table.expire(NOW + 3, 3)), first)
        self.assertEqual(self.table.expire(NOW + 3, 3), [(b"3", b"c3")])
        self.assertEqual(self.table.expire(NOW + 3, 3), [])
        self.assertEqual(self.table.census().counts, {b"c4": 1})

    def test_some(self) -> None:
        """Some are as many as are asked for, if there are so many."""
        for number in range(3):
            self.change(*recorded(evolve(NAME, key=b"%d" % number)))
        self.assertEqual(len(self.table.some(2)), 2)
        self.assertEqual(len(self.table.some(9)), 3)

    def test_byKey(self) -> None:
        """No look-up of one name reads all of them."""
        connection = sqlite3.connect(self.path)
        self.addCleanup(connection.close)
        for table in ("name", "remnant"):
            query = f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE key = ?"
            [(*_, plan)] = connection.execute(query, (b"k",)).fetchall()
            self.assertIn("SEARCH", plan)
            self.assertIn("PRIMARY KEY", plan)
