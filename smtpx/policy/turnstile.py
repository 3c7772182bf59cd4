"""
A bound on slow work that strangers can cause.

Where a peer can have us do something that takes a while (check a password, ask a
scanner), only so much of it is done at once, only so much waits, and nothing
takes longer than a limit, waiting included.  Where it is known who causes it, nobody
alone has more than half of the room: a stranger who comes again and again, and leaves
before the work is done, keeps the others waiting, but not out.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from attrs import define
from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..core.errors import SMTPXError

T = TypeVar("T")


class Crowded(SMTPXError):
    """Too many wait already."""


@define(eq=False)
class _Visit(Generic[T]):
    """
    One who wants to pass.

    @ivar begin: begins the work.
    @ivar cancels: does the work end when it is cancelled?
    @ivar outcome: what the visitor was given; L{None}: it has fired.
    @ivar limit: ends the patience.
    @ivar whose: who causes it; empty: nobody knows.
    @ivar work: the work; L{None}: it has not begun.
    """

    begin: Callable[[], Any]
    cancels: bool
    whose: bytes = b""
    outcome: Deferred[T] | None = None
    limit: IDelayedCall | None = None
    work: Deferred[T] | None = None


class Turnstile:
    """
    Lets so much work be done at once, so much wait, and none for long.

    @ivar clock: for the time limit.
    @ivar atOnceMax: how much is done at once.
    @ivar waitingMax: how much waits at most.
    @ivar seconds: how long each may take, waiting included.
    """

    def __init__(
        self,
        clock: IReactorTime,
        atOnceMax: int = 4,
        waitingMax: int = 100,
        seconds: float = 10.0,
    ) -> None:
        self.clock = clock
        self.atOnceMax = atOnceMax
        self.waitingMax = waitingMax
        self.seconds = seconds
        self._inside = 0
        self._insideOf: Counter[bytes] = Counter()
        self._waiting: deque[_Visit[Any]] = deque()

    def admit(
        self,
        begin: Callable[[], Deferred[T]],
        cancels: bool = True,
        whose: bytes = b"",
    ) -> Deferred[T]:
        """
        Do some work, now or when there is room.

        @param begin: begins it.  Its Deferred is cancelled where it takes too
            long, or where nobody wants the outcome any more.
        @param cancels: is it over then?  Work in a thread is not; it is left
            alone, and counts until it ends.
        @param whose: who causes it, such as the address of a client; empty: nobody
            knows.
        @return: fails with L{Crowded} or L{TimeoutError}, or with what the work
            fails with.
        """
        if not (self._mayEnter(whose) or self._mayWait(whose)):
            return fail(Crowded("too many wait"))
        visit = _Visit[T](begin, cancels, whose)
        outcome = visit.outcome = Deferred(lambda _: self._abandon(visit))
        visit.limit = self.clock.callLater(self.seconds, self._expire, visit)
        self._waiting.append(visit)
        self._fill()
        return outcome

    def allow(self, atOnceMax: int) -> None:
        """
        Let so much be done at once from now on; what is being done goes on.
        """
        self.atOnceMax = atOnceMax
        self._fill()

    def _mayEnter(self, whose: bytes) -> bool:
        if self._inside >= self.atOnceMax:
            return False
        return not whose or self._insideOf[whose] < _half(self.atOnceMax)

    def _mayWait(self, whose: bytes) -> bool:
        if len(self._waiting) >= self.waitingMax:
            return False
        waiting = sum(each.whose == whose for each in self._waiting)
        return not whose or waiting < _half(self.waitingMax)

    def _fill(self) -> None:
        while visit := self._next():
            self._waiting.remove(visit)
            self._inside += 1
            self._insideOf[visit.whose] += 1
            visit.work = maybeDeferred(visit.begin)
            visit.work.addBoth(self._ended, visit)

    def _next(self) -> _Visit[Any] | None:
        """The first of those who wait that may enter."""
        if self._inside >= self.atOnceMax:
            return None
        enter = (each for each in self._waiting if self._mayEnter(each.whose))
        return next(enter, None)

    def _ended(self, result: object, visit: _Visit[Any]) -> None:
        self._inside -= 1
        self._insideOf[visit.whose] -= 1
        if not self._insideOf[visit.whose]:
            # Strangers do not fill our memory.
            del self._insideOf[visit.whose]
        self._give(visit, result)
        self._fill()

    def _expire(self, visit: _Visit[Any]) -> None:
        outcome, visit.outcome = visit.outcome, None
        self._abandon(visit)
        assert outcome is not None
        outcome.errback(TimeoutError(f"not done in {self.seconds} seconds"))

    def _abandon(self, visit: _Visit[Any]) -> None:
        visit.outcome = None
        self._stopClock(visit)
        if visit.work is None:
            self._waiting.remove(visit)
        elif visit.cancels:
            visit.work.cancel()

    def _give(self, visit: _Visit[Any], result: object) -> None:
        outcome, visit.outcome = visit.outcome, None
        self._stopClock(visit)
        if outcome is not None:
            outcome.callback(result)

    def _stopClock(self, visit: _Visit[Any]) -> None:
        assert visit.limit is not None
        if visit.limit.active():
            visit.limit.cancel()


def _half(most: int) -> int:
    """What one alone may have of so many."""
    return max(1, most // 2)
