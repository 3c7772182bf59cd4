"""Tests for L{smtpx.policy.lookups.linelookup}."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.defer import execute
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.policy.lookups import (
    READERS,
    ITable,
    LineTable,
    LookupDeferred,
    linelookup,
    readLines,
)
from smtpx.policy.watchedfile import BadList

from .tables import Heard


class LineTableTests(SynchronousTestCase):
    """A file with lines."""

    def setUp(self) -> None:
        """Write one."""
        self.path = Path(self.mktemp())
        self.path.write_bytes(b"example.org: yes\n")
        self.heard = Heard()
        self.clock = Clock()

    def table(self, kind: str = "lsearch") -> LineTable:
        """A table that looks at its file."""
        table = LineTable(self.path, READERS[kind], self.heard.complaints())
        table.start(self.clock, execute)
        self.addCleanup(table.stop)
        return table

    def look(self) -> None:
        """The file is looked at, and again, for it must not change any more."""
        self.clock.pump([1.0, 1.0])

    def test_provides(self) -> None:
        """It is a table, which answers at once."""
        verifyObject(ITable, self.table())
        self.assertEqual(self.table().find(b"example.org"), b"yes")

    def test_readAgain(self) -> None:
        """A file that changes is read again, and nothing is said of it."""
        table = self.table()
        self.path.write_bytes(b"example.net: no\n")
        self.look()
        self.assertIsNone(table.find(b"example.org"))
        self.assertEqual(table.find(b"example.net"), b"no")
        self.assertEqual(self.heard.told, [])

    def test_gone(self) -> None:
        """
        Where the file is gone, nothing can be told: that is said once, and once that
        it is there again.
        """
        table = self.table()
        os.rename(self.path, f"{self.path}.away")
        self.look()
        for _ in range(3):
            self.assertRaises(LookupDeferred, table.find, b"example.org")
            self.look()
        os.rename(f"{self.path}.away", self.path)
        self.look()
        self.assertEqual(table.find(b"example.org"), b"yes")
        why = f"{self.path}: cannot be read: No such file or directory"
        self.assertEqual(
            self.heard.told, [("lookup.broken", why), ("lookup.works", None)]
        )

    def test_broken(self) -> None:
        """A file with something wrong in it is of no use until that is right."""
        table = self.table("nwildlsearch")
        self.path.write_bytes(b"^(: x\n")
        self.look()
        error = self.assertRaises(LookupDeferred, table.find, b"example.org")
        self.assertIn(f"{self.path}:1: it is no regular expression", str(error))
        self.path.write_bytes(b"^ex: right\n")
        self.look()
        self.assertEqual(table.find(b"example.org"), b"right")

    def test_missingAtTheStart(self) -> None:
        """Nothing starts with a file that is not there."""
        self.path.unlink()
        bad = self.assertRaises(BadList, self.table)
        self.assertIn("No such file or directory", str(bad))

    def test_tooLarge(self) -> None:
        """There is a bound on the size of a file."""
        self.patch(linelookup, "FILE_MOST", 10)
        self.assertIn(
            "more than 10 octets", str(self.assertRaises(BadList, self.table))
        )
        self.path.write_bytes(b"a: 6789\n\n\n")
        self.assertEqual(readLines(self.path).find(b"a"), b"6789")
