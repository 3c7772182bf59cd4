"""
The last hour and the last day, in a bounded number of counts.

A L{History} has a few named rows of numbers: for each of the last sixty minutes,
and for each five minutes of the last day.  What is added up (messages) and what has
a peak (sessions) stand side by side.  To count costs a comparison and an addition;
nothing runs on a timer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import Enum

from attrs import frozen


class Fold(Enum):
    """What becomes of the numbers of one interval."""

    SUM = "sum"
    PEAK = "peak"


@frozen
class Span:
    """
    How far back, and how finely.

    @ivar name: what it is called.
    @ivar step: the length of an interval, in seconds.
    @ivar steps: how many intervals there are.
    """

    name: str
    step: int
    steps: int


HOUR = Span("hour", 60, 60)
DAY = Span("day", 300, 288)


@frozen
class Stretch:
    """
    The numbers of one row.

    @ivar begins: when the first interval does, in seconds since the epoch.
    @ivar step: the length of each, in seconds.
    @ivar values: one an interval, the present one last.
    """

    begins: float
    step: int
    values: tuple[float, ...]


class _Ring:
    """
    The intervals of one span, for all rows at once.

    @ivar current: the numbers of the present interval, by row.
    @ivar ends: when that is over.
    """

    def __init__(
        self, span: Span, folds: tuple[Fold, ...], levels: list[float], now: float
    ) -> None:
        """
        @param levels: what each row with a peak was told last; it is only read.
        """
        self.span = span
        self._folds = folds
        self._levels = levels
        empty = [0.0] * len(folds)
        self._past = deque([empty] * (span.steps - 1), maxlen=span.steps - 1)
        self._begins = now // span.step * span.step
        self.current = list(empty)
        self.ends = self._begins + span.step

    def turn(self, now: float) -> None:
        """
        Begin the interval that C{now} is in.

        @param now: not before C{ends}.
        """
        step = self.span.step
        passed = int((now - self._begins) // step)
        # A peak goes on from the level that there is; a sum begins again.
        fresh = [
            level if fold is Fold.PEAK else 0.0
            for level, fold in zip(self._levels, self._folds, strict=True)
        ]
        self._past.append(self.current)
        self._past.extend([fresh] * min(passed - 1, self.span.steps))
        self.current = list(fresh)
        self._begins += passed * step
        self.ends = self._begins + step

    def stretch(self, row: int) -> Stretch:
        """The numbers of a row."""
        values = [each[row] for each in self._past] + [self.current[row]]
        begins = self._begins - len(self._past) * self.span.step
        return Stretch(begins, self.span.step, tuple(values))


class History:
    """Rows of numbers, over L{HOUR} and L{DAY}."""

    def __init__(self, rows: Mapping[str, Fold], now: float) -> None:
        """
        @param rows: their names, and how each is folded.
        @param now: seconds since the epoch, as everywhere here.
        """
        folds = tuple(rows.values())
        self._rows = {name: row for row, name in enumerate(rows)}
        self._levels = [0.0] * len(folds)
        self._rings = [_Ring(span, folds, self._levels, now) for span in (HOUR, DAY)]
        self._ends = min(ring.ends for ring in self._rings)

    def add(self, name: str, now: float, amount: float = 1.0) -> None:
        """So much more of a row that is added up."""
        if now >= self._ends:
            self._turn(now)
        row = self._rows[name]
        for ring in self._rings:
            ring.current[row] += amount

    def level(self, name: str, now: float, value: float) -> None:
        """So much it is now, of a row that has a peak."""
        if now >= self._ends:
            self._turn(now)
        row = self._rows[name]
        self._levels[row] = value
        for ring in self._rings:
            if value > ring.current[row]:
                ring.current[row] = value

    def stretch(self, name: str, span: Span, now: float) -> Stretch:
        """The numbers of a row, up to now."""
        if now >= self._ends:
            self._turn(now)
        [ring] = [each for each in self._rings if each.span == span]
        return ring.stretch(self._rows[name])

    def _turn(self, now: float) -> None:
        # A clock that is set back makes no intervals: they go on when it is there.
        for ring in self._rings:
            if now >= ring.ends:
                ring.turn(now)
        self._ends = min(ring.ends for ring in self._rings)
