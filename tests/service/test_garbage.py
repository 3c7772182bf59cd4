"""
Tests for L{smtpx.service.garbage}.
"""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.garbage import THRESHOLDS, collectSeldom, undisturbed


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


class UndisturbedTests(SynchronousTestCase):
    """While modules are imported."""

    def setUp(self) -> None:
        """It is for the whole process: put it back."""
        self.before = gc.get_threshold()
        self.addCleanup(gc.set_threshold, *self.before)

    def test_afterwards(self) -> None:
        """It looks as often as before afterwards, also where an import failed."""
        with undisturbed():
            self.assertNotEqual(gc.get_threshold(), self.before)
        self.assertEqual(gc.get_threshold(), self.before)
        self.assertRaises(ImportError, self.fails)
        self.assertEqual(gc.get_threshold(), self.before)

    @undisturbed()
    def fails(self) -> None:
        """An import that fails."""
        raise ImportError

    def test_onlyTheYoungest(self) -> None:
        """Nobody looks at all that there is."""
        looks = [each["collections"] for each in gc.get_stats()]
        with undisturbed():
            kept = [[number] for number in range(50_000)]
        seen = [each["collections"] for each in gc.get_stats()]
        self.assertEqual(len(kept), 50_000)
        self.assertGreater(seen[0], looks[0])
        self.assertEqual(seen[2], looks[2])
