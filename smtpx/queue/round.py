"""
What L{smtpx.queue.dispatch} knows of a message that is under way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..spool.format import SpooledMessage
from .attempting import Over, Task
from .interfaces import Located
from .lanes import Lane
from .settlement import Settlement
from .tried import Tried


class Round:
    """
    A round of attempts, from when a message is taken until all of them have ended.

    @ivar message: the message.
    @ivar again: may an earlier attempt have succeeded unknown to the spool?
    @ivar drawn: the lane that it waited for in the spool, where this is its turn;
        L{None}: it did not wait.
    @ivar tried: what came of those for whom nothing had to be tried.
    @ivar tasks: what is tried, in the order in which it is told.
    @ivar lane: the lane that others are to wait for in the spool; L{None}: there are
        none.
    @ivar error: what broke; L{None}: nothing.
    @ivar asked: what a relay has said of where all recipients go, where it was asked
        before; L{None}: none was.
    @ivar settlement: what is to be written down, where nothing may be tried; L{None}:
        it may.
    """

    __slots__ = (
        "_ended",
        "_left",
        "again",
        "asked",
        "drawn",
        "error",
        "lane",
        "message",
        "over",
        "settlement",
        "tasks",
        "tried",
    )

    def __init__(
        self,
        message: SpooledMessage,
        again: bool,
        drawn: Lane | None,
        ended: Callable[[Round], object],
        over: Over,
    ) -> None:
        """
        @param ended: called once, when it has begun and all its tasks have ended.
        @param over: for whoever is told by C{ended}.
        """
        self.message = message
        self.again = again
        self.drawn = drawn
        self.over = over
        self.tried: list[Tried] = []
        self.tasks: list[Task] = []
        self.lane: bytes | None = None
        self.asked: Located | Awaitable[Located] | None = None
        self.error: Exception | None = None
        self.settlement: Settlement | None = None
        self._ended = ended
        #: How many tasks have not ended; one more until it has begun.
        self._left = 1

    def add(self, task: Task) -> None:
        """One more has to end."""
        self.tasks.append(task)
        self._left += 1

    def less(self, task: Task | None = None) -> None:
        """
        Something has ended.

        @param task: a task; L{None}: beginning it.
        """
        self._left -= 1
        if not self._left:
            self._ended(self)


__all__ = ["Round"]
