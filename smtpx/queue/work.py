"""
Coroutines that nobody wants a result of, run at less cost.

There are two for each message that the queue delivers, and a Deferred made by
C{Deferred.fromCoroutine} costs as much as all that the queue finds out of a message.
A L{Work} keeps what it waits for, so that it can be cancelled, and tells when it has
ended.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure


class Work:
    """A coroutine under way."""

    __slots__ = ("_coroutine", "_ended", "_waits", "_wanted")

    _log = Logger()

    def __init__(self, coroutine: Coroutine[Deferred[Any], Any, None]) -> None:
        """
        @param coroutine: waits for nothing but Deferreds.  What it raises goes to the
            log.
        """
        self._coroutine = coroutine
        self._waits: Deferred[Any] | None = None
        self._ended: Callable[[Work], object] | None = None
        self._wanted: list[Deferred[None]] = []

    def start(self, ended: Callable[[Work], object]) -> bool:
        """
        Run it up to where it has to wait.

        @param ended: called with this, once it has come to its end, unless that is
            so when this returns.
        @return: has it to wait?
        """
        self._step(self._coroutine.send, None)
        self._ended = ended
        return self._waits is not None

    def cancel(self) -> None:
        """Cancel what it waits for."""
        if self._waits is not None:
            self._waits.cancel()

    def whenEnded(self) -> Deferred[None]:
        """Fires when it has come to its end, or at once."""
        done: Deferred[None] = Deferred()
        if self._waits is None:
            done.callback(None)
        else:
            self._wanted.append(done)
        return done

    def _goOn(self, result: object) -> None:
        """What was waited for is there."""
        self._step(self._coroutine.send, result)

    def _fail(self, failure: Failure) -> None:
        """What was waited for has failed."""
        self._step(failure.throwExceptionIntoGenerator, self._coroutine)

    def _step(self, resume: Callable[[Any], Deferred[Any]], what: object) -> None:
        """Run it up to where it has to wait again."""
        try:
            self._waits = waits = resume(what)
        except StopIteration:
            self._end()
        except BaseException:
            self._log.failure("Something of the queue is broken")
            self._end()
        else:
            waits.addCallbacks(self._goOn, self._fail)

    def _end(self) -> None:
        self._waits = None
        if self._ended is not None:
            self._ended(self)
        for done in self._wanted:
            done.callback(None)


__all__ = ["Work"]
