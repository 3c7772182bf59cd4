"""
Tests for L{smtpx.spool.siblings}: what is read, and taken, of other processes.
"""

from __future__ import annotations

import errno
import os
import sqlite3

from smtpx.spool.nametable import Remnant
from smtpx.spool.recovery import Place
from smtpx.spool.siblings import Siblings, Unsure

from .named import NamesTestCase
from .rig import LONG, Rig


class SiblingsTests(NamesTestCase):
    """The second of two processes looks at the first."""

    def setUp(self) -> None:
        """The first one is there."""
        super().setUp()
        self.other = self.rig()
        self.siblings = self.of(2)

    def of(self, number: int, workers: int = 2) -> Siblings:
        """What one sees of the others."""
        made = Siblings(self.folder, number, workers)
        self.addCleanup(made.close)
        return made

    def cutShort(self, key: bytes = b"cut") -> Remnant:
        """Something is cut short at the other."""
        self.leave(self.other, self.remnant(key))
        found = self.recall(self.other, key)
        assert isinstance(found, Remnant)
        return found

    def test_nothing(self) -> None:
        """There is nothing under an unknown name, nor at whoever was never there."""
        self.assertEqual(self.siblings.look(b"k"), [])
        self.assertEqual(self.of(1, 9).look(b"k"), [])
        self.assertEqual(self.of(1, 9).cutShort(), [])

    def test_name(self) -> None:
        """A name is seen as soon as it is put down, while the other goes on."""
        for key in (b"1", b"2"):
            name = self.name(key)
            self.commit(self.other, name)
            self.assertEqual(self.siblings.look(key), [(1, name)])

    def test_gone(self) -> None:
        """So it is where the other is not there any more."""
        name = self.name(b"k")
        self.commit(self.other, name)
        self.other.close()
        self.assertEqual(self.siblings.look(b"k"), [(1, name)])

    def test_cutShort(self) -> None:
        """What was cut short is seen, as long as its file is there and long enough."""
        found = self.cutShort()
        self.assertEqual(self.siblings.look(b"cut"), [(1, found)])
        [(number, seen)] = self.siblings.cutShort()
        self.assertEqual(
            (number, seen.key, seen.octets, seen.note), (1, b"cut", len(LONG), "")
        )
        path = self.other.path("bodies", self.files(self.other)[0])
        os.truncate(path, 99)
        self.assertEqual(self.siblings.look(b"cut"), [])
        os.unlink(path)
        self.assertEqual(self.siblings.look(b"cut"), [])
        self.assertEqual(self.siblings.cutShort(), [])

    def test_move(self) -> None:
        """It is taken once: then it is not there any more."""
        found = self.cutShort()
        ours = Rig(self.folder, number=2, workers=2).open()
        self.addCleanup(ours.close)
        self.assertTrue(self.siblings.move(1, found.id, 77))
        with open(
            Place(os.path.join(self.folder, "2")).bodies.pathOf(77), "rb"
        ) as file:
            self.assertEqual(file.read(), LONG)
        self.assertEqual(self.siblings.look(b"cut"), [])
        self.assertFalse(self.siblings.move(1, found.id, 78))

    def test_cannotBeMoved(self) -> None:
        """What cannot be had is dropped where it is, so that nobody goes on with it."""
        found = self.cutShort()

        def rename(old: str, new: str) -> None:
            raise OSError(errno.EXDEV, "another disk")

        self.patch(os, "rename", rename)
        self.assertFalse(self.siblings.move(1, found.id, 77))
        self.assertEqual(self.files(self.other), [])

    def test_delete(self) -> None:
        """What is too much is dropped; ours that others have taken are known."""
        found = self.cutShort()
        ours = self.of(1)
        self.assertEqual(ours.gone([found]), [])
        self.siblings.delete([(1, found)])
        self.assertEqual(ours.gone([found]), [found])

    def test_older(self) -> None:
        """A file of an older layout is about to be brought on; a new one is empty."""
        path = os.path.join(self.folder, "2", "spool.db")
        os.mkdir(os.path.dirname(path))
        with open(path, "wb"):
            pass
        self.assertEqual(self.of(1).look(b"k"), [])
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE name(key)")
        connection.execute(f"PRAGMA application_id = {0x736D7478}")
        connection.execute("PRAGMA user_version = 4")
        connection.close()
        self.assertRaises(Unsure, self.of(1).look, b"k")

    def test_unreadable(self) -> None:
        """A file that cannot be read leaves one unsure, until it can."""
        self.commit(self.other, self.name(b"k"))
        self.assertEqual(len(self.siblings.look(b"k")), 1)
        self.siblings._open[1].close()
        error = self.assertRaises(Unsure, self.siblings.look, b"k")
        self.assertIn("1/spool.db", str(error))
        self.assertEqual(len(self.siblings.look(b"k")), 1)
