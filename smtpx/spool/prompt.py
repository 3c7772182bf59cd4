"""
Deferreds that cost less where they are what they mostly are.

A L{Deferred} can be paused, chained to others and given callbacks while it runs some,
and takes its time with each callback to find out whether it is.  A message waits for a
few of them, which have one callback or two, and these return nothing or a plain value.

Nothing but C{callback} is different here, and nobody can tell by what happens.
"""

from __future__ import annotations

from typing import Any, Callable, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")

#: Is a Deferred inside as we know it?
_KNOWN = all(
    hasattr(Deferred(), name)
    for name in ("_callbacks", "_canceller", "_runningCallbacks", "_runCallbacks")
)

#: Kinds of values that are given to the next callback as they are.  To ask whether
#: something is a Deferred takes long.
_plain: set[type] = set()
_PLAIN_MOST = 100


def _isPlain(result: object) -> bool:
    """
    Is it a result for the next callback, and neither a Deferred nor a Failure?

    @param result: of a kind that was not met before.
    """
    kind = type(result)
    if isinstance(result, Deferred | Failure):
        return False
    if len(_plain) < _PLAIN_MOST:
        _plain.add(kind)
    return True


def _giving(result: object) -> Any:
    """A callback that returns C{result}, whatever there was before."""
    step: Any = (lambda _: result, (), {})
    return step, step


class Prompt(Deferred[T]):
    """
    A Deferred, mostly with a callback or two.
    """

    def __init__(
        self, canceller: Callable[[Deferred[Any]], None] | None = None
    ) -> None:
        """See L{Deferred}."""
        if not _KNOWN or self.debug:
            Deferred.__init__(self, canceller)
            return
        self._callbacks: list[Any] = []
        self._canceller = canceller
        # What is looked at again and again is found faster here than at the class.
        self.called = False
        self.paused = 0

    def callback(self, result: Any) -> None:
        """See L{Deferred}."""
        callbacks = self._callbacks if _KNOWN else None
        if (
            self.called
            or self.paused
            or self.debug
            or not callbacks
            or isinstance(result, Failure)
        ):
            Deferred.callback(self, result)
            return
        self.called = True
        self._canceller = None
        while True:
            self.result = result
            step: Any = callbacks[0][0]
            function, arguments, keywords = step
            if not callable(function):
                # It is another Deferred that waits for this one.
                break
            del callbacks[0]
            self._runningCallbacks = True
            try:
                if arguments or keywords:
                    result = function(result, *arguments, **keywords)
                else:
                    result = function(result)
            except BaseException:
                result = Failure()
            self._runningCallbacks = False
            if (
                result is not None
                and type(result) not in _plain
                and not _isPlain(result)
            ):
                callbacks.insert(0, _giving(result))
                break
            if not callbacks:
                self.result = result
                return
        # Whether it is paused is looked at before the first callback only.
        paused, self.paused = self.paused, 0
        self._runCallbacks()
        self.paused += paused


__all__ = ["Prompt"]
