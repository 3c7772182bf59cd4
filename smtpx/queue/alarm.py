"""
When to look into the spool again: at the times that messages were put off to, rather
than at the next round of the timer.

Only so many times are remembered, the soonest; of the others, and of those from before
a start, the timer hears.  However many there are, it does not ring more than once a
second.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: How many times are remembered.
_MOST = 1000

#: The least time between two rings, in seconds.
_LEAST_SECONDS = 1.0


class Alarm:
    """Rings at the times that it was set to."""

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], float],
        ring: Callable[[], object],
    ) -> None:
        """
        @param clock: for the timer.
        @param now: seconds since the epoch, as the times are.
        @param ring: called when it is time.
        """
        self._clock = clock
        self._now = now
        self._ring = ring
        #: The soonest is the last.
        self._times: list[float] = []
        self._timer: IDelayedCall | None = None
        self._rang = float("-inf")

    def set(self, at: float) -> None:
        """Ring at a time, too; soon, if it has passed."""
        times = self._times
        if len(times) >= _MOST:
            if -times[0] <= at:
                return
            del times[0]
        insort(times, -at)
        if times[-1] == -at:
            self._wind()

    def stop(self) -> None:
        """Ring no more."""
        self._times.clear()
        self._wind()

    def _wind(self) -> None:
        """Have the timer go off at the soonest time."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if self._times:
            pause = max(0.0, -self._times[-1] - self._now())
            rest = self._rang + _LEAST_SECONDS - self._clock.seconds()
            self._timer = self._clock.callLater(max(pause, rest), self._goOff)

    def _goOff(self) -> None:
        self._timer = None
        self._rang = self._clock.seconds()
        now = self._now()
        while self._times and -self._times[-1] <= now:
            self._times.pop()
        self._wind()
        self._ring()


__all__ = ["Alarm"]
