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
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..core.envelope import Recipient, Stamp
from ..core.errors import Untold
from ..core.queueprofile import DISCARDED, EXPANDED, REFUSED
from ..core.reply import readReply
from ..spool.format import Fate, Outcome, SpooledMessage, critical
from ..spool.via import Cause
from .attempting import Attempting, Over, Task
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
from .lanes import Lane, Lanes
from .located import checkPromise, undecided
from .round import Round
from .settlement import ON_HOLD, Settlement, Settlements
from .tried import Taken, Tried

#: The most attempts at once in the lane of a transport that is no relay.
LOCAL_WIDTH = 64

_NO_ROUTE = "no route"

_NONE: frozenset[Stamp[Any]] = frozenset()

#: Stamps of recipients that say whether they get anything.
_TOUCHING: frozenset[Stamp[Any]] = frozenset({DISCARDED, EXPANDED, REFUSED})


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
        over: Over,
    ) -> None:
        """
        Try a message.

        @param again: may an earlier attempt have succeeded unknown to the spool?
        @param drawn: the lane that it waited for in the spool, where this is its
            turn; L{None}: it did not wait.
        @param over: called once.
        """
        plain: tuple[Route, Located | Awaitable[Located]] | None = None
        if drawn is None:
            try:
                plain = self._plain(message)
            except Exception:
                # It is found out once more, by who knows what to do then.
                plain = None
            if plain is not None and self._sent(message, plain, again, over):
                # So it mostly is.
                return
        round = Round(message, again, drawn, self._ended, over)
        ways: Iterator[tuple[Route, Sequence[int]]] = iter(())
        try:
            if plain is not None:
                route, round.asked = plain
                ways = iter([(route, message.waiting)])
            else:
                round.settlement = self._forbidden(message)
                if round.settlement is None:
                    ways = iter(self._sort(message, round.tried).items())
        except Exception as error:
            round.error = error
        self._goOn(round, ways)

    # --- what is plain ------------------------------------------------------------

    def _plain(
        self, message: SpooledMessage
    ) -> tuple[Route, Located | Awaitable[Located]] | None:
        """
        The way of a message that may go, since nothing was noted of it, and whose
        recipients go one way, all of them.

        @return: the route, and what its relay says of where that leads; L{None}: the
            message is not that plain.
        @raise Exception: whatever routes and relays come up with.
        """
        if self.attempting.stopping or self.lanes.parkedLanes or message.outcomes:
            return None
        route = self._routeOfAll(message)
        if route is None:
            return None
        relay = route.relay
        if relay is None or relay.holds:
            return None
        return route, relay.locate(message, message.waiting)

    def _sent(
        self,
        message: SpooledMessage,
        plain: tuple[Route, Located | Awaitable[Located]],
        again: bool,
        over: Over,
    ) -> bool:
        """
        Send a plain message on its way, if it is known where that leads.

        @param plain: see L{_plain}.
        @return: was it?  Otherwise nothing was done.
        """
        route, located = plain
        if not isinstance(located, Located) or len(located.legs) != 1:
            return False
        [leg] = located.legs
        key = leg.lane
        if leg.indices != message.waiting or located.outcomes or len(key) > LANE_OCTETS:
            return False
        lanes = self.lanes
        lane = lanes.find(key)
        if lane is None or lane.where is not leg.where or lane.relay is not route.relay:
            if not key:
                return False
            lane = self._laneOf(route, leg)
        if lane.capped and len(lane.waiting) >= self.share():
            return False
        task = Task(self.attempting, message, route, leg, again, self._alone, over)
        lanes.add(lane, task)
        return True

    def _routeOfAll(self, message: SpooledMessage) -> Route | None:
        """
        The way that all who wait for a message go.

        @return: L{None}: they go several ways, or it is not that plain.
        @raise Untold: that cannot be told now.
        """
        envelope, profile = message.envelope, self.settlements.profile
        timely = _NONE if profile is None else profile.timely()
        if timely is None or message.released:
            return None
        if not envelope.isPlain(timely, _TOUCHING):
            return None
        recipients, sender = envelope.recipients, envelope.sender
        find = self.routes.find
        route: Route | None = None
        for index in message.waiting:
            recipient = recipients[index]
            found = find(recipient.path, sender, recipient)
            if found is None or found is not route and route is not None:
                return None
            route = found
        return route

    def _alone(self, task: Task) -> None:
        """A task has ended that was all there was to try."""
        message, results = task.message, task.results
        if not isinstance(results, Taken):
            round = Round(message, task.again, None, self._ended, task.over)
            round.add(task)
            self._ended(round)
            return
        settlement: Settlement | None
        try:
            settlement = self.settlements.taken(message, results)
        except Exception as error:
            settlement = self._broken(message, error, results.tried())
        task.over(message, None, settlement)

    # --- whatever it is -----------------------------------------------------------

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
            round.lane = undecided(round.message, route, indices)
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
            task = Task(
                self.attempting,
                round.message,
                route,
                leg,
                round.again,
                round.less,
                round.over,
            )
            round.add(task)
            self.lanes.add(lane, task)

    def _ended(self, round: Round) -> None:
        """All that was tried has ended."""
        message, tried, lane = round.message, round.tried, round.lane
        for task in round.tasks:
            results = task.results
            if results is None:
                lane = task.leg.lane
            else:
                tried += results.tried() if isinstance(results, Taken) else results
        settlement, stopping = round.settlement, self.attempting.stopping
        if round.error is not None:
            # Who gets it from what was begun by then is not to get it again.
            settlement = self._broken(message, round.error, tried)
        elif settlement is None and (tried or not stopping):
            try:
                settlement = self.settlements.conclude(
                    message, tried, None if stopping else lane
                )
            except Exception as error:
                settlement = self._broken(message, error, tried)
        round.over(message, round.drawn, settlement)

    def _broken(
        self, message: SpooledMessage, error: Exception, tried: list[Tried]
    ) -> Settlement | None:
        """Something of ours is broken."""
        try:
            return self.settlements.broken(message, error, tried)
        except Exception:
            self._log.failure("Something of the queue is broken")
            return None

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
        if self.attempting.stopping or self.lanes.parkedLanes and round.drawn is None:
            lane = undecided(message, route, indices)
            if self.attempting.stopping or self.lanes.isParked(lane):
                return None
        try:
            located = round.asked
            if located is None:
                located = relay.locate(message, indices)
            if isinstance(located, Located):
                # So it mostly is.
                found: Located | Deferred[Located] = located
            else:
                found = begun(_awaited(located))
            if isinstance(found, Located):
                checkPromise(found, indices)
                return found
        except Exception as error:
            return self._lost(message, route, indices, error)
        self._searches[found] = undecided(message, route, indices)

        def ended(result: Located | Failure) -> Located | None:
            del self._searches[found]
            try:
                if isinstance(result, Failure):
                    result.raiseException()
                checkPromise(result, indices)
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
        lane.relay, lane.where = relay, leg.where
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


#: Where mail goes that an alias throws away.
_BLACKHOLE = Route(":blackhole:", Discard())


__all__ = ["LOCAL_WIDTH", "Dispatch"]
