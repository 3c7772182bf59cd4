"""
Attempts under way: what a transport makes of a leg of a message, and who has it,
whatever happens until that is written down.

This is the border at which the exceptions of transports end.  There is one attempt for
each message at least, so it goes on by callbacks, and drives what the transport does
by itself.
"""

from __future__ import annotations

from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Sequence,
)
from types import CoroutineType
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..spool.format import Fate, Outcome, SpooledMessage
from ..spool.interfaces import ISpool
from ..spool.journal import IDeliveryJournal
from ..spool.via import Cause
from .asked import Asked
from .interfaces import Attempt, ITransport
from .lanes import Lane, Lanes, Task
from .settlement import Settlements, Tried

#: How long ago, in seconds, a success may be for a host that turns an attempt away
#: to be thought well, but busy.
_LATELY = 30.0

#: How often an attempt that a busy host turned away is made again at once.
_TRIES = 3

#: What says something of a host, not of the message.
_HOSTS = frozenset({Cause.CONNECT, Cause.SESSION})

_DELIVERED, _WAITING = Fate.DELIVERED, Fate.WAITING


@define(eq=False)
class Attempting:
    """
    Makes attempts.

    @ivar spool: where bodies are, and where it is noted who has a message.
    @ivar journal: told of trouble.
    @ivar settlements: says whether the sender is to hear of a delivery.
    @ivar now: seconds since the epoch.
    @ivar unpark: called with a lane of which the spool has more, and the time
        before which there is no use in it.
    @ivar clock: how long something takes.
    @ivar asked: which messages somebody wants tried at once.
    @ivar lanes: told when an attempt has ended; set by whoever made both.
    @ivar stopping: is nothing more to be begun?
    """

    spool: ISpool
    journal: IDeliveryJournal
    settlements: Settlements
    now: Callable[[], float]
    unpark: Callable[[Lane, float], None]
    clock: IReactorTime
    asked: Asked = field(factory=Asked)
    lanes: Lanes = field(init=False)
    stopping: bool = field(default=False, init=False)
    running: set[_Try] = field(factory=set, init=False)

    def begin(self, lane: Lane, task: Task) -> None:
        """Start an attempt."""
        _Try(self, lane, task).start()

    def cancel(self) -> None:
        """Bring all attempts to an end."""
        for each in list(self.running):
            each.cancel()

    def isBusy(self, lane: Lane, task: Task, outcomes: Sequence[Outcome]) -> bool:
        """Is the host well, but would have no more of us at the moment?"""
        lately = self.clock.seconds() - lane.succeeded
        if self.stopping or task.tries >= _TRIES or lately > _LATELY:
            return False
        return lane.active > 1 and all(_ofHost(each) for each in outcomes)

    def postpone(self, lane: Lane, outcomes: Sequence[Outcome]) -> None:
        """There may be no use in what the spool has for a lane before a time."""
        early = min([each.notBefore for each in outcomes])
        if early > self.now():
            self.unpark(lane, early)

    def trouble(
        self,
        message: SpooledMessage,
        transport: ITransport,
        indices: Sequence[int],
        error: Exception,
    ) -> tuple[Outcome, ...]:
        """Something of ours is broken."""
        self.journal.trouble(message, transport.name, error)
        why = f"{type(error).__name__}: {error}"
        return tuple(
            [Outcome(each, _WAITING, why, cause=Cause.LOCAL) for each in indices]
        )


