"""
Something that is found out once, and that several may wait for.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


class Shared(Generic[T]):
    """
    What comes of a Deferred, for any number of those who want it.
    """

    __slots__ = ("_result", "_running", "_waiting")

    def __init__(self, running: Deferred[T]) -> None:
        """
        @param running: is this one's from here on; where it fails, so do all others.
        """
        self._waiting: list[Deferred[T]] = []
        self._result: T | Failure | None = None
        self._running: Deferred[T] | None = running
        running.addBoth(self._there)

    def _there(self, result: T | Failure) -> None:
        self._running, self._result = None, result
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            # One that was cancelled does not mind.
            each.callback(result)

    @property
    def result(self) -> T | None:
        """It; L{None}: it is not there, or will never be."""
        return None if isinstance(self._result, Failure) else self._result

    def wait(self) -> Deferred[T]:
        """
        @return: fires with it, at once if it is there.  To cancel it is nobody else's
            business.
        """
        waiting: Deferred[T] = Deferred()
        if self._running is None:
            # A failure makes a Deferred fail.
            waiting.callback(self._result)  # type: ignore[arg-type]
        else:
            self._waiting.append(waiting)
        return waiting

    def cancel(self) -> None:
        """Nobody wants it any more."""
        if self._running is not None:
            self._running.cancel()


__all__ = ["Shared"]
