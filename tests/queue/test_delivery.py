"""Tests for L{smtpx.queue.delivery}."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.queue.delivery import Bounds, Delivery
from smtpx.queue.hold import Hold
from smtpx.queue.routes import RouteRule, Routes
from smtpx.spool.format import Fate, SpooledMessage
from smtpx.spool.interfaces import SpoolBroken
from smtpx.spool.via import Cause
from smtpx.testing.spool import MemorySpool

from .doubles import (
    Doubling,
    RecordedJournal,
    ScriptedRelay,
    ScriptedReporter,
    ScriptedTransport,
)

ANN = [b"ann@example.org"]


class SlowSpool(MemorySpool):
    """A spool that answers C{ready} only when the test calls C{answer}."""

    asked: Deferred[Sequence[SpooledMessage]] | None = None

    def ready(self, now: float, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """Answer later."""
        self.found = super().ready(now, most)
        self.asked = Deferred()
        return self.asked

    def answer(self) -> None:
        """Answer now."""
        assert self.asked is not None
        self.found.chainDeferred(self.asked)


class DeliveryCase(SynchronousTestCase):
    """Has a spool, a transport for everything, and a delivery between them."""

    def setUp(self) -> None:
        """Nothing is started yet."""
        self.clock = Clock()
        self.clock.advance(1000)
        self.spool = MemorySpool(self.clock.seconds)
        self.transport = ScriptedTransport()
        self.journal = RecordedJournal()
        self.delivery = self.deliveryFrom(self.spool)

    def deliveryFrom(self, spool: MemorySpool, concurrent: int = 64) -> Delivery:
        """A delivery of what is in C{spool}; C{hold.example} is to be held."""
        routes = Routes(
            [RouteRule("*", "scripted"), RouteRule("hold.example", "hold")],
            [self.transport, Hold()],
        )
        return Delivery(
            spool,
            routes,
            self.journal,
            self.clock,
            self.clock.seconds,
            Doubling(),
            bounds=Bounds(messages=concurrent, pollSeconds=15),
        )

    def begin(self) -> None:
        """Start, a second after what is in the spool came."""
        self.clock.advance(1)
        self.delivery.start()
        self.clock.advance(1)

    def stop(self) -> Deferred[None]:
        """Stop."""
        return Deferred.fromCoroutine(self.delivery.stop())

    def tried(self) -> list[str]:
        """The ids of what the transport was given, in order."""
        return [attempt.message.id for attempt in self.transport.attempts]


class DeliveryTests(DeliveryCase):
    """The loop that empties the spool."""

    def test_whatIsThereAtTheStart(self) -> None:
        """All of it is delivered, and it is done with in the log."""
        ids = [self.spool.add(b"", ANN) for _ in range(200)]
        self.begin()
        self.assertEqual(self.tried(), ids)
        self.assertEqual(self.spool.kept, {})
        self.assertEqual(self.delivery.underWay, 0)
        completed = [told[1] for told in self.journal.take() if told[0] == "completed"]
        self.assertEqual(completed, ids)

    def test_whatComesLater(self) -> None:
        """It is delivered as soon as it is committed."""
        self.begin()
        id = self.spool.add(b"", ANN)
        self.assertEqual((self.tried(), self.spool.kept), ([id], {}))

    def test_startsOnce(self) -> None:
        """A second start is a mistake of the caller."""
        self.delivery.start()
        self.assertRaises(UsageError, self.delivery.start)

    def test_boundedConcurrency(self) -> None:
        """Only so many are under way; others follow as they are done."""
        self.delivery = self.deliveryFrom(self.spool, concurrent=4)
        self.transport.patient = True
        ids = [self.spool.add(b"", ANN) for _ in range(10)]
        self.begin()
        self.assertEqual((self.tried(), self.delivery.underWay), (ids[:4], 4))
        self.transport.finish()
        self.assertEqual((self.tried(), self.delivery.underWay), (ids[:5], 4))
        for _ in range(9):
            self.transport.finish()
        self.assertEqual((self.tried(), self.spool.kept), (ids, {}))

    def test_oneAtATime(self) -> None:
        """A bound of one is kept as well."""
        self.delivery = self.deliveryFrom(self.spool, concurrent=1)
        self.transport.patient = True
        ids = [self.spool.add(b"", ANN) for _ in range(3)]
        self.begin()
        for count in (1, 2, 3):
            self.assertEqual(self.tried(), ids[:count])
            self.transport.finish()
        self.assertEqual(self.spool.kept, {})

    def test_comesWhileTheSpoolIsAsked(self) -> None:
        """What comes between question and answer is not forgotten."""
        spool = SlowSpool(self.clock.seconds)
        self.delivery = self.deliveryFrom(spool)
        self.begin()
        id = spool.add(b"", ANN)
        spool.answer()
        self.assertEqual(self.tried(), [])
        spool.answer()
        self.assertEqual(self.tried(), [id])

    def test_triedAgain(self) -> None:
        """What did not work is tried again when it is due, then it is done."""
        self.transport.fates[ANN[0]] = Fate.WAITING
        self.begin()
        id = self.spool.add(b"", ANN)
        self.assertEqual(self.spool.kept[id].due, 1062.0)
        self.transport.fates.clear()
        self.clock.pump([1.0] * 59)
        self.assertEqual(self.tried(), [id])
        self.clock.pump([1.0] * 16)
        self.assertEqual((self.tried(), self.spool.kept), ([id, id], {}))

    def test_mayHaveBeenDelivered(self) -> None:
        """
        Of what was there at the start, and of what was tried, it is not known
        whether an attempt succeeded; of what is new it is.
        """
        self.transport.fates[ANN[0]] = Fate.WAITING
        old = self.spool.add(b"", ANN)
        self.begin()
        new = self.spool.add(b"", ANN)
        self.clock.pump([1.0] * 80)
        self.assertEqual(
            [(a.message.id, a.again) for a in self.transport.attempts],
            [(old, True), (new, False), (old, True), (new, True)],
        )

    def test_onHold(self) -> None:
        """What its route holds is put on hold without a fuss."""
        self.begin()
        id = self.spool.add(b"", [b"x@hold.example"])
        self.assertEqual(
            self.journal.take(), [("held", id, "its route is to hold", True)]
        )
        self.assertTrue(self.spool.kept[id].held)
        self.assertEqual(self.spool.kept[id].note, "")

    def test_failed(self) -> None:
        """What can't be delivered is on hold, with a note for the operator."""
        self.transport.fates[ANN[0]] = Fate.FAILED
        self.begin()
        id = self.spool.add(b"", ANN)
        why = "ann@example.org failed"
        self.assertEqual(
            self.journal.take(),
            [("failed", id, 0, "*", "scripted", why), ("held", id, why, False)],
        )
        kept = self.spool.kept[id]
        self.assertEqual((kept.held, kept.note, kept.waiting), (True, why, (0,)))

    def test_releasedByAnOperator(self) -> None:
        """What is released is tried again at once."""
        self.transport.fates[ANN[0]] = Fate.FAILED
        self.begin()
        id = self.spool.add(b"", ANN)
        self.transport.fates.clear()
        self.spool.release([id])
        self.assertEqual((self.tried(), self.spool.kept), ([id, id], {}))


