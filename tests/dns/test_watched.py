"""Tests for L{smtpx.dns.watched}."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from smtpx.dns.watched import WatchedFile

from .told import Told


class WatchedFileTests(SynchronousTestCase):
    """A file that somebody else writes."""

    def setUp(self) -> None:
        """One with something in it."""
        self.clock = Clock()
        self.path = Path(self.mktemp())
        self.path.write_text("one")
        self.file = WatchedFile(self.path, self.clock.seconds)

    def later(self) -> str | None:
        """What it says some seconds later."""
        self.clock.advance(5)
        return self.file.changed()

    def test_changes(self) -> None:
        """It tells what is new, and is not looked at again at once."""
        self.assertEqual(self.file.changed(), "one")
        self.assertIsNone(self.later())
        self.path.write_text("other")
        self.assertIsNone(self.file.changed())
        self.assertEqual(self.later(), "other")
        self.assertIsNone(self.later())

    def test_missing(self) -> None:
        """A file that is not there is an empty one, until it is there."""
        self.path.unlink()
        self.assertEqual(self.file.changed(), "")
        self.assertIsNone(self.later())
        self.path.write_text("two")
        self.assertEqual(self.later(), "two")

    def test_unreadable(self) -> None:
        """What cannot be read changes nothing; the log says so, once each time."""
        self.file.changed()
        told = Told()
        globalLogPublisher.addObserver(told)
        self.addCleanup(globalLogPublisher.removeObserver, told)
        self.path.unlink()
        os.mkdir(self.path)
        for _ in range(3):
            self.assertIsNone(self.later())
        self.assertEqual(len(told.events), 1)
        os.rmdir(self.path)
        self.path.write_text("again")
        self.assertEqual(self.later(), "again")
        self.path.unlink()
        os.mkdir(self.path)
        self.assertIsNone(self.later())
        self.assertEqual(len(told.events), 2)
