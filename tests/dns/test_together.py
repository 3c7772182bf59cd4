"""Tests for L{smtpx.dns.together}."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from smtpx.dns.together import together


async def awaited(work: Deferred[int]) -> int:
    """Wait for something."""
    return await work


class TogetherTests(SynchronousTestCase):
    """Several things at once."""

    def setUp(self) -> None:
        """Three of them."""
        self.work: list[Deferred[int]] = [Deferred() for _ in range(3)]
        self.all = Deferred.fromCoroutine(together(map(awaited, self.work)))

    def test_all(self) -> None:
        """What each gives, in their order, when the last is done."""
        for number in (2, 0, 1):
            self.assertNoResult(self.all)
            self.work[number].callback(number)
        self.assertEqual(self.successResultOf(self.all), [0, 1, 2])

    def test_none(self) -> None:
        """Of nothing there is nothing to wait for."""
        nothing = Deferred.fromCoroutine(together(map(awaited, [])))
        self.assertEqual(self.successResultOf(nothing), [])

    def test_failure(self) -> None:
        """One that fails does not keep the others from being done."""
        self.work[1].errback(ZeroDivisionError())
        self.work[2].errback(KeyError())
        self.assertNoResult(self.all)
        self.work[0].callback(0)
        self.failureResultOf(self.all, ZeroDivisionError)

    def test_cancelled(self) -> None:
        """Cancelled, all that are not done are."""
        self.work[0].callback(0)
        self.all.cancel()
        self.failureResultOf(self.all, CancelledError)
        for each in self.work[1:]:
            self.assertTrue(each.called)
