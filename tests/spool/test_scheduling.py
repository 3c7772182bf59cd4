"""Tests for L{smtpx.spool.scheduling}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import Schedule
from smtpx.core.queueprofile import NOT_BEFORE
from smtpx.spool.scheduling import Plan, Scheduler

from .rig import NOW, envelope


class SchedulerTests(SynchronousTestCase):
    """When a message goes."""

    def plan(self, notBefore: float = 0.0, priority: int = 0) -> Plan | None:
        """The plan for a message of which an extension says this."""
        schedule = Schedule(notBefore=notBefore, priority=priority)
        scheduler = Scheduler(lambda: NOW, lambda envelope: schedule)
        return scheduler.plan(envelope())

    def test_nobodyAsked(self) -> None:
        """Without extensions it goes at once."""
        self.assertIsNone(Scheduler(lambda: NOW).plan(envelope()))

    def test_atOnce(self) -> None:
        """What may go by now has no plan."""
        for notBefore in (0.0, NOW - 1, NOW):
            self.assertIsNone(self.plan(notBefore))

    def test_later(self) -> None:
        """What is to wait does so, whatever its priority."""
        self.assertEqual(self.plan(NOW + 1), Plan(NOW + 1, 0))
        self.assertEqual(self.plan(NOW + 1, 4), Plan(NOW + 1, 4))

    def test_priority(self) -> None:
        """A priority has to be written down, even of what goes at once."""
        self.assertEqual(self.plan(NOW - 5, 3), Plan(NOW, 3))

    def test_queueOnly(self) -> None:
        """What rules want to wait does so, whatever extensions say of it."""
        waits = envelope()
        waits.stamps[NOT_BEFORE] = NOW + 9
        self.assertEqual(Scheduler(lambda: NOW).plan(waits), Plan(NOW + 9, 0))
        said: list[Schedule] = []
        scheduler = Scheduler(lambda: NOW, lambda _: said[-1])
        for later, due in ((0.0, 9.0), (5.0, 9.0), (20.0, 20.0)):
            said.append(Schedule(notBefore=NOW + later, priority=2))
            self.assertEqual(scheduler.plan(waits), Plan(NOW + due, 2))

    def test_bounds(self) -> None:
        """A priority is one from -9 to 9."""
        found = [self.plan(0.0, each) for each in (-99, -9, 9, 99)]
        self.assertEqual(found, [Plan(NOW, each) for each in (-9, -9, 9, 9)])
