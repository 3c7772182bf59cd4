"""Tests for L{smtpx.queue.control}."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope
from smtpx.core.hooks import Schedule
from smtpx.core.interfaces import IBody
from smtpx.core.queueprofile import QueueProfile
from smtpx.queue.control import MOMENT_SECONDS, PAGE, QueueControl
from smtpx.queue.delivery import Bounds, Delivery
from smtpx.queue.interfaces import Done, Grouping, Page, Selection, State
from smtpx.queue.routes import RouteRule, Routes
from smtpx.queue.told import Told
from smtpx.spool.format import Fate, Report, SpooledMessage
from smtpx.spool.interfaces import SpoolBroken
from smtpx.testing.spool import MemorySpool, memoryID

from .doubles import Doubling, RecordedJournal, ScriptedRelay, ScriptedReporter

T = TypeVar("T")

ANN, BOB, EVE = b"ann@a.example", b"bob@b.example", b"eve@e.example"
ALL = Selection()


def scheduleFor(envelope: Envelope, before: Schedule) -> Schedule:
    """Mail of the slow one is for later."""
    later = envelope.sender == b"later@x.example"
    return Schedule(notBefore=5000.0 if later else 0.0)


class TimelyReporter(ScriptedReporter):
    """Whose reports are of the time when they are written."""

    def reports(
        self, message: SpooledMessage, owed: Sequence[Told], body: IBody
    ) -> Sequence[Report]:
        """As the other, a while later."""
        reports = super().reports(message, owed, body)
        for each in reports:
            each.envelope.arrived = 2000.0
        return reports


class ControlCase(SynchronousTestCase):
    """A spool with a relay; nothing is delivered before C{begin}."""

    def setUp(self) -> None:
        """Nobody wants anything yet."""
        self.clock = Clock()
        self.clock.advance(1000)
        self.spool = MemorySpool(self.clock.seconds)
        self.relay = ScriptedRelay("relay")
        self.journal = RecordedJournal()
        self.build()

    def build(self, wayBack: bool = True, profile: QueueProfile | None = None) -> None:
        """What is tested."""
        rules = [RouteRule(f"{each}.example", "relay") for each in "abe"]
        if wayBack:
            rules.append(RouteRule("s.example", "relay"))
        self.delivery = Delivery(
            self.spool,
            Routes(rules, [self.relay]),
            self.journal,
            self.clock,
            self.clock.seconds,
            Doubling(),
            TimelyReporter(),
            bounds=Bounds(attempts=2),
        )
        self.control = QueueControl(
            self.spool,
            self.delivery,
            self.journal,
            self.clock,
            self.clock.seconds,
            profile,
        )

    def begin(self) -> None:
        """Start to deliver."""
        self.delivery.start()
        self.clock.advance(1)
        self.journal.take()

    def put(self, *paths: bytes, sender: bytes = b"sue@s.example") -> str:
        """Put a message in; a moment later."""
        id = self.spool.add(sender, paths or (ANN,))
        self.clock.advance(0.001)
        return id

    def wait(self, answer: Deferred[T]) -> T:
        """What it comes to, in a moment at the most."""
        self.clock.advance(MOMENT_SECONDS)
        return self.successResultOf(answer)

    def told(self, *what: str) -> list[tuple[object, ...]]:
        """What the journal was told of these kinds."""
        return [each for each in self.journal.take() if each[0] in what]


class LookingTests(ControlCase):
    """What there is."""

    def test_find(self) -> None:
        """Page by page."""
        ids = [self.put() for _ in range(3)]
        page = self.wait(self.control.find(ALL, most=2))
        self.assertEqual([each.message.id for each in page.entries], ids[:2])
        page = self.wait(self.control.find(ALL, ids[1]))
        self.assertEqual([each.message.id for each in page.entries], ids[2:])

    def test_show(self) -> None:
        """One, with how it is."""
        id = self.put()
        self.wait(self.spool.hold([id], "look"))
        entry = self.wait(self.control.show(id))
        assert entry is not None
        self.assertEqual((entry.message.note, entry.state), ("look", State.HELD))
        self.assertIs(self.wait(self.control.show(memoryID(9))), None)

    def test_read(self) -> None:
        """One, with its body."""
        id = self.put()
        found = self.wait(self.control.read(id))
        assert found is not None
        self.assertIn(b"Subject: hello", b"".join(found[1].pieces()))
        self.assertIs(self.wait(self.control.read(memoryID(9))), None)

    def test_summary(self) -> None:
        """All that is meant is counted."""
        for _ in range(PAGE + 1):
            self.put(ANN, BOB)
        self.put(EVE)
        told: list[tuple[int, int]] = []
        meant = Selection(domains=("?.example",), recipients=("ann@*", "bob@*"))
        groups = self.wait(
            self.control.summary(
                meant, Grouping.DOMAIN, lambda *numbers: told.append(numbers)
            )
        )
        self.assertEqual(
            [(each.name, each.messages) for each in groups],
            [("a.example", PAGE + 1), ("b.example", PAGE + 1)],
        )
        self.assertEqual([done for _, done in told], [PAGE, PAGE + 1])


class RetryTests(ControlCase):
    """Trying messages at once."""

    def put3(self) -> list[str]:
        """One for later, one that is parked, one on hold."""
        self.relay.fates = {ANN: Fate.WAITING}
        ids = [self.put(), self.put(BOB), self.put()]
        for message in self.successResultOf(self.spool.ready(2000.0, 9)):
            if message.id == ids[0]:
                self.spool.settle(message, (), 1500.0)
            elif message.id == ids[1]:
                self.spool.park(message, b"b.example")
            else:
                self.spool.settle(message, (), None)
        return ids

    def test_retry(self) -> None:
        """What waits for a time or a lane is tried, what is on hold is not."""
        ids = self.put3()
        self.begin()
        self.relay.attempts.clear()
        asked = self.clock.seconds()
        self.assertEqual(self.wait(self.control.retry(ALL)), 1)
        self.clock.advance(1)
        [attempt] = self.relay.attempts
        self.assertEqual((attempt.message.id, attempt.asked), (ids[0], asked))

    def test_retryParked(self) -> None:
        """A lane that is busy does not matter."""
        ids = self.put3()
        self.assertEqual(self.wait(self.control.retry(ALL)), 2)
        kept = self.spool.kept
        self.assertEqual([kept[id].lane for id in ids], [None] * 3)
        self.assertEqual([kept[id].held for id in ids], [False, False, True])

    def test_askedOnce(self) -> None:
        """After the attempt, what is known of hosts counts again."""
        self.put3()
        self.begin()
        self.wait(self.control.retry(ALL))
        self.clock.advance(3600)
        self.clock.advance(16)
        self.assertIs(self.relay.attempts[-1].asked, None)

    def test_meant(self) -> None:
        """Only what is meant is tried."""
        ids = self.put3()
        meant = Selection(ids=(ids[0],), domains=("b.example",))
        self.assertEqual(self.wait(self.control.retry(meant)), 0)
        self.assertEqual(self.spool.kept[ids[0]].due, 1500.0)

    def test_later(self) -> None:
        """What its sender wants to go later goes later."""
        self.build(profile=_Later())
        id = self.put(sender=b"later@x.example")
        self.assertEqual(self.wait(self.control.retry(ALL)), 0)
        self.clock.advance(5000)
        self.assertEqual(self.wait(self.control.retry(ALL)), 1)
        self.assertIs(self.spool.kept[id].due, None)

    def test_broken(self) -> None:
        """Where the spool is in trouble, that is said."""
        self.put3()
        self.spool.broken = True
        self.failureResultOf(self.control.retry(ALL), SpoolBroken)


class _Later(QueueProfile):
    """Knows when messages are to go."""

    def __init__(self) -> None:
        """Ask L{scheduleFor}."""
        super().__init__()
        self.schedulers = (scheduleFor,)


class HoldTests(ControlCase):
    """Putting on hold, and taking off."""

    def test_hold(self) -> None:
        """What is on hold stays, and the log has who did it."""
        ids = [self.put(), self.put()]
        done = self.wait(self.control.hold(Selection(ids=(ids[0],)), "root", "spam?"))
        self.assertEqual(done, Done(1))
        self.assertEqual(self.spool.kept[ids[0]].note, "spam?")
        self.assertEqual(self.told("held"), [("held", ids[0], "root", "spam?")])
        self.assertEqual(self.wait(self.control.hold(ALL, "root")), Done(1))
        self.assertEqual(self.spool.kept[ids[1]].note, "put on hold by root")
        self.begin()
        self.assertEqual(self.relay.attempts, [])

    def test_holdWhatIsTried(self) -> None:
        """What is being delivered is on hold when that is over, if it stays."""
        self.relay.patient = True
        self.relay.fates = {ANN: Fate.WAITING}
        id = self.put()
        self.begin()
        self.assertEqual(self.wait(self.control.hold(ALL, "root")), Done(later=1))
        self.relay.finish()
        self.assertTrue(self.spool.kept[id].held)

    def test_release(self) -> None:
        """What is on hold goes at once, and what was not is no matter."""
        ids = [self.put(), self.put()]
        self.wait(self.control.hold(Selection(ids=(ids[0],)), "root"))
        self.journal.take()
        self.assertEqual(self.wait(self.control.release(ALL, "joe")), Done(1))
        self.assertEqual(self.told("released"), [("released", ids[0], "joe", "")])
        self.begin()
        self.assertEqual(self.spool.kept, {})


class RemoveTests(ControlCase):
    """Forgetting messages."""

    def test_remove(self) -> None:
        """It is gone, the log has who did it, and nobody else is told."""
        id, other = self.put(ANN, BOB), self.put()
        self.wait(self.spool.hold([id], "look"))
        done = self.wait(self.control.remove(Selection(ids=(id,)), "root"))
        self.assertEqual(done, Done(1))
        self.assertEqual([*self.spool.kept], [other])
        self.assertEqual(
            self.journal.take(), [("removed", id, "root", ""), ("completed", id)]
        )

    def test_many(self) -> None:
        """Page by page; what is done is told."""
        for _ in range(2 * PAGE + 1):
            self.put()
        told: list[int] = []
        done = self.control.remove(ALL, "root", lambda _, done: told.append(done))
        self.assertEqual(self.wait(done), Done(2 * PAGE + 1))
        self.assertEqual(told, [PAGE, 2 * PAGE, 2 * PAGE + 1])
        self.assertEqual(self.spool.kept, {})

    def test_gathered(self) -> None:
        """What is found here and there is ended together."""
        whole = self.spool.find

        def find(selection: Selection, after: str, most: int) -> Deferred[Page]:
            """Look at few at a time."""
            return whole(selection, after, min(most, 7))

        self.patch(self.spool, "find", find)
        for _ in range(PAGE + 3):
            self.put()
        told: list[tuple[int, int]] = []
        done = self.control.remove(ALL, "root", lambda *each: told.append(each))
        self.assertEqual(self.wait(done), Done(PAGE + 3))
        self.assertEqual({done for _, done in told}, {0, PAGE, PAGE + 3})

    def test_whatComesMeanwhile(self) -> None:
        """It is not meant."""
        removed = [self.put()]

        def tell(looked: int, done: int) -> None:
            """Something comes."""
            self.spool.add(b"", [ANN])

        for _ in range(PAGE):
            removed.append(self.put())
        self.wait(self.control.remove(ALL, "root", tell))
        self.assertEqual(len(self.spool.kept), 2)
        self.assertFalse({*removed} & {*self.spool.kept})

    def test_clockThatWasSetBack(self) -> None:
        """What is named is removed, also if it came at a time that is yet to come."""
        self.clock.advance(500)
        named = Selection(ids=(self.put(),))
        self.clock.rightNow -= 400
        self.assertEqual(self.wait(self.control.remove(ALL, "root")), Done(0))
        self.assertEqual(self.wait(self.control.remove(named, "root")), Done(1))

    def test_whatIsTried(self) -> None:
        """It is gone when the attempt is over, and that is said."""
        self.relay.patient = True
        self.relay.fates = {ANN: Fate.WAITING}
        id = self.put()
        self.begin()
        removal = self.control.remove(ALL, "root")
        self.clock.advance(MOMENT_SECONDS / 2)
        self.assertNoResult(removal)
        self.assertEqual(self.wait(removal), Done(later=1))
        self.assertEqual([*self.spool.kept], [id])
        self.relay.finish()
        self.assertEqual(self.spool.kept, {})
        kinds = [each[0] for each in self.journal.take()]
        self.assertEqual(kinds, ["deferred", "removed", "completed"])

    def test_whatIsDelivered(self) -> None:
        """What was delivered after all is told as delivered, and not removed."""
        self.relay.patient = True
        self.put()
        self.begin()
        self.assertEqual(self.wait(self.control.remove(ALL, "root")), Done(later=1))
        self.relay.finish()
        kinds = [each[0] for each in self.journal.take()]
        self.assertEqual(kinds, ["delivered", "completed"])

    def test_overSoon(self) -> None:
        """Nobody waits for longer than it takes."""
        self.relay.patient, self.relay.fates = True, {ANN: Fate.WAITING}
        self.put()
        self.begin()
        removal = self.control.remove(ALL, "root")
        self.assertNoResult(removal)
        self.relay.finish()
        self.assertEqual(self.successResultOf(removal), Done(1))
        first = min(each.getTime() for each in self.clock.getDelayedCalls())
        self.assertGreater(first, self.clock.seconds() + MOMENT_SECONDS)

    def test_notBegun(self) -> None:
        """An attempt that is not begun is not made: it need not be waited for."""
        self.relay.patient = True
        ids = [self.put(ANN) for _ in range(5)]
        self.begin()
        self.assertEqual(len(self.relay.attempts), 1)
        done = self.wait(self.control.remove(Selection(ids=ids[1:]), "root"))
        self.assertEqual(done, Done(4))
        self.relay.finish()
        self.clock.advance(20)
        self.assertEqual(len(self.relay.attempts), 1)
        self.assertEqual(self.spool.kept, {})

    def test_oneLegOfTwo(self) -> None:
        """Where one leg is tried and the other not, only that one is waited for."""
        self.relay.patient = True
        self.relay.width = 1
        self.put(ANN)
        id = self.put(ANN, BOB)
        self.begin()
        removal = self.control.remove(Selection(ids=(id,)), "root")
        self.assertEqual(self.wait(removal), Done(later=1))
        self.relay.finish()
        self.relay.finish()
        self.clock.advance(1)
        self.assertEqual(self.spool.kept, {})
        tried = [attempt.message.id for attempt in self.relay.attempts]
        self.assertEqual(tried.count(id), 1)

    def test_twoAtOnce(self) -> None:
        """Two operators: it is one's, and not there any more for the other."""
        self.relay.patient = True
        self.relay.fates = {ANN: Fate.WAITING}
        self.put()
        self.begin()
        one = self.control.remove(ALL, "root")
        other = self.control.remove(ALL, "joe")
        self.relay.finish()
        self.assertEqual(self.wait(one), Done(1))
        self.assertEqual(self.wait(other), Done())

    def test_cancelled(self) -> None:
        """Cancelled, nothing more is done behind the page that was begun."""
        self.relay.patient = True
        first = self.put()
        rest = [self.put() for _ in range(PAGE)]
        self.wait(self.control.hold(Selection(ids=rest), "root"))
        self.begin()
        removal = self.control.remove(ALL, "root")
        removal.cancel()
        self.failureResultOf(removal, CancelledError)
        self.assertEqual(sorted(self.spool.kept), sorted([first, rest[-1]]))

    def test_closed(self) -> None:
        """When the server ends, what was to be removed later is not."""
        self.relay.patient = True
        self.relay.fates = {ANN: Fate.WAITING}
        id = self.put()
        self.begin()
        self.wait(self.control.remove(ALL, "root"))
        self.control.close()
        self.relay.finish()
        self.assertEqual([*self.spool.kept], [id])

    def test_broken(self) -> None:
        """Where the spool fails behind the search, that is said and in the log."""
        self.put()
        broken = SpoolBroken("no")

        def claim(id: str) -> Deferred[None]:
            """Fail."""
            failing: Deferred[None] = Deferred()
            failing.errback(broken)
            return failing

        self.patch(self.spool, "claim", claim)
        removal = self.control.remove(ALL, "root")
        self.failureResultOf(removal, SpoolBroken)
        self.assertEqual(self.told("trouble"), [("trouble", None, "spool", "no")])


