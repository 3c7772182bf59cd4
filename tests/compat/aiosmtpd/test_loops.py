"""
Tests for L{smtpx.compat.aiosmtpd.loops}.  Threads are in C{tests/interop}.
"""

from __future__ import annotations

import asyncio

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.trial.unittest import SynchronousTestCase

from smtpx.compat.aiosmtpd.loops import loopOf


class LoopTests(SynchronousTestCase):
    """Where hooks run."""

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
