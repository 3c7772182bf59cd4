"""Tests for L{smtpx.queue.begun}."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.begun import begun


class BegunTests(SynchronousTestCase):
    """Coroutines that mostly need not wait."""

    def setUp(self) -> None:
        """What is waited for."""
        self.first: Deferred[int] = Deferred()
        self.second: Deferred[int] = Deferred()

    async def sum(self) -> int:
        """Wait twice; where the first fails, it counts for nothing."""
        try:
            first = await self.first
        except ZeroDivisionError:
            first = 0
        return first + await self.second

    def waiting(self) -> Deferred[int]:
        """What comes of it, where it has to wait."""
        result = begun(self.sum())
        assert isinstance(result, Deferred)
        return result

    def test_atOnce(self) -> None:
        """What need not wait is there at once, and so is what it raises."""
        self.first, self.second = succeed(1), succeed(2)
        self.assertEqual(begun(self.sum()), 3)

        async def fail() -> None:
            raise ZeroDivisionError

        with self.assertRaises(ZeroDivisionError):
            begun(fail())

    def test_later(self) -> None:
        """What has to wait goes on when that is there."""
        result = self.waiting()
        self.first.callback(1)
        self.assertNoResult(result)
        self.second.callback(2)
        self.assertEqual(self.successResultOf(result), 3)

    def test_failures(self) -> None:
        """It hears of what fails while it waits, and may fail of it."""
        result = self.waiting()
        self.first.errback(ZeroDivisionError())
        self.assertNoResult(result)
        self.second.errback(KeyError("no"))
        self.failureResultOf(result, KeyError)

    def test_failsAndEnds(self) -> None:
        """A failure may be its end, too."""
        self.second = succeed(2)
        result = self.waiting()
        self.first.errback(ZeroDivisionError())
        self.assertEqual(self.successResultOf(result), 2)

    def test_cancelled(self) -> None:
        """Cancelled, what it waits for is cancelled."""
        cancelled: list[object] = []
        self.second = Deferred(cancelled.append)
        result = self.waiting()
        self.first.callback(1)
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.assertEqual(cancelled, [self.second])
