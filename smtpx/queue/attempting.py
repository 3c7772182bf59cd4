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
from .interfaces import Attempt, ITransport, Leg, Route
from .lanes import Lane, Lanes
from .settlement import Settlement, Settlements
from .tried import Taken, Tried, triedOf

#: How long ago, in seconds, a success may be for a host that turns an attempt away
#: to be thought well, but busy.
_LATELY = 30.0

#: How often an attempt that a busy host turned away is made again at once.
_TRIES = 3

#: What says something of a host, not of the message.
_HOSTS = frozenset({Cause.CONNECT, Cause.SESSION})

#: Is told of a message that was tried: the message, the lane that it had waited for in
#: the spool (L{None}: none), and what is to be written down; L{None}: nothing was
#: tried.
Over = Callable[[SpooledMessage, Lane | None, Settlement | None], object]

# A member of an enumeration takes time to look up.
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
    @ivar running: those that are under way.
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
    running: set[Task] = field(factory=set, init=False)

    def cancel(self) -> None:
        """Bring all attempts to an end."""
        for each in list(self.running):
            each.cancel()

    def isBusy(
        self, lane: Lane, task: Task, outcomes: Sequence[Outcome], now: float
    ) -> bool:
        """Is the host well, but would have no more of us at the moment?"""
        lately = now - lane.succeeded
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


class Task:
    """
    A leg of a message, from its lane to its end.  Who has the message is noted as soon
    as that is known.

    @ivar message: the message.
    @ivar route: which way.
    @ivar leg: whither.
    @ivar again: see L{Attempt}.
    @ivar priority: higher ones are first.
    @ivar tries: how often it was begun.
    @ivar over: for whoever is told by C{ended}.
    @ivar results: what came of it, once it has ended; L{None}: it was not tried, as
        there is no room for it, or the end has come.
    """

    __slots__ = (
        "_began",
        "_doing",
        "_ended",
        "_had",
        "_house",
        "_lane",
        "_left",
        "_untold",
        "_waits",
        "again",
        "leg",
        "message",
        "over",
        "priority",
        "results",
        "route",
        "tries",
    )

    _log = Logger()

    #: The lane in which it is tried.
    _lane: Lane
    #: When that has begun, in seconds of the clock.
    _began: float
    #: Those who do not have the message.
    _left: set[int]

    def __init__(
        self,
        house: Attempting,
        message: SpooledMessage,
        route: Route,
        leg: Leg,
        again: bool,
        ended: Callable[[Task], object],
        over: Over,
    ) -> None:
        """
        @param ended: called once, when it has ended.
        """
        self.message = message
        self.route = route
        self.leg = leg
        self.again = again
        self.priority = message.priority
        self.tries = 0
        self.over = over
        self.results: list[Tried] | Taken | None = None
        self._house = house
        self._ended = ended
        #: Those who have the message.
        self._had: dict[int, Outcome] = {}
        #: Those of them of whom the sender is still to hear.
        self._untold: Collection[int] = ()
        #: What the transport does; L{None}: it only has to be waited for.
        self._doing: Coroutine[Deferred[Any], Any, Sequence[Outcome]] | None = None
        self._waits: Deferred[Any] | None = None

    def end(self, results: list[Tried] | Taken | None) -> None:
        """It has ended."""
        self.results = results
        self._ended(self)

    def begin(self, lane: Lane) -> None:
        """Try it."""
        house, message, leg = self._house, self.message, self.leg
        self._lane, self._began = lane, house.clock.seconds()
        self._left = set(leg.indices)
        asked = house.asked
        try:
            attempt = Attempt(
                message,
                house.spool.body(message),
                leg.indices,
                self.again,
                leg.where,
                self.note,
                asked.when(message.id) if asked.some else None,
            )
            doing = self.route.transport.deliver(attempt)
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
        """Bring the attempt to an end."""
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
        route = self.route
        if not fresh or route.relay is None:
            # What is no relay can tell that a message came before.
            return
        house, message, action = self._house, self.message, route.transport.reports
        untold = house.settlements.owing(message, had, fresh, action)
        if untold:
            self._untold = {*self._untold, *untold}
        house.spool.delivered(message, fresh, untold)

    # --- at its end ---------------------------------------------------------------

    def _given(self, given: Sequence[Outcome]) -> None:
        """The transport has said what became of it."""
        indices, had = self.leg.indices, self._had
        try:
            given = list(given)
            if not had and len(given) == len(indices) and _isTaken(indices, given):
                # So it mostly is.
                self._taken(given)
                taken = self.route.relay is not None and not self._untold
            else:
                self.note(given)
                known = {each.index: each for each in given} | had
                given = [known.get(index) or _silent(index) for index in indices]
                taken = False
        except Exception as error:
            self._failed(error)
        else:
            self._end(given, taken)

    def _taken(self, given: list[Outcome]) -> None:
        """The same as C{note}, where nothing was noted yet, and all are delivered."""
        message, route, indices = self.message, self.route, self.leg.indices
        self._left.clear()
        self._had = had = dict(zip(indices, given, strict=True))
        if route.relay is not None:
            house = self._house
            action = route.transport.reports
            self._untold = house.settlements.owing(message, had, indices, action)
            house.spool.delivered(message, indices, self._untold)

    def _lost(self, failure: Failure) -> None:
        """What the transport has given has failed."""
        error = failure.value
        if not isinstance(error, Exception):
            failure.raiseException()
        self._failed(error)

    def _failed(self, error: Exception) -> None:
        """It was broken off, or something of ours is broken."""
        had, indices = self._had, self.leg.indices
        if isinstance(error, CancelledError):
            self._end([had.get(index) or _cut(index) for index in indices], False)
            return
        trouble = self._house.trouble
        broken = trouble(self.message, self.route.transport, indices, error)
        self._end([had.get(each.index, each) for each in broken], False)

    def _end(self, outcomes: Sequence[Outcome], taken: bool) -> None:
        """
        It has ended; a host that is well, but busy, is tried again.

        @param taken: has everybody the message, and is nobody to be told?
        """
        house, lane = self._house, self._lane
        house.running.discard(self)
        self._waits = None
        try:
            now = house.clock.seconds()
            good = True if self._had else _goodOf(outcomes)
            if good is False and house.isBusy(lane, self, outcomes, now):
                house.lanes.again(lane, self)
                return
            took = now - self._began
            house.lanes.ended(lane, good, took, now)
            if not good and lane.parked:
                house.postpone(lane, outcomes)
            if taken:
                self.results = Taken(self.route, outcomes, took)
            else:
                self.results = triedOf(self.route, outcomes, took, self._untold)
            self._ended(self)
        except Exception:
            self._log.failure("Something of the queue is broken")


async def _awaited(given: Awaitable[Sequence[Outcome]]) -> Sequence[Outcome]:
    return await given


def _isTaken(indices: Sequence[int], outcomes: Sequence[Outcome]) -> bool:
    """
    Do all have the message, as is said of them in their order?

    @param outcomes: as many as C{indices}.
    """
    for index, each in zip(indices, outcomes, strict=True):
        if each.index != index or each.fate is not _DELIVERED:
            return False
    return True


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


__all__ = ["Attempting", "Over", "Task"]
