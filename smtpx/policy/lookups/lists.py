"""
Look-ups as items of lists (L{smtpx.core.asked}): only whether a key is there matters.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import partial

from twisted.internet.defer import Deferred

from ...core.asked import Ask, Asks
from .interfaces import ILookup, LookupDeferred

#: Is somebody in a list?  L{None}: it cannot be told now.
Said = bool | None | Deferred[bool | None]

#: Weighs somebody against a list: asks look-ups, by name, for keys, is told of each
#: whether it is there, and returns whether he is in the list.
Weighing = Generator[tuple[str, bytes], bool, bool]


def _has(lookup: ILookup, key: bytes) -> bool:
    found = lookup.find(key)
    assert not isinstance(found, Deferred), "it answers at once"
    return found is not None


def asksOf(lookups: Mapping[str, ILookup]) -> Asks:
    """Those that lists can have that are asked at once: they answer at once."""
    asks: dict[str, Ask] = {
        name: partial(_has, each) for name, each in lookups.items() if each.prompt
    }
    return asks


def weighed(weighing: Weighing, lookups: Mapping[str, ILookup]) -> Said:
    """
    Weigh somebody against a list, at once as far as look-ups answer at once.

    @param lookups: all that the list names.
    """
    try:
        name, key = next(weighing)
        while True:
            found = lookups[name].find(key)
            if isinstance(found, Deferred):
                return Deferred.fromCoroutine(_goOn(weighing, found, lookups))
            name, key = weighing.send(found is not None)
    except StopIteration as stop:
        return bool(stop.value)
    except LookupDeferred:
        return None


async def _goOn(
    weighing: Weighing,
    waiting: Deferred[bytes | None],
    lookups: Mapping[str, ILookup],
) -> bool | None:
    try:
        found = await waiting
        while True:
            name, key = weighing.send(found is not None)
            answer = lookups[name].find(key)
            found = await answer if isinstance(answer, Deferred) else answer
    except StopIteration as stop:
        return bool(stop.value)
    except LookupDeferred:
        return None


#: Asks whether somebody is in a list.
Has = Callable[[bytes], Said]

__all__ = ["Has", "Said", "Weighing", "asksOf", "weighed"]
