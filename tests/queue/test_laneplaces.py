"""Tests for L{smtpx.queue.laneplaces}."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import integers, lists, sampled_from
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.joint import JointPlaces
from smtpx.queue.laneplaces import TURN_SECONDS, ILanePlaces, LanePlaces
from smtpx.queue.lanes import Lane, Lanes, Task

from .doubles import ScriptedTask

#: How long connections are kept.
KEEP = 5.0


class Line:
    """
    A process that sends to one destination.

    @ivar begun: what is being tried.
    @ivar times: when attempts began.
    @ivar open: how many connections there are, in use or not.
    """

    def __init__(
        self, clock: Clock, places: LanePlaces, width: int, pause: float, slow: bool
    ) -> None:
        self.clock = clock
        self.places = places
        self.lanes = Lanes(lambda lane: None, 100, clock, places)
        self.width, self.pause, self.slow = width, pause, slow
        self.begun: list[tuple[Lane, Task]] = []
        self.times: list[float] = []
        self.open = 0
        self.closing: list[Deferred[None]] = []

    def add(self, count: int) -> None:
        """So many messages come."""
        lane = self.lanes.lane(b"a", self.width, True, self.pause)
        lane.common, lane.retire = True, self.retire
        lane.window = self.width
        for _ in range(count):
            self.lanes.add(lane, ScriptedTask(self.begin))

    def begin(self, lane: Lane, task: Task) -> None:
        """An attempt begins, over a connection that there is, or another one."""
        self.begun.append((lane, task))
        self.times.append(self.clock.seconds())
        self.open = max(self.open, len(self.begun))

    def end(self) -> None:
        """The oldest attempt succeeds; its connection stays."""
        lane, _ = self.begun.pop(0)
        self.lanes.ended(lane, True, 0.01, self.clock.seconds())

    def retire(self, most: int) -> Deferred[None]:
        """Close so many connections."""
        self.open -= most
        if not self.slow:
            return succeed(None)
        self.open += most
        self.closing.append(Deferred())
        return self.closing[-1].addCallback(lambda _: self.less(most))

    def less(self, most: int) -> None:
        """They are closed."""
        self.open -= most


class LanePlacesTests(SynchronousTestCase):
    """Two processes send to one destination."""

    def lines(
        self, width: int, pause: float = 0.0, slow: bool = False
    ) -> tuple[Line, Line]:
        """
        Both.

        @param slow: do connections take their time to close?
        """
        self.clock = Clock()
        joint = JointPlaces(2, 10)
        one, other = (
            Line(
                self.clock,
                LanePlaces(joint.column(each, self.clock.seconds), self.clock, KEEP),
                width,
                pause,
                slow,
            )
            for each in (1, 2)
        )
        return one, other

    def go(self, lines: tuple[Line, ...], seconds: float, most: int) -> None:
        """
        Let time go by, where an attempt takes 20 ms; there never are more connections
        than may be.
        """
        for _ in range(round(seconds / 0.02)):
            for line in lines:
                for _ in list(line.begun):
                    line.end()
            self.assertLessEqual(sum(line.open for line in lines), most)
            self.clock.advance(0.02)

    def test_isWhatLanesWant(self) -> None:
        """They can ask it."""
        self.assertTrue(verifyObject(ILanePlaces, self.lines(1)[0].places))

    def test_onlyOneConnection(self) -> None:
        """
        Where a host allows one, there never are two, and both processes have their
        turns.
        """
        lines = self.lines(1)
        for line in lines:
            line.add(500)
        self.go(lines, 8.0, 1)
        sent = [len(line.times) for line in lines]
        self.assertGreater(min(sent), 100)
        self.assertGreater(sum(sent), 300)

    def test_turnsAreNotTooShort(self) -> None:
        """To hand it over costs a connection; that is not done for each message."""
        lines = self.lines(1)
        for line in lines:
            line.add(500)
        self.go(lines, 8.0, 1)
        times = sorted(
            (at, which) for which, line in enumerate(lines) for at in line.times
        )
        turns = sum(a[1] != b[1] for a, b in zip(times, times[1:], strict=False))
        self.assertLessEqual(turns, 8 / TURN_SECONDS)

    def test_connectionIsClosedFirst(self) -> None:
        """Another one opens its connection when the first is closed, and not before."""
        one, other = self.lines(1, slow=True)
        one.add(1)
        self.clock.advance(TURN_SECONDS)
        other.add(1)
        one.end()
        self.clock.advance(1.0)
        self.assertEqual((len(one.closing), len(other.begun)), (1, 0))
        one.closing.pop().callback(None)
        self.clock.advance(0.1)
        self.assertEqual(len(other.begun), 1)

    def test_whatOneHasAloneItKeeps(self) -> None:
        """Where nobody else sends there, one process has all connections."""
        one, other = self.lines(4)
        one.add(100)
        self.assertEqual(len(one.begun), 4)
        self.go((one, other), 1.0, 4)
        self.assertEqual(len(one.times), 100)

    def test_comeToHalves(self) -> None:
        """Who comes later gets a half of the connections, one by one."""
        one, other = self.lines(4)
        one.add(1000)
        self.go((one, other), TURN_SECONDS, 4)
        other.add(1000)
        self.go((one, other), 2.0, 4)
        self.assertEqual([len(each.begun) for each in (one, other)], [2, 2])

    def test_givesBackWhatNobodyUses(self) -> None:
        """A place goes when its connection has been idle for long enough."""
        one, other = self.lines(1)
        one.add(1)
        one.end()
        self.clock.pump([0.1] * round(KEEP * 10 + 2))
        self.assertEqual(one.open, 0)
        other.add(1)
        self.assertEqual(len(other.begun), 1)
        self.clock.pump([0.1] * 10)
        self.assertEqual(len(self.clock.getDelayedCalls()), 0)

    def test_wantsNothingAnyMore(self) -> None:
        """Who waited in vain, and has nothing left to send, is in nobody's way."""
        one, other = self.lines(1)
        one.add(10)
        other.add(1)
        self.assertEqual(other.lanes.withdraw({"x"}), [])
        lane = other.lanes.lane(b"a")
        other.lanes.withdraw({each.message.id for each in lane.waiting})
        self.clock.advance(TURN_SECONDS)
        self.go((one, other), 1.0, 1)
        self.assertEqual(len(one.times), 10)

    def test_wantsNothingWhenItsAttemptEnds(self) -> None:
        """Nor is who waits for another connection, and then needs none."""
        one, other = self.lines(2)
        one.add(1)
        other.add(9)
        self.clock.advance(0.1)
        self.assertEqual(len(other.begun), 1)
        lane = other.lanes.lane(b"a")
        other.lanes.withdraw({each.message.id for each in lane.waiting})
        other.end()
        self.clock.advance(TURN_SECONDS)
        one.end()
        one.add(9)
        self.go((one, other), 1.0, 2)
        self.assertEqual(len(one.times), 10)

    def test_paceHoldsForBoth(self) -> None:
        """Two messages of either are no closer to each other than may be."""
        lines = self.lines(10, pause=0.5)
        for line in lines:
            line.add(20)
        self.go(lines, 10.0, 10)
        times = sorted(at for line in lines for at in line.times)
        gaps = [b - a for a, b in zip(times, times[1:], strict=False)]
        self.assertGreaterEqual(min(gaps) + 1e-6, 0.5)
        self.assertGreater(len(times), 16)
        self.assertGreater(min(len(line.times) for line in lines), 4)

    def test_paceWithoutPlaces(self) -> None:
        """Whose turn it is, but who has no place, lets the other begin."""
        one, other = self.lines(1, pause=0.5)
        one.add(1)
        self.clock.advance(0.6)
        other.add(1)
        self.assertEqual(len(other.begun), 0)
        one.end()
        one.add(1)
        self.clock.advance(0.2)
        self.assertEqual(len(one.times), 2)

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        lists(
            sampled_from(
                ["begin 0", "begin 1", "end 0", "end 1", "wait", "turn", "wish 0"]
            ),
            max_size=60,
        ),
        integers(1, 3),
    )
    def test_straightWay(self, steps: list[str], width: int) -> None:
        """
        Where nobody wishes for a place, less is asked; whether an attempt may begin,
        and what is given back, is the same.
        """
        self.assertEqual(
            self.happens(steps, width, doubts=False),
            self.happens(steps, width, doubts=True),
        )

    def happens(self, steps: list[str], width: int, doubts: bool) -> list[object]:
        """
        What becomes of two processes.

        @param doubts: is it thought each time that others might wish for a place?
        """
        clock = Clock()
        joint = JointPlaces(2, 10)
        columns = [joint.column(each, clock.seconds) for each in (1, 2)]
        if doubts:
            for column in columns:
                self.patch(column, "wishes", lambda key: memoryview(b"\1"))
        lanes = [LanePlaces(column, clock, KEEP) for column in columns]
        active = [0, 0]
        events: list[object] = []

        def retire(most: int) -> Deferred[None]:
            events.append(("closed", most))
            return succeed(None)

        for step in steps:
            which = int(step[-1]) if step[-1] in "01" else 0
            match step.split()[0]:
                case "begin":
                    wait = lanes[which].begin(b"a", width, 0.0, retire)
                    active[which] += wait is None
                    events.append(wait)
                case "end" if active[which]:
                    active[which] -= 1
                    lanes[which].ended(b"a")
                case "wish":
                    lanes[which].leave(b"a")
                case "wait":
                    clock.advance(0.1)
                case "turn":
                    clock.advance(TURN_SECONDS)
            events.append([column.own(b"a") for column in columns])
        return events

    def test_end(self) -> None:
        """Nobody asks any more when the end has come."""
        one, other = self.lines(1)
        one.add(1)
        other.add(3)
        self.assertEqual(len(other.lanes.drop()), 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])
