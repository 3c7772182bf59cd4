"""Tests for L{smtpx.queue.dispatch}."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import Deferred

from smtpx.core.envelope import Stamp, dumpFlag, loadFlag
from smtpx.core.queueprofile import DISCARDED, QueueProfile
from smtpx.queue.hold import Hold
from smtpx.queue.interfaces import Attempt
from smtpx.queue.routes import RouteRule, Routes
from smtpx.queue.settlement import Settlement
from smtpx.spool.format import Fate, Outcome
from smtpx.spool.via import Cause, Via

from .cases import DispatchCase
from .doubles import (
    ScriptedRelay,
    ScriptedReporter,
)

DELIVERED, WAITING, FAILED = Fate.DELIVERED, Fate.WAITING, Fate.FAILED
CRITICAL = Stamp("precious", dumpFlag, loadFlag, critical=True)


class DispatchTests(DispatchCase):
    """Who gets it how, and what is written down of that."""

    def test_thrownAway(self) -> None:
        """What an alias throws away no route gets, not even one that holds."""
        message = self.message(b"x@a.example", b"y@h.example", b"z@z.example")
        for recipient in message.envelope.recipients[1:]:
            recipient.stamps[DISCARDED] = True
        settlement = self.make(message)
        self.assertEqual(
            {(each.index, each.fate) for each in settlement.outcomes},
            {(0, DELIVERED), (1, DELIVERED), (2, DELIVERED)},
        )
        self.assertIsNone(settlement.held)
        self.assertEqual([each.indices for each in self.one.attempts], [(0,)])
        self.assertIn(
            ("delivered", message.id, 2, ":blackhole:", "discard", "discarded"),
            self.journal.told,
        )

    def test_everybodyHasIt(self) -> None:
        """Then nobody waits any more."""
        message = self.message(b"x@a.example", b"y@b.example", b"z@a.example")
        settlement = self.make(message)
        self.assertEqual(
            settlement,
            Settlement(
                message,
                (
                    Outcome(0, DELIVERED, "x@a.example delivered"),
                    Outcome(2, DELIVERED, "z@a.example delivered"),
                    Outcome(1, DELIVERED, "y@b.example delivered"),
                ),
            ),
        )
        self.assertEqual(
            self.journal.take(),
            [
                ("delivered", message.id, i, f"{d}.example", t, f"{p} delivered")
                for i, d, t, p in [
                    (0, "a", "one", "x@a.example"),
                    (2, "a", "one", "z@a.example"),
                    (1, "b", "two", "y@b.example"),
                ]
            ],
        )

    def test_howLongItTook(self) -> None:
        """Each transport's time is told with its own recipients."""
        message = self.message(b"x@a.example", b"y@b.example", b"z@a.example")
        self.one.patient = True
        made = self.begin(message)
        self.clock.advance(2.5)
        self.one.finish()
        self.successResultOf(made)
        self.assertEqual(self.journal.took, [2.5, 2.5, 0.0])

    def test_whatATransportIsGiven(self) -> None:
        """All its recipients at once, of those who wait, and the body."""
        message = self.message(b"x@a.example", b"y@b.example", b"z@a.example")
        waiting = evolve(message, waiting=(1, 2))
        self.make(waiting, again=True)
        [attempt] = self.one.attempts
        self.assertEqual(attempt, Attempt(waiting, attempt.body, (2,), again=True))
        self.assertEqual(b"".join(attempt.body.pieces()), self.spool.whole(message.id))

    def test_someoneHasToWait(self) -> None:
        """Who could not have it now is tried again later."""
        self.one.fates[b"x@a.example"] = WAITING
        message = self.message(b"x@a.example", b"y@b.example")
        settlement = self.make(message)
        self.assertEqual(
            settlement,
            Settlement(
                message,
                (
                    Outcome(0, WAITING, "x@a.example waiting"),
                    Outcome(1, DELIVERED, "y@b.example delivered"),
                ),
                due=1060.0,
            ),
        )
        self.assertEqual(
            self.journal.take()[0],
            (
                "deferred",
                message.id,
                0,
                "a.example",
                "one",
                "x@a.example waiting",
                1060.0,
            ),
        )

    def test_laterAndLater(self) -> None:
        """The pause grows with the attempts that were made."""
        self.one.fates[b"x@a.example"] = WAITING
        message = evolve(self.message(b"x@a.example"), attempts=3)
        self.assertEqual(self.make(message).due, 1000.0 + 8 * 60.0)

    def test_tooLong(self) -> None:
        """What was tried for days is put on hold; nothing is dropped."""
        self.one.fates[b"x@a.example"] = WAITING
        message = self.message(b"x@a.example")
        self.clock.advance(4 * 24 * 3600)
        why = "x@a.example waiting; tried for too long"
        expired = Outcome(0, WAITING, why, cause=Cause.EXPIRED)
        self.assertEqual(self.make(message), Settlement(message, (expired,), held=why))
        self.assertEqual(
            self.journal.take(),
            [("failed", message.id, 0, "a.example", "one", why)],
        )

    def test_failedForGood(self) -> None:
        """As nobody would hear of it, it is put on hold and not dropped."""
        self.one.fates[b"x@a.example"] = FAILED
        message = self.message(b"x@a.example", b"y@b.example")
        settlement = self.make(message)
        self.assertEqual(
            settlement,
            Settlement(
                message,
                (
                    Outcome(0, WAITING, "x@a.example failed"),
                    Outcome(1, DELIVERED, "y@b.example delivered"),
                ),
                held="x@a.example failed",
            ),
        )
        self.assertEqual(self.journal.take()[0][0], "failed")

    def test_noRoute(self) -> None:
        """A recipient whose route was taken away waits for an operator."""
        message = self.message(b"x@z.example", b"y@b.example")
        self.assertEqual(
            self.make(message),
            Settlement(
                message,
                (
                    Outcome(0, WAITING, "no route"),
                    Outcome(1, DELIVERED, "y@b.example delivered"),
                ),
                held="no route",
            ),
        )
        self.assertEqual(
            self.journal.take()[0], ("failed", message.id, 0, "", "", "no route")
        )

    def test_onHoldByRoute(self) -> None:
        """What is to be held is held once the others have it."""
        message = self.message(b"x@h.example", b"y@b.example")
        on = Outcome(0, WAITING, "its route is to hold")
        self.assertEqual(
            self.make(message),
            Settlement(
                message,
                (on, Outcome(1, DELIVERED, "y@b.example delivered")),
                held="its route is to hold",
                wished=True,
            ),
        )
        self.two.fates[b"y@b.example"] = WAITING
        self.assertEqual(
            self.make(message),
            Settlement(
                message, (on, Outcome(1, WAITING, "y@b.example waiting")), due=1060.0
            ),
        )

    def test_released(self) -> None:
        """What somebody released is not held again, if there is another way."""
        message = self.message(b"x@h.example", b"y@b.example")
        message = evolve(message, released=True)
        on = Outcome(0, WAITING, "its route is to hold")
        done = Outcome(1, DELIVERED, "y@b.example delivered")
        held = Settlement(message, (on, done), held=on.text, wished=True)
        self.assertEqual(self.make(message), held)
        self.routes = Routes(
            [RouteRule("h.example", "hold"), RouteRule("*", "one")], [Hold(), self.one]
        )
        self.assertEqual(
            {(each.index, each.fate) for each in self.make(message).outcomes},
            {(0, DELIVERED), (1, DELIVERED)},
        )
        fresh = evolve(message, released=False)
        self.assertEqual(self.make(fresh).held, on.text)

    def test_transportFails(self) -> None:
        """An exception is told of, keeps its recipients, and no others."""
        self.one.error = OSError(28, "No space left on device")
        message = self.message(b"x@a.example", b"y@b.example")
        settlement = self.make(message)
        why = "OSError: [Errno 28] No space left on device"
        self.assertEqual(
            settlement.outcomes,
            (
                Outcome(0, WAITING, why, cause=Cause.LOCAL),
                Outcome(1, DELIVERED, "y@b.example delivered"),
            ),
        )
        self.assertEqual(settlement.due, 1060.0)
        self.assertEqual(
            self.journal.take()[0],
            ("trouble", message.id, "one", "[Errno 28] No space left on device"),
        )

    def test_bodyIsGone(self) -> None:
        """So is one that comes out of the spool."""
        message = evolve(self.message(b"x@a.example"), id="gone")
        settlement = self.make(message)
        self.assertEqual(settlement.due, 1060.0)
        self.assertEqual(
            self.journal.take()[0],
            ("trouble", "gone", "one", "there is no message gone"),
        )

    def test_routesFail(self) -> None:
        """An exception where nobody expects one keeps the message too."""

        def find(path: bytes, sender: bytes, recipient: object) -> None:
            raise LookupError("no table")

        self.patch(self.routes, "find", find)
        message = self.message(b"x@a.example")
        self.assertEqual(self.make(message), Settlement(message, due=1060.0))
        self.assertEqual(
            self.journal.take(), [("trouble", message.id, "queue", "no table")]
        )
        tired = evolve(message, attempts=9)
        self.assertEqual(self.make(tired), Settlement(tired, due=1000.0 + 64 * 60))

    def test_silentTransport(self) -> None:
        """Of whom a transport says nothing, it is not assumed that all is well."""
        self.one.fates[b"x@a.example"] = None
        message = self.message(b"x@a.example")
        why = "the transport did not say what became of it"
        self.assertEqual(
            self.make(message).outcomes,
            (Outcome(0, WAITING, why, cause=Cause.LOCAL),),
        )

    def test_unknownPromise(self) -> None:
        """A critical stamp that nobody knows keeps the whole message here."""
        message = self.message(b"x@a.example")
        message.envelope.stamps.load({}, {"!precious": "yes"})
        recipient = message.envelope.recipients[0]
        recipient.stamps.load({}, {"!other": "yes", "harmless": "yes"})
        self.assertEqual(
            self.make(message),
            Settlement(message, held="no extension is loaded for !precious, !other"),
        )
        self.assertEqual(self.one.attempts, [])

    def test_knownPromise(self) -> None:
        """A critical stamp that somebody knows is their business."""
        message = self.message(b"x@a.example")
        message.envelope.stamps[CRITICAL] = True
        self.assertIsNone(self.make(message).held)


