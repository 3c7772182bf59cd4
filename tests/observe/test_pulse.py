"""
What is looked at all the time.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe import metrics
from smtpx.observe.pulse import BEAT_SECONDS, LOOK_BEATS, Pulse
from smtpx.observe.series import histogram


class PulseTests(SynchronousTestCase):
    """The reactor's delay, and the oldest message."""

    def setUp(self) -> None:
        """A pulse that beats."""
        self.registry = CollectorRegistry()
        self.clock = Clock()
        self.answers: list[Deferred[float | None]] = []
        self.looks = 0
        self.pulse = Pulse(
            self.clock, histogram(metrics.REACTOR_SECONDS, self.registry), self.look
        )

    def look(self) -> Deferred[float | None]:
        """When the oldest message came."""
        self.looks += 1
        return self.answers.pop(0)

    def beat(self, count: int) -> None:
        """Let time pass."""
        self.clock.pump([BEAT_SECONDS] * count)

    def value(self, what: str) -> float | None:
        """What was measured."""
        return self.registry.get_sample_value(f"smtpx_reactor_delay_seconds_{what}")

    def test_delays(self) -> None:
        """A call that comes late is measured; the next is not late for it."""
        self.answers = [succeed(None)]
        self.pulse.start()
        self.clock.advance(BEAT_SECONDS)
        self.clock.advance(BEAT_SECONDS + 0.25)
        self.clock.advance(BEAT_SECONDS)
        self.assertEqual((self.value("count"), self.value("sum")), (3, 0.25))
        self.pulse.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_oldest(self) -> None:
        """The oldest message is looked for at once, and again and again."""
        self.answers = [succeed(5.0), succeed(7.0), fail(OSError("gone"))]
        self.pulse.start()
        self.assertEqual(self.pulse.oldest, 5.0)
        self.beat(LOOK_BEATS)
        self.assertEqual(self.pulse.oldest, 7.0)
        self.beat(LOOK_BEATS)
        self.assertIsNone(self.pulse.oldest)
        self.assertEqual(self.looks, 3)

    def test_aSpoolThatHangs(self) -> None:
        """It is not asked again before it has answered."""
        first: Deferred[float | None] = Deferred()
        self.answers = [first, succeed(9.0)]
        self.pulse.start()
        self.beat(5 * LOOK_BEATS)
        self.assertEqual(self.looks, 1)
        first.callback(3.0)
        self.assertEqual(self.pulse.oldest, 3.0)
        self.beat(LOOK_BEATS)
        self.assertEqual(self.pulse.oldest, 9.0)

    def test_stoppedTwice(self) -> None:
        """To stop what does not run is nothing."""
        self.pulse.stop()
