"""
Tests for L{smtpx.policy.strangers.pace}.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import integers, lists, tuples
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.strangers.pace import Level, Mode, Pace, spelledPeriod

from .made import NOW

_HOUR = Pace(3600.0)
_FIXED = Pace(3600.0, Mode.FIXED)


def exim(events: Sequence[tuple[float, float]], period: float) -> float:
    """The rate that Exim's C{acl_ratelimit} comes to, strictly."""
    rate, before = 0.0, None
    for at, count in events:
        if before is None:
            rate = count
        else:
            interval = max(at - before, 1e-9)
            i_over_p = interval / period
            a = exp(-i_over_p)
            # There is nothing left of small intervals in floating point.
            part = (1 - a) / i_over_p if i_over_p > 1e-6 else 1.0
            rate = part * count + a * rate
            if rate < count:
                rate = count
        before = at
    return rate


class PaceTests(SynchronousTestCase):
    """How fast something goes."""

    def run_(self, pace: Pace, *events: tuple[float, float]) -> float:
        """The rate after some events, each with its moment and how much it is."""
        level: Level | None = None
        for after, count in events:
            rate = pace.after(level, NOW + after, count)
            level = Level(rate, NOW + after)
        assert level is not None
        return level.value

    def test_burst(self) -> None:
        """Many at once are as many in a period."""
        self.assertAlmostEqual(self.run_(_HOUR, *[(0.0, 1.0)] * 50), 50.0, 3)

    def test_steady(self) -> None:
        """One a minute is sixty an hour, in the long run."""
        events = [(60.0 * number, 1.0) for number in range(2000)]
        self.assertAlmostEqual(self.run_(_HOUR, *events), 60.0, 1)

    def test_seldom(self) -> None:
        """After a long silence one is one."""
        self.assertEqual(self.run_(_HOUR, (0, 40), (86400 * 30, 1)), 1)

    def test_fades(self) -> None:
        """What was, fades with the time."""
        rates = [self.run_(_HOUR, (0, 100), (after, 1)) for after in (1, 600, 3600)]
        self.assertEqual(rates, sorted(rates, reverse=True))
        self.assertAlmostEqual(rates[2], 100 * exp(-1) + 1 - exp(-1), 6)

    def test_clockWasWrong(self) -> None:
        """What was written by a clock far ahead does not count."""
        self.assertEqual(_HOUR.after(Level(50, NOW + 7200), NOW, 1), 1)
        self.assertAlmostEqual(_HOUR.after(Level(50, NOW + 60), NOW, 1), 51, 3)

    def test_fixed(self) -> None:
        """It counts from scratch in each period."""
        first = NOW // 3600 * 3600 - NOW
        self.assertEqual(self.run_(_FIXED, (first, 5), (first + 3599, 3)), 8)
        self.assertEqual(self.run_(_FIXED, (first, 5), (first + 3600, 3)), 3)

    def test_expires(self) -> None:
        """When nothing is left of it."""
        level = Level(5, NOW)
        self.assertEqual(_HOUR.expires(level), NOW + 36000)
        self.assertEqual(_FIXED.expires(level), (NOW // 3600 + 1) * 3600)

    @settings(
        max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(lists(tuples(integers(0, 7200), integers(1, 1000)), min_size=1, max_size=9))
    def test_asExim(self, gaps: list[tuple[int, int]]) -> None:
        """It is what Exim's own sum comes to."""
        at, events = 0, []
        for gap, count in gaps:
            at += gap
            events.append((at, count))
        ours = self.run_(_HOUR, *events)
        self.assertAlmostEqual(ours / exim(events, 3600.0), 1.0, 5)

    def test_spelled(self) -> None:
        """Periods are spelled as Exim does."""
        for seconds, text in (
            (3600, "1h"),
            (5400, "1h30m"),
            (86400, "1d"),
            (8 * 86400 + 61, "1w1d1m1s"),
            (0.2, "0s"),
        ):
            self.assertEqual(spelledPeriod(seconds), text)