class BounceTests(ControlCase):
    """Giving messages up."""

    def test_bounce(self) -> None:
        """It is gone, and its sender has a report, which goes its way."""
        id = self.put(ANN, BOB)
        done = self.wait(self.control.bounce(ALL, "root", "no such place"))
        self.assertEqual(done, Done(1))
        why = "given up by the operator: no such place"
        [report] = self.spool.kept
        self.assertEqual(
            self.journal.take(),
            [
                ("cancelled", id, "root", "no such place"),
                ("failed", id, 0, "", "", why),
                ("failed", id, 1, "", "", why),
                ("reported", id, report),
                ("completed", id),
            ],
        )
        self.assertIn(why.encode(), self.spool.whole(report))
        self.assertEqual(self.spool.kept[report].envelope.sender, b"")

    def test_reports(self) -> None:
        """The reports of a bounce of everything are not bounced with it."""
        for _ in range(PAGE + 1):
            self.put()
        self.assertEqual(self.wait(self.control.bounce(ALL, "root")), Done(PAGE + 1))
        self.assertEqual(len(self.spool.kept), PAGE + 1)

    def test_nobodyToTell(self) -> None:
        """A report of our own is given up without a report."""
        self.put(sender=b"")
        self.assertEqual(self.wait(self.control.bounce(ALL, "root")), Done(1))
        self.assertEqual(self.spool.kept, {})

    def test_noWayBack(self) -> None:
        """Where its sender cannot be told, it is on hold, and that is said."""
        self.build(wayBack=False)
        id = self.put()
        self.assertEqual(self.wait(self.control.bounce(ALL, "root")), Done(kept=1))
        self.assertTrue(self.spool.kept[id].held)

    def test_unreadable(self) -> None:
        """What cannot be read stays: nobody would hear of it."""
        id = self.put()
        kept = self.spool._kept[id]
        kept.message = evolve(kept.message, waiting=())
        self.assertEqual(self.wait(self.control.bounce(ALL, "root")), Done(kept=1))
        self.assertEqual(self.wait(self.control.remove(ALL, "root")), Done(1))
