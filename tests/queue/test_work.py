"""Tests for L{smtpx.queue.work}."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.work import Work


class WorkTests(SynchronousTestCase):
    """Coroutines that nobody wants a result of."""

    def setUp(self) -> None:
        """What is waited for, and what came of it."""
        self.first: Deferred[int] = Deferred()
        self.second: Deferred[int] = Deferred()
        self.had: list[object] = []
        self.ended: list[Work] = []

    async def both(self) -> None:
        """Wait twice; where the first fails, go on."""
        try:
            self.had.append(await self.first)
        except (ZeroDivisionError, CancelledError) as error:
            self.had.append(type(error))
        self.had.append(await self.second)

    def begun(self) -> Work:
        """It has to wait."""
        work = Work(self.both())
        self.assertTrue(work.start(self.ended.append))
        return work

    def test_atOnce(self) -> None:
        """What need not wait has ended when it was begun."""
        self.first, self.second = succeed(1), succeed(2)
        work = Work(self.both())
        self.assertFalse(work.start(self.ended.append))
        self.assertEqual((self.had, self.ended), ([1, 2], []))
        self.successResultOf(work.whenEnded())
        work.cancel()

    def test_later(self) -> None:
        """It goes on when there is what it waits for, and tells of its end."""
        work = self.begun()
        done = work.whenEnded()
        self.first.callback(1)
        self.assertEqual((self.had, self.ended), ([1], []))
        self.assertNoResult(done)
        self.second.callback(2)
        self.assertEqual((self.had, self.ended), ([1, 2], [work]))
        self.successResultOf(done)

    def test_failures(self) -> None:
        """It hears of what fails; what it makes nothing of goes to the log."""
        work = self.begun()
        self.first.errback(ZeroDivisionError())
        self.assertEqual(self.had, [ZeroDivisionError])
        self.second.errback(KeyError("no"))
        self.assertEqual(self.ended, [work])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertEqual([self.first.result, self.second.result], [None, None])

    def test_failsAtOnce(self) -> None:
        """So does what it raises before it has to wait."""
        self.first, self.second = succeed(1), succeed(2)
        self.second.addCallback(lambda number: number // 0)
        work = Work(self.both())
        self.assertFalse(work.start(self.ended.append))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_cancelled(self) -> None:
        """Cancelled, it hears of that where it waits, and may go on."""
        work = self.begun()
        work.cancel()
        self.assertEqual((self.had, self.ended), ([CancelledError], []))
        self.second.callback(2)
        self.assertEqual((self.had, self.ended), ([CancelledError, 2], [work]))
