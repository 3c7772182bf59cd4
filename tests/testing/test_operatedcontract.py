"""
One contract for operators, two spools.
"""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smtpx.spool.sqlite import SQLiteSpool
from smtpx.testing.spool import MemorySpool

from ..spool.rig import NOW, SpoolTestCase
from .operated import Operated

T = TypeVar("T")


class MemoryOperatedTests(Operated, SynchronousTestCase):
    """The spool in memory keeps it."""

    def setUp(self) -> None:
        """A spool."""
        self.case = self
        self.spool = MemorySpool(lambda: NOW)

    def wait(self, answer: Deferred[T]) -> T:
        """Memory answers at once."""
        return self.successResultOf(answer)

    def crash(self) -> None:
        """The leases are over."""
        self.wait(self.spool.close())


class SQLiteOperatedTests(Operated, SpoolTestCase):
    """The spool on the disk keeps it."""

    def setUp(self) -> None:
        """A spool without threads."""
        super().setUp()
        self.case = self
        self._rig = self.rig()
        self.spool: SQLiteSpool = self._rig.spool

    def work(self) -> None:
        """Do all there is to do."""
        self._rig.run()

    def wait(self, answer: Deferred[T]) -> T:
        """The disk answers when all was done."""
        return self._rig.wait(answer)

    def crash(self) -> None:
        """A killed process leaves no lock."""
        self.spool.ended()
        self._rig = self.rig()
        self.spool = self._rig.spool
