"""
Tests for L{smtpx.service.garbage}.
"""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.garbage import THRESHOLDS, collectSeldom


class CollectSeldomTests(SynchronousTestCase):
    """How often the interpreter looks."""

    def setUp(self) -> None:
        """It is for the whole process: put it back."""
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        self.addCleanup(gc.unfreeze)

    def test_seldom(self) -> None:
        """Later, and not at what was there at the start."""
        collectSeldom()
        self.assertEqual(gc.get_threshold(), THRESHOLDS)
        self.assertGreater(gc.get_freeze_count(), 0)

    def test_stillCollected(self) -> None:
        """Cycles that are made from then on are found."""

        class Cycle:
            """Refers to itself."""

            found = 0

            def __init__(self) -> None:
                self.itself = self

            def __del__(self) -> None:
                Cycle.found += 1

        collectSeldom()
        Cycle()
        gc.collect()
        self.assertEqual(Cycle.found, 1)
