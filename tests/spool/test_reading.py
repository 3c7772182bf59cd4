"""
Tests for L{smtpx.spool.reading}: looking at a message beside the server.
"""

from __future__ import annotations

import os
import sqlite3

from smtpx.spool.format import Fate, Outcome
from smtpx.spool.layout import LAYOUT, ForeignFile
from smtpx.spool.reading import readMessage, spoolFiles

from .rig import LONG, NOW, SHORT, SpoolTestCase

UNKNOWN = "1wPq1o-000000-1k"


class ReadingTests(SpoolTestCase):
    """A message in the files of a spool."""

    def test_beside(self) -> None:
        """What a server has put down is seen while it has the files open."""
        rig = self.rig()
        id = rig.put(SHORT, b"a@x.example", b"b@x.example")
        rig.put(LONG)
        found = readMessage(self.folder, id, {})
        assert found is not None
        self.assertEqual((found.id, found.waiting, found.content), (id, (0, 1), None))
        [message] = [
            each for each in rig.wait(rig.spool.ready(NOW, 10)) if each.id == id
        ]
        outcome = Outcome(1, Fate.WAITING, "Connection refused")
        settled = [Outcome(0, Fate.DELIVERED), outcome]
        rig.wait(rig.spool.settle(message, settled, due=1e9))
        found = readMessage(self.folder, id, {})
        assert found is not None
        self.assertEqual((found.waiting, found.attempts, found.due), ((1,), 1, 1e9))
        self.assertEqual(found.outcomes[-1].text, "Connection refused")
        self.assertIsNone(readMessage(self.folder, UNKNOWN, {}))

    def test_without(self) -> None:
        """No server need run."""
        rig = self.rig()
        id = rig.put(SHORT)
        rig.close()
        found = readMessage(self.folder, id, {})
        assert found is not None
        self.assertEqual(found.octets, len(SHORT))

    def test_nothing(self) -> None:
        """There need be no spool; what is no id is a mistake of the caller."""
        self.assertEqual(list(spoolFiles(self.folder)), [])
        self.assertIsNone(readMessage(self.folder, UNKNOWN, {}))
        self.assertRaises(ValueError, readMessage, self.folder, "x", {})

    def test_damaged(self) -> None:
        """Of what cannot be read it is said what is wrong."""
        rig = self.rig()
        id = rig.put(SHORT)
        rig.close()
        [path] = spoolFiles(self.folder)
        self.execute(path, "UPDATE message SET envelope = '{'")
        found = readMessage(self.folder, id, {})
        assert found is not None
        self.assertEqual(found.envelope.recipients, [])
        self.assertNotEqual(found.note, "")

    def test_others(self) -> None:
        """Files of another version, or of somebody else, are named and left alone."""
        self.rig().close()
        [path] = spoolFiles(self.folder)
        for version, told in ((LAYOUT + 1, "version"), (LAYOUT - 1, "an older smtpx")):
            self.execute(path, f"PRAGMA user_version = {version}")
            with self.assertRaises(ForeignFile) as caught:
                readMessage(self.folder, UNKNOWN, {})
            self.assertIn(told, str(caught.exception))
        os.unlink(path)
        open(path, "wb").close()
        self.assertIsNone(readMessage(self.folder, UNKNOWN, {}))
        with open(path, "wb") as file:
            file.write(b"x" * 4096)
        self.assertRaises(ForeignFile, readMessage, self.folder, UNKNOWN, {})

    def test_cannotBeRead(self) -> None:
        """Who may not is told so; so it is where SQLite has trouble."""
        self.rig().close()
        self.patch(os, "access", lambda path, mode: False)
        self.assertRaises(PermissionError, readMessage, self.folder, UNKNOWN, {})

    def test_trouble(self) -> None:
        """What SQLite says is told with the file."""
        self.rig().close()
        [path] = spoolFiles(self.folder)
        self.execute(path, "DROP TABLE progress")
        with self.assertRaises(OSError) as caught:
            readMessage(self.folder, UNKNOWN, {})
        self.assertEqual(caught.exception.filename, path)

    def execute(self, path: str, statement: str) -> None:
        """Do something to a file behind everybody's back."""
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute(statement)
        connection.close()
