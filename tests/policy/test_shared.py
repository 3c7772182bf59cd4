"""
Tests for L{smtpx.policy.shared}.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.shared import Shared


class SharedTests(SynchronousTestCase):
    """Something is found out once."""

    def test_several(self) -> None:
        """All who wait get it, and so does who comes later."""
        running: Deferred[int] = Deferred()
        shared = Shared(running)
        first, second = shared.wait(), shared.wait()
        self.assertIsNone(shared.result)
        running.callback(5)
        self.assertEqual(5, self.successResultOf(first))
        self.assertEqual(5, self.successResultOf(second))
        self.assertEqual(5, self.successResultOf(shared.wait()))
        self.assertEqual(5, shared.result)
        shared.cancel()

    def test_oneLeaves(self) -> None:
        """One who does not wait any more is no one else's loss."""
        running: Deferred[int] = Deferred()
        shared = Shared(running)
        first, second = shared.wait(), shared.wait()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        running.callback(5)
        self.assertEqual(5, self.successResultOf(second))

    def test_nobodyWantsIt(self) -> None:
        """Cancelled, it fails for all."""
        shared = Shared[int](Deferred())
        waiting = shared.wait()
        shared.cancel()
        self.failureResultOf(waiting, CancelledError)

    def test_aFailure(self) -> None:
        """A failure is everybody's."""
        shared = Shared[int](fail(ZeroDivisionError()))
        self.failureResultOf(shared.wait(), ZeroDivisionError)
        self.failureResultOf(shared.wait(), ZeroDivisionError)
        self.assertIsNone(shared.result)
