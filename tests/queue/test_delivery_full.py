"""
Tests for L{smtpx.queue.delivery}: what happens at its bounds, and what it asks the
spool for.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue import delivery as module
from smtpx.queue.delivery import Bounds, Delivery
from smtpx.queue.interfaces import Located
from smtpx.queue.routes import RouteRule, Routes
from smtpx.spool.format import Fate, SpooledMessage
from smtpx.spool.interfaces import SpoolBroken
from smtpx.spool.via import Cause
from smtpx.testing.spool import MemorySpool

from .doubles import Doubling, RecordedJournal, ScriptedRelay


class AskedSpool(MemorySpool):
    """
    Notes what it is asked.

    @ivar looks: how many messages C{ready} was asked for, call by call.
    @ivar draws: the lanes that C{parked} was asked for, and for how many of each.
    @ivar pages: after which lanes, and for how many, C{lanes} was asked.
    @ivar slow: C{parked} answers when the test fires what is in C{asked}.
    @ivar lost: C{lanes} and C{unpark} fail.
    """

    slow = False
    lost = False

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock.seconds)
        self.looks: list[int] = []
        self.draws: list[tuple[bytes, int]] = []
        self.pages: list[tuple[bytes, int]] = []
        self.asked: list[Deferred[None]] = []

    def ready(self, now: float, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """Note it."""
        self.looks.append(most)
        return super().ready(now, most)

    def parked(self, lane: bytes, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """Note it."""
        self.draws.append((lane, most))
        if not self.slow:
            return super().parked(lane, most)
        self.asked.append(Deferred())
        found = super().parked(lane, most)
        return self.asked[-1].addCallback(lambda result: found)

    def lanes(self, after: bytes, most: int) -> Deferred[Sequence[bytes]]:
        """Note it."""
        self.pages.append((after, most))
        if self.lost:
            return fail(SpoolBroken("no lanes"))
        return super().lanes(after, most)

    def unpark(
        self, lane: bytes, due: float, spreadSeconds: float = 0.0
    ) -> Deferred[int]:
        """Fail if the test wishes."""
        if self.lost:
            return fail(SpoolBroken("no unparking"))
        return super().unpark(lane, due, spreadSeconds)


class FullTests(SynchronousTestCase):
    """More than there is room for."""

    def setUp(self) -> None:
        """Room for sixteen messages; C{slow} is slow."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.spool = AskedSpool(self.clock)
        self.slow = ScriptedRelay("slow", patient=True, width=1)
        self.relay = ScriptedRelay("relay")
        self.journal = RecordedJournal()
        self.bounds: Bounds | None = Bounds(messages=16, pollSeconds=15)

    def start(self) -> None:
        """Start a delivery."""
        self.delivery = self.made()
        self.delivery.start()

    def made(self) -> Delivery:
        """A delivery that is not started."""
        routes = Routes(
            [RouteRule("*", "relay"), RouteRule("slow", "slow")],
            [self.slow, self.relay],
        )
        return Delivery(
            self.spool,
            routes,
            self.journal,
            self.clock,
            self.clock.seconds,
            Doubling(),
            bounds=self.bounds,
        )

    def add(self, count: int, *recipients: bytes) -> list[str]:
        """So many messages."""
        return [self.spool.add(b"s@x", recipients) for _ in range(count)]

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.pump([0.25] * int(seconds * 4))

    def slowly(self) -> list[str]:
        """What was tried for C{slow}, in order."""
        return [attempt.message.id for attempt in self.slow.attempts]

    def park(self, *lanes: bytes) -> None:
        """Messages that wait in the spool, one for each lane."""
        for lane in lanes:
            id = self.spool.add(b"s@x", [b"x@" + lane])
            [message] = self.successResultOf(
                MemorySpool.ready(self.spool, self.clock.seconds(), 1)
            )
            self.assertEqual(message.id, id)
            self.successResultOf(self.spool.park(message, lane))

    def test_asUsual(self) -> None:
        """Without bounds or rules of its own, it has those of the house."""
        routes = Routes([RouteRule("*", "relay")], [self.relay])
        now = self.clock.seconds
        delivery = Delivery(self.spool, routes, self.journal, self.clock, now)
        delivery.start()
        self.add(1, b"x@y")
        self.assertEqual(self.spool.kept, {})
        self.relay.fates[b"x@y"] = Fate.WAITING
        [id] = self.add(1, b"x@y")
        due = self.spool.kept[id].due
        assert due is not None
        self.assertGreater(due, self.clock.seconds())
        told = [each[0] for each in self.journal.take()]
        self.assertEqual(told, ["delivered", "completed", "deferred"])

    def test_thereAtTheStart(self) -> None:
        """What came in the moment of the start may have been delivered before."""
        self.add(1, b"x@y")
        self.start()
        self.assertTrue(self.relay.attempts[0].again)

    def test_asksRarely(self) -> None:
        """A spool with more than there is room for is not asked for each of them."""
        self.bounds = Bounds(messages=64, pollSeconds=1000, pressSeconds=1000)
        self.slow.width = 64
        self.start()
        self.add(200, b"x@slow")
        self.spool.looks.clear()
        for _ in range(64):
            self.slow.finish()
        self.assertEqual(self.spool.looks, [8] * 8)

    def test_laterOnesWait(self) -> None:
        """What comes for a lane with parked ones has its turn behind them."""
        self.start()
        first = self.add(30, b"x@slow")
        self.pass_(1.5)
        self.assertTrue(self.delivery.destinations()[0].parked)
        self.slow.finish()
        last = self.add(1, b"x@slow")
        for _ in range(30):
            self.slow.finish()
        self.assertEqual(self.slowly(), first + last)

    def test_oneTimer(self) -> None:
        """While all is full there is one timer for that; otherwise none."""
        self.start()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.add(20, b"x@slow")
        self.clock.advance(0.25)
        self.add(20, b"x@slow")
        self.delivery.wake()
        self.slow.finish()
        self.slow.finish()
        self.assertEqual(len(self.clock.getDelayedCalls()), 2)
        # It is counted from when there was no room first.
        self.clock.advance(0.25)
        self.assertTrue(self.delivery.destinations()[0].parked)

    def test_pressedAgain(self) -> None:
        """A second destination that fills everything is parked as the first was."""
        self.relay.patient, self.relay.width = True, 1
        self.start()
        self.add(40, b"x@slow")
        self.pass_(1)
        self.add(40, b"y@other")
        self.pass_(2)
        parked = {each.key for each in self.delivery.destinations() if each.parked}
        self.assertEqual(parked, {b"slow", b"other"})

    def test_nobodyComesBehindThem(self) -> None:
        """What is parked has its turn, even if nothing else comes that way."""
        self.start()
        slow = self.add(16, b"x@slow")
        self.add(1, b"y@other")
        self.pass_(1)
        self.assertEqual(len(self.relay.attempts), 1)
        for _ in slow:
            self.slow.finish()
        self.assertEqual(self.slowly(), slow)
        self.assertEqual(self.spool.kept, {})

    def test_drawnInTime(self) -> None:
        """A lane asks the spool for more when a third of its share is left."""
        self.bounds = Bounds(messages=24, pollSeconds=1000)
        self.park(*[b"slow"] * 20)
        self.start()
        waiting = []
        self.spool.draws.clear()
        for _ in range(5):
            self.slow.finish()
            [lane] = self.delivery.destinations()
            waiting.append((lane.waiting, len(self.spool.draws)))
        self.assertEqual(waiting, [(4, 0), (3, 0), (6, 1), (5, 1), (4, 1)])
        self.assertEqual(self.spool.draws, [(b"slow", 4)])

    def test_roomInTime(self) -> None:
        """Where there is room again before long, nothing is parked."""
        self.start()
        self.add(17, b"x@slow")
        self.clock.advance(0.25)
        self.slow.finish()
        self.slow.finish()
        self.slow.finish()
        self.pass_(2)
        self.assertFalse(self.delivery.destinations()[0].parked)
        self.assertEqual(self.delivery.underWay, 14)

    def test_oneQuestionAtATime(self) -> None:
        """A lane does not ask the spool again before it has its answer."""
        self.park(*[b"slow"] * 12)
        self.start()
        self.assertEqual(self.spool.draws, [(b"slow", 4)])
        self.spool.slow = True
        while self.slow.waiting and not self.spool.asked:
            self.slow.finish()
        while self.slow.waiting:
            self.slow.finish()
        self.assertEqual(len(self.spool.asked), 1)
        self.spool.slow = False
        self.spool.asked[0].callback(None)
        while self.slow.waiting:
            self.slow.finish()
        self.assertEqual(self.spool.kept, {})

    def test_nothingIsDrawnAtTheEnd(self) -> None:
        """Once it is to stop, a lane does not ask for more."""
        self.park(*[b"slow"] * 12)
        self.start()
        self.spool.draws.clear()
        stopped = Deferred.fromCoroutine(self.delivery.stop())
        self.slow.finish()
        self.successResultOf(stopped)
        self.assertEqual((self.spool.draws, len(self.spool.kept)), ([], 11))

    def test_foundTooLate(self) -> None:
        """What is found to have a way only when the end has come is not begun."""
        self.relay.asked = asked = Deferred[Located]()
        self.start()
        [id] = self.add(1, b"x@y")
        stopped = Deferred.fromCoroutine(self.delivery.stop())
        self.relay.asked = None
        found = self.relay.locate(self.spool.kept[id], [0])
        found.chainDeferred(asked)
        self.successResultOf(stopped)
        self.assertEqual((self.relay.attempts, list(self.spool.kept)), ([], [id]))

    def test_bodiesThatAreGone(self) -> None:
        """The bound on bodies counts those under way, not those that were."""
        self.bounds = Bounds(messages=16, octets=3000, pollSeconds=15)
        self.slow.patient = False
        self.start()
        for _ in range(20):
            self.spool.add(b"s@x", [b"x@slow"], b"A: b\r\n\r\n" + b"x" * 1000)
        self.assertEqual(self.spool.kept, {})

    def test_bodyInAFile(self) -> None:
        """A message whose body is too long to be held takes none of that room."""
        ready = self.spool.ready

        def outside(now: float, most: int) -> Deferred[Sequence[SpooledMessage]]:
            return ready(now, most).addCallback(
                lambda found: [evolve(each, content=None) for each in found]
            )

        self.patch(self.spool, "ready", outside)
        self.start()
        self.add(1, b"x@y")
        self.assertEqual(self.spool.kept, {})

    # --- lanes of the spool ---------------------------------------------------------

    def test_lanesAreResumed(self) -> None:
        """
        After a start, the spool's lanes are looked after page by page, as there is
        room, each once.
        """
        self.patch(module, "_LANES", 2)
        self.relay.patient = True
        self.park(b"a", b"b", b"c")
        self.start()
        self.assertEqual(self.spool.pages, [(b"", 2)])
        self.clock.advance(15)
        self.assertEqual(self.spool.pages, [(b"", 2)])
        self.relay.finish()
        self.clock.advance(15)
        self.assertEqual(self.spool.pages[1:], [(b"b", 1)])
        self.relay.finish()
        self.relay.finish()
        self.clock.advance(15)
        self.assertEqual(self.spool.pages[2:], [(b"c", 2)])
        # That was the end of them.
        self.clock.advance(15)
        self.assertEqual(len(self.spool.pages), 3)
        self.assertEqual(self.spool.kept, {})

    def test_lanesCannotBeListed(self) -> None:
        """That is told of, and tried again when the timer comes."""
        self.park(b"a")
        self.spool.lost = True
        self.start()
        trouble = ("trouble", None, "spool", "no lanes")
        self.assertEqual(self.journal.take(), [trouble])
        self.spool.lost = False
        self.clock.advance(15)
        self.assertEqual(self.spool.kept, {})

    def test_cannotBeUnparked(self) -> None:
        """What cannot be put off is told of, and comes when the timer does."""
        self.slow.fates[b"x@slow"] = Fate.WAITING
        self.slow.cause = Cause.CONNECT
        self.slow.notBefore = self.clock.seconds() + 600
        self.start()
        self.add(40, b"x@slow")
        self.pass_(1)
        self.spool.lost = True
        self.slow.finish()
        self.assertIn(("trouble", None, "spool", "no unparking"), self.journal.take())
        self.spool.lost = False
        self.slow.fates.clear()
        self.slow.patient = False
        while self.slow.waiting:
            self.slow.finish()
        self.pass_(90)
        self.assertEqual(self.spool.kept, {})

    def test_cannotBeDrawn(self) -> None:
        """That the spool has nothing to say of a lane is told of."""
        self.park(*[b"slow"] * 12)
        self.start()
        self.assertEqual(self.journal.take(), [])
        self.spool.looks.clear()
        self.patch(
            self.spool, "parked", lambda lane, most: fail(SpoolBroken("no drawing"))
        )
        while self.slow.waiting:
            self.slow.finish()
        self.assertIn(("trouble", None, "spool", "no drawing"), self.journal.take())

    def test_putOff(self) -> None:
        """Of a lane whose host is away nothing is remembered."""
        self.slow.fates[b"x@slow"] = Fate.WAITING
        self.slow.cause = Cause.CONNECT
        self.slow.notBefore = self.clock.seconds() + 600
        self.start()
        self.add(40, b"x@slow")
        self.pass_(1)
        self.spool.draws.clear()
        while self.slow.waiting:
            self.slow.finish()
        self.assertEqual((self.delivery.destinations(), self.spool.draws), ([], []))
        self.assertEqual(self.delivery.underWay, 0)
