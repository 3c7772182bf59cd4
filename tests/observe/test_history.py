"""
The last hour and the last day.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.history import DAY, HOUR, Fold, History

#: The beginning of a five minutes.
T0 = 1_763_780_100.0


class HistoryTests(SynchronousTestCase):
    """Counts by minute and by five minutes."""

    def setUp(self) -> None:
        """A sum and a peak."""
        self.history = History({"sum": Fold.SUM, "peak": Fold.PEAK}, T0)

    def test_empty(self) -> None:
        """There is nothing at first, for the whole of both spans."""
        for span in (HOUR, DAY):
            stretch = self.history.stretch("sum", span, T0)
            self.assertEqual(stretch.values, (0.0,) * span.steps)
            self.assertEqual(stretch.step, span.step)
            self.assertEqual(stretch.begins, T0 - (span.steps - 1) * span.step)

    def test_sums(self) -> None:
        """What happens in one interval is added up; the present one is last."""
        for at, amount in ((0, 1), (59, 2), (60, 4), (185, 8), (300, 16)):
            self.history.add("sum", T0 + at, amount)
        hour = self.history.stretch("sum", HOUR, T0 + 301)
        self.assertEqual(hour.values[-6:], (3, 4, 0, 8, 0, 16))
        day = self.history.stretch("sum", DAY, T0 + 301)
        self.assertEqual(day.values[-2:], (15, 16))
        self.assertEqual(sum(day.values), 31)

    def test_timePassesWithoutEvents(self) -> None:
        """Who looks later sees the same further back."""
        self.history.add("sum", T0)
        stretch = self.history.stretch("sum", HOUR, T0 + 10 * 60)
        self.assertEqual(stretch.values[-11], 1)
        self.assertEqual(stretch.begins, T0 + (10 - 59) * 60)
        self.assertEqual(sum(stretch.values), 1)

    def test_whatIsOldIsForgotten(self) -> None:
        """After an hour, and after a day, nothing is left of it."""
        self.history.add("sum", T0)
        self.assertEqual(sum(self.history.stretch("sum", HOUR, T0 + 3599).values), 1)
        self.assertEqual(sum(self.history.stretch("sum", HOUR, T0 + 3600).values), 0)
        self.assertEqual(sum(self.history.stretch("sum", DAY, T0 + 86_399).values), 1)
        self.assertEqual(sum(self.history.stretch("sum", DAY, T0 + 1e9).values), 0)
        self.assertEqual(len(self.history.stretch("sum", DAY, T0 + 1e9).values), 288)

    def test_peaks(self) -> None:
        """A level lasts until another is told; each interval has the highest."""
        for at, level in ((0, 3), (10, 7), (20, 2), (190, 1)):
            self.history.level("peak", T0 + at, level)
        hour = self.history.stretch("peak", HOUR, T0 + 250)
        self.assertEqual(hour.values[-6:], (0, 7, 2, 2, 2, 1))
        self.assertEqual(self.history.stretch("peak", DAY, T0 + 250).values[-1], 7)

    def test_aClockThatIsSetBack(self) -> None:
        """It counts in the present interval, and nothing breaks."""
        self.history.add("sum", T0 + 600)
        self.history.add("sum", T0)
        stretch = self.history.stretch("sum", HOUR, T0 - 5)
        self.assertEqual(stretch.values[-1], 2)
        self.assertEqual(stretch.begins, T0 + (10 - 59) * 60)

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.integers(0, 5000), max_size=60))
    def test_nothingIsLostWithinADay(self, gaps: list[int]) -> None:
        """Whenever events come, the day has those that are younger than a day."""
        history = History({"sum": Fold.SUM}, T0)
        now, times = T0, []
        for gap in gaps:
            now += gap
            history.add("sum", now)
            times.append(now)
        for span in (HOUR, DAY):
            begins = now // span.step * span.step - (span.steps - 1) * span.step
            stretch = history.stretch("sum", span, now)
            self.assertEqual(stretch.begins, begins)
            self.assertEqual(sum(stretch.values), sum(each >= begins for each in times))
