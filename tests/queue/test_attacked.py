"""
What goes wrong only at the wrong moment: spools that answer late, destinations that
move while messages wait for them, transports that say too little or too much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import Factory, define
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.delivery import Bounds, Delivery
from smtpx.queue.interfaces import Leg, Located
from smtpx.queue.routes import RouteRule, Routes
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.spool.interfaces import SpoolBroken
from smtpx.spool.via import Cause
from smtpx.testing.spool import MemorySpool

from .doubles import Doubling, RecordedJournal, ScriptedRelay, ScriptedReporter

ANN = b"ann@example.org"


class LateSpool(MemorySpool):
    """
    A spool whose answers to C{parked} come when the test calls C{answer}, as those
    of a disk may; by then others may have been parked.
    """

    late = False

    def __init__(self, now: Callable[[], float]) -> None:
        MemorySpool.__init__(self, now)
        self.asked: list[tuple[Deferred[Sequence[SpooledMessage]], ...]] = []

    def parked(self, lane: bytes, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """Look now, and answer later."""
        found = super().parked(lane, most)
        if not self.late:
            return found
        answer: Deferred[Sequence[SpooledMessage]] = Deferred()
        self.asked.append((found, answer))
        return answer

    @property
    def given(self) -> bool:
        """Is the answer to the oldest question that there is something?"""
        return bool(self.asked[0][0].result)

    def answer(self) -> None:
        """Answer the oldest question."""
        found, answer = self.asked.pop(0)
        found.chainDeferred(answer)


@define
class MovingRelay(ScriptedRelay):
    """
    One all of whose recipients have the same hosts, which may change.

    @ivar lane: those hosts.
    """

    lane: bytes = b"old"

    def locate(
        self, message: SpooledMessage, indices: Sequence[int]
    ) -> Deferred[Located]:
        """Where the hosts are now."""
        return succeed(Located((Leg(self.lane, tuple(indices)),)))


class AttackedCase(SynchronousTestCase):
    """Has a delivery with room for a few messages, and one relay."""

    def setUp(self) -> None:
        """The relay is slow."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.spool = LateSpool(self.clock.seconds)
        self.relay: ScriptedRelay = MovingRelay("relay", patient=True, width=1)
        self.journal = RecordedJournal()

    def start(self, messages: int = 16) -> None:
        """Start a delivery."""
        self.delivery = Delivery(
            self.spool,
            Routes([RouteRule("*", "relay")], [self.relay]),
            self.journal,
            self.clock,
            self.clock.seconds,
            Doubling(),
            ScriptedReporter(),
            bounds=Bounds(messages=messages, pollSeconds=15, graceSeconds=5),
        )
        self.delivery.start()

    def add(self, count: int, *recipients: bytes) -> list[str]:
        """So many messages."""
        return [self.spool.add(b"s@x", recipients or [ANN]) for _ in range(count)]

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.pump([0.25] * int(seconds * 4))


class ParkedTests(AttackedCase):
    """Messages that wait in the spool."""

    def test_parkedWhileTheSpoolIsAsked(self) -> None:
        """
        A message that is parked for a lane while the spool is asked for the lane's,
        and that the answer does not have, is not forgotten.
        """
        self.start()
        self.add(20)
        self.pass_(2)
        self.assertTrue(self.delivery.destinations()[0].parked)
        self.spool.late = True
        # The last question of all finds nothing.
        while not self.spool.asked or self.spool.given:
            if self.spool.asked:
                self.spool.answer()
            else:
                self.relay.finish()
        self.add(1)
        self.spool.late = False
        self.spool.answer()
        while self.relay.waiting:
            self.relay.finish()
        self.assertEqual(self.spool.kept, {})

    def test_hostsMovedWhileItWaited(self) -> None:
        """
        Where what is parked goes elsewhere by now, no more of it is fetched than
        there is room for.
        """
        self.start()
        self.add(300)
        self.pass_(2)
        relay = self.relay
        assert isinstance(relay, MovingRelay)
        relay.lane = b"new"
        while relay.waiting and relay.attempts[-1].message.lane is None:
            relay.finish()
        self.assertLessEqual(self.delivery.underWay, 16)
        while relay.waiting:
            relay.finish()
            self.assertLessEqual(self.delivery.underWay, 16)
        self.assertEqual(self.spool.kept, {})

    def test_paceIsKept(self) -> None:
        """What is parked for a lane does not make it forget its pace."""
        self.relay.patient = False
        self.relay.pauseSeconds = 10.0
        self.start()
        self.add(40)
        for _ in range(8):
            self.pass_(5)
            self.add(2)
        self.assertLessEqual(len(self.relay.attempts), 6)


