"""
Tests for L{smtpx.policy.turnstile}.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.turnstile import Crowded, Turnstile


class TurnstileTests(SynchronousTestCase):
    """A bound on slow work."""

    def setUp(self) -> None:
        """Two at once, two wait, ten seconds."""
        self.clock = Clock()
        self.turnstile = Turnstile(self.clock, 2, 2, 10.0)
        self.begun: list[Deferred[int]] = []

    def begin(self) -> Deferred[int]:
        """Begin work that the test ends."""
        work: Deferred[int] = Deferred()
        self.begun.append(work)
        return work

    def admit(self, count: int, cancels: bool = True) -> list[Deferred[int]]:
        """So many want to pass."""
        return [self.turnstile.admit(self.begin, cancels) for _ in range(count)]

    def test_whatIsDoneAtOnce(self) -> None:
        """Nothing waits while there is room, and no timer is left."""
        done = self.turnstile.admit(lambda: succeed(1))
        self.assertEqual(self.successResultOf(done), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_soMuchAtOnce(self) -> None:
        """Two are done, the others wait for their turn, in order."""
        outcomes = self.admit(4)
        self.assertEqual(len(self.begun), 2)
        self.begun[0].callback(7)
        self.assertEqual(self.successResultOf(outcomes[0]), 7)
        self.assertEqual(len(self.begun), 3)
        self.begun[2].callback(9)
        self.assertEqual(self.successResultOf(outcomes[2]), 9)
        self.assertNoResult(outcomes[3])

    def test_anotherBound(self) -> None:
        """The bound can be moved while work is done and waits."""
        outcomes = self.admit(4)
        self.turnstile.allow(1)
        self.begun[0].callback(7)
        self.assertEqual(self.successResultOf(outcomes[0]), 7)
        self.assertEqual(len(self.begun), 2)
        self.turnstile.allow(3)
        self.assertEqual(len(self.begun), 4)

    def test_soManyWait(self) -> None:
        """Whoever is one too many is told so at once; later there is room."""
        outcomes = self.admit(5)
        self.failureResultOf(outcomes[4], Crowded)
        self.begun[0].callback(1)
        self.assertNoResult(self.admit(1)[0])

    def test_nobodyMayWait(self) -> None:
        """None waiting is a bound too."""
        turnstile = Turnstile(self.clock, 1, 0)
        first = turnstile.admit(self.begin)
        self.failureResultOf(turnstile.admit(self.begin), Crowded)
        self.begun[0].callback(1)
        self.assertEqual(self.successResultOf(first), 1)

    def test_failures(self) -> None:
        """What the work fails with, whoever wanted it gets."""
        outcomes = self.admit(3)
        self.begun[0].errback(ValueError("no"))
        self.failureResultOf(outcomes[0], ValueError)
        self.assertEqual(len(self.begun), 3)

        def broken() -> Deferred[int]:
            raise KeyError("at once")

        self.begun[1].callback(1)
        self.failureResultOf(self.turnstile.admit(broken), KeyError)

    def test_tooSlow(self) -> None:
        """After ten seconds, those that wait among them; the work is cancelled."""
        outcomes = self.admit(3)
        self.clock.advance(9.9)
        self.assertNoResult(outcomes[0])
        self.clock.advance(0.2)
        for outcome in outcomes:
            self.failureResultOf(outcome, TimeoutError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.begun.clear()
        self.assertNoResult(self.admit(1)[0])
        self.assertEqual(len(self.begun), 1)

    def test_workThatCannotBeCancelled(self) -> None:
        """
        A thread goes on: whoever waited for it is told, but it counts until it
        has ended.
        """
        outcomes = self.admit(2, cancels=False)
        self.clock.advance(10.1)
        for outcome in outcomes:
            self.failureResultOf(outcome, TimeoutError)
        late = self.admit(1)[0]
        self.assertEqual(len(self.begun), 2)
        self.begun[0].callback(1)
        self.assertEqual(len(self.begun), 3)
        self.begun[2].callback(3)
        self.assertEqual(self.successResultOf(late), 3)

    def test_whatNobodyWantsAnyMore(self) -> None:
        """Who leaves makes room: in the work, and in the queue."""
        outcomes = self.admit(4)
        outcomes[0].cancel()
        self.failureResultOf(outcomes[0], CancelledError)
        self.assertEqual(len(self.begun), 3)
        outcomes[3].cancel()
        self.failureResultOf(outcomes[3], CancelledError)
        for work in self.begun[1:]:
            work.callback(1)
        self.assertEqual(len(self.begun), 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_whatNobodyWantsInAThread(self) -> None:
        """It ends in its own time, and its outcome goes nowhere."""
        outcome = self.admit(1, cancels=False)[0]
        outcome.cancel()
        self.failureResultOf(outcome, CancelledError)
        self.begun[0].errback(ValueError("nobody hears this"))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ShareTests(SynchronousTestCase):
    """Nobody alone takes all the room."""

    def setUp(self) -> None:
        """Four at once, four wait."""
        self.turnstile = Turnstile(Clock(), 4, 4, 10.0)
        self.begun: list[tuple[bytes, Deferred[int]]] = []

    def admit(self, whose: bytes) -> Deferred[int]:
        """Somebody wants to pass, whose work the test ends."""

        def begin() -> Deferred[int]:
            work: Deferred[int] = Deferred()
            self.begun.append((whose, work))
            return work

        return self.turnstile.admit(begin, False, whose)

    def inside(self) -> list[bytes]:
        """Whose work has begun and not ended."""
        return [whose for whose, work in self.begun if not work.called]

    def test_half(self) -> None:
        """One has half of what is done at once, and half of what waits."""
        outcomes = [self.admit(b"a") for _ in range(5)]
        self.assertEqual(self.inside(), [b"a", b"a"])
        self.failureResultOf(outcomes[4], Crowded)
        self.assertNoResult(outcomes[3])

    def test_othersPass(self) -> None:
        """Others go past those who have had their share already."""
        for whose in (b"a", b"a", b"a", b"b", b"c", b"c"):
            self.admit(whose)
        self.assertEqual(self.inside(), [b"a", b"a", b"b", b"c"])
        self.begun[0][1].callback(1)
        # The share is free again, and the turn is that of the first who waits.
        self.assertEqual(self.inside(), [b"a", b"b", b"c", b"a"])
        self.begun[2][1].callback(1)
        self.assertEqual(self.inside(), [b"a", b"c", b"a", b"c"])

    def test_whoLeavesStillHasIt(self) -> None:
        """Work in threads that nobody wants any more counts until it ends."""
        outcomes = [self.admit(b"a") for _ in range(2)]
        for outcome in outcomes:
            outcome.addErrback(lambda failure: None)
            outcome.cancel()
        self.admit(b"a")
        self.assertEqual(self.inside(), [b"a", b"a"])
        self.admit(b"b")
        self.assertEqual(self.inside(), [b"a", b"a", b"b"])

    def test_nobodyKnows(self) -> None:
        """Where it is not known whose it is, there are no shares."""
        for _ in range(5):
            self.admit(b"")
        self.assertEqual(len(self.inside()), 4)

    def test_nothingIsKept(self) -> None:
        """Of who has gone nothing is remembered."""
        for number in range(100):
            self.admit(b"%d" % number)
            self.begun[-1][1].callback(1)
        self.assertEqual(len(vars(self.turnstile)["_insideOf"]), 0)

    def test_oneAtOnce(self) -> None:
        """Half of one is one."""
        turnstile = Turnstile(Clock(), 1, 1)
        outcomes: list[Deferred[int]] = [
            turnstile.admit(Deferred, True, b"a") for _ in range(3)
        ]
        self.failureResultOf(outcomes[2], Crowded)