class BrokenSpoolTests(DeliveryCase):
    """A spool in trouble."""

    def test_cannotBeAsked(self) -> None:
        """It is told of, and asked again when the timer comes."""
        id = self.spool.add(b"", ANN)
        self.spool.broken = True
        self.begin()
        trouble = ("trouble", None, "spool", "broken, as the test wished")
        self.assertEqual(set(self.journal.take()), {trouble})
        self.spool.broken = False
        self.clock.advance(15)
        self.assertEqual((self.tried(), self.spool.kept), ([id], {}))

    def test_cannotBeWritten(self) -> None:
        """What was delivered is written down later, and not delivered again."""
        self.transport.patient = True
        self.begin()
        id = self.spool.add(b"", ANN)
        self.spool.broken = True
        self.transport.finish()
        self.assertEqual(
            self.journal.take()[1:],
            [("trouble", id, "spool", "broken, as the test wished")],
        )
        self.assertEqual(self.delivery.underWay, 1)
        self.clock.advance(15)
        self.assertEqual(self.delivery.underWay, 1)
        self.journal.take()
        self.spool.broken = False
        self.clock.advance(15)
        self.assertEqual(self.journal.take(), [("completed", id)])
        self.assertEqual(
            (self.tried(), self.spool.kept, self.delivery.underWay), ([id], {}, 0)
        )

    def test_leaseWasLost(self) -> None:
        """A message that is no longer ours is told of, and let go."""
        self.transport.patient = True
        self.begin()
        id = self.spool.add(b"", ANN)
        self.spool.close()
        self.transport.finish()
        self.assertEqual(
            self.journal.take()[1:], [("trouble", id, "spool", f"{id} is not leased")]
        )
        self.assertEqual(self.delivery.underWay, 0)

    def test_noteCannotBeLeft(self) -> None:
        """A note that cannot be written changes nothing else."""

        def hold(ids: Sequence[str], note: str) -> Deferred[None]:
            raise SpoolBroken("no")

        self.patch(self.spool, "hold", hold)
        self.transport.fates[ANN[0]] = Fate.FAILED
        self.begin()
        id = self.spool.add(b"", ANN)
        self.assertEqual(
            [told[0] for told in self.journal.take()], ["failed", "held", "trouble"]
        )
        self.assertTrue(self.spool.kept[id].held)


