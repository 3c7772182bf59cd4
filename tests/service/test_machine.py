"""
Tests for L{smtpx.service.machine}.
"""

from __future__ import annotations

import time
from threading import Thread
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.machine import Crew, Machine


class CrewTests(SynchronousTestCase):
    """Threads, at the end of a server."""

    def test_isWhatServersHave(self) -> None:
        """Each kind of work has one."""
        pool = Machine(Clock()).pool(3, "names")
        self.assertIsInstance(pool, Crew)
        self.assertEqual((pool.min, pool.max, pool.name), (0, 3, "names"))

    def test_workThatHangs(self) -> None:
        """
        Threads that never come to an end are waited for, all together for a few
        seconds; then they are left to end with the process.
        """
        clock = Clock()
        waited: list[float] = []

        class Hanging(Thread):
            def join(self, timeout: float | None = None) -> None:
                assert timeout is not None, "for ever"
                waited.append(timeout)
                clock.advance(timeout)

        self.patch(time, "monotonic", clock.seconds)
        crew = Crew(0, 2, "passwords")
        crew.threads = [Hanging(), Hanging()]
        crew.stop()
        self.assertEqual(waited, [5.0, 0.0])

    def test_processDoesNotWait(self) -> None:
        """The interpreter's own end does not wait for them either."""
        make: Any = Crew(0, 1, "passwords").threadFactory
        self.assertTrue(make(target=lambda: None).daemon)
