"""
Tests for L{smtpx.queue.alarm}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue import alarm
from smtpx.queue.alarm import Alarm
from smtpx.spool.format import Fate

from .test_delivery import ANN, DeliveryCase

EPOCH = 1_700_000_000.0


class AlarmTests(SynchronousTestCase):
    """When it rings."""

    def setUp(self) -> None:
        """One that writes down when it does."""
        self.clock = Clock()
        self.rang: list[float] = []
        self.alarm = Alarm(
            self.clock,
            lambda: EPOCH + self.clock.seconds(),
            lambda: self.rang.append(self.clock.seconds()),
        )

    def wait(self, seconds: float) -> None:
        """So much time passes."""
        self.clock.pump([0.5] * int(2 * seconds))

    def test_once(self) -> None:
        """At its time, and then no more."""
        self.alarm.set(EPOCH + 5)
        self.wait(4.5)
        self.assertEqual(self.rang, [])
        self.wait(60)
        self.assertEqual(self.rang, [5.0])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_inAnyOrder(self) -> None:
        """Each of several times, in whatever order they were set."""
        for seconds in (9, 3, 6):
            self.alarm.set(EPOCH + seconds)
        self.wait(20)
        self.assertEqual(self.rang, [3.0, 6.0, 9.0])

    def test_notMoreThanOnceASecond(self) -> None:
        """However many times there are, it does not ring all the time."""
        for tenth in range(100):
            self.alarm.set(EPOCH + 1 + tenth / 10)
        self.wait(20)
        self.assertEqual(self.rang, [float(second) for second in range(1, 12)])

    def test_passed(self) -> None:
        """A time that has passed is now."""
        self.alarm.set(EPOCH - 5)
        self.wait(0.5)
        self.assertEqual(len(self.rang), 1)

    def test_soonestAreKept(self) -> None:
        """Of too many times the latest are forgotten."""
        self.patch(alarm, "_MOST", 2)
        for seconds in (8, 6, 4, 9):
            self.alarm.set(EPOCH + seconds)
        self.wait(20)
        self.assertEqual(self.rang, [4.0, 6.0])

    def test_stopped(self) -> None:
        """It rings no more."""
        self.alarm.stop()
        self.alarm.set(EPOCH + 5)
        self.alarm.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.wait(20)
        self.assertEqual(self.rang, [])


class PromptTests(DeliveryCase):
    """Messages that are tried again before the timer comes."""

    def test_again(self) -> None:
        """A message is tried when it is due, and not up to a quarter minute later."""
        self.transport.fates = {ANN[0]: Fate.WAITING}
        self.begin()
        id = self.spool.add(b"", ANN)
        due = self.spool.kept[id].due
        assert due is not None
        self.clock.advance(due - self.clock.seconds() - 0.1)
        self.assertEqual(self.tried(), [id])
        self.clock.advance(0.2)
        self.assertEqual(self.tried(), [id, id])

    def test_stopped(self) -> None:
        """Once it is stopped nothing is waited for."""
        self.transport.fates = {ANN[0]: Fate.WAITING}
        self.begin()
        self.spool.add(b"", ANN)
        self.successResultOf(self.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])
