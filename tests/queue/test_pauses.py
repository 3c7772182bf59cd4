"""Tests for L{smtpx.queue.pauses}."""

from __future__ import annotations

import math

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.queue.pauses import LONGEST_SECONDS, Pauses, Stretch

MINUTE = 60.0
HOUR = 3600.0
DAY = 86400.0

EXIM = Pauses(
    (
        Stretch(15 * MINUTE, untilSeconds=2 * HOUR),
        Stretch(HOUR, 1.5, 16 * HOUR),
        Stretch(6 * HOUR, untilSeconds=4 * DAY),
    )
)


def plans() -> st.SearchStrategy[Pauses]:
    """Any plan."""

    def make(
        stretches: list[tuple[float, float, float]], endless: bool, last: float
    ) -> Pauses:
        end = 0.0
        made = []
        for pause, factor, length in stretches:
            end += length
            made.append(Stretch(pause, factor, end))
        if endless:
            made.append(Stretch(last))
        return Pauses(tuple(made))

    lengths = st.floats(0.001, DAY)
    one = st.tuples(lengths, st.floats(1, 100), lengths)
    return st.builds(
        make, st.lists(one, min_size=1, max_size=4), st.booleans(), lengths
    )


class StretchTests(SynchronousTestCase):
    """A part of a plan."""

    def test_pausesGrow(self) -> None:
        """Each is longer than the one before by the factor."""
        stretch = Stretch(HOUR, 1.5)
        found = [stretch.pause(number) for number in range(4)]
        self.assertEqual(found, [HOUR, 1.5 * HOUR, 2.25 * HOUR, 3.375 * HOUR])

    def test_pausesStayWithinReason(self) -> None:
        """However often it was tried, a pause is at most a year, and no error."""
        self.assertEqual(Stretch(1.0, 100.0).pause(10**9), LONGEST_SECONDS)
        self.assertEqual(Stretch(60.0).pause(10**9), 60.0)

    def test_whatIsNone(self) -> None:
        """Pauses that would not get on are none."""
        for pause, factor, text in (
            (0.0, 1.0, "a pause has to be longer than nothing"),
            (-1.0, 1.0, "a pause has to be longer than nothing"),
            (math.nan, 1.0, "a pause has to be longer than nothing"),
            (math.inf, 1.0, "a pause has to be longer than nothing"),
            (1.0, 0.5, "pauses grow by a factor from 1 to 100"),
            (1.0, math.inf, "pauses grow by a factor from 1 to 100"),
        ):
            error = self.assertRaises(UsageError, Stretch, pause, factor)
            self.assertEqual(str(error), text)


class PausesTests(SynchronousTestCase):
    """A plan."""

    def test_asEximHasIt(self) -> None:
        """
        Exim's default rule gives the times that Exim's own C{exim -brt} promises.
        """
        expected = [15 * MINUTE * number for number in range(9)]
        pause = HOUR
        while expected[-1] < 16 * HOUR:
            expected.append(expected[-1] + pause)
            pause *= 1.5
        while expected[-1] < 2 * DAY:
            expected.append(expected[-1] + 6 * HOUR)
        found = list(EXIM.times(expected[-1]))
        self.assertEqual(len(found), len(expected))
        for one, other in zip(found, expected, strict=True):
            self.assertAlmostEqual(one, other)

    def test_whatSleptLong(self) -> None:
        """A message that is old, but was not tried before, is tried soon again."""
        self.assertEqual(EXIM.after(3 * DAY, 0), 15 * MINUTE)
        self.assertEqual(EXIM.after(3 * DAY, 8), HOUR)
        self.assertEqual(EXIM.after(3 * DAY, 50), 6 * HOUR)

    def test_whatWasTriedOften(self) -> None:
        """A young message that somebody wanted tried often does not wait longer."""
        self.assertEqual(EXIM.after(10 * MINUTE, 50), 15 * MINUTE)
        self.assertEqual(EXIM.after(2.5 * HOUR, 50), HOUR)

    def test_laterStretches(self) -> None:
        """Each counts its pauses from where the one before ends."""
        plan = Pauses(
            (
                Stretch(HOUR, untilSeconds=4 * HOUR),
                Stretch(2 * HOUR, untilSeconds=8 * HOUR),
                Stretch(3 * HOUR, 2.0),
            )
        )
        for hours, attempts, expected in (
            (9, 100, 3),
            (12, 100, 6),
            (12, 6, 3),
            (72, 3, 1),
            (72, 4, 2),
            (72, 5, 2),
            (72, 6, 3),
            (72, 7, 6),
        ):
            self.assertEqual(plan.after(hours * HOUR, attempts), expected * HOUR)

    def test_longestPause(self) -> None:
        """A year is allowed, and what grows stays there."""
        self.assertEqual(Stretch(LONGEST_SECONDS).pause(3), LONGEST_SECONDS)
        self.assertRaises(UsageError, Stretch, LONGEST_SECONDS + 1)
        self.assertRaises(UsageError, Stretch, 1.0, 100.5)

    def test_end(self) -> None:
        """A plan may say when to give up."""
        self.assertEqual(EXIM.endSeconds, 4 * DAY)
        self.assertIsNone(Pauses((Stretch(HOUR),)).endSeconds)

    def test_aShortStretch(self) -> None:
        """A stretch shorter than its pause has one all the same."""
        plan = Pauses((Stretch(HOUR, untilSeconds=MINUTE), Stretch(2 * HOUR)))
        self.assertEqual(list(plan.times(4 * HOUR)), [0.0, HOUR, 3 * HOUR, 4 * HOUR])

    def test_whatIsNoPlan(self) -> None:
        """No stretch, one behind the last, or one that ends before it begins."""
        for stretches, text in (
            ((), "there has to be a pause"),
            (
                (Stretch(1.0), Stretch(1.0)),
                "only the last of several pauses goes on without an end",
            ),
            (
                (Stretch(1.0, 1.0, 60.0), Stretch(1.0, 1.0, 60.0)),
                "each stretch has to end later than the one before",
            ),
            (
                (Stretch(1.0, 1.0, 0.0),),
                "each stretch has to end later than the one before",
            ),
        ):
            error = self.assertRaises(UsageError, Pauses, stretches)
            self.assertEqual(str(error), text)

    @settings(max_examples=100)
    @given(plans(), st.floats(0, 10 * DAY), st.integers(0, 10**6))
    def test_alwaysSomePause(self, plan: Pauses, age: float, attempts: int) -> None:
        """Whatever the age and the count, there is a pause of some length."""
        pause = plan.after(age, attempts)
        self.assertGreater(pause, 0)
        self.assertLessEqual(pause, LONGEST_SECONDS)

    @settings(max_examples=100)
    @given(st.floats(0, 5 * DAY), st.floats(0, 5 * DAY))
    def test_theOlderTheLonger(self, one: float, other: float) -> None:
        """With Exim's rule, older messages wait no shorter than younger ones."""
        younger, older = sorted((one, other))
        # But where a growing stretch is left for one of six hours.
        if older < 16 * HOUR or younger >= 16 * HOUR:
            self.assertLessEqual(EXIM.after(younger, 999), EXIM.after(older, 999))
