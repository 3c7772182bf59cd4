"""
Sends what waits for a domain at once, when somebody is back and says so: what answers
L{smtpx.extensions.etrn.StartQueue}.

However much waits, the client has its answer within a moment; what is left is done in
the background, and bounded: so many at once, and none for the same domain so soon
again.

Of a server with several processes, whichever is asked has the others do the same, and
counts what waits everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from ..core.dialogue import Question
from ..core.interfaces import IServerSession
from ..extensions.etrn import Begun, StartQueue, State
from .interfaces import IQueueControl, Selection, Tell

#: How long a client waits for its answer, in seconds.
MOMENT_SECONDS = 1.0

#: How soon the same may be asked for again, in seconds.
AGAIN_SECONDS = 30.0

#: How many are under way at once.
AT_ONCE = 4

#: Of how many domains it is remembered when they were asked for.
_REMEMBERED = 1000

#: Has all other processes start what waits for a domain, and for those below it: how
#: many messages that are; L{None}: not all of them could be asked.  It never fails.
Elsewhere = Callable[[str, bool], Deferred[int | None]]

#: Told of each answer.
Told = Callable[[IServerSession, str, Begun], None]


class QueueStarter:
    """
    Starts the queue for domains.

    @ivar answers: what answers L{StartQueue}.
    @ivar control: does it; L{None}: there is no queue yet, or none any more.
    @ivar elsewhere: has it done by others; L{None}: there are none.
    """

    def __init__(
        self,
        clock: IReactorTime,
        told: Told,
        trouble: Callable[[IServerSession, str, BaseException], None],
    ) -> None:
        """
        @param told: told of each answer.
        @param trouble: told of what goes wrong.
        """
        self.answers: dict[type[Question[Any]], Callable[[Any], Any]] = {
            StartQueue: self.start
        }
        self.control: IQueueControl | None = None
        self.elsewhere: Elsewhere | None = None
        self._clock = clock
        self._told = told
        self._trouble = trouble
        self._running: set[Deferred[Any]] = set()
        self._asked: dict[tuple[str, bool], float] = {}

    def stop(self) -> None:
        """The end: leave off what is under way."""
        self.control = None
        for each in [*self._running]:
            each.cancel()

    def start(self, question: StartQueue) -> Deferred[Begun]:
        """Answer L{StartQueue}."""
        begun = self._begin(question)

        def tell(answer: Begun) -> Begun:
            node = ("@" if question.below else "") + question.node
            self._told(question.session, node, answer)
            return answer

        return begun.addCallback(tell)

    def _begin(self, question: StartQueue) -> Deferred[Begun]:
        answer: Deferred[Begun] = Deferred()
        control = self.control
        if not self._mayAsk(question):
            answer.callback(Begun(State.TOO_OFTEN))
        elif control is None or len(self._running) >= AT_ONCE:
            answer.callback(Begun(State.UNABLE))
        else:
            self._asked[question.node, question.below] = self._clock.seconds()
            self._run(control, question, answer)
        return answer

    def _mayAsk(self, question: StartQueue) -> bool:
        now = self._clock.seconds()
        if len(self._asked) >= _REMEMBERED:
            late = now - AGAIN_SECONDS
            self._asked = {key: at for key, at in self._asked.items() if at > late}
        before = self._asked.get((question.node, question.below))
        if before is not None:
            return now - before >= AGAIN_SECONDS
        return len(self._asked) < _REMEMBERED

    def _run(
        self, control: IQueueControl, question: StartQueue, answer: Deferred[Begun]
    ) -> None:
        """
        Do it.

        @param answer: fires when it is done, or after a moment.
        """
        done = [0]

        def tell(looked: int, started: int) -> None:
            done[0] = started

        def moment() -> None:
            answer.callback(Begun(State.PENDING if done[0] else State.STARTED))

        def failed(failure: Failure) -> Begun:
            error = failure.value
            if error is not None and not isinstance(error, CancelledError):
                # The border: whatever a spool comes up with, the client is told.
                self._trouble(question.session, "queue", error)
            return Begun(State.UNABLE)

        def end(begun: Begun) -> None:
            self._running.discard(work)
            if waiting.active():
                waiting.cancel()
                answer.callback(begun)

        waiting = self._clock.callLater(MOMENT_SECONDS, moment)
        everywhere = self._everywhere(control, question.node, question.below, tell)
        work = Deferred.fromCoroutine(everywhere)
        self._running.add(work)
        work.addErrback(failed).addCallback(end)

    async def _everywhere(
        self, control: IQueueControl, node: str, below: bool, tell: Tell
    ) -> Begun:
        """
        Start what waits here, and have it started elsewhere.

        @param tell: told how far it is here.
        @raise Exception: whatever a spool comes up with.
        """
        theirs: Deferred[int | None] = succeed(0)
        if self.elsewhere is not None:
            theirs = self.elsewhere(node, below)
        try:
            ours = await control.retry(_selection(node, below), tell)
            others = await theirs
        except BaseException:
            theirs.addErrback(lambda _: None)
            theirs.cancel()
            raise
        if others is None:
            # More may wait with those that were not asked.
            return Begun(State.PENDING if ours else State.STARTED)
        count = ours + others
        return Begun(State.COUNTED, count) if count else Begun(State.NOTHING)

    async def startHere(self, node: str, below: bool) -> int | None:
        """
        Start what waits in this process: somebody has asked another one.

        @param below: what waits for the domains below it as well.
        @return: how many messages; L{None}: that is too much at the moment.
        @raise smtpx.core.errors.SMTPXError: the spool is in trouble.
        """
        control = self.control
        if control is None or len(self._running) >= AT_ONCE:
            return None
        # Who asks here next is as early as there.
        self._asked[node, below] = self._clock.seconds()
        work = control.retry(_selection(node, below))
        self._running.add(work)
        try:
            return await work
        finally:
            self._running.discard(work)


def _selection(node: str, below: bool) -> Selection:
    """What waits for a domain."""
    return Selection(domains=(node, f"*.{node}") if below else (node,))


__all__ = ["AGAIN_SECONDS", "AT_ONCE", "MOMENT_SECONDS", "QueueStarter"]
