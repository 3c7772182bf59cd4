"""Tests for L{smtpx.queue.telling}."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Action, Schedule
from smtpx.core.interfaces import IQueueBuilder
from smtpx.core.queueprofile import EXPANDED, QueueProfile
from smtpx.queue.routes import RouteRule, Routes
from smtpx.queue.settlement import NOT_TOLD, Settlement, Settlements
from smtpx.queue.told import Told
from smtpx.queue.tried import Tried
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.spool.via import Cause, Via
from tests.core.made import MadeQueue

from .cases import DispatchCase
from .doubles import Doubling, ScriptedRelay, ScriptedReporter

DELIVERED, WAITING, FAILED = Fate.DELIVERED, Fate.WAITING, Fate.FAILED

HOUR = 3600.0


class TellingCase(DispatchCase):
    """Somebody writes reports, and senders want to hear everything."""

    def setUp(self) -> None:
        """Delays are told after one and after three hours."""
        super().setUp()
        self.reporter = self.writer = ScriptedReporter(wanted=tuple(Action))
        self.delays = (HOUR, 3 * HOUR)

    def told(self, settlement: Settlement) -> list[bytes]:
        """What a report says, a line a recipient; empty: there is none."""
        if not settlement.reports:
            return []
        [report] = settlement.reports
        return report.body.partition(b"Subject:")[0].split(b"\r\n")[:-1]


class NewsTests(TellingCase):
    """What there is to tell."""

    def test_everythingInOneReport(self) -> None:
        """What a round brings is told at once."""
        self.one.fates = {b"x@a.example": DELIVERED, b"y@a.example": FAILED}
        settlement = self.make(self.message(b"x@a.example", b"y@a.example"))
        self.assertEqual(
            self.told(settlement), [b"0 x@a.example delivered", b"1 y@a.example failed"]
        )

    def test_whatItMeans(self) -> None:
        """
        A transport says what it means for the sender that it delivered; where it
        means nothing of ours, nothing is told.
        """
        for reports in (Action.DELIVERED, Action.RELAYED, None):
            self.one.reports = reports
            message = self.message(b"x@a.example")
            for wanted in Action:
                self.writer.wanted = (wanted,)
                told = self.told(self.make(message))
                self.assertEqual(bool(told), wanted is reports, (reports, wanted))

    def test_theNextHost(self) -> None:
        """Extensions hear what the host that has the message offers, and no other."""
        offers = frozenset({b"X"})
        via = Via(b"mx", b"192.0.2.1", offers=offers)
        had = Outcome(0, DELIVERED, via=via)
        self.assertEqual(Told(had, Action.RELAYED).news.offers, offers)
        self.assertEqual(Told(evolve(had, via=None), Action.RELAYED).news.offers, set())
        for action in (Action.FAILED, Action.DELAYED, Action.EXPANDED):
            self.assertEqual(Told(had, action).news.offers, frozenset())

    def test_expanded(self) -> None:
        """
        What an alias stands for is told, and nothing is delivered to the alias
        itself; no log speaks of it as a delivery.
        """
        message = self.message(b"all@a.example", b"x@a.example")
        message.envelope.recipients[0].stamps[EXPANDED] = True
        settlement = self.make(message)
        self.assertEqual(
            self.told(settlement), [b"0 expanded", b"1 x@a.example delivered"]
        )
        self.assertEqual([each.indices for each in self.one.attempts], [(1,)])
        self.assertEqual([each[2] for each in self.journal.take()], [1])
        self.assertEqual({each.fate for each in settlement.outcomes}, {DELIVERED})

    def test_parkedNot(self) -> None:
        """What is to be told is not put off because others wait for a lane."""
        settlements = self.settlements()
        message = self.message(b"x@a.example", b"y@b.example")
        tried = [Tried(None, Outcome(0, DELIVERED), action=Action.RELAYED)]
        settlement = settlements.conclude(message, tried, b"lane")
        self.assertEqual((settlement.lane, settlement.due), (None, 1000.0))
        self.writer.wanted = ()
        settlement = settlements.conclude(message, tried, b"lane")
        self.assertEqual(settlement.lane, b"lane")

    def settlements(self) -> Settlements:
        """Who says what is written down."""
        return Settlements(
            self.spool, self.journal, Doubling(), self.clock.seconds, self.reporter
        )


class DelayTests(TellingCase):
    """Delays."""

    def setUp(self) -> None:
        """A message that waits."""
        super().setUp()
        self.one.fates[b"x@a.example"] = WAITING
        self.key = self.spool.add(b"s@x", [b"x@a.example", b"y@h.example"])
        self.plan = Schedule()

    def attempt(self, seconds: float) -> Settlement:
        """Try it so many seconds after it came, and write that down."""
        self.clock.advance(1000 + seconds - self.clock.seconds())
        [message] = self.successResultOf(self.spool.ready(1e9, 1))
        settlement = self.make(message)
        self.spool.settle(
            message,
            settlement.outcomes,
            settlement.due,
            settlement.reports,
            settlement.told,
        )
        for each in settlement.reports:
            # It goes its own way.
            [report] = self.successResultOf(self.spool.ready(self.clock.seconds(), 1))
            self.assertEqual(report.envelope.sender, each.envelope.sender)
            self.spool.settle(report, [Outcome(0, DELIVERED)], None)
        return settlement

    def planned(self, plan: Schedule) -> None:
        """An extension has an opinion on when it goes."""

        def register(builder: IQueueBuilder) -> None:
            builder.schedule(lambda envelope, _: plan)

        self.profile = QueueProfile().load([MadeQueue(register, "E")])

    def test_onceEach(self) -> None:
        """A delay is told once at each age, by the attempt that finds it so."""
        told = []
        for hours in (0, 0.5, 1.0, 1.1, 2.9, 3.5, 3.6, 30):
            settlement = self.attempt(hours * HOUR)
            if settlement.reports:
                told.append(hours)
                self.assertEqual(self.told(settlement), [b"0 x@a.example waiting"])
                self.assertEqual(settlement.told, self.clock.seconds())
            self.assertIsNotNone(settlement.due)
        self.assertEqual(told, [1.0, 3.5])

    def test_manyAtOnce(self) -> None:
        """Where several ages have passed, it is told once all the same."""
        self.assertEqual(len(self.attempt(5 * HOUR).reports), 1)
        self.assertEqual(len(self.attempt(6 * HOUR).reports), 0)

    def test_releasedLater(self) -> None:
        """What was to wait (RFC 4865) is not delayed by that."""
        self.planned(Schedule(notBefore=1000 + 10 * HOUR))
        self.assertEqual(len(self.attempt(10.5 * HOUR).reports), 0)
        self.assertEqual(len(self.attempt(11 * HOUR).reports), 1)

    def test_noticeAt(self) -> None:
        """
        When the sender wants to hear of a delay, the message comes again by then, and
        he does, once.
        """
        self.delays = ()
        self.planned(Schedule(noticeAt=1030.0))
        settlement = self.attempt(0)
        self.assertEqual((settlement.due, len(settlement.reports)), (1030.0, 0))
        told: list[tuple[Action, bool, float | None]] = []

        class Noting(ScriptedReporter):
            """Notes what it is asked."""

            def owed(
                self, message: SpooledMessage, news: Sequence[Told]
            ) -> Sequence[Told]:
                """Note it."""
                told.extend((each.action, each.late, each.until) for each in news)
                return news

        self.reporter = Noting()
        settlement = self.attempt(30.0)
        self.assertEqual(len(settlement.reports), 1)
        self.assertEqual(told, [(Action.DELAYED, True, 1000 + 96 * HOUR)])
        assert settlement.due is not None
        self.assertGreater(settlement.due, 1030.0)
        self.assertEqual(len(self.attempt(95.0).reports), 0)

    def test_noticeAtOfHostInTrouble(self) -> None:
        """So it does where its host is not to be tried before."""
        self.planned(Schedule(noticeAt=1030.0))
        relay = ScriptedRelay("relay", cause=Cause.EARLY, notBefore=5000.0)
        relay.fates = {b"x@a.example": WAITING}
        self.routes = Routes([RouteRule("*", "relay")], [relay])
        id = self.spool.add(b"s@x", [b"x@a.example"])
        self.assertEqual(self.make(self.spool.kept[id]).due, 1030.0)

    def test_thoseThatWereNotTried(self) -> None:
        """Who waits in a lane is delayed as well, and by what it was last."""
        last = (Outcome(1, WAITING, "busy"), Outcome(2, DELIVERED, untold=True))
        message = evolve(
            self.spool.kept[self.key], waiting=(0, 1, 2, 3), outcomes=last, arrived=0.0
        )
        settlements = Settlements(
            self.spool,
            self.journal,
            Doubling(),
            lambda: 2 * HOUR,
            self.reporter,
            delays=self.delays,
        )
        tried = [Tried(None, Outcome(0, WAITING, "away"))]
        settlement = settlements.conclude(message, tried, b"lane")
        self.assertEqual(self.told(settlement), [b"0 away", b"1 busy", b"3 "])

    def test_notWritten(self) -> None:
        """Where it could not be written, it is told by the next attempt."""
        self.writer.error = ValueError("broken")
        settlement = self.attempt(HOUR)
        self.assertEqual((settlement.reports, settlement.held), ((), None))
        self.assertEqual(self.journal.take()[-1][2:], ("report", "broken"))
        self.writer.error = None
        self.assertEqual(len(self.attempt(1.5 * HOUR).reports), 1)


class UntoldTests(TellingCase):
    """Good news is neither lost nor doubled."""

    def setUp(self) -> None:
        """Everything is relayed."""
        super().setUp()
        self.relay = ScriptedRelay("relay")
        self.routes = Routes([RouteRule("*.example", "relay")], [self.relay])

    def leased(self, *recipients: bytes) -> SpooledMessage:
        """A message that is being delivered."""
        self.message(*recipients)
        [message] = self.successResultOf(self.spool.ready(self.clock.seconds(), 1))
        return message

    def died(self) -> SpooledMessage:
        """The process dies; the message as the next one finds it."""
        self.spool.close()
        [message] = self.successResultOf(self.spool.ready(2e9, 1))
        self.assertEqual(self.successResultOf(self.spool.ready(2e9, 1)), [])
        return message

    def test_crash(self) -> None:
        """
        Who had it when a process died is reported by the next one, which does not
        deliver again, nor tell the log again.
        """
        made = self.begin(self.leased(b"x@a.example", b"y@a.example"))
        self.successResultOf(made)
        message = self.died()
        self.assertEqual(message.waiting, (0, 1))
        self.journal.take()
        attempts = len(self.relay.attempts)
        settlement = self.make(message)
        self.assertEqual(len(self.told(settlement)), 2)
        self.assertEqual(len(self.relay.attempts), attempts)
        self.assertEqual(self.journal.take(), [])
        self.assertEqual({each.untold for each in settlement.outcomes}, {False})
        self.spool.settle(
            message, settlement.outcomes, settlement.due, settlement.reports
        )
        self.spool.close()
        [report] = self.spool.kept.values()
        self.assertEqual(report.envelope.sender, b"")

    def test_crashUnasked(self) -> None:
        """Where nobody wants to hear it, nothing is left after a crash."""
        self.writer.wanted = (Action.FAILED,)
        self.successResultOf(self.begin(self.leased(b"x@a.example")))
        self.spool.close()
        self.assertEqual(dict(self.spool.kept), {})

    def test_givenUp(self) -> None:
        """
        When a message is given up, by its sender's deadline or an operator, who has
        it does not fail, nor an alias that stands for others.
        """
        had = (Outcome(0, DELIVERED, untold=True),)
        message = evolve(
            self.message(b"x@a.example", b"all@a.example", b"y@a.example"), outcomes=had
        )
        message.envelope.recipients[1].stamps[EXPANDED] = True
        wanted = [b"0 ", b"1 expanded", b"2 no more"]
        settlements = self.dispatch().settlements
        self.assertEqual(self.told(settlements.cancelled(message, "no more")), wanted)

        def register(builder: IQueueBuilder) -> None:
            builder.schedule(lambda envelope, plan: evolve(plan, deadline=1000.0))

        self.profile = QueueProfile().load([MadeQueue(register, "E")])
        settlement = self.make(message)
        self.assertEqual(self.told(settlement)[:2], wanted[:2])
        self.assertEqual(
            [each.fate for each in settlement.outcomes], [DELIVERED, DELIVERED, FAILED]
        )

    def test_routesHaveChanged(self) -> None:
        """It is reported though its route is another one, or none, by now."""
        self.successResultOf(self.begin(self.leased(b"x@a.example", b"y@a.example")))
        for rule in ("*.example", "nobody.example"):
            self.one.reports = None
            self.routes = Routes([RouteRule(rule, "one")], [self.one])
            self.assertEqual(len(self.told(self.make(self.died()))), 2)
        self.assertEqual(self.one.attempts, [])

    def test_broken(self) -> None:
        """What was delivered when something broke is told the next time."""
        tried = [Tried(None, Outcome(0, DELIVERED, "ok"), action=Action.RELAYED)]
        message = self.leased(b"x@a.example")
        settlements = self.dispatch().settlements
        settlement = settlements.broken(message, OSError("gone"), tried)
        self.assertEqual(
            settlement.outcomes, (Outcome(0, DELIVERED, "ok", untold=True),)
        )
        self.writer.wanted = ()
        settlement = settlements.broken(message, OSError("gone"), tried)
        self.assertEqual(settlement.outcomes, (Outcome(0, DELIVERED, "ok"),))

    def test_notWritten(self) -> None:
        """
        A report that cannot be written is tried again with those who wait; where
        nobody waits, an operator is to know.
        """
        self.writer.error = ValueError("broken")
        settlement = self.make(self.leased(b"x@a.example"))
        self.assertEqual([each.untold for each in settlement.outcomes], [True])
        self.assertEqual(settlement.held, NOT_TOLD)
        self.relay.fates[b"y@a.example"] = WAITING
        settlement = self.make(self.leased(b"x@a.example", b"y@a.example"))
        self.assertEqual([each.untold for each in settlement.outcomes], [True, False])
        self.assertEqual((settlement.held, settlement.due), (None, 1060.0))

    def test_confused(self) -> None:
        """
        Where nobody can say who wants to hear, good news is let go, and who failed is
        kept; both are told to the log.
        """
        self.writer.confused = ValueError("confused")
        self.relay.fates[b"y@a.example"] = FAILED
        settlement = self.make(self.leased(b"x@a.example", b"y@a.example"))
        self.assertEqual(
            [(each.fate, each.untold) for each in settlement.outcomes],
            [(DELIVERED, False), (WAITING, False)],
        )
        self.assertIn("confused", {each[-1] for each in self.journal.take()})

    def test_unsure(self) -> None:
        """It is the same where nobody can say whether anybody may want to hear."""
        self.writer.unsure = ValueError("unsure")
        settlement = self.make(self.leased(b"x@a.example"))
        self.assertEqual({each.untold for each in settlement.outcomes}, {False})
        self.assertIn("unsure", {each[-1] for each in self.journal.take()})

    def test_noWayBack(self) -> None:
        """Good news for somebody to whom no route leads is no reason to keep it."""
        self.wayBack = self.routes
        settlement = self.make(self.leased(b"x@a.example"))
        self.assertEqual((settlement.reports, settlement.held), ((), None))
        self.assertEqual({each.untold for each in settlement.outcomes}, {False})
        why = "no route leads to the sender, to report to him"
        self.assertEqual(self.journal.take()[-1][2:], ("report", why))

    def test_nobodyWrites(self) -> None:
        """Where nobody writes reports, good news is none."""
        self.reporter = None
        settlement = self.make(self.leased(b"x@a.example"))
        self.assertEqual((settlement.reports, settlement.held), ((), None))


class HeldTests(TellingCase):
    """Aliases and messages on hold."""

    def test_aliasesAreNotAsked(self) -> None:
        """A message whose recipients are all on hold is so with its alias."""
        alias, other = Recipient(b"all@a.example"), Recipient(b"y@h.example")
        alias.stamps[EXPANDED] = True
        envelope = Envelope(b"s@x", 0.0, [alias, other])
        assert isinstance(self.routes, Routes)
        self.assertTrue(self.routes.holds(envelope))
        envelope.recipients.append(Recipient(b"x@a.example"))
        self.assertFalse(self.routes.holds(envelope))
