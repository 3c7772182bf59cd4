"""
Tests for L{smtpx.service.workers.patience}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.workers.patience import (
    LONGEST_SECONDS,
    STEADY_SECONDS,
    Patience,
)


class PatienceTests(SynchronousTestCase):
    """How long to wait."""

    def test_againAndAgain(self) -> None:
        """What ends again and again has to wait longer and longer, but not for ever."""
        patience = Patience()
        patience.begun(100.0)
        waits = [patience.ended(101.0) for _ in range(5000)]
        self.assertEqual(waits[:9], [0.0, 0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0])
        self.assertEqual(waits[-1], LONGEST_SECONDS)

    def test_steady(self) -> None:
        """What has run for a while begins at once again."""
        patience = Patience()
        patience.begun(0.0)
        for _ in range(9):
            patience.ended(1.0)
        patience.begun(10.0)
        self.assertEqual(patience.ended(10.0 + STEADY_SECONDS), 0.0)
