"""Tests for L{smtpx.queue.lanes}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.lanes import Destination, Lane, Lanes, Task

from .doubles import ScriptedTask


class LanesTests(SynchronousTestCase):
    """Who is next."""

    def setUp(self) -> None:
        """Nothing is under way."""
        self.begun: list[tuple[Lane, Task]] = []
        self.refilled: list[bytes] = []
        self.attempts = 100
        self.atOnce = False
        self.clock = Clock()

    def lanes(self) -> Lanes:
        """As many attempts at once as the test wishes."""
        self.made = Lanes(self.refill, self.attempts, self.clock)
        return self.made

    def begin(self, lane: Lane, task: Task) -> None:
        """An attempt has begun, and is at its end if the test wishes."""
        self.begun.append((lane, task))
        if self.atOnce:
            self.made.ended(lane, True, 0.0, self.clock.seconds())

    def refill(self, lane: Lane) -> None:
        """A lane wants more."""
        self.refilled.append(lane.key)

    def task(self, key: bytes = b"a", priority: int = 0) -> Task:
        """A message for a lane."""
        return ScriptedTask(self.begin, priority)

    def fill(self, lanes: Lanes, lane: Lane, count: int) -> list[Task]:
        """So many messages come for a lane."""
        tasks = [self.task(lane.key) for _ in range(count)]
        for task in tasks:
            lanes.add(lane, task)
        return tasks

    def end(self, lanes: Lanes, good: bool | None = True, seconds: float = 0.0) -> Task:
        """The oldest attempt comes to its end."""
        lane, task = self.begun.pop(0)
        lanes.ended(lane, good, seconds, self.clock.seconds())
        return task

    def test_fewConnections(self) -> None:
        """
        A burst to one destination begins with one attempt, and another for each
        eight that wait, as far as the window lets it.
        """
        lanes = self.lanes()
        lane = lanes.lane(b"a", 20)
        seen = []
        for _ in range(25):
            self.fill(lanes, lane, 1)
            seen.append(lane.active)
        # The eighth that waits has the second begin; then the window is full.
        self.assertEqual(seen, [1] * 8 + [2] * 17)
        self.assertEqual(len(lane.waiting), 23)

    def test_grows(self) -> None:
        """With each success there may be one more, up to the width."""
        lanes = self.lanes()
        lane = lanes.lane(b"a", 4)
        self.fill(lanes, lane, 100)
        active = []
        for _ in range(4):
            self.end(lanes)
            active.append((lane.window, lane.active))
        self.assertEqual(active, [(3, 3), (4, 4), (4, 4), (4, 4)])

    def test_slow(self) -> None:
        """Where an attempt takes long, there are more, so that nobody waits long."""
        lanes = self.lanes()
        lane = lanes.lane(b"a", 20)
        self.fill(lanes, lane, 8)
        active = []
        for _ in range(6):
            self.end(lanes, seconds=0.5)
            active.append((len(lane.waiting), lane.active))
        # The last of five would have waited for more than a second, at two tenths.
        self.assertEqual(active, [(6, 1), (4, 2), (3, 2), (2, 2), (2, 1), (1, 1)])
        self.fill(lanes, lane, 1)
        self.end(lanes, good=False, seconds=300.0)
        self.assertLess(lane.seconds, 0.5)

    def test_shrinks(self) -> None:
        """A destination in trouble gets half as many, but one."""
        lanes = self.lanes()
        lane = lanes.lane(b"a", 8)
        self.fill(lanes, lane, 200)
        for _ in range(6):
            self.end(lanes)
        self.assertEqual(lane.window, 8)
        windows = []
        for _ in range(4):
            self.end(lanes, good=False)
            windows.append(lane.window)
        self.assertEqual(windows, [4, 2, 1, 1])
        self.end(lanes, good=None)
        self.assertEqual(lane.window, 1)

    def test_withoutConnections(self) -> None:
        """Where nothing is gained by one behind the other, all begin at once."""
        lanes = self.lanes()
        lane = lanes.lane(b"maildir", 64, gathers=False)
        self.fill(lanes, lane, 70)
        self.assertEqual((lane.active, len(lane.waiting)), (64, 6))
        self.end(lanes, good=False)
        self.assertEqual((lane.window, lane.active), (64, 64))

    def test_knownFromTheSpool(self) -> None:
        """
        A lane that was known by its name alone is as wide as it is found to be,
        and where one behind the other gains nothing, it is so at once.
        """
        lanes = self.lanes()
        for key, gathers in ((b"maildir", False), (b"remote", True)):
            lane = lanes.parked(key)
            self.assertTrue(lane.gathers)
            self.assertIs(lanes.lane(key, 64, gathers), lane)
            self.assertEqual(
                (lane.gathers, lane.width, lane.window),
                (gathers, 64, 2 + 62 * (not gathers)),
            )
        lane = lanes.lane(b"maildir", 64, False)
        lane.window = 5
        self.assertEqual(lanes.lane(b"maildir", 64, False).window, 5)

    def test_isParked(self) -> None:
        """It is known of which lanes the spool has more."""
        lanes = self.lanes()
        lanes.lane(b"a")
        lanes.parked(b"b")
        found = [lanes.isParked(key) for key in (b"a", b"b", b"c")]
        self.assertEqual(found, [False, True, False])

    def test_lanesDoNotWait(self) -> None:
        """One that is full keeps nobody else from beginning."""
        lanes = self.lanes()
        slow, fast = lanes.lane(b"slow", 1), lanes.lane(b"fast", 1)
        self.fill(lanes, slow, 50)
        self.fill(lanes, fast, 1)
        self.assertEqual([lane.key for lane, _ in self.begun], [b"slow", b"fast"])

    def test_turns(self) -> None:
        """For the bound on all attempts, lanes take turns."""
        self.attempts = 2
        lanes = self.lanes()
        one, two = lanes.lane(b"one", 9, False), lanes.lane(b"two", 9, False)
        self.fill(lanes, one, 5)
        self.fill(lanes, two, 3)
        order = [lane.key for lane, _ in self.begun]
        for _ in range(6):
            self.end(lanes)
            order.append(self.begun[-1][0].key)
        self.assertEqual(
            order,
            [b"one", b"one", b"one", b"two", b"one", b"two", b"one", b"two"],
        )
        self.assertEqual((lanes.active, lanes.waiting), (2, 0))

    def test_parked(self) -> None:
        """
        That the spool has something for a lane says nothing of what it is like, so
        it stays as it is, and a new one becomes so when somebody knows.
        """
        lanes = self.lanes()
        lane = lanes.lane(b"a", 7, pauseSeconds=5.0)
        self.assertIs(lanes.parked(b"a"), lane)
        self.assertEqual((lane.width, lane.pauseSeconds), (7, 5.0))
        self.assertTrue(lane.gathers)
        self.assertTrue(lanes.isParked(b"a"))
        unknown = lanes.parked(b"maildir")
        self.assertIs(lanes.lane(b"maildir", 64, gathers=False), unknown)
        self.assertEqual((unknown.gathers, unknown.window), (False, 64))
        self.assertFalse(lanes.isParked(b"b"))

    def test_drawn(self) -> None:
        """What was fetched for a lane counts for it wherever it is by now."""
        lanes = self.lanes()
        lane = lanes.parked(b"a")
        lane.drawn = 5
        self.assertEqual(lane.held, 5)
        lane.active = 2
        self.assertEqual(lane.held, 3)
        lane.active = 0
        lanes.mark(lane, False)
        self.assertFalse(lane.idle)
        lane.drawn = 0
        self.assertTrue(lane.idle)

    def test_throughAtOnce(self) -> None:
        """However many are through at once, the stack does not grow."""
        self.attempts = 1
        lanes = self.lanes()
        lane = lanes.lane(b"a", 1, gathers=False)
        self.fill(lanes, lane, 5000)
        self.atOnce = True
        self.end(lanes)
        self.assertEqual((lanes.active, lanes.waiting, len(lanes)), (0, 0, 0))

    def test_priorities(self) -> None:
        """Higher ones go first, those of one priority in their order."""
        lanes = self.lanes()
        lane = lanes.lane(b"a", 1)
        tasks = [self.task(priority=p) for p in (0, 0, -3, 5, 0, 5, 9, -9)]
        for task in tasks:
            lanes.add(lane, task)
        order = []
        while self.begun:
            order.append(tasks.index(self.end(lanes)))
        self.assertEqual(order, [0, 6, 3, 5, 1, 4, 2, 7])

    def test_tooManyForTheHost(self) -> None:
        """One that was turned away is the next, and there are fewer at once."""
        lanes = self.lanes()
        lane = lanes.lane(b"a", 8)
        self.fill(lanes, lane, 100)
        for _ in range(3):
            self.end(lanes)
        self.assertEqual(lane.active, 5)
        _, turned = self.begun.pop()
        lanes.again(lane, turned)
        self.assertEqual((lane.active, lane.window), (4, 4))
        self.assertIs(lane.waiting[0], turned)
        self.end(lanes, good=None)
        self.assertIs(self.begun[-1][1], turned)
        self.assertEqual(turned.tries, 2)

    def test_tooManyForTheLastOne(self) -> None:
        """Turned away with its only attempt, a lane has that one again, and no more."""
        lanes = self.lanes()
        lane = lanes.lane(b"a", 8)
        self.fill(lanes, lane, 30)
        self.end(lanes, good=False)
        self.end(lanes, good=False)
        self.assertEqual((lane.window, lane.active), (1, 1))
        _, turned = self.begun.pop()
        lanes.again(lane, turned)
        self.assertEqual((lane.window, lane.active), (1, 1))
        self.assertIs(self.begun[-1][1], turned)
        self.assertEqual((lanes.active, lanes.waiting), (1, 27))

    def test_fewerWhileItWaitsForItsTurn(self) -> None:
        """
        A lane whose window shrank before its turn came waits for its own attempts,
        and goes on when the next of them ends.
        """
        self.attempts = 3
        lanes = self.lanes()
        lane, other = lanes.lane(b"a", 9, False), lanes.lane(b"b", 1, False)
        self.fill(lanes, other, 1)
        self.fill(lanes, lane, 4)
        (_, turned), begun = self.begun.pop(), self.begun.pop()
        lanes.again(lane, turned)
        self.assertEqual((lane.window, lane.active, lanes.active), (1, 1, 2))
        self.begun.insert(0, begun)
        self.end(lanes, good=None)
        self.assertEqual((lane.active, lanes.active), (1, 2))
        self.assertIs(self.begun[-1][1], turned)

    def test_manyLanesThroughAtOnce(self) -> None:
        """However many lanes wait for a turn, the stack does not grow."""
        self.attempts = 1
        lanes = self.lanes()
        for number in range(1000):
            self.fill(lanes, lanes.lane(b"%d" % number, 1), 1)
        self.atOnce = True
        self.end(lanes)
        self.assertEqual((lanes.active, lanes.waiting, len(lanes)), (0, 0, 0))

    def test_remembered(self) -> None:
        """A lane is remembered while it has anything: waiting, begun, parked, asked."""
        self.attempts = 1
        lanes = self.lanes()
        busy, waits = lanes.lane(b"busy", 1), lanes.lane(b"waits", 1)
        parked, asked = lanes.lane(b"parked", 1), lanes.lane(b"asked", 1)
        self.fill(lanes, busy, 1)
        self.fill(lanes, waits, 1)
        lanes.mark(parked, True)
        asked.drawing = True
        for lane in (busy, waits, parked, asked, lanes.lane(b"idle", 1)):
            lanes.settle(lane)
        self.assertEqual(
            sorted(each.key for each in lanes.destinations()),
            [b"asked", b"busy", b"parked", b"waits"],
        )

    def test_withoutItsPace(self) -> None:
        """A destination whose pace was lifted is not held back any longer."""
        lanes = self.lanes()
        lane = lanes.lane(b"a", 5, False, 6.0)
        self.fill(lanes, lane, 2)
        self.assertEqual(lane.active, 1)
        lanes.lane(b"a", 5, False)
        self.fill(lanes, lane, 1)
        self.assertEqual(lane.active, 3)

    def test_pace(self) -> None:
        """A destination that wants so many in a minute gets no more."""
        lanes = self.lanes()
        lane = lanes.lane(b"a", 5, False, 6.0)
        self.fill(lanes, lane, 3)
        begun = []
        for second in range(20):
            if self.begun:
                self.end(lanes)
                begun.append(second)
            self.clock.advance(1)
        self.assertEqual(begun, [0, 6, 12])
        # It is remembered until the next one may begin.
        self.assertEqual(len(lanes), 0)
        lane = lanes.lane(b"a", 5, False, 6.0)
        self.fill(lanes, lane, 1)
        self.end(lanes)
        self.assertEqual(len(lanes), 1)
        self.fill(lanes, lanes.lane(b"a", 5, False, 6.0), 1)
        self.assertEqual(self.begun, [])
        lanes.drop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_press(self) -> None:
        """What is above its share is taken, the last first; others keep theirs."""
        lanes = self.lanes()
        slow, other = lanes.lane(b"slow", 1), lanes.lane(b"other", 1)
        tasks = self.fill(lanes, slow, 11)
        self.fill(lanes, other, 3)
        self.assertEqual(lanes.press(4), tasks[5:])
        self.assertEqual((len(slow.waiting), len(other.waiting)), (4, 2))
        self.assertEqual((slow.capped, other.capped, lanes.waiting), (True, False, 6))
        self.assertEqual(lanes.press(2), tasks[3:5])
        self.assertFalse(other.capped)

    def test_share(self) -> None:
        """It is less, the more lanes there are, and leaves half for what is new."""
        lanes = self.lanes()
        self.assertEqual(lanes.share(1000), 250)
        for number in range(9):
            self.fill(lanes, lanes.lane(b"%d" % number, 1), 2)
        self.assertEqual(lanes.share(1000), 50)
        self.assertEqual(lanes.share(1), 1)
        # What the spool has for a lane counts as well.
        lanes.mark(lanes.lane(b"parked", 1), True)
        self.assertEqual(lanes.share(2200), 100)

    def test_refilled(self) -> None:
        """A lane of which the spool has more asks for it as it empties, once."""
        lanes = self.lanes()
        lane = lanes.lane(b"a", 1)
        self.fill(lanes, lane, 2)
        lanes.mark(lane, True)
        self.end(lanes)
        self.assertEqual(self.refilled, [b"a"])
        lane.drawing = True
        self.end(lanes)
        self.assertEqual(self.refilled, [b"a"])
        self.assertEqual(len(lanes), 1)
        lane.drawing = False
        lanes.mark(lane, False)
        lanes.settle(lane)
        self.assertEqual(len(lanes), 0)
        lanes.settle(lane)

    def test_anotherOfTheName(self) -> None:
        """An old lane's end takes no new one away."""
        lanes = self.lanes()
        old = lanes.lane(b"a", 1)
        lanes.settle(old)
        new = lanes.lane(b"a", 5)
        self.fill(lanes, new, 1)
        lanes.settle(old)
        self.assertIs(lanes.lane(b"a", 3), new)
        self.assertEqual((new.width, lanes.lane(b"a", 7).width), (5, 7))

    def test_drop(self) -> None:
        """At the end, what is not begun is given back."""
        lanes = self.lanes()
        tasks = self.fill(lanes, lanes.lane(b"a", 1), 3)
        self.assertEqual(lanes.drop(), tasks[1:])
        self.assertEqual((lanes.waiting, lanes.active), (0, 1))
        self.end(lanes)
        self.assertEqual((lanes.waiting, lanes.active, self.begun), (0, 0, []))

    def test_dropPaced(self) -> None:
        """At the end, no lane waits for its time to come."""
        lanes = self.lanes()
        self.fill(lanes, lanes.lane(b"a", 1, False, 6.0), 2)
        lanes.drop()
        self.assertEqual(lanes.drop(), [])
        self.end(lanes)
        self.assertEqual((len(lanes), self.clock.getDelayedCalls()), (0, []))

    def test_destinations(self) -> None:
        """What there is for an operator, the fullest first."""
        lanes = self.lanes()
        self.fill(lanes, lanes.lane(b"a", 1), 1)
        self.fill(lanes, lanes.lane(b"b", 1), 4)
        lanes.mark(lanes.lane(b"c", 1), True)
        self.assertEqual(
            lanes.destinations(),
            [
                Destination(b"b", 1, 3, False),
                Destination(b"a", 1, 0, False),
                Destination(b"c", 0, 0, True),
            ],
        )
