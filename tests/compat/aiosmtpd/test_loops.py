"""
Tests for L{smtpx.compat.aiosmtpd.loops}.  Threads are in C{tests/interop}.
"""

from __future__ import annotations

import asyncio

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.trial.unittest import SynchronousTestCase

from smtpx.compat.aiosmtpd.loops import cancelTasks, loopOf, runLoop


class LoopTests(SynchronousTestCase):
    """Where hooks run, and what is left of it in the end."""

    def test_asyncioReactor(self) -> None:
        """Under Twisted's asyncio reactor it is the reactor's own loop."""
        loop = asyncio.new_event_loop()
        reactor = AsyncioSelectorReactor(loop)
        home = loopOf(reactor)
        self.assertIs(home.loop(), loop)
        seen: list[int] = []
        home.enter(seen.append, 1)
        home.leave(seen.append, 2)
        self.assertEqual(seen, [1, 2])
        reactor.removeAll()
        reactor.removeReader(reactor.waker)
        loop.close()

    def test_tasksAreCancelled(self) -> None:
        """A loop that ends cancels its tasks, and is closed."""
        ended: list[str] = []

        async def waiting() -> None:
            try:
                await asyncio.sleep(1000)
            finally:
                ended.append("waiting")

        loop = asyncio.new_event_loop()
        task = loop.create_task(waiting())
        loop.call_soon(loop.call_soon, loop.stop)
        runLoop(loop)
        self.assertTrue(task.cancelled())
        self.assertEqual(ended, ["waiting"])
        self.assertTrue(loop.is_closed())

    def test_nothingToCancel(self) -> None:
        """A loop without tasks ends at once."""
        loop = asyncio.new_event_loop()
        loop.run_until_complete(cancelTasks(loop))
        loop.close()
