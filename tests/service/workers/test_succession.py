"""
Tests for L{smtpx.service.workers.succession}.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.workers.succession import (
    ASK_SECONDS,
    PATIENCE_SECONDS,
    Succession,
)


class SuccessionTests(SynchronousTestCase):
    """A server that is started after another one."""

    def setUp(self) -> None:
        """A folder of workers, and a time that goes on as it is slept."""
        self.folder = Path(self.mktemp())
        self.now = 7.0
        self.succession = Succession(self.folder, lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        """The time goes on."""
        self.now += seconds

    def test_nobodyBefore(self) -> None:
        """Where there were no workers, or all ended in order, nobody waits."""
        self.assertFalse(self.succession.wait())
        self.folder.mkdir()
        (self.folder / "notes").touch()
        self.assertFalse(self.succession.wait())
        self.assertEqual(self.now, 7.0)

    def test_killed(self) -> None:
        """
        After one that was killed it is asked again and again, for some seconds in all,
        however many ports there are.
        """
        self.folder.mkdir()
        (self.folder / "2").touch()
        self.assertTrue(self.succession.wait())
        self.assertEqual(self.now, 7.0 + ASK_SECONDS)
        while self.succession.wait():
            self.assertLess(self.now, 7.0 + 2 * PATIENCE_SECONDS)
        self.assertGreaterEqual(self.now, 7.0 + PATIENCE_SECONDS)
        self.assertFalse(self.succession.wait())
