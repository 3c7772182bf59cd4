"""
Words that the story of a message is told with: moments, times, names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from attrs import frozen

from ..service.quantities import spellSeconds

#: How a moment is on the wall: C{time.localtime}, or in UTC.
Zone = Callable[[float], time.struct_time]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

#: The most recipients that are named at once.
_NAMED = 5


@frozen
class Sentence:
    """
    A sentence, or a few.

    @ivar at: when it happened, in seconds since the epoch; L{None}: it is about now.
    @ivar text: it.
    """

    at: float | None
    text: str


def clock(seconds: float, zone: Zone) -> str:
    """A time of the day."""
    return time.strftime("%H:%M:%S", zone(seconds))


def day(seconds: float, zone: Zone) -> str:
    """A day: C{Sun 22 Nov 2026}."""
    at = zone(seconds)
    return f"{_DAYS[at.tm_wday]} {at.tm_mday} {_MONTHS[at.tm_mon - 1]} {at.tm_year}"


def moment(seconds: float, now: float, zone: Zone) -> str:
    """A moment, as one says it on some day: C{at 03:34:51}."""
    at, today = zone(seconds), zone(now)
    if at[:3] == today[:3]:
        return f"at {clock(seconds, zone)}"
    return f"on {day(seconds, zone).rpartition(' ')[0]} at {clock(seconds, zone)}"


def span(seconds: float) -> str:
    """About how long: at most two units."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        text = f"{seconds:.1f}".removesuffix(".0")
        return f"{text} s"
    words = spellSeconds(seconds).split(" ")
    return " ".join(words[:4])


def listed(names: Sequence[str]) -> str:
    """Several, as one says it."""
    if len(names) > _NAMED:
        return f"{', '.join(names[: _NAMED - 1])} and {len(names) - _NAMED + 1} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def times(count: int) -> str:
    """How often."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


__all__ = ["Sentence", "Zone", "clock", "day", "listed", "moment", "span", "times"]
