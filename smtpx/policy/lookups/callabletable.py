"""
Look-ups by a callable in Python.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from .complaints import Complaints
from .interfaces import VALUE_MOST, ITable, LookupDeferred

#: What a callable may give; L{None}: there is no such key.
Value = bytes | str | None
#: Takes a key, and gives its value, at once or later.
Call = Callable[[bytes], "Value | Deferred[Value] | Awaitable[Value]"]

#: The most questions that are under way at once.
WAITING_MOST = 500


@implementer(ITable)
class CallableTable:
    """
    What somebody's Python says.

    @ivar prompt: nobody knows.
    """

    prompt = False

    def __init__(
        self,
        call: Call,
        clock: IReactorTime,
        complaints: Complaints,
        seconds: float = 5.0,
    ) -> None:
        """
        @param call: called in the thread of the reactor, and not to hold that up.  What
            it raises means that it cannot tell now.
        @param seconds: how long it may take.
        @param complaints: told when it is of no use, or is again.
        """
        self._call = call
        self._clock = clock
        self._seconds = seconds
        self._complaints = complaints
        self._waiting = 0

    def find(self, key: bytes) -> bytes | None | Deferred[bytes | None]:
        """See L{ITable}."""
        if self._waiting >= WAITING_MOST:
            raise self._deferred(f"{WAITING_MOST} questions are under way already")
        try:
            said = self._call(key)
            if not (isinstance(said, Deferred) or inspect.isawaitable(said)):
                return self._found(said)
        except Exception as error:
            # The border to somebody's code: whatever it raises, it cannot tell now.
            raise self._deferred(_spelled(error)) from error
        waiting: Deferred[Any]
        if isinstance(said, Deferred):
            waiting = said
        else:
            waiting = Deferred.fromCoroutine(_awaited(said))
        self._waiting += 1
        waiting.addTimeout(self._seconds, self._clock)
        left: list[bool] = []

        def leave(answer: Deferred[bytes | None]) -> None:
            # That a client has gone is nobody's fault.
            left.append(True)
            waiting.cancel()

        answer: Deferred[bytes | None] = Deferred(leave)

        def failed(failure: Failure) -> None:
            answer.errback(failure if left else self._no(failure))

        waiting.addBoth(self._done).addCallback(self._found)
        waiting.addCallbacks(answer.callback, failed)
        return answer

    def _done(self, result: object) -> object:
        self._waiting -= 1
        return result

    def _found(self, value: object) -> bytes | None:
        """
        What it has said.

        @raise TypeError: that is no value.
        @raise ValueError: it is too long.
        """
        if isinstance(value, str):
            value = value.encode("utf-8")
        if value is not None and not isinstance(value, bytes):
            raise TypeError(f"expected bytes, str or None, got {value!r:.60}")
        if value is not None and len(value) > VALUE_MOST:
            raise ValueError(f"a value has more than {VALUE_MOST} octets")
        self._complaints.works()
        return value

    def _no(self, failure: Failure) -> Failure:
        if failure.check(TimeoutError) is not None:
            why = f"it took more than {self._seconds:g} s"
        else:
            assert failure.value is not None
            why = _spelled(failure.value)
        return Failure(self._deferred(why))

    def _deferred(self, why: str) -> LookupDeferred:
        self._complaints.fails(why)
        return LookupDeferred(why)


async def _awaited(some: Awaitable[Value]) -> Value:
    return await some


def _spelled(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


__all__ = ["WAITING_MOST", "Call", "CallableTable", "Value"]
