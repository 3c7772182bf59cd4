"""Tests for L{smtpx.queue.retry}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.retry import Retries


class RetriesTests(SynchronousTestCase):
    """When a message is tried again."""

    def test_pausesDouble(self) -> None:
        """A minute, two, four, and so on, an hour at most."""
        retries = Retries()
        pauses = [retries.due(5000.0, 4990.0, attempts) for attempts in range(8)]
        expected = [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3600.0, 3600.0]
        self.assertEqual(pauses, [5000.0 + pause for pause in expected])

    def test_veryManyAttempts(self) -> None:
        """However often it was tried, the pause is the longest, and no error."""
        self.assertEqual(Retries().due(0.0, 0.0, 100_000), 3600.0)

    def test_tooOld(self) -> None:
        """A message is given up at the age that was set, not before."""
        retries = Retries(giveUpSeconds=100.0)
        self.assertEqual(retries.due(1099.0, 1000.0, 0), 1159.0)
        self.assertIsNone(retries.due(1100.0, 1000.0, 0))
