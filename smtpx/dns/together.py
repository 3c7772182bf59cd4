"""
Several questions at once.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredList

T = TypeVar("T")


async def together(work: Iterable[Coroutine[Deferred[Any], Any, T]]) -> list[T]:
    """
    Do all at once, and wait until all are done; cancelled, cancel all.

    @return: what each returned.
    @raise CancelledError: nobody wants to know any more.
    @raise Exception: what the first of them raised that raised anything.
    """
    todo = list(work)
    if len(todo) == 1:
        # Mostly so, and then it costs nothing.
        return [await todo[0]]
    started = [Deferred.fromCoroutine(each) for each in todo]
    outcomes = await DeferredList(started, consumeErrors=True)
    failures: list[Any] = [outcome for success, outcome in outcomes if not success]
    # A list that is cancelled fires all the same, with what became of each.
    for failure in failures:
        if failure.check(CancelledError):
            raise CancelledError
    for failure in failures:
        failure.raiseException()
    return [outcome for _, outcome in outcomes]


__all__ = ["together"]