class StopTests(DeliveryCase):
    """The end."""

    def test_neverStarted(self) -> None:
        """Then there is nothing to stop."""
        self.successResultOf(self.stop())

    def test_nothingUnderWay(self) -> None:
        """It stops at once, leaves no timer, and takes nothing more."""
        self.begin()
        self.successResultOf(self.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.spool.add(b"", ANN)
        self.assertEqual(self.tried(), [])

    def test_waitsForWhatIsUnderWay(self) -> None:
        """What was begun is ended and written down; nothing else is begun."""
        self.delivery = self.deliveryFrom(self.spool, concurrent=1)
        self.transport.patient = True
        ids = [self.spool.add(b"", ANN) for _ in range(2)]
        self.begin()
        stopped = self.stop()
        self.assertNoResult(stopped)
        self.transport.finish()
        self.successResultOf(stopped)
        self.assertEqual((self.tried(), list(self.spool.kept)), (ids[:1], ids[1:]))

    def test_whileTheSpoolIsAsked(self) -> None:
        """What the spool gives after that is not tried."""
        spool = SlowSpool(self.clock.seconds)
        spool.add(b"", ANN)
        self.delivery = self.deliveryFrom(spool)
        self.begin()
        stopped = self.stop()
        self.assertNoResult(stopped)
        spool.answer()
        self.successResultOf(stopped)
        self.assertEqual(self.tried(), [])

    def test_writesDownWhatItCan(self) -> None:
        """What could not be written down yet is tried a last time."""
        self.transport.patient = True
        self.begin()
        self.spool.add(b"", ANN)
        self.spool.broken = True
        self.transport.finish()
        self.spool.broken = False
        self.successResultOf(self.stop())
        self.assertEqual(self.spool.kept, {})

    def test_stoppedTwice(self) -> None:
        """A second stop waits as the first does."""
        self.transport.patient = True
        self.begin()
        self.spool.add(b"", ANN)
        first, second = self.stop(), self.stop()
        self.transport.finish()
        self.successResultOf(first)
        self.successResultOf(second)


class LaneTests(SynchronousTestCase):
    """Destinations that are slow, or away, and others."""

    def setUp(self) -> None:
        """Room for sixteen messages; C{slow} and C{away} are what they are called."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.spool = MemorySpool(self.clock.seconds)
        self.slow = ScriptedRelay("slow", patient=True, width=1)
        self.relay = ScriptedRelay("relay")
        self.journal = RecordedJournal()
        self.bounds = Bounds(messages=16, pollSeconds=15, graceSeconds=5)
        self.start()

    def start(self) -> None:
        """Start a delivery."""
        routes = Routes(
            [RouteRule("*", "relay"), RouteRule("slow", "slow")],
            [self.slow, self.relay],
        )
        self.delivery = Delivery(
            self.spool,
            routes,
            self.journal,
            self.clock,
            self.clock.seconds,
            Doubling(),
            ScriptedReporter(),
            bounds=self.bounds,
        )
        self.delivery.start()

    def add(self, count: int, *recipients: bytes) -> list[str]:
        """So many messages."""
        return [self.spool.add(b"s@x", recipients) for _ in range(count)]

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.pump([0.25] * int(seconds * 4))

    def tried(self, relay: ScriptedRelay) -> list[str]:
        """What a transport was given."""
        return [attempt.message.id for attempt in relay.attempts]

    def test_othersGoOn(self) -> None:
        """A slow destination with a hundred messages delays nobody for long."""
        slow = self.add(100, b"x@slow")
        other = self.add(5, b"y@other")
        self.assertEqual(self.tried(self.relay), [])
        self.pass_(1.5)
        self.assertEqual(self.tried(self.relay), other)
        self.assertLess(self.delivery.underWay, 10)
        self.assertEqual(
            [d.key for d in self.delivery.destinations() if d.parked], [b"slow"]
        )
        later = self.add(3, b"y@other")
        self.assertEqual(self.tried(self.relay)[5:], later)
        # And each of the slow ones has its turn, in order.
        for _ in range(100):
            self.slow.finish()
        self.assertEqual(self.tried(self.slow), slow)
        self.assertEqual(self.spool.kept, {})
        self.assertEqual(self.delivery.destinations(), [])

    def test_fastDestination(self) -> None:
        """Where all moves, nothing is parked, however much there is."""
        self.slow.patient = False
        self.add(500, b"x@slow")
        self.assertEqual(len(self.slow.attempts), 500)
        self.assertEqual(self.spool.kept, {})

    def test_restart(self) -> None:
        """What was parked is looked for after a start, and delivered."""
        slow = self.add(40, b"x@slow")
        self.pass_(1)
        self.successResultOf(self.stop())
        self.spool.close()
        self.slow.attempts.clear()
        self.slow.waiting.clear()
        self.slow.patient = False
        self.start()
        self.assertEqual(sorted(self.tried(self.slow)), slow[1:])
        self.assertEqual(self.spool.kept, {})

    def stop(self) -> Deferred[None]:
        """Stop, and let what is being tried come to its end."""
        stopped = Deferred.fromCoroutine(self.delivery.stop())
        if self.slow.waiting:
            self.slow.finish()
        return stopped

    def test_away(self) -> None:
        """
        Where a host is found to be away, what is parked for it is due when it may
        be tried again, and is not tried one by one before that.
        """
        self.slow.fates[b"x@slow"] = Fate.WAITING
        self.slow.cause = Cause.CONNECT
        self.slow.notBefore = self.clock.seconds() + 600
        self.add(100, b"x@slow")
        self.pass_(1)
        self.slow.finish()
        self.assertEqual({kept.lane for kept in self.spool.kept.values()}, {None})
        dues = [k.due for k in self.spool.kept.values() if k.due is not None]
        self.assertGreater(len(dues), 90)
        self.assertGreaterEqual(sum(due >= self.slow.notBefore for due in dues), 90)

    def test_bodiesAreBounded(self) -> None:
        """No more are taken when their bodies are long."""
        self.successResultOf(self.stop())
        self.bounds = Bounds(messages=16, octets=3000, pollSeconds=15)
        self.start()
        for _ in range(8):
            self.spool.add(b"s@x", [b"x@slow"], b"A: b\r\n\r\n" + b"x" * 1000)
        self.assertLess(self.delivery.underWay, 8)

    def test_reported(self) -> None:
        """A failure ends in a report, which goes its own way."""
        self.relay.fates[b"y@other"] = Fate.FAILED
        [id] = self.add(1, b"y@other")
        told = [each[:2] for each in self.journal.take()]
        self.assertEqual(told[0], ("failed", id))
        self.assertEqual(told[1], ("reported", id))
        self.assertIn(("completed", id), told)
        [_, report] = self.relay.attempts
        self.assertEqual(report.message.envelope.sender, b"")
        self.assertEqual(report.message.envelope.recipients[0].path, b"s@x")
        self.assertEqual(self.spool.kept, {})

    def test_stopsInTime(self) -> None:
        """An attempt that does not come to its end is cut off."""
        [id] = self.add(1, b"x@slow")
        stopped = Deferred.fromCoroutine(self.delivery.stop())
        self.pass_(4)
        self.assertNoResult(stopped)
        self.pass_(2)
        self.successResultOf(stopped)
        self.assertEqual(self.spool.kept[id].attempts, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_spoolBreaks(self) -> None:
        """Where the spool cannot be asked for what is parked, it is asked again."""
        self.add(40, b"x@slow")
        self.pass_(1)
        self.spool.broken = True
        while self.slow.waiting:
            self.slow.finish()
        self.pass_(1)
        self.assertIn("trouble", [each[0] for each in self.journal.take()])
        self.spool.broken = False
        self.slow.patient = False
        self.pass_(40)
        self.assertEqual(self.spool.kept, {})
