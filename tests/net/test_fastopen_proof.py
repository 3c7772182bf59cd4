"""
Tests for how L{smtpx.net.fastopen} waits until a client is proven.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.fastopen import (
    Proof,
    proven,
)


class ProvenTests(SynchronousTestCase):
    """Waiting for a client to show where it is."""

    def setUp(self) -> None:
        """Nothing is known."""
        self.clock = Clock()
        self.proof = Proof.PENDING
        self.looks = 0

    def look(self) -> Proof:
        """How it is."""
        self.looks += 1
        return self.proof

    def test_given(self) -> None:
        """It is heard of soon after it is so."""
        done = proven(self.clock, self.look)
        self.clock.pump([0.002] * 50)
        self.assertNoResult(done)
        self.proof = Proof.GIVEN
        self.clock.pump([0.002] * 10)
        self.assertIs(self.successResultOf(done), True)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_failed(self) -> None:
        """It will not be."""
        done = proven(self.clock, self.look)
        self.proof = Proof.FAILED
        self.clock.advance(0.002)
        self.assertIs(self.successResultOf(done), False)

    def test_lessAndLess(self) -> None:
        """Who keeps it waiting for a minute is not looked at all the time."""
        proven(self.clock, self.look)
        self.clock.pump([0.001] * 60_000)
        self.assertLess(self.looks, 150)

    def test_cancelled(self) -> None:
        """Nobody waits any more."""
        done = proven(self.clock, self.look)
        self.clock.pump([0.002] * 3)
        done.cancel()
        done.addErrback(lambda failure: None)
        self.assertEqual(self.clock.getDelayedCalls(), [])
