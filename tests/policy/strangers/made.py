"""
What tests of strangers share: a folder, and somebody who reads the log.
"""

from __future__ import annotations

import os
import sqlite3

from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

#: 2026-11-22 10:00:00 UTC.
NOW = 1_795_341_600.0


class FolderCase(SynchronousTestCase):
    """
    A place for a file.

    @ivar told: what the log says of strangers.
    """

    def setUp(self) -> None:
        """A folder."""
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        self.path = os.path.join(self.folder, "strangers.sqlite")
        self.told: list[str] = []

        @implementer(ILogObserver)
        def tell(event: LogEvent) -> None:
            if str(event.get("log_namespace")).startswith("smtpx.policy.strangers."):
                self.told.append(f"{event['log_level'].name}: {formatEvent(event)}")

        globalLogPublisher.addObserver(tell)
        self.addCleanup(globalLogPublisher.removeObserver, tell)

    def damage(self) -> None:
        """The disk has something else where the file's pages were."""
        with open(self.path, "r+b") as file:
            file.seek(100)
            file.write(b"\xa5" * 8000)

    def execute(self, *statements: str) -> None:
        """Somebody else works at the file."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()
