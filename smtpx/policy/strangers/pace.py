"""
How fast something goes, as a number that is small to keep: so many in a period.

Two ways average, as Exim's C{ratelimit} does (its manual, chapter 44.38): the rate is
the moving average, weighted exponentially, over a period.  What is only one after a
long silence is one in a period, however long that was.  A third way counts from
scratch in each period, as from one full hour to the next.

Who is at the limit is above it: with a limit of 100, the hundredth is too many.  An
average fades from the first moment on, though, so that it takes some more to come to
100 in an hour.
"""

from __future__ import annotations

from enum import Enum
from math import exp, expm1

from attrs import frozen

#: How many periods after the last event nothing is left of an average.
_LASTING_PERIODS = 10.0

#: How far, in seconds, a clock may have been ahead when something was written.
_AHEAD_SECONDS = 3600.0


class Mode(Enum):
    """
    How what is too much counts.

    @cvar LEAKY: an average, in which what is too much does not count: who goes on may
        send as much as the limit permits.
    @cvar STRICT: an average, in which everything counts: who goes on may send nothing
        until there was less for long enough.
    @cvar FIXED: everything counts until the period is over, and then anew.
    """

    LEAKY = "leaky"
    STRICT = "strict"
    FIXED = "fixed"


@frozen
class Level:
    """
    What there was.

    @ivar value: so many in a period.
    @ivar at: when something was last counted, in seconds since the epoch.
    """

    value: float
    at: float


@frozen
class Pace:
    """
    How it is counted.

    @ivar seconds: the period.
    """

    seconds: float
    mode: Mode = Mode.LEAKY

    def after(self, level: Level | None, now: float, count: float) -> float:
        """
        The rate with some more.

        @param level: what there was; L{None}: nothing.
        @param now: seconds since the epoch.
        @param count: how many more.
        """
        if level is None or level.at > now + _AHEAD_SECONDS:
            return count
        if self.mode is Mode.FIXED:
            return count + (level.value if self._same(level.at, now) else 0.0)
        if now <= level.at:
            return level.value + count
        periods = (now - level.at) / self.seconds
        rate = -expm1(-periods) / periods * count + exp(-periods) * level.value
        return max(rate, count)

    def _same(self, one: float, other: float) -> bool:
        """Are two moments in one period?"""
        return one // self.seconds == other // self.seconds

    def expires(self, level: Level) -> float:
        """When nothing is left of it, in seconds since the epoch."""
        if self.mode is Mode.FIXED:
            return (level.at // self.seconds + 1) * self.seconds
        return level.at + _LASTING_PERIODS * self.seconds


def spelledPeriod(seconds: float) -> str:
    """A period as Exim spells it: C{1h30m}."""
    left, words = round(seconds), ""
    for unit, length in (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            words += f"{count}{unit}"
    return words or "0s"


__all__ = ["Level", "Mode", "Pace", "spelledPeriod"]