class RelayTests(DispatchCase):
    """Transports that find out where messages go."""

    def setUp(self) -> None:
        """One relay for everybody."""
        super().setUp()
        self.relay = ScriptedRelay("relay")
        self.routes = Routes([RouteRule("*", "relay")], [self.relay])

    def test_legs(self) -> None:
        """Recipients who go one way go together, and are told of together."""
        via = Via(b"mx", b"192.0.2.1")
        self.relay.via = via
        message = self.message(b"x@a", b"y@b", b"z@a")
        settlement = self.make(message)
        self.assertEqual(
            [(each.indices, each.where) for each in self.relay.attempts],
            [((0, 2), b"a"), ((1,), b"b")],
        )
        self.assertEqual(len(settlement.outcomes), 3)
        self.assertEqual(self.journal.firsts, [True, False, True])

    def test_nowhere(self) -> None:
        """For whom there is no way, nothing is tried."""
        self.relay.unroutable[b"x@a"] = Outcome(0, FAILED, "null MX")
        settlement = self.make(self.message(b"x@a", b"y@b"))
        self.assertEqual(
            [(each.index, each.text) for each in settlement.outcomes],
            [(0, "null MX"), (1, "y@b delivered")],
        )
        self.assertEqual([a.indices for a in self.relay.attempts], [(1,)])

    def test_cannotBeFound(self) -> None:
        """An exception on the way there keeps them."""
        self.relay.lost = OSError("no DNS")
        message = self.message(b"x@a")
        self.assertEqual(
            self.make(message).outcomes,
            (Outcome(0, WAITING, "OSError: no DNS", cause=Cause.LOCAL),),
        )
        self.assertEqual(
            self.journal.take()[0], ("trouble", message.id, "relay", "no DNS")
        )

    def test_behindTheParked(self) -> None:
        """
        What comes while others wait in the spool waits behind them; what was
        drawn from there does not.
        """
        dispatch = self.dispatch()
        lane = dispatch.lanes.lane(b"a")
        dispatch.lanes.mark(lane, True)
        message = self.message(b"x@a", b"y@b")
        made = self.begin(message, dispatch=dispatch)
        self.assertEqual(
            self.successResultOf(made),
            Settlement(message, (Outcome(1, DELIVERED, "y@b delivered"),), lane=b"a"),
        )
        made = self.begin(message, drawn=lane, dispatch=dispatch)
        settlement = self.successResultOf(made)
        assert settlement is not None
        self.assertEqual(len(settlement.outcomes), 2)

    def test_nothingTried(self) -> None:
        """A message that only waits is parked, and nothing is told of it."""
        dispatch = self.dispatch()
        dispatch.lanes.mark(dispatch.lanes.lane(b"a"), True)
        message = self.message(b"x@a")
        made = self.begin(message, dispatch=dispatch)
        self.assertEqual(self.successResultOf(made), Settlement(message, lane=b"a"))
        self.assertEqual(self.journal.take(), [])

    def test_parkedWithAFailure(self) -> None:
        """Where somebody is to be told, that comes first; the others come again."""
        self.reporter = ScriptedReporter()
        dispatch = self.dispatch()
        dispatch.lanes.mark(dispatch.lanes.lane(b"a"), True)
        self.relay.fates[b"y@b"] = FAILED
        message = self.message(b"x@a", b"y@b")
        made = self.begin(message, dispatch=dispatch)
        settlement = self.successResultOf(made)
        assert settlement is not None
        self.assertEqual(
            (settlement.lane, settlement.due, len(settlement.reports)),
            (None, 1000.0, 1),
        )

    def test_capped(self) -> None:
        """A lane that others had to wait for has no more than its share."""
        dispatch = self.dispatch()
        self.relay.patient = True
        lane = dispatch.lanes.lane(b"a", 1)
        lane.capped = True
        made = [self.begin(self.message(b"x@a"), dispatch=dispatch) for _ in range(5)]
        # One is being tried, two wait: that is the share here.
        self.assertEqual([each.called for each in made], [False] * 3 + [True] * 2)
        self.assertTrue(lane.parked)

    def test_hostIsAway(self) -> None:
        """What waits in the spool for a host that is away need not come before."""
        self.relay.notBefore = 1300.0
        self.relay.fates[b"x@a"] = WAITING
        dispatch = self.dispatch()
        lane = dispatch.lanes.lane(b"a")
        dispatch.lanes.mark(lane, True)
        message = self.message(b"x@a")
        made = self.begin(message, drawn=lane, dispatch=dispatch)
        settlement = self.successResultOf(made)
        self.assertEqual(self.unparked, [(b"a", 1300.0)])
        assert settlement is not None
        # The retry rule's time, as it was tried.
        self.assertEqual(settlement.due, 1060.0)

    def test_notYet(self) -> None:
        """A host that is known to be away: as soon as it may be tried, and a bit."""
        self.relay.notBefore = 1300.0
        self.relay.cause = Cause.EARLY
        self.relay.fates[b"x@a"] = WAITING
        settlement = self.make(self.message(b"x@a"))
        assert settlement.due is not None
        self.assertTrue(1300.0 <= settlement.due <= 1330.0, settlement.due)

    def test_notYetButWhen(self) -> None:
        """A transport that does not say when is not asked again and again."""
        self.relay.cause = Cause.EARLY
        self.relay.fates[b"x@a"] = WAITING
        self.assertEqual(self.make(self.message(b"x@a")).due, 1060.0)

    def test_notYetUntilTheDeadline(self) -> None:
        """A message that is not to wait for so long is looked at when it is not."""
        profile = QueueProfile()
        profile.schedulers = (lambda envelope, plan: evolve(plan, deadline=1100.0),)
        self.profile = profile
        self.relay.notBefore = 1300.0
        self.relay.cause = Cause.EARLY
        self.relay.fates[b"x@a"] = WAITING
        self.assertEqual(self.make(self.message(b"x@a")).due, 1100.0)

    def test_busyHost(self) -> None:
        """
        A host that has just taken something and turns a further connection away
        gets the message again at once, over fewer; in the end it is put off.
        """
        dispatch = self.dispatch()
        self.relay.patient = True
        lane = dispatch.lanes.lane(b"a", 9)
        lane.window = 9
        made = [self.begin(self.message(b"x@a"), dispatch=dispatch) for _ in range(20)]
        self.assertEqual(lane.active, 3)
        self.relay.finish()
        self.relay.cause = Cause.SESSION
        self.relay.fates[b"x@a"] = WAITING
        self.relay.finish()
        self.assertEqual((lane.window, lane.active), (2, 2))
        self.assertEqual([each.called for each in made[:3]], [True, False, False])
        self.relay.fates.clear()
        while self.relay.waiting:
            self.relay.finish()
        for each in made:
            settlement = self.successResultOf(each)
            assert settlement is not None
            self.assertEqual(settlement.outcomes[0].fate, DELIVERED)

    def test_cutOff(self) -> None:
        """When there is no more time, attempts are cut off, and tried again."""
        dispatch = self.dispatch()
        self.relay.patient = True
        message = self.message(b"x@a")
        made = self.begin(message, dispatch=dispatch)
        self.attempting.stopping = True
        self.attempting.cancel()
        settlement = self.successResultOf(made)
        assert settlement is not None
        self.assertEqual(
            settlement.outcomes,
            (Outcome(0, WAITING, "cut off, as we stop", cause=Cause.LOST),),
        )

    def test_cutOffBefore(self) -> None:
        """So is the question where a message is to go, and nothing is written down."""
        dispatch = self.dispatch()
        self.relay.asked = Deferred()
        made = self.begin(self.message(b"x@a"), dispatch=dispatch)
        dispatch.stop()
        self.assertIsNone(self.successResultOf(made))

    def test_stopping(self) -> None:
        """When the end has come, nothing is begun, and nothing written down."""
        dispatch = self.dispatch()
        self.attempting.stopping = True
        made = self.begin(self.message(b"x@a"), dispatch=dispatch)
        self.assertIsNone(self.successResultOf(made))
        self.assertEqual(self.relay.attempts, [])

    def test_deadline(self) -> None:
        """An extension may have a message given up sooner."""
        profile = QueueProfile()
        profile.schedulers = (lambda envelope, plan: evolve(plan, deadline=999.0),)
        self.relay.fates[b"x@a"] = WAITING
        self.profile = profile
        self.assertIn("in the time", self.make(self.message(b"x@a")).held or "")
        self.assertEqual(self.relay.attempts, [])
