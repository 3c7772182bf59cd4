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
        self.addCleanup(gc.enable if gc.isenabled() else gc.disable)

    def test_afterwards(self) -> None:
        """The interpreter looks again afterwards, also where an import failed."""
        gc.enable()
        with undisturbed():
            self.assertFalse(gc.isenabled())
        self.assertTrue(gc.isenabled())
        self.assertRaises(ImportError, self.fails)
        self.assertTrue(gc.isenabled())

    @undisturbed()
    def fails(self) -> None:
        """An import that fails."""
        raise ImportError

    def test_asItWas(self) -> None:
        """Who has it look never is left alone."""
        gc.disable()
        with undisturbed():
            pass
        self.assertFalse(gc.isenabled())
