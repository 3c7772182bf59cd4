"""
Tests for L{smtpx.service.workers.pulse}: who hangs.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.workers.pulse import Pulses, Watch


class WatchTests(SynchronousTestCase):
    """Two workers, of whom each may be silent for 80 seconds."""

    def setUp(self) -> None:
        """Both begin to move."""
        self.pulses = Pulses(2, 80.0)
        self.now = 1000.0
        self.watch = Watch(self.pulses, self.now)
        self.beat(1, 2)

    def beat(self, *numbers: int) -> None:
        """Some move."""
        for number in numbers:
            self.pulses.beat(number)

    def look(self, seconds: float = 10.0) -> list[int]:
        """Look, when so much time has gone by."""
        self.now += seconds
        return self.watch.look(self.now, (1, 2))

    def test_often(self) -> None:
        """They move eight times as often as they have to."""
        self.assertEqual(self.pulses.everySeconds, 10.0)

    def test_hangs(self) -> None:
        """Who does not move for so long hangs, and is named once."""
        self.look()
        found = []
        for _ in range(10):
            self.beat(1)
            found.append(self.look())
        self.assertEqual(found, [[]] * 7 + [[2]] + [[]] * 2)

    def test_movesAgain(self) -> None:
        """Who moves has all his time again."""
        self.look()
        for _ in range(20):
            for _ in range(7):
                self.beat(1)
                self.assertEqual(self.look(), [])
            self.beat(2)

    def test_begins(self) -> None:
        """Who has not moved yet is about to begin; nobody knows how long that takes."""
        self.pulses.clear(2)
        for _ in range(20):
            self.beat(1)
            self.assertEqual(self.look(), [])

    def test_successor(self) -> None:
        """A successor has all its time, also if it was seen to move as often before."""
        self.look()
        for _ in range(7):
            self.beat(1)
            self.look()
        self.pulses.clear(2)
        self.watch.look(self.now, (1,))
        self.beat(2)
        for _ in range(8):
            self.beat(1)
            self.assertEqual(self.look(), [])

    def test_stoodStill(self) -> None:
        """Where all stood still, and the one who looks as well, nobody hangs."""
        self.look()
        self.assertEqual(self.look(100_000.0), [])
        self.beat(1, 2)
        self.assertEqual(self.look(), [])
