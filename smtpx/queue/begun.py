"""
Coroutines that mostly need not wait: what they come to is there at once then, and no
Deferred is made of them.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

T = TypeVar("T")


def begun(work: Coroutine[Deferred[Any], Any, T]) -> T | Deferred[T]:
    """
    Run a coroutine up to where it has to wait.

    @return: what it returned, if it came to its end; else what fires with that.
    @raise Exception: what it raised before it had to wait.
    """
    try:
        waits = work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    return Deferred.fromCoroutine(_rest(work, waits))


@coroutine
def _rest(
    work: Coroutine[Deferred[Any], Any, T], waits: Deferred[Any]
) -> Generator[Deferred[Any], Any, T]:
    """
    The rest of a coroutine.

    @param waits: what it waits for.
    """
    while True:
        try:
            try:
                result = yield waits
            except BaseException as error:
                waits = work.throw(error)
            else:
                waits = work.send(result)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # it is of type T


__all__ = ["begun"]