class LocatedTests(AttackedCase):
    """A relay whose C{locate} does not keep its promise."""

    def locate(self, *legs: Leg, outcomes: Sequence[Outcome] = ()) -> None:
        """One that says this of a message for two."""

        def answer(message: SpooledMessage, indices: Sequence[int]) -> object:
            return succeed(Located(legs, tuple(outcomes)))

        self.patch(
            MovingRelay, "locate", lambda _, message, some: answer(message, some)
        )

    def check(self) -> None:
        """Nobody is asked again and again, and nobody gets it twice."""
        self.relay.patient = False
        self.start()
        [id] = self.add(1, ANN, b"bob@example.org")
        self.pass_(2)
        self.assertLessEqual(len(self.relay.attempts), 1)
        self.assertEqual(self.delivery.underWay, 0)
        kept = self.spool.kept[id]
        self.assertIn("trouble", [told[0] for told in self.journal.told])
        assert kept.due is not None
        self.assertGreaterEqual(kept.due, self.clock.seconds() + 30)

    def test_saysNothingOfSomebody(self) -> None:
        """Who is in no leg is tried later, and not at once, again and again."""
        self.locate(Leg(b"old", (0,)))
        self.check()

    def test_saysItTwice(self) -> None:
        """Who is in two legs does not get the message twice."""
        self.locate(Leg(b"old", (0, 1)), Leg(b"new", (1,)))
        self.check()

    def test_emptyLeg(self) -> None:
        """A leg for nobody holds nothing up."""
        self.locate(Leg(b"old", ()), Leg(b"new", (0,)))
        self.check()

    def test_namelessLane(self) -> None:
        """Nothing can be parked for a lane without a name."""
        self.locate(Leg(b"", (0, 1)))
        self.check()

    def test_delivered(self) -> None:
        """Finding out where it goes delivers nothing."""
        self.locate(Leg(b"old", (0,)), outcomes=[Outcome(1, Fate.DELIVERED, "did I?")])
        self.check()


@define
class SearchingRelay(ScriptedRelay):
    """
    One for which it takes long to find out where C{slow} is.

    @ivar questions: who wants to know.
    """

    questions: list[Deferred[Located]] = Factory(list)

    def locate(
        self, message: SpooledMessage, indices: Sequence[int]
    ) -> Deferred[Located]:
        """Answer when the test does."""
        found = ScriptedRelay.locate(self, message, indices)
        if not message.envelope.recipients[indices[0]].path.endswith(b"@slow"):
            return found
        answer: Deferred[Located] = Deferred()
        self.questions.append(answer)
        return answer

    def answer(self) -> None:
        """It is known now that nobody knows."""
        questions, self.questions = self.questions, []
        outcome = Outcome(0, Fate.WAITING, "no answer", cause=Cause.DNS)
        for each in questions:
            if not each.called:
                each.callback(Located(outcomes=(outcome,)))


class SearchTests(AttackedCase):
    """Domains of whom nobody says where they are."""

    def setUp(self) -> None:
        """C{slow} is such a one."""
        super().setUp()
        self.searching = self.relay = SearchingRelay("relay")

    def test_othersGoOn(self) -> None:
        """However many messages there are for it, they delay nobody for long."""
        self.start()
        self.add(100, b"x@slow")
        other = self.add(5, b"y@other")
        self.pass_(2)
        tried = [attempt.message.id for attempt in self.relay.attempts]
        self.assertEqual(tried, other)
        self.assertLess(self.delivery.underWay, 10)
        # And each of them has its turn.
        for _ in range(100):
            self.searching.answer()
        self.assertEqual({kept.attempts for kept in self.spool.kept.values()}, {1})
        self.assertEqual(len(self.spool.kept), 100)
        self.assertEqual(self.delivery.destinations(), [])

    def test_stops(self) -> None:
        """Nobody waits for an answer when the end has come."""
        self.start()
        [id] = self.add(1, b"x@slow")
        stopped = Deferred.fromCoroutine(self.delivery.stop())
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.spool.kept[id].attempts, 0)

    def test_stopsWithTheOthers(self) -> None:
        """What is known of others by then is written down."""
        self.relay.fates[b"y@other"] = Fate.DELIVERED
        self.start()
        [id] = self.add(1, b"x@slow", b"y@other")
        self.assertEqual(len(self.searching.questions), 1)
        self.successResultOf(Deferred.fromCoroutine(self.delivery.stop()))
        self.assertEqual(self.spool.kept[id].waiting, (0, 1))

    def test_lateSettlement(self) -> None:
        """What the spool does not take at the very end is offered once more."""
        self.relay = MovingRelay("relay", patient=True)
        self.start()
        self.add(1)
        stopped = Deferred.fromCoroutine(self.delivery.stop())
        settle, tries = self.spool.settle, []

        def once(*all: object) -> object:
            tries.append(all)
            if len(tries) == 1:
                return fail(SpoolBroken("for a moment"))
            return settle(*all)  # type: ignore[arg-type]  # as it was called

        self.patch(self.spool, "settle", once)
        self.relay.finish()
        self.successResultOf(stopped)
        self.assertEqual(self.spool.kept, {})


class BrokenRelay(MovingRelay):
    """One that breaks when a leg of it is to wait for its turn."""

    @property
    def width(self) -> int:  # type: ignore[override]  # it is what breaks
        """How many at once, if one could tell."""
        raise ZeroDivisionError


class BrokenTests(AttackedCase):
    """Transports of others that break between the recipients of a message."""

    def test_whatWasBegunIsKnown(self) -> None:
        """Who gets it all the same does not get it again."""
        self.relay.patient = True
        broken = BrokenRelay.__new__(BrokenRelay)
        broken.name, broken.holds, broken.lane = "broken", False, b"broken"
        rules = [RouteRule("*", "relay"), RouteRule("broken", "broken")]
        delivery = Delivery(
            self.spool,
            Routes(rules, [self.relay, broken]),
            self.journal,
            self.clock,
            self.clock.seconds,
            Doubling(),
        )
        delivery.start()
        [id] = self.add(1, b"a@fine", b"b@broken")
        self.assertEqual(self.spool.kept[id].waiting, (0, 1))
        self.relay.finish()
        self.assertEqual(self.spool.kept[id].waiting, (1,))
        self.assertIn("trouble", [told[0] for told in self.journal.told])
