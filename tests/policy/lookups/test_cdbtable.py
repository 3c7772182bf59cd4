"""Tests for L{smtpx.policy.lookups.cdbtable}."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.policy.lookups import CDBTable, ITable, LookupDeferred, cdbtable
from smtpx.policy.lookups.cdbtable import cdbHash

from .tables import Heard, ticking


def cdb(records: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A file with these records, as the description of the format says."""
    at, body = 2048, b""
    tables: list[list[tuple[int, int]]] = [[] for _ in range(256)]
    for key, value in records:
        hashed = cdbHash(key)
        tables[hashed & 255].append((hashed, at))
        record = struct.pack("<II", len(key), len(value)) + key + value
        body += record
        at += len(record)
    pointers = b""
    for table in tables:
        places = [(0, 0)] * (2 * len(table))
        for hashed, where in table:
            place = (hashed >> 8) % len(places)
            while places[place][1]:
                place = (place + 1) % len(places)
            places[place] = hashed, where
        pointers += struct.pack("<II", at, len(places))
        body += b"".join(struct.pack("<II", *each) for each in places)
        at += 8 * len(places)
    return pointers + body


RECORDS = [
    (b"example.org", b"yes"),
    (b"Example.org", b"other"),
    (b"twice", b"one"),
    (b"twice", b"two"),
    (b"", b"nobody"),
    (b"empty", b""),
]


class CDBTableTests(SynchronousTestCase):
    """A CDB file."""

    def setUp(self) -> None:
        """Write one."""
        self.path = Path(self.mktemp())
        self.path.write_bytes(cdb(RECORDS))
        self.heard = Heard()

    def table(self) -> CDBTable:
        """The table in it."""
        table = CDBTable(self.path, self.heard.complaints(), ticking())
        self.addCleanup(table.close)
        return table

    def test_provides(self) -> None:
        """It is a table that answers at once."""
        self.assertTrue(verifyObject(ITable, self.table()))

    def test_hash(self) -> None:
        """The hash of the format's description."""
        self.assertEqual(cdbHash(b""), 5381)
        self.assertEqual(cdbHash(b"a"), 5381 * 33 ^ 97)
        self.assertLess(cdbHash(b"a" * 100), 1 << 32)

    def test_records(self) -> None:
        """Keys are octets as they are; of several records the first counts."""
        table = self.table()
        for key, value in dict(reversed(RECORDS)).items():
            self.assertEqual(table.find(key), value, key)
        self.assertIsNone(table.find(b"EXAMPLE.ORG"))
        self.assertEqual(self.heard.told, [])

    @settings(max_examples=50, deadline=None)
    @given(st.dictionaries(st.binary(max_size=8), st.binary(max_size=8)))
    def test_anyRecords(self, records: dict[bytes, bytes]) -> None:
        """Every record of a file is found, and no other."""
        self.path.write_bytes(cdb(list(records.items())))
        table = CDBTable(self.path, self.heard.complaints())
        for key, value in records.items():
            self.assertEqual(table.find(key), value)
        self.assertEqual(table.find(b"other key"), None)
        table.close()

    def test_replaced(self) -> None:
        """A file that was put in its place is the one from then on."""
        table = self.table()
        self.assertEqual(table.find(b"example.org"), b"yes")
        other = Path(self.mktemp())
        other.write_bytes(cdb([(b"example.org", b"other")]))
        os.rename(other, self.path)
        self.assertEqual(table.find(b"example.org"), b"other")

    def test_lookedForOnce(self) -> None:
        """Within a millisecond a file is not looked for twice."""
        now = 5.0
        table = CDBTable(self.path, self.heard.complaints(), lambda: now)
        self.addCleanup(table.close)
        self.assertEqual(table.find(b"example.org"), b"yes")
        self.path.unlink()
        self.assertEqual(table.find(b"example.org"), b"yes")
        now += 0.001
        self.assertRaises(LookupDeferred, table.find, b"example.org")

    def test_missing(self) -> None:
        """One that is missing cannot tell, which is said once; then it can again."""
        table = self.table()
        octets = self.path.read_bytes()
        self.path.unlink()
        for _ in range(3):
            self.assertRaises(LookupDeferred, table.find, b"example.org")
        self.path.write_bytes(octets)
        self.assertEqual(table.find(b"example.org"), b"yes")
        why = f"{self.path}: cannot be read: No such file or directory"
        self.assertEqual(
            self.heard.told, [("lookup.broken", why), ("lookup.works", None)]
        )

    def test_cutAnywhere(self) -> None:
        """A file that is cut short, wherever, cannot tell."""
        whole = self.path.read_bytes()
        table = self.table()
        for at in range(len(whole)):
            self.path.write_bytes(whole[:at])
            self.assertRaises(LookupDeferred, table.find, b"example.org")

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 2300), st.integers(0, 255)), max_size=20))
    def test_damagedAnywhere(self, changes: list[tuple[int, int]]) -> None:
        """Whatever stands in a file: a value, none, or it cannot be told."""
        octets = bytearray(cdb(RECORDS))
        for at, octet in changes:
            octets[at % len(octets)] = octet
        self.path.write_bytes(octets)
        table = CDBTable(self.path, self.heard.complaints())
        for key, _ in RECORDS:
            try:
                found = table.find(key)
            except LookupDeferred:
                continue
            self.assertTrue(found is None or isinstance(found, bytes))
        table.close()

    def test_fullTable(self) -> None:
        """A table without an end is not looked through for ever."""
        self.patch(cdbtable, "_PROBES_MOST", 3)
        hashed = cdbHash(b"key")
        full = b"".join(struct.pack("<II", hashed ^ 1 << 20, 2048) for _ in range(4))
        pointers = struct.pack("<II", 2048, 4) * 256
        self.path.write_bytes(pointers + full)
        error = self.assertRaises(LookupDeferred, self.table().find, b"key")
        self.assertIn("it is no CDB file: a hash table is full", str(error))
        # A small one may be full: then there is no such key.
        self.patch(cdbtable, "_PROBES_MOST", 4)
        self.assertIsNone(self.table().find(b"key"))

    def test_largeValue(self) -> None:
        """A value that is too long is nobody's value."""
        self.path.write_bytes(cdb([(b"large", b"v" * 65536), (b"more", b"v" * 65537)]))
        table = self.table()
        self.assertEqual(table.find(b"large"), b"v" * 65536)
        error = self.assertRaises(LookupDeferred, table.find, b"more")
        self.assertIn("a value has more than 65536 octets", str(error))
