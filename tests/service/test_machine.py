"""
Tests for L{smtpx.service.machine}.
"""

from __future__ import annotations

import socket
import time
from threading import Thread
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.machine import Crew, Machine, mayListen


class MayListenTests(SynchronousTestCase):
    """Ports below 1024."""

    def test_asTheSystemSays(self) -> None:
        """Permission is all that is asked for, and not at all for other ports."""
        tried: list[tuple[int, tuple[str, int]]] = []
        errors: dict[int, type[OSError]] = {25: OSError, 80: PermissionError}

        class Tried:
            def __init__(self, family: int) -> None:
                self.family = family

            def __enter__(self) -> Tried:
                return self

            def __exit__(self, *what: object) -> None:
                """It is closed."""

            def bind(self, where: tuple[str, int]) -> None:
                tried.append((self.family, where))
                if where[1] in errors:
                    raise errors[where[1]]

        self.patch(socket, "socket", Tried)
        ports = (0, 25, 80, 443, 1024)
        self.assertEqual(
            [mayListen("127.0.0.1", port) for port in ports],
            [True, True, False, True, True],
        )
        self.assertFalse(mayListen("::", 80))
        self.assertEqual(
            tried,
            [
                *[(socket.AF_INET, ("127.0.0.1", port)) for port in ports[1:4]],
                (socket.AF_INET6, ("::", 80)),
            ],
        )


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
