"""Tests for L{smtpx.queue.dispatch}: what lanes are told of their hosts."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import Factory, define
from twisted.internet.defer import Deferred, succeed

from smtpx.queue.dispatch import Dispatch
from smtpx.queue.interfaces import Attempt, Located
from smtpx.queue.lanes import Lane
from smtpx.queue.routes import RouteRule, Routes
from smtpx.queue.settlement import Settlement
from smtpx.spool.format import Fate, Outcome
from smtpx.spool.via import Cause, Via

from .cases import DispatchCase
from .doubles import ScriptedRelay

DELIVERED, WAITING, FAILED = Fate.DELIVERED, Fate.WAITING, Fate.FAILED


@define
class ToldRelay(ScriptedRelay):
    """
    Says of recipients what a test has it say.

    @ivar outcomes: what becomes of all recipients; empty: as L{ScriptedRelay} does.
    """

    outcomes: Sequence[Outcome] = Factory(list)

    def deliver(self, attempt: Attempt) -> Deferred[Sequence[Outcome]]:
        """Answer as the test wishes."""
        if self.outcomes:
            return succeed(self.outcomes)
        return super().deliver(attempt)


class HostCase(DispatchCase):
    """One relay for everybody."""

    def setUp(self) -> None:
        """A relay whose hosts answer when a test says so."""
        super().setUp()
        self.relay = ToldRelay("relay")
        self.routes = Routes([RouteRule("*", "relay")], [self.relay])
        self.made = self.dispatch()

    def dispatch(self) -> Dispatch:
        """One for a whole test."""
        self.made = super().dispatch()
        return self.made

    def deliver(
        self, *recipients: bytes, drawn: Lane | None = None
    ) -> Deferred[Settlement | None]:
        """Begin to deliver a message."""
        message = self.message(*recipients)
        return self.begin(message, drawn=drawn, dispatch=self.made)


class BusyTests(HostCase):
    """Hosts that would have fewer connections of us."""

    def burst(self, count: int, window: int = 9) -> list[Deferred[Settlement | None]]:
        """
        So many messages to one host; it has taken the first, and the others are
        turned away.
        """
        self.relay.patient = True
        self.lane = self.made.lanes.lane(b"a", 9)
        self.lane.window = window
        rounds = [self.deliver(b"%d@a" % number) for number in range(count)]
        self.relay.finish()
        self.relay.cause = Cause.SESSION
        for number in range(1, count):
            self.relay.fates[b"%d@a" % number] = WAITING
        return rounds

    def triesOf(self, recipient: bytes) -> int:
        """How often the relay was given a message."""
        return sum(
            attempt.message.envelope.recipients[0].path == recipient
            for attempt in self.relay.attempts
        )

    def test_inTheEnd(self) -> None:
        """One that is turned away for the third time is put off."""
        rounds = self.burst(60)
        # Only this one is turned away; the others are taken.
        for path in list(self.relay.fates):
            if path != b"1@a":
                del self.relay.fates[path]
        while not rounds[1].called:
            self.relay.finish()
        settlement = self.successResultOf(rounds[1])
        assert settlement is not None
        self.assertEqual(settlement.outcomes[0].fate, WAITING)
        self.assertEqual((self.triesOf(b"1@a"), self.triesOf(b"2@a")), (3, 1))

    def test_lately(self) -> None:
        """Half a minute after the last success it still counts as well, then not."""
        rounds = self.burst(30)
        self.clock.advance(30)
        self.relay.finish()
        self.assertFalse(rounds[1].called)
        self.clock.advance(0.5)
        self.relay.finish()
        self.assertEqual([each.called for each in rounds[1:4]], [False, True, False])

    def test_theOnlyConnection(self) -> None:
        """A host that turns away the only connection is in trouble, not busy."""
        rounds = self.burst(3)
        self.assertEqual(self.lane.active, 1)
        self.relay.finish()
        settlement = self.successResultOf(rounds[1])
        assert settlement is not None
        self.assertEqual(settlement.outcomes[0].fate, WAITING)

    def test_oneOfTwoConnections(self) -> None:
        """One that turns away the second of two connections is busy."""
        rounds = self.burst(18, 2)
        self.assertEqual(self.lane.active, 2)
        self.relay.finish()
        self.assertFalse(rounds[1].called)
        self.assertEqual((self.lane.active, self.lane.window), (1, 1))

    def test_stopping(self) -> None:
        """When the end has come, nothing is tried again at once."""
        rounds = self.burst(30)
        self.attempting.stopping = True
        self.relay.finish()
        settlement = self.successResultOf(rounds[1])
        assert settlement is not None
        self.assertEqual(settlement.outcomes[0].fate, WAITING)
        self.assertEqual(self.triesOf(b"1@a"), 1)


class ToldTests(HostCase):
    """What a lane learns of an attempt."""

    VIA = Via(b"mx.a", b"192.0.2.1")

    def told(self, *outcomes: Outcome) -> int:
        """
        What becomes of the lane's window, which is 8 of 9, when this comes of an
        attempt.
        """
        self.relay.outcomes = outcomes
        self.lane = self.made.lanes.lane(b"a", 9)
        self.made.lanes.mark(self.lane, True)
        self.lane.window = 8
        names = [b"x%d@a" % number for number in range(len(outcomes))]
        self.successResultOf(self.deliver(*names, drawn=self.lane))
        return self.lane.window

    def test_window(self) -> None:
        """
        It grows when the host took something, shrinks when there was no session,
        and stays where the message or its recipients were the trouble.
        """
        took = Outcome(0, DELIVERED, "ok")
        away = Outcome(1, WAITING, "away", cause=Cause.CONNECT)
        busy = Outcome(0, WAITING, "busy", cause=Cause.SESSION)
        grey = Outcome(0, WAITING, "grey", cause=Cause.RECIPIENT)
        turned = Outcome(0, FAILED, "go away", cause=Cause.SESSION)
        self.assertEqual(self.told(took), 9)
        self.assertEqual(self.told(took, away), 9)
        self.assertEqual(self.told(busy), 4)
        self.assertEqual(self.told(grey), 8)
        self.assertEqual(self.told(grey, away), 4)
        self.assertEqual(self.told(turned), 8)

    def test_laterThanTheFirst(self) -> None:
        """A host that took somebody in the end has taken something."""
        self.assertEqual(
            self.told(
                Outcome(0, WAITING, "away", cause=Cause.CONNECT),
                Outcome(1, DELIVERED, "ok"),
            ),
            9,
        )

    def waits(self, *notBefore: float) -> list[tuple[bytes, float]]:
        """What is said of a lane whose recipients may be tried again then."""
        self.unparked.clear()
        self.told(
            *[
                Outcome(index, WAITING, "away", cause=Cause.CONNECT, notBefore=each)
                for index, each in enumerate(notBefore)
            ]
        )
        return self.unparked

    def test_away(self) -> None:
        """What is parked comes again with the first who may be tried."""
        self.assertEqual(self.waits(1300.0, 1200.0), [(b"a", 1200.0)])
        self.assertEqual(self.waits(1300.0, 0.0), [])
        self.assertEqual(self.waits(1000.0), [])

    def test_notAway(self) -> None:
        """A host that took something is not away, whatever is said of others."""
        self.told(Outcome(0, DELIVERED, "ok", notBefore=1300.0))
        self.assertEqual(self.unparked, [])

    def test_nothingParked(self) -> None:
        """Where the spool has nothing for a lane, it is not asked for that."""
        self.relay.outcomes = [Outcome(0, WAITING, "away", notBefore=1300.0)]
        self.successResultOf(self.deliver(b"x@a"))
        self.assertEqual(self.unparked, [])

    def test_firsts(self) -> None:
        """
        Without a host, each delivery counts as one of its own; those who had a
        message from one host together count once, whoever stands between.
        """
        self.told(Outcome(0, DELIVERED, "ok"), Outcome(1, DELIVERED, "ok"))
        self.assertEqual(self.journal.firsts, [True, True])
        self.journal.firsts.clear()
        self.told(
            Outcome(0, DELIVERED, "ok", via=self.VIA),
            Outcome(1, FAILED, "no", via=Via(b"mx.b", b"192.0.2.2")),
            Outcome(2, DELIVERED, "ok", via=self.VIA),
        )
        self.assertEqual(self.journal.firsts, [True, False])

    def test_gathers(self) -> None:
        """A burst to one host begins with few connections."""
        self.relay.patient = True
        rounds = [self.deliver(b"x@a") for _ in range(40)]
        self.assertEqual(len(self.relay.attempts), 2)
        self.assertFalse(any(each.called for each in rounds))

    def test_nothingIsKept(self) -> None:
        """What came to its end is not remembered."""
        asked = self.relay.asked = Deferred()
        self.relay.patient = True
        rounds = [self.deliver(b"x@a")]
        self.relay.asked = None
        rounds.append(self.deliver(b"x@b"))
        kept = self.attempting.running, self.made._searches
        self.assertEqual([len(each) for each in kept], [1, 1])
        self.relay.locate(self.message(b"x@a"), [0]).chainDeferred(asked)
        while self.relay.waiting:
            self.relay.finish()
        for each in rounds:
            self.successResultOf(each)
        self.assertEqual([len(each) for each in kept], [0, 0])

    def test_stoppingWithSomethingLeft(self) -> None:
        """
        When the end comes while others have been tried, those who were not are due
        at once, rather than parked.
        """
        self.relay.patient = True
        first = self.deliver(b"x@a")
        made = self.deliver(b"x@a", b"y@b")
        self.attempting.stopping = True
        [task] = self.made.lanes.drop()
        task.end(None)
        while self.relay.waiting:
            self.relay.finish()
        self.successResultOf(first)
        settlement = self.successResultOf(made)
        assert settlement is not None
        self.assertEqual([each.index for each in settlement.outcomes], [1])
        self.assertEqual((settlement.lane, settlement.due), (None, 1000.0))

    def test_searchThatWaits(self) -> None:
        """
        Where those of one route wait in the spool until it is known where they go,
        those of the others are served.
        """
        self.routes = Routes(
            [RouteRule("*", "relay"), RouteRule("b.example", "two")],
            [self.relay, self.two],
        )
        self.dispatch()
        lane = self.made.lanes.parked(b"relay ?a")
        settlement = self.successResultOf(self.deliver(b"x@a", b"y@b.example"))
        assert settlement is not None
        self.assertEqual([each.index for each in settlement.outcomes], [1])
        self.assertEqual(settlement.lane, b"relay ?a")
        self.assertEqual(self.relay.attempts, [])
        settlement = self.successResultOf(self.deliver(b"x@a", drawn=lane))
        self.assertEqual(len(self.relay.attempts), 1)

    def test_noSearchAtTheEnd(self) -> None:
        """When the end has come, nobody is asked where mail goes."""
        self.attempting.stopping = True
        self.relay.asked = asked = Deferred[Located]()
        self.assertIsNone(self.successResultOf(self.deliver(b"x@a")))
        self.assertFalse(asked.called)
