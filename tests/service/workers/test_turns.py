"""
Tests for L{smtpx.service.workers.turns}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.workers.turns import TURN_SECONDS, Turns


class Doors:
    """A door that notes what is done with it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def hold(self) -> None:
        """Note it."""
        self.done.append("hold")

    def release(self) -> None:
        """Note it."""
        self.done.append("release")


class TurnsTests(SynchronousTestCase):
    """Two workers, of which this one is quicker."""

    def setUp(self) -> None:
        """Nobody has any clients."""
        self.clock = Clock()
        self.own = 0
        self.other: int | None = 0
        self.door = Doors()
        self.turns = Turns(
            self.clock,
            lambda: self.own,
            lambda: self.other,
            [self.door, self.door],
        )

    def take(self) -> list[str]:
        """
        One more client is let in.

        @return: what becomes of the doors.
        """
        self.own += 1
        self.turns.taken()
        done, self.door.done = self.door.done, []
        return done

    def test_alike(self) -> None:
        """As long as both have about as many, nobody waits."""
        for number in range(5):
            self.assertEqual(self.take(), [])
            self.other = number + 1

    def test_more(self) -> None:
        """Who has more lets the other go first, for a moment."""
        self.assertEqual(self.take(), [])
        self.assertEqual(self.take(), ["hold", "hold"])
        # One that was accepted at the same time as the last.
        self.assertEqual(self.take(), [])
        self.other = 3
        self.clock.advance(TURN_SECONDS)
        self.assertEqual(self.door.done, ["release", "release"])

    def test_nobodyTakesThem(self) -> None:
        """Where the other takes none of those who wait, it is not waited for."""
        self.own = 5
        held = 0
        for _ in range(1_000):
            if self.take():
                held += 1
                self.clock.advance(TURN_SECONDS)
                self.door.done.clear()
        self.assertEqual(held, 3)

    def test_nobodyElse(self) -> None:
        """Where no other is at work, nobody is waited for."""
        self.own, self.other = 5, None
        self.assertEqual(self.take(), [])

    def test_onceInAWhile(self) -> None:
        """After a while the other may be there again."""
        self.own = 5
        while self.take():
            self.clock.advance(TURN_SECONDS)
            self.door.done.clear()
        self.assertEqual(self.take(), [])
        self.clock.advance(1.1)
        self.assertEqual(self.take(), ["hold", "hold"])

    def test_seldom(self) -> None:
        """Clients that come seldom do not show that the other takes none."""
        self.own = 5
        for _ in range(10):
            self.assertEqual(self.take(), ["hold", "hold"])
            self.clock.advance(TURN_SECONDS)
            self.door.done.clear()
            self.clock.advance(0.1)

    def test_stop(self) -> None:
        """At the end nothing is left to do."""
        self.own = 5
        self.take()
        self.turns.stop()
        self.turns.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
