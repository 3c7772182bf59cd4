"""
Tests for L{smtpx.net.apart}.  Threads are in C{tests/interop}.
"""

from __future__ import annotations

import asyncio

from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.apart import cancelTasks, runLoop


class LoopTests(SynchronousTestCase):
    """What is left of a loop in the end."""

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
