"""Tests for L{smtpx.queue.settlement}."""

from __future__ import annotations

from smtpx.queue.interfaces import Route
from smtpx.queue.settlement import Settlement, Settlements
from smtpx.queue.tried import Tried
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.spool.via import Cause

from .cases import DispatchCase
from .doubles import Doubling, ScriptedReporter

DELIVERED, WAITING, FAILED = Fate.DELIVERED, Fate.WAITING, Fate.FAILED


class ReportTests(DispatchCase):
    """What will never work is told to the sender."""

    def setUp(self) -> None:
        """There is somebody who writes reports."""
        super().setUp()
        self.reporter = ScriptedReporter()

    def test_failed(self) -> None:
        """In the same step as what became of the recipients."""
        self.one.fates[b"x@a.example"] = FAILED
        message = self.message(b"x@a.example", b"y@b.example")
        settlement = self.make(message)
        [report] = settlement.reports
        self.assertTrue(report.body.startswith(b"0 x@a.example failed\r\n"))
        self.assertEqual(
            settlement.outcomes[0], Outcome(0, FAILED, "x@a.example failed")
        )
        self.assertEqual((settlement.held, settlement.due), (None, None))

    def test_othersWait(self) -> None:
        """Those who wait go on waiting."""
        self.one.fates[b"x@a.example"] = FAILED
        self.two.fates[b"y@b.example"] = WAITING
        settlement = self.make(self.message(b"x@a.example", b"y@b.example"))
        self.assertEqual(settlement.due, 1060.0)
        self.assertEqual(len(settlement.reports), 1)

    def test_othersAreHeld(self) -> None:
        """Those who are to be held are held."""
        self.one.fates[b"x@a.example"] = FAILED
        settlement = self.make(self.message(b"x@a.example", b"y@h.example"))
        self.assertEqual(
            (settlement.held, settlement.wished, len(settlement.reports)),
            ("its route is to hold", True, 1),
        )

    def test_tooLong(self) -> None:
        """What waited for days is reported, with its last error."""
        self.one.fates[b"x@a.example"] = WAITING
        message = self.message(b"x@a.example")
        self.clock.advance(4 * 24 * 3600)
        settlement = self.make(message)
        why = "x@a.example waiting; tried for too long"
        self.assertEqual(
            settlement.outcomes, (Outcome(0, FAILED, why, cause=Cause.EXPIRED),)
        )
        [report] = settlement.reports
        self.assertTrue(report.body.startswith(f"0 {why}\r\n".encode()))

    def test_nobodyToTell(self) -> None:
        """Nobody is told of a report that could not be delivered."""
        self.one.fates[b"x@a.example"] = FAILED
        id = self.spool.add(b"", [b"x@a.example"])
        message = self.spool.kept[id]
        self.assertEqual(
            self.make(message),
            Settlement(message, (Outcome(0, FAILED, "x@a.example failed"),)),
        )

    def test_noWayBack(self) -> None:
        """
        Where no route leads to the sender, the message is kept for an operator: a
        report would be lost, and the message with it.
        """
        self.one.fates[b"x@a.example"] = FAILED
        message = self.message(b"x@a.example")
        self.wayBack = self.routes
        settlement = self.make(message)
        self.assertEqual(settlement.reports, ())
        self.assertEqual(settlement.outcomes[0].fate, WAITING)
        self.assertEqual(
            settlement.held,
            "x@a.example failed; and no route leads to its sender, to say so",
        )
        id = self.spool.add(b"ann@b.example", [b"x@a.example"])
        settlement = self.make(self.spool.kept[id])
        self.assertEqual((len(settlement.reports), settlement.held), (1, None))

    def test_nobodyToTellAndNoWay(self) -> None:
        """Where nobody is to be told, no way is needed."""
        self.wayBack = self.routes
        self.one.fates[b"x@a.example"] = FAILED
        id = self.spool.add(b"", [b"x@a.example"])
        settlement = self.make(self.spool.kept[id])
        self.assertEqual(settlement.outcomes[0].fate, FAILED)
        self.assertIsNone(settlement.held)

    def test_cannotBeWritten(self) -> None:
        """A report that cannot be written: then an operator is to know."""
        assert self.reporter is not None
        self.reporter.error = ValueError("broken")
        self.one.fates[b"x@a.example"] = FAILED
        message = self.message(b"x@a.example")
        self.assertEqual(
            self.make(message),
            Settlement(
                message,
                (Outcome(0, WAITING, "x@a.example failed"),),
                held="x@a.example failed",
            ),
        )
        self.assertEqual(
            self.journal.take()[1], ("trouble", message.id, "report", "broken")
        )
        self.two.fates[b"y@b.example"] = WAITING
        settlement = self.make(self.message(b"x@a.example", b"y@b.example"))
        self.assertEqual((settlement.held, settlement.due), (None, 1060.0))
        self.assertEqual(settlement.outcomes[0].fate, WAITING)


class ConcludedTests(DispatchCase):
    """What follows from several outcomes together."""

    def conclude(self, message: SpooledMessage, *outcomes: Outcome) -> Settlement:
        """What is written down when this came of its recipients, in order."""
        route = Route("*", self.one)
        settlements = Settlements(
            self.spool, self.journal, Doubling(), self.clock.seconds, self.reporter
        )
        tried = [Tried(route, each) for each in outcomes]
        return settlements.conclude(message, tried, None)

    def early(self, index: int, seconds: float) -> Outcome:
        """A host may be tried again so many seconds from now."""
        when = self.clock.seconds() + seconds
        return Outcome(index, WAITING, "", cause=Cause.EARLY, notBefore=when)

    def test_soonest(self) -> None:
        """A message comes again with the first who is due."""
        message = self.message(b"x@a", b"y@b", b"z@c")
        settlement = self.conclude(
            message, self.early(0, 500.0), self.early(1, 0.0), self.early(2, 900.0)
        )
        self.assertEqual(settlement.due, self.clock.seconds())

    def test_notAllAtOnce(self) -> None:
        """
        Those who wait for one host come a little later than it may be tried, and
        not all together.
        """
        dues = []
        for _ in range(20):
            settlement = self.conclude(self.message(b"x@a"), self.early(0, 100.0))
            assert settlement.due is not None
            dues.append(settlement.due - self.clock.seconds())
        self.assertGreater(len({round(due, 3) for due in dues}), 10)
        self.assertTrue(all(100.0 <= due <= 110.0 for due in dues), dues)

    def test_heldAndDue(self) -> None:
        """Who is on hold does not keep those who wait from being tried."""
        self.reporter = ScriptedReporter()
        self.one.fates[b"x@a.example"] = FAILED
        self.two.fates[b"y@b.example"] = WAITING
        settlement = self.make(
            self.message(b"x@a.example", b"y@b.example", b"z@h.example")
        )
        self.assertEqual(
            (settlement.held, settlement.wished, settlement.due), (None, False, 1060.0)
        )

    def test_broken(self) -> None:
        """When something of ours breaks, only who has it is written down."""
        settlements = Settlements(
            self.spool, self.journal, Doubling(), self.clock.seconds
        )
        message = self.message(b"x@a", b"y@b", b"z@c")
        outcomes = [
            Outcome(0, DELIVERED, "yes"),
            Outcome(1, WAITING, "later"),
            Outcome(2, FAILED, "no"),
        ]
        tried = [Tried(None, each) for each in outcomes]
        settlement = settlements.broken(message, ValueError("broken"), tried)
        self.assertEqual(settlement.outcomes, (outcomes[0],))
        assert settlement.due is not None
        self.assertGreater(settlement.due, self.clock.seconds())
