"""
One call of a handler's hook, from its beginning to what it gave.

A hook runs on an asyncio loop (L{smtpx.compat.aiosmtpd.loops}), and the session
waits for it by questions of the core, so that what holds for every question holds
for hooks: one at a time a session, a time limit, and an end when the client is
gone, which cancels the hook.  A hook may ask the client for a line (AUTH does);
then the question is answered by a L{Prompt}, and the next one brings the line::

    said = yield from converse(call)
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred

from ...core.dialogue import Question, ServerNeed, ask, line
from ...core.errors import SMTPXError, UsageError
from ...core.reply import Reply
from .loops import HookLoop

#: The longest line of a client that a hook can ask for, in octets (RFC 4954
#: section 4).
LINE_OCTETS = 12_288


class HookCancelled(SMTPXError):
    """A hook was cancelled, and not by us."""


@frozen
class Prompt:
    """The hook wants a line of the client, which is told C{reply} first."""

    reply: Reply


@frozen
class Said:
    """
    What a hook gave.

    @ivar value: what it returned.
    @ivar failed: did it raise, and is C{value} what the handler makes of that?
    """

    value: Any
    failed: bool = False


Step = Prompt | Said


@frozen(eq=False)
class Hooked(Question[Step]):
    """
    Let a hook go on.

    @ivar put: has it go on, and gives what comes of it.
    """

    put: Callable[[], Deferred[Step]]


#: What a factory with hooks needs among its answerers.
ANSWERS: dict[type[Question[Any]], Callable[[Any], Any]] = {
    Hooked: lambda question: question.put()
}


async def resolved(value: Any) -> Any:
    """C{value}, or what comes of it where it can be awaited."""
    return await value if inspect.isawaitable(value) else value


class HookCall:
    """
    A call.  Methods that give a Deferred are for the reactor's thread, the others
    for the loop's.
    """

    def __init__(
        self,
        home: HookLoop,
        work: Callable[[], Any],
        rescue: Callable[[Exception], Any] | None,
    ) -> None:
        """
        @param home: where hooks run.
        @param work: calls the hook; what it gives may be awaited.
        @param rescue: makes something of an exception out of it, which may be
            awaited as well; L{None}: nobody does.
        """
        self._home = home
        self._work = work
        self._rescue = rescue
        self._task: asyncio.Task[Said] | None = None
        self._line: asyncio.Future[bytes | None] | None = None
        self._waiting: Deferred[Step] | None = None

    def begin(self) -> Deferred[Step]:
        """Call the hook."""
        return self._enter(self._start)

    def answer(self, octets: bytes | None) -> Deferred[Step]:
        """Give it the line it asked for; L{None}: it was too long."""
        return self._enter(self._hear, octets)

    def whole(self) -> Deferred[Said]:
        """Call a hook that may ask for nothing."""
        return self.begin().addCallback(self._only)

    def _only(self, step: Step) -> Said:
        if isinstance(step, Prompt):
            self.cancel()
            raise UsageError("the client can be asked for a line by AUTH only")
        return step

    def cancel(self) -> None:
        """Nobody waits for it any more."""
        self._waiting = None
        self._home.enter(self._cancel)

    def _enter(self, function: Callable[..., object], *values: object) -> Deferred[Any]:
        waiting: Deferred[Step] = Deferred(lambda _: self.cancel())
        self._waiting = waiting
        self._home.enter(function, *values)
        return waiting

    def _step(self, step: Step | BaseException) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        if isinstance(step, BaseException):
            waiting.errback(step)
        else:
            waiting.callback(step)

    # --- on the loop ------------------------------------------------------------

    async def prompt(self, reply: Reply) -> bytes | None:
        """
        Say C{reply} to the client and wait for its line.

        @return: the line, without CRLF; L{None}: it was longer than
            L{LINE_OCTETS}.
        """
        self._line = self._home.loop().create_future()
        self._home.leave(self._step, Prompt(reply))
        return await self._line

    def _start(self) -> None:
        self._task = self._home.loop().create_task(self._run())
        self._task.add_done_callback(self._done)

    def _hear(self, octets: bytes | None) -> None:
        if self._line is not None and not self._line.done():
            self._line.set_result(octets)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> Said:
        try:
            return Said(await resolved(self._work()))
        except Exception as error:
            if self._rescue is None:
                raise
            status = await resolved(self._rescue(error))
            if not isinstance(status, str | bytes):
                raise
            return Said(status, True)

    def _done(self, task: asyncio.Task[Said]) -> None:
        if task.cancelled():
            step: Said | BaseException = HookCancelled("a hook was cancelled")
        else:
            step = task.exception() or task.result()
        self._home.leave(self._step, step)


def converse(call: HookCall) -> Generator[ServerNeed, Any, Said]:
    """
    Call a hook and pass its prompts to the client.  Where the client leaves, the
    hook is cancelled.
    """
    step: Step | None = None
    try:
        step = yield from ask(Hooked(call.begin))
        while isinstance(step, Prompt):
            octets = yield from line(step.reply, LINE_OCTETS, secret=True)
            step = yield from ask(Hooked(partial(call.answer, octets)))
    finally:
        if not isinstance(step, Said):
            call.cancel()
    return step
