"""
Whether workers still move.

A worker that hangs, in a loop without an end or at a disk that does not answer, has not
ended, so that nobody takes its place; and its clients wait.  So the reactor of each
counts up a number, again and again, in memory that is shared, and the zygote looks
whether it does.

Where all stands still, as a machine does that is suspended, nobody hangs: time that the
zygote was away itself is not held against the workers.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define

from ...joint.memory import numbers

#: How often a worker moves while it could be silent.
_PARTS = 8


class Pulses:
    """
    The numbers, before the workers are forked.

    @ivar silentSeconds: how long a worker may be silent.
    @ivar everySeconds: how often it shows that it moves, and how often to look.
    """

    def __init__(self, count: int, silentSeconds: float) -> None:
        """
        @param count: how many workers there are.
        """
        self.silentSeconds = silentSeconds
        self.everySeconds = silentSeconds / _PARTS
        self._beats = numbers("Q", count)

    def beat(self, number: int) -> None:
        """A worker moves."""
        self._beats[number - 1] += 1

    def beats(self, number: int) -> int:
        """How often it has moved; 0: it has not begun to."""
        return self._beats[number - 1]

    def clear(self, number: int) -> None:
        """A worker is no more."""
        self._beats[number - 1] = 0


@define
class _Seen:
    """
    What was seen of a worker.

    @ivar beats: see L{Pulses.beats}.
    @ivar seconds: for how long that is so.
    """

    beats: int
    seconds: float = 0.0


class Watch:
    """
    Looks who hangs.

    @ivar silentSeconds: see L{Pulses}.
    """

    def __init__(self, pulses: Pulses, now: float) -> None:
        """
        @param now: the time, in seconds.
        """
        self.silentSeconds = pulses.silentSeconds
        self._pulses = pulses
        self._last = now
        self._seen: dict[int, _Seen] = {}

    def look(self, now: float, workers: Iterable[int]) -> list[int]:
        """
        Look, now and then.

        @param workers: the numbers of those that there are.
        @return: who hangs; each is named once.
        """
        pulses = self._pulses
        # Who comes late itself knows nothing of the time between.
        past = min(now - self._last, 2 * pulses.everySeconds)
        self._last = now
        before, self._seen = self._seen, {}
        hanging: list[int] = []
        for number in workers:
            beats = pulses.beats(number)
            if not beats:
                continue
            seen = before.get(number)
            if seen is None or seen.beats != beats:
                seen = _Seen(beats)
            else:
                was, seen.seconds = seen.seconds, seen.seconds + past
                if was < pulses.silentSeconds <= seen.seconds:
                    hanging.append(number)
            self._seen[number] = seen
        return hanging


__all__ = ["Pulses", "Watch"]
