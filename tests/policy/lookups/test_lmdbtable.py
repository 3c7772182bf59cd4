"""Tests for L{smtpx.policy.lookups.lmdbtable}."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import lmdb
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.errors import UsageError
from smtpx.policy.lookups import ITable, LMDBTable, LookupDeferred
from smtpx.policy.lookups.lmdbtable import mayLock, neededOctets

from .tables import Heard, ticking


def write(path: Path, values: Mapping[bytes, bytes], mapOctets: int = 1 << 20) -> None:
    """Put values into an LMDB file, as another program would."""
    with lmdb.open(str(path), subdir=False, map_size=mapOctets) as environment:
        with environment.begin(write=True) as transaction:
            for key, value in values.items():
                transaction.put(key, value)


class LMDBTableTests(SynchronousTestCase):
    """An LMDB file."""

    def setUp(self) -> None:
        """Write one."""
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "relaydomains.mdb"
        write(self.path, {b"example.org": b"yes", b"Example.net": b"\x00no\x00"})
        self.heard = Heard()

    def table(self, locks: bool = True) -> LMDBTable:
        """The table in it."""
        table = LMDBTable(self.path, self.heard.complaints(), locks, ticking())
        self.addCleanup(table.close)
        return table

    def test_provides(self) -> None:
        """It is a table that answers at once."""
        self.assertTrue(verifyObject(ITable, self.table()))

    def test_octets(self) -> None:
        """Keys and values are octets as they are, without a NUL at their end."""
        table = self.table()
        self.assertEqual(table.find(b"example.org"), b"yes")
        self.assertEqual(table.find(b"Example.net"), b"\x00no\x00")
        for key in (b"example.net", b"example.or", b"", b"k" * 511, b"k" * 1024):
            self.assertIsNone(table.find(key), key)

    def test_replaced(self) -> None:
        """A file that was put in its place is the one from then on."""
        table = self.table()
        self.assertEqual(table.find(b"example.org"), b"yes")
        other = self.path.with_suffix(".new")
        write(other, {b"example.org": b"other"})
        os.rename(other, self.path)
        self.assertEqual(table.find(b"example.org"), b"other")

    def test_lookedForOnce(self) -> None:
        """Within a millisecond a file is not looked for twice."""
        now = 5.0
        table = LMDBTable(self.path, self.heard.complaints(), True, lambda: now)
        self.addCleanup(table.close)
        self.assertEqual(table.find(b"example.org"), b"yes")
        os.rename(self.path, self.path.with_suffix(".away"))
        self.assertEqual(table.find(b"example.org"), b"yes")
        now += 0.001
        self.assertRaises(LookupDeferred, table.find, b"example.org")

    def test_missing(self) -> None:
        """One that is missing cannot tell, which is said once; then it can again."""
        table = self.table()
        away = self.path.with_suffix(".away")
        os.rename(self.path, away)
        for _ in range(3):
            self.assertRaises(LookupDeferred, table.find, b"example.org")
        os.rename(away, self.path)
        self.assertEqual(table.find(b"example.org"), b"yes")
        why = f"{self.path}: cannot be read: No such file or directory"
        self.assertEqual(
            self.heard.told, [("lookup.broken", why), ("lookup.works", None)]
        )

    def test_cutAnywhere(self) -> None:
        """A file that is cut short, wherever, cannot tell, and ends no process."""
        whole = self.path.read_bytes()
        self.assertEqual(len(whole), neededOctets(self.path))
        table = self.table(locks=False)
        for at in [*range(300), *range(300, len(whole), 61), len(whole) - 1]:
            self.path.write_bytes(whole[:at])
            self.assertRaises(LookupDeferred, table.find, b"example.org")

    def test_cutWhileOpen(self) -> None:
        """So does one that becomes shorter while it is open."""
        table = self.table(locks=False)
        self.assertEqual(table.find(b"example.org"), b"yes")
        os.truncate(self.path, 5000)
        error = self.assertRaises(LookupDeferred, table.find, b"example.org")
        self.assertEqual(str(error), f"{self.path}: it is cut short")

    def test_noLMDB(self) -> None:
        """What is no such file is told so, in LMDB's words or ours."""
        for octets in (b"", b"example.org: yes\n", b"\x00" * 8192):
            self.path.write_bytes(octets)
            error = self.assertRaises(LookupDeferred, self.table().find, b"a")
            self.assertEqual(str(error), f"{self.path}: it is no LMDB file")

    def test_aFolder(self) -> None:
        """A folder, which LMDB could use as well, is none of ours."""
        self.path.unlink()
        self.path.mkdir()
        error = self.assertRaises(LookupDeferred, self.table().find, b"a")
        self.assertIn("cannot be read: Is a directory", str(error))

    def test_largeValue(self) -> None:
        """A value that is too long is nobody's value."""
        write(self.path, {b"large": b"v" * 65536, b"larger": b"v" * 65537})
        table = self.table()
        self.assertEqual(table.find(b"large"), b"v" * 65536)
        error = self.assertRaises(LookupDeferred, table.find, b"larger")
        self.assertIn("a value has more than 65536 octets", str(error))

    def test_damagedMeta(self) -> None:
        """Of two heads the one that can be read counts, the newer if both can."""
        write(self.path, {b"n": b"1"})
        octets = bytearray(self.path.read_bytes())
        octets[4096:4200] = bytes(104)
        self.path.write_bytes(octets)
        self.assertLessEqual(neededOctets(self.path), len(octets))
        octets[16:20] = bytes(4)
        self.path.write_bytes(octets)
        self.assertRaises(ValueError, neededOctets, self.path)

    def test_noPackage(self) -> None:
        """Without the package the operator is told how to get it."""
        self.addCleanup(sys.modules.__setitem__, "lmdb", lmdb)
        sys.modules["lmdb"] = None  # type: ignore[assignment] # import takes it so
        error = self.assertRaises(UsageError, self.table)
        self.assertIn("pip install 'smtpx[lmdb]'", str(error))


class LockTests(SynchronousTestCase):
    """Whether a reader puts itself down in the file with the locks."""

    def setUp(self) -> None:
        """There is a file."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "some.mdb"
        write(self.path, {b"a": b"b"})
        self.locks = Path(f"{self.path}-lock")

    def test_there(self) -> None:
        """Where there is such a file, and it can be written."""
        self.assertTrue(mayLock(self.path))
        self.patch(os, "access", lambda path, mode: False)
        self.assertFalse(mayLock(self.path))

    def test_made(self) -> None:
        """Where there is none, only by the owner of the data, in a folder of theirs."""
        self.locks.unlink()
        self.assertTrue(mayLock(self.path))
        own = os.geteuid()
        self.patch(os, "geteuid", lambda: own + 1)
        self.assertFalse(mayLock(self.path))
        self.patch(os, "geteuid", lambda: own)
        self.patch(os, "access", lambda path, mode: path != self.folder)
        self.assertFalse(mayLock(self.path))

    def test_noLocks(self) -> None:
        """Without locks nothing is written, and nothing is missing."""
        self.locks.unlink()
        table = LMDBTable(self.path, Heard().complaints(), locks=False)
        self.addCleanup(table.close)
        self.assertEqual(table.find(b"a"), b"b")
        self.assertFalse(self.locks.exists())
