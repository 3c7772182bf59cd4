"""
Tests for L{smtpx.spool.threads}: with real threads, which are waited for.
"""

from __future__ import annotations

import threading

from twisted.trial.unittest import SynchronousTestCase

from smtpx.spool.threads import Threads


class ThreadsTests(SynchronousTestCase):
    """Real threads."""

    def test_life(self) -> None:
        """The writer turns until it is done; what was submitted is finished."""
        threads = Threads()
        done: list[str] = []
        names: set[str] = set()
        ended = threading.Event()
        turns = iter([True, True, False])

        def turn() -> bool:
            names.add(threading.current_thread().name)
            threads.submit(lambda: done.append("submitted"))
            return next(turns)

        def end() -> None:
            threads.drain()
            done.append("drained")
            ended.set()

        threads.start(turn, end)
        self.assertTrue(ended.wait(10))
        self.assertEqual(done, ["submitted"] * 3 + ["drained"])
        self.assertEqual(names, {"spool"})

    def test_afterwards(self) -> None:
        """What is submitted at the very end is done at once."""
        threads = Threads()
        threads.drain()
        done: list[int] = []
        threads.submit(lambda: done.append(threading.get_ident()))
        self.assertEqual(done, [threading.get_ident()])
