"""
Where hooks run: an asyncio loop, in the reactor's thread or in one of its own.

Under Twisted's asyncio reactor hooks run on its loop.  Under any other reactor
there is one thread with a loop for all sessions of a factory, as aiosmtpd's
C{Controller} has one; it is begun with the first hook, and ends with the reactor.
A handler that blocks holds up other handlers there, but not the reactor.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from attrs import define, field, frozen
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.interfaces import (
    IReactorCore,
    IReactorFromThreads,
    IReactorTime,
)

from ...core.errors import UsageError
from ...net.apart import runLoop

#: How long the end of the thread is waited for, in seconds.
_LAST_SECONDS = 2.0


@frozen(eq=False)
class HookLoop:
    """
    Where hooks run, and the ways there and back.

    @ivar loop: gives the asyncio loop.
    @ivar enter: has a function called where hooks run.
    @ivar leave: has a function called where the reactor runs.
    """

    loop: Callable[[], asyncio.AbstractEventLoop]
    enter: Callable[..., object]
    leave: Callable[..., object]


def loopOf(reactor: IReactorTime) -> HookLoop:
    """
    Where the hooks of a factory run.

    @param reactor: the factory's.
    @raise UsageError: a reactor that nothing can be called in from another
        thread.
    """
    if isinstance(reactor, AsyncioSelectorReactor):
        # Twisted has no public name for it.
        return sameThread(reactor._asyncioEventloop)
    if not IReactorFromThreads.providedBy(reactor):
        raise UsageError("handlers of aiosmtpd need a reactor that takes threads")
    thread = LoopThread()
    if IReactorCore.providedBy(reactor):
        reactor.addSystemEventTrigger("after", "shutdown", thread.stop)
    return HookLoop(thread.start, thread.enter, reactor.callFromThread)


def sameThread(loop: asyncio.AbstractEventLoop) -> HookLoop:
    """Hooks run on C{loop}, and the reactor in the same thread."""
    return HookLoop(lambda: loop, _call, _call)


def _call(function: Callable[..., object], *arguments: object) -> None:
    function(*arguments)


@define(eq=False)
class LoopThread:
    """An asyncio loop in a thread of its own, begun when it is first wanted."""

    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(factory=threading.Lock)

    def start(self) -> asyncio.AbstractEventLoop:
        """Begin, unless it has begun; gives the loop."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=runLoop,
                    args=(self._loop,),
                    name="smtpx hooks",
                    daemon=True,
                )
                self._thread.start()
            return self._loop

    def enter(self, function: Callable[..., object], *arguments: object) -> None:
        """Call C{function} on the loop, soon; not at all once it was stopped."""
        try:
            self.start().call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            if self._thread is not None:
                raise

    def stop(self) -> None:
        """End the loop and its tasks, and wait for the thread, but not for long."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_LAST_SECONDS)
