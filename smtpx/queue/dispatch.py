"""
One round of attempts for a message: who goes where, in which lane, and what came of
it.

This is the border at which the exceptions of the world, of routes and of transports
end.  Whatever happens, the message stays in the spool until a transport said
DELIVERED or its sender is told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..core.address import domainOf
from ..core.envelope import Recipient
from ..core.errors import Untold, UsageError
from ..core.queueprofile import DISCARDED, REFUSED
from ..core.reply import readReply
from ..spool.format import Fate, Outcome, SpooledMessage, critical
from ..spool.via import Cause
from .attempting import Attempting
from .begun import begun
from .discard import Discard
from .interfaces import (
    LANE_OCTETS,
    IKeeping,
    IRelay,
    IRoutes,
    Leg,
    Located,
    Route,
)
from .laneplaces import Retire
from .lanes import Lane, Lanes, Task
from .round import Round
from .settlement import ON_HOLD, Settlement, Settlements, Tried

#: The most attempts at once in the lane of a transport that is no relay.
LOCAL_WIDTH = 64

_NO_ROUTE = "no route"


@define(eq=False)
class Dispatch:
    """
    Makes rounds.

    @ivar routes: where messages go.
    @ivar settlements: says what is to be written down.
    @ivar attempting: makes the attempts.
    @ivar lanes: who is next; set by whoever made both.
    @ivar share: how many messages a lane may have that others had to wait for.
    """

    routes: IRoutes
    settlements: Settlements
    attempting: Attempting
    share: Callable[[], int]
    lanes: Lanes = field(init=False)
    #: Who is finding out where messages go, and the lanes of those.
    _searches: dict[Deferred[Located], bytes] = field(factory=dict, init=False)

    _log = Logger()

    # --- a message ---------------------------------------------------------------

    def begin(
        self,
        message: SpooledMessage,
        again: bool,
        drawn: Lane | None,
        over: Callable[[Round, Settlement | None], object],
    ) -> None:
        """
        Try a message.

        @param again: may an earlier attempt have succeeded unknown to the spool?
        @param drawn: the lane that it waited for in the spool, where this is its
            turn; L{None}: it did not wait.
        @param over: called once, with what is to be written down; L{None}: nothing was
            tried, and nothing is.
        """
        round = Round(message, again, drawn, self._ended, over)
        ways: Iterator[tuple[Route, Sequence[int]]] = iter(())
        try:
            round.settlement = self._forbidden(message)
            if round.settlement is None:
                ways = iter(self._sort(message, round.tried).items())
        except Exception as error:
            round.error = error
        self._goOn(round, ways)

    def _forbidden(self, message: SpooledMessage) -> Settlement | None:
        """May it not go?  What is to be written down then."""
        unknown = critical(message)
        if unknown:
            # Sending it on would break what somebody was promised.
            return Settlement(message, held=f"no extension is loaded for {unknown}")
        return self.settlements.untimely(message)

    def _goOn(self, round: Round, ways: Iterator[tuple[Route, Sequence[int]]]) -> None:
        """
        Begin what is left of a round.

        @param ways: the routes, each with those who go there.
        """
        try:
            for route, indices in ways:
                found = self._locate(round, route, indices)
                if isinstance(found, Deferred):
                    found.addCallback(self._located, round, route, indices, ways)
                    return
                self._found(round, route, indices, found)
        except Exception as error:
            # Routes may be anybody's.  Never let go of a message unsettled.
            round.error = error
        round.less()

    def _located(
        self,
        found: Located | None,
        round: Round,
        route: Route,
        indices: Sequence[int],
        ways: Iterator[tuple[Route, Sequence[int]]],
    ) -> None:
        """It is known where some of a message go."""
        try:
            self._found(round, route, indices, found)
        except Exception as error:
            round.error, ways = error, iter(())
        self._goOn(round, ways)

    def _found(
        self,
        round: Round,
        route: Route,
        indices: Sequence[int],
        located: Located | None,
    ) -> None:
        """
        Let some of a message wait their turn.

        @param located: which ways they go; L{None}: that takes so long that they are
            to wait in the spool.
        """
        if located is None:
            round.lane = _undecided(round.message, route, indices)
            return
        for outcome in located.outcomes:
            round.tried.append(Tried(route, outcome))
        for leg in located.legs:
            lane = self._laneOf(route, leg)
            behind = lane.parked and round.drawn is None
            full = lane.capped and len(lane.waiting) >= self.share()
            if self.attempting.stopping or behind or full:
                self.lanes.mark(lane, not self.attempting.stopping)
                round.lane = leg.lane
                continue
            task = Task(round.message, route, leg, round.again, round.less)
            round.add(task)
            self.lanes.add(lane, task)

    def _ended(self, round: Round) -> None:
        """All that was tried has ended."""
        message, tried, lane = round.message, round.tried, round.lane
        for task in round.tasks:
            if task.results is None:
                lane = task.leg.lane
            else:
                tried += task.results
        settlement = round.settlement
        try:
            if round.error is not None:
                # Who gets it from what was begun by then is not to get it again.
                settlement = self.settlements.broken(message, round.error, tried)
            elif settlement is None and (tried or not self.attempting.stopping):
                lane = None if self.attempting.stopping else lane
                settlement = self._concluded(message, tried, lane)
        except Exception:
            self._log.failure("Something of the queue is broken")
        round.over(round, settlement)

    def _concluded(
        self, message: SpooledMessage, tried: list[Tried], lane: bytes | None
    ) -> Settlement:
        try:
            return self.settlements.conclude(message, tried, lane)
        except Exception as error:
            return self.settlements.broken(message, error, tried)

    def _sort(
        self, message: SpooledMessage, tried: list[Tried]
    ) -> dict[Route, list[int]]:
        """
        Sort the recipients that wait by where they go.

        @param tried: gets those for whom nothing is to be tried.
        @return: the routes to be tried, with their recipients.
        """
        ways: dict[Route, list[int]] = {}
        envelope = message.envelope
        served: set[int] = set()
        for known in self.settlements.served(message):
            tried.append(known)
            served.add(known.outcome.index)
        for index in message.waiting:
            if index in served:
                continue
            recipient = envelope.recipients[index]
            refusal = recipient.stamp(REFUSED)
            if refusal is not None:
                tried.append(Tried(None, _refused(index, refusal)))
                continue
            if recipient.stamp(DISCARDED):
                route: Route | None = _BLACKHOLE
            else:
                try:
                    route = self._route(message, recipient)
                except Untold as error:
                    tried.append(Tried(None, Outcome(index, Fate.WAITING, str(error))))
                    continue
            if route is None:
                tried.append(Tried(None, Outcome(index, Fate.FAILED, _NO_ROUTE)))
            elif route.transport.holds:
                tried.append(Tried(route, Outcome(index, Fate.WAITING, ON_HOLD)))
            else:
                ways.setdefault(route, []).append(index)
        return ways

    def _route(self, message: SpooledMessage, recipient: Recipient) -> Route | None:
        """
        The way of a recipient.

        @raise Untold: that cannot be told now.
        """
        path, sender = recipient.path, message.envelope.sender
        route = self.routes.find(path, sender, recipient)
        if route is not None and route.transport.holds and message.released:
            # Without another way it is on hold again, and not lost.
            route = self.routes.onward(path, sender, recipient) or route
        return route

    def _locate(
        self, round: Round, route: Route, indices: Sequence[int]
    ) -> Located | Deferred[Located | None] | None:
        """
        Find out which ways recipients go.

        @return: L{None}: it takes so long that they are to wait in the spool.
        """
        transport = route.transport
        relay, message = route.relay, round.message
        if relay is None:
            name = transport.name.encode("utf-8")
            return Located((Leg(name, tuple(indices)),))
        if self.attempting.stopping or self.lanes.anyParked and round.drawn is None:
            lane = _undecided(message, route, indices)
            if self.attempting.stopping or self.lanes.isParked(lane):
                return None
        try:
            located = relay.locate(message, indices)
            if isinstance(located, Located):
                # So it mostly is.
                found: Located | Deferred[Located] = located
            else:
                found = begun(_awaited(located))
            if isinstance(found, Located):
                _checkPromise(found, indices)
                return found
        except Exception as error:
            return self._lost(message, route, indices, error)
        self._searches[found] = _undecided(message, route, indices)

        def ended(result: Located | Failure) -> Located | None:
            del self._searches[found]
            try:
                if isinstance(result, Failure):
                    result.raiseException()
                _checkPromise(result, indices)
            except Exception as error:
                return self._lost(message, route, indices, error)
            return result

        return found.addBoth(ended)

    def _lost(
        self,
        message: SpooledMessage,
        route: Route,
        indices: Sequence[int],
        error: Exception,
    ) -> Located | None:
        """It could not be found out."""
        if isinstance(error, CancelledError):
            return None
        transport = route.transport
        outcomes = self.attempting.trouble(message, transport, indices, error)
        return Located(outcomes=outcomes)

    def press(self, share: int) -> None:
        """
        Nothing moves: of those of whom it is not known where they go, what is above a
        lane's share is to wait in the spool, the last first.
        """
        lanes: dict[bytes, list[Deferred[Located]]] = {}
        for search, lane in self._searches.items():
            lanes.setdefault(lane, []).append(search)
        for searches in lanes.values():
            for search in searches[share:]:
                search.cancel()

    def stop(self) -> None:
        """Begin nothing more, and wait for no answer."""
        self.attempting.stopping = True
        for search in list(self._searches):
            search.cancel()

    def _laneOf(self, route: Route, leg: Leg) -> Lane:
        """The lane of a leg."""
        relay, lanes = route.relay, self.lanes
        if relay is None:
            return lanes.lane(leg.lane, LOCAL_WIDTH, gathers=False)
        lane = lanes.lane(leg.lane, relay.width, relay.gathers, relay.pauseSeconds)
        if lanes.common:
            lane.common, lane.retire = True, _retiring(relay, leg)
        return lane


def _refused(index: int, refusal: bytes) -> Outcome:
    """The outcome of a recipient whom we ourselves take no mail for."""
    said = readReply(refusal)
    text = "refused" if said is None else f"refused: {said.onOneLine}"
    return Outcome(index, Fate.FAILED, text, said, cause=Cause.RECIPIENT)


def _retiring(relay: IRelay, leg: Leg) -> Retire | None:
    """Closes connections for a leg; L{None}: the relay keeps none."""
    if not IKeeping.providedBy(relay):
        return None
    keeping: IKeeping = relay
    return partial(keeping.retire, leg.where)


async def _awaited(located: Awaitable[Located]) -> Located:
    return await located


def _undecided(message: SpooledMessage, route: Route, indices: Sequence[int]) -> bytes:
    """
    The lane of those of whom it is not known where they go: whoever waits for the
    same answer shares one.
    """
    recipients = message.envelope.recipients
    domain = domainOf(recipients[indices[0]].path)
    for index in indices[1:]:
        if domainOf(recipients[index].path) != domain:
            domain = b""
            break
    name = b"%b ?%b" % (route.transport.name.encode("utf-8"), domain)
    return name[:LANE_OCTETS]


def _checkPromise(located: Located, indices: Sequence[int]) -> None:
    """
    See that nobody gets it twice, or is asked for again and again.

    @raise UsageError: it is not as L{IRelay} promises.
    """
    found: list[int] = []
    for leg in located.legs:
        found += leg.indices
        if not leg.indices:
            raise UsageError("there is nobody in a leg")
        if not 0 < len(leg.lane) <= LANE_OCTETS:
            raise UsageError("the name of a lane is empty or too long")
    for each in located.outcomes:
        found.append(each.index)
        if each.fate is Fate.DELIVERED:
            raise UsageError("finding out where it goes delivers nothing")
    if sorted(found) != sorted(indices):
        raise UsageError("not each recipient is in one leg, or has one outcome")


#: Where mail goes that an alias throws away.
_BLACKHOLE = Route(":blackhole:", Discard())


__all__ = ["LOCAL_WIDTH", "Dispatch"]