class _Try:
    """
    An attempt under way.  Who has the message is noted as soon as that is known.
    """

    __slots__ = (
        "_began",
        "_doing",
        "_had",
        "_house",
        "_lane",
        "_left",
        "_task",
        "_untold",
        "_waits",
    )

    _log = Logger()

    def __init__(self, house: Attempting, lane: Lane, task: Task) -> None:
        self._house = house
        self._lane = lane
        self._task = task
        self._began = house.clock.seconds()
        #: Who has the message.
        self._had: dict[int, Outcome] = {}
        #: Who does not.
        self._left = set(task.leg.indices)
        #: Those who have it of whom the sender is still to hear.
        self._untold: Collection[int] = ()
        #: What the transport does; L{None}: it only has to be waited for.
        self._doing: Coroutine[Deferred[Any], Any, Sequence[Outcome]] | None = None
        self._waits: Deferred[Any] | None = None

    def start(self) -> None:
        """Begin it."""
        house, task = self._house, self._task
        message, leg = task.message, task.leg
        try:
            attempt = Attempt(
                message,
                house.spool.body(message),
                leg.indices,
                task.again,
                leg.where,
                self.note,
                house.asked.when(message.id),
            )
            doing = task.route.transport.deliver(attempt)
        except Exception as error:
            self._failed(error)
            return
        house.running.add(self)
        if isinstance(doing, Deferred):
            self._waits = doing
            doing.addCallbacks(self._given, self._lost)
            return
        if type(doing) is not CoroutineType:
            doing = _awaited(doing)
        self._doing = doing
        self._step(doing.send, None)

    def cancel(self) -> None:
        """Bring it to an end."""
        if self._waits is not None:
            self._waits.cancel()

    # --- on its way ---------------------------------------------------------------

    def _step(self, resume: Callable[[Any], Deferred[Any]], what: object) -> None:
        """Let the transport go on, up to where it has to wait again."""
        try:
            self._waits = waits = resume(what)
        except StopIteration as end:
            self._given(end.value)
        except Exception as error:
            self._failed(error)
        else:
            waits.addCallbacks(self._goOn, self._fail)

    def _goOn(self, result: object) -> None:
        """What the transport waited for is there."""
        assert self._doing is not None
        self._step(self._doing.send, result)

    def _fail(self, failure: Failure) -> None:
        """What the transport waited for has failed."""
        self._step(failure.throwExceptionIntoGenerator, self._doing)

    def note(self, outcomes: Iterable[Outcome]) -> None:
        """See L{Attempt}."""
        left, had = self._left, self._had
        fresh: list[int] = []
        for each in outcomes:
            index = each.index
            if each.fate is _DELIVERED and index in left:
                left.remove(index)
                had[index] = each
                fresh.append(index)
        task = self._task
        route = task.route
        if not fresh or route.relay is None:
            # What is no relay can tell that a message came before.
            return
        house, message, action = self._house, task.message, route.transport.reports
        untold = house.settlements.owing(message, had, fresh, action)
        if untold:
            self._untold = {*self._untold, *untold}
        house.spool.delivered(message, fresh, untold)

    # --- at its end ---------------------------------------------------------------

    def _given(self, given: Sequence[Outcome]) -> None:
        """The transport has said what became of it."""
        try:
            outcomes = self._completed(given)
        except Exception as error:
            self._failed(error)
        else:
            self._end(outcomes)

    def _completed(self, given: Sequence[Outcome]) -> Sequence[Outcome]:
        """One outcome for each recipient, in their order."""
        given, indices = list(given), self._task.leg.indices
        ordinary = not self._had and len(given) == len(indices)
        if ordinary:
            for index, each in zip(indices, given, strict=True):
                if each.index != index:
                    ordinary = False
                    break
        self.note(given)
        if ordinary:
            return given
        known = {each.index: each for each in given} | self._had
        return [known.get(index) or _silent(index) for index in indices]

    def _lost(self, failure: Failure) -> None:
        """What the transport has given has failed."""
        error = failure.value
        if not isinstance(error, Exception):
            failure.raiseException()
        self._failed(error)

    def _failed(self, error: Exception) -> None:
        """It was broken off, or something of ours is broken."""
        task, had = self._task, self._had
        indices = task.leg.indices
        if isinstance(error, CancelledError):
            self._end([had.get(index) or _cut(index) for index in indices])
            return
        trouble = self._house.trouble
        broken = trouble(task.message, task.route.transport, indices, error)
        self._end([had.get(each.index, each) for each in broken])

    def _end(self, outcomes: Sequence[Outcome]) -> None:
        """It has ended; a host that is well, but busy, is tried again."""
        house, lane, task = self._house, self._lane, self._task
        house.running.discard(self)
        self._waits = None
        try:
            now = house.clock.seconds()
            good = True if self._had else _goodOf(outcomes)
            if good:
                lane.succeeded = now
            elif good is False and house.isBusy(lane, task, outcomes):
                house.lanes.again(lane, task)
                return
            took = now - self._began
            house.lanes.ended(lane, good, took)
            if not good and lane.parked:
                house.postpone(lane, outcomes)
            task.end(self._tried(outcomes, took))
        except Exception:
            self._log.failure("Something of the queue is broken")

    def _tried(self, outcomes: Sequence[Outcome], seconds: float) -> list[Tried]:
        """
        What came of the attempt.  Of those that had the message in one transaction,
        the first is marked.

        @param seconds: how long it took.
        """
        route, untold = self._task.route, self._untold
        action, relayed = route.transport.reports, route.relay is not None
        tried: list[Tried] = []
        last: object = None
        for each in outcomes:
            first, owed = True, None
            if each.fate is _DELIVERED:
                first = each.via is None or each.via is not last
                last = each.via
                owed = each.index in untold if relayed else None
            tried.append(Tried(route, each, seconds, first, action, owed))
        return tried


async def _awaited(given: Awaitable[Sequence[Outcome]]) -> Sequence[Outcome]:
    return await given


def _goodOf(outcomes: Sequence[Outcome]) -> bool | None:
    """
    Is a destination well that took nothing?

    @return: L{None}: that cannot be told.
    """
    for each in outcomes:
        if _ofHost(each):
            return False
    return None


def _ofHost(outcome: Outcome) -> bool:
    return outcome.fate is _WAITING and outcome.cause in _HOSTS


def _silent(index: int) -> Outcome:
    """What a transport said nothing of."""
    why = "the transport did not say what became of it"
    return Outcome(index, _WAITING, why, cause=Cause.LOCAL)


def _cut(index: int) -> Outcome:
    """There was no time to wait for its end."""
    return Outcome(index, _WAITING, "cut off, as we stop", cause=Cause.LOST)


__all__ = ["Attempting"]
