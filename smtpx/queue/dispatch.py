"""
One round of attempts for a message: who goes where, in which lane, and what came of
it.

This is the border at which the exceptions of the world, of routes and of transports
end.  Whatever happens, the message stays in the spool until a transport said
DELIVERED or its sender is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime

from ..core.address import domainOf
from ..core.envelope import Recipient
from ..core.errors import Untold, UsageError
from ..core.queueprofile import DISCARDED, REFUSED
from ..core.reply import readReply
from ..spool.format import Fate, Outcome, SpooledMessage, critical
from ..spool.interfaces import ISpool
from ..spool.journal import IDeliveryJournal
from ..spool.via import Cause
from .asked import Asked
from .begun import begun
from .discard import Discard
from .heard import Heard
from .interfaces import (
    LANE_OCTETS,
    Attempt,
    IKeeping,
    IRelay,
    IRoutes,
    ITransport,
    Leg,
    Located,
    Route,
)
from .laneplaces import Retire
from .lanes import Lane, Lanes, Task
from .settlement import ON_HOLD, Settlement, Settlements, Tried
from .work import Work

#: The most attempts at once in the lane of a transport that is no relay.
LOCAL_WIDTH = 64

#: How long ago, in seconds, a success may be for a host that turns an attempt away
#: to be thought well, but busy.
_LATELY = 30.0

#: How often an attempt that a busy host turned away is made again at once.
_TRIES = 3

_NO_ROUTE = "no route"

#: What says something of a host, not of the message.
_HOSTS = frozenset({Cause.CONNECT, Cause.SESSION})


@define(eq=False)
class Dispatch:
    """
    Makes rounds.

    @ivar spool: where messages come from.
    @ivar routes: where they go.
    @ivar journal: who is told.
    @ivar settlements: says what is to be written down.
    @ivar now: seconds since the epoch.
    @ivar lanes: who is next; set by whoever made both.
    @ivar share: how many messages a lane may have that others had to wait for.
    @ivar unpark: called with a lane of which the spool has more, and the time
        before which there is no use in it.
    @ivar clock: how long something takes.
    @ivar asked: which messages somebody wants tried at once.
    @ivar stopping: is nothing more to be begun?
    """

    spool: ISpool
    routes: IRoutes
    journal: IDeliveryJournal
    settlements: Settlements
    now: Callable[[], float]
    share: Callable[[], int]
    unpark: Callable[[Lane, float], None]
    clock: IReactorTime
    asked: Asked = field(factory=Asked)
    lanes: Lanes = field(init=False)
    stopping: bool = field(default=False, init=False)
    _running: set[Work] = field(factory=set, init=False)
    #: Who is finding out where messages go, and the lanes of those.
    _searches: dict[Deferred[Located], bytes] = field(factory=dict, init=False)

    # --- a message ---------------------------------------------------------------

    async def round(
        self, message: SpooledMessage, again: bool, drawn: bool
    ) -> Settlement | None:
        """
        Try a message.

        @param again: may an earlier attempt have succeeded unknown to the spool?
        @param drawn: did it wait in the spool for a lane, and is this its turn?
        @return: L{None}: nothing was tried, and nothing is to be written down.
        """
        tried: list[Tried] = []
        try:
            return await self._round(message, again, drawn, tried)
        except Exception as error:
            # Routes may be anybody's.  Never let go of a message unsettled.
            return self.settlements.broken(message, error, tried)

    async def _round(
        self, message: SpooledMessage, again: bool, drawn: bool, tried: list[Tried]
    ) -> Settlement | None:
        unknown = critical(message)
        if unknown:
            # Sending it on would break what somebody was promised.
            return Settlement(message, held=f"no extension is loaded for {unknown}")
        untimely = self.settlements.untimely(message)
        if untimely is not None:
            return untimely
        tasks: list[Task] = []
        lane: bytes | None = None
        try:
            for route, indices in self._sort(message, tried).items():
                undecided = _undecided(message, route, indices)
                located = await self._locate(message, route, indices, undecided, drawn)
                if located is None:
                    lane = undecided
                    continue
                for outcome in located.outcomes:
                    tried.append(Tried(route, outcome))
                for leg in located.legs:
                    task = self._enter(message, route, leg, again, drawn)
                    if task is None:
                        lane = leg.lane
                    else:
                        tasks.append(task)
        finally:
            # Where something broke, too: who gets it from what was begun by then is
            # not to get it again.
            for task in tasks:
                results = await task.ended
                if results is None:
                    lane = task.leg.lane
                else:
                    tried += results
        if self.stopping:
            if not tried:
                return None
            lane = None
        return self.settlements.conclude(message, tried, lane)

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

    async def _locate(
        self,
        message: SpooledMessage,
        route: Route,
        indices: list[int],
        lane: bytes,
        drawn: bool,
    ) -> Located | None:
        """
        Find out which ways recipients go.

        @param lane: the lane of those of whom that is not known yet.
        @return: L{None}: it takes so long that they are to wait in the spool.
        """
        transport = route.transport
        relay = route.relay
        if relay is None:
            name = transport.name.encode("utf-8")
            return Located((Leg(name, tuple(indices)),))
        if self.stopping or self.lanes.isParked(lane) and not drawn:
            return None
        try:
            located = begun(_located(relay, message, indices))
            if not isinstance(located, Located):
                located = await self._search(located, lane)
            _checkPromise(located, indices)
        except CancelledError:
            return None
        except Exception as error:
            return Located(outcomes=self._trouble(message, transport, indices, error))
        return located

    async def _search(self, search: Deferred[Located], lane: bytes) -> Located:
        """Wait until it is known where a message goes."""
        self._searches[search] = lane
        try:
            return await search
        finally:
            del self._searches[search]

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
        self.stopping = True
        for search in list(self._searches):
            search.cancel()

    def _enter(
        self,
        message: SpooledMessage,
        route: Route,
        leg: Leg,
        again: bool,
        drawn: bool,
    ) -> Task | None:
        """
        Let a leg wait its turn.

        @return: L{None}: it is to wait in the spool.
        """
        relay = route.relay
        if relay is not None:
            lane = self.lanes.lane(
                leg.lane, relay.width, relay.gathers, relay.pauseSeconds
            )
            if self.lanes.common:
                lane.common, lane.retire = True, _retiring(relay, leg)
        else:
            lane = self.lanes.lane(leg.lane, LOCAL_WIDTH, gathers=False)
        behind = lane.parked and not drawn
        if self.stopping or behind or lane.capped and len(lane.waiting) >= self.share():
            lane.parked = not self.stopping
            return None
        task = Task(message, route, leg, again, message.priority)
        self.lanes.add(lane, task)
        return task

    # --- an attempt ----------------------------------------------------------------

    def begin(self, lane: Lane, task: Task) -> None:
        """Start an attempt."""
        work = Work(self._attempt(lane, task))
        if work.start(self._running.discard):
            self._running.add(work)

    def cancel(self) -> None:
        """Bring all attempts to an end."""
        for each in list(self._running):
            each.cancel()

    async def _attempt(self, lane: Lane, task: Task) -> None:
        message, indices = task.message, task.leg.indices
        transport = task.route.transport
        began = self.clock.seconds()
        left = set(indices)
        relayed = task.route.relay is not None
        heard = Heard(self.spool, self.settlements, message, task.route, relayed, left)
        outcomes: Sequence[Outcome]
        try:
            body = self.spool.body(message)
            where = task.leg.where
            asked = self.asked.when(message.id)
            attempt = Attempt(
                message, body, indices, task.again, where, heard.note, asked
            )
            given = {each.index: each for each in await transport.deliver(attempt)}
            heard.note(given.values())
            given |= heard.had
            outcomes = [given.get(index) or _silent(index) for index in indices]
        except CancelledError:
            outcomes = [heard.had.get(index) or _cut(index) for index in indices]
        except Exception as error:
            broken = self._trouble(message, transport, indices, error)
            outcomes = [heard.had.get(each.index, each) for each in broken]
        took = self.clock.seconds() - began
        good = _goodOf(outcomes)
        if good is False and self._isBusy(lane, task, outcomes):
            self.lanes.again(lane, task)
            return
        self.lanes.ended(lane, good, took)
        if not good and lane.parked:
            self._postpone(lane, outcomes)
        task.ended.callback(heard.tried(outcomes, took))

    def _isBusy(self, lane: Lane, task: Task, outcomes: Sequence[Outcome]) -> bool:
        """Is the host well, but would have no more of us at the moment?"""
        lately = self.clock.seconds() - lane.succeeded
        if self.stopping or task.tries >= _TRIES or lately > _LATELY:
            return False
        return lane.active > 1 and all(_ofHost(each) for each in outcomes)

    def _postpone(self, lane: Lane, outcomes: Sequence[Outcome]) -> None:
        """There may be no use in what the spool has for a lane before a time."""
        early = min([each.notBefore for each in outcomes])
        if early > self.now():
            self.unpark(lane, early)

    def _trouble(
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
            [Outcome(each, Fate.WAITING, why, cause=Cause.LOCAL) for each in indices]
        )


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


async def _located(
    relay: IRelay, message: SpooledMessage, indices: Sequence[int]
) -> Located:
    return await relay.locate(message, indices)


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


def _goodOf(outcomes: Sequence[Outcome]) -> bool | None:
    """
    Is a destination well?

    @return: L{None}: that cannot be told.
    """
    good: bool | None = None
    for each in outcomes:
        if each.fate is Fate.DELIVERED:
            return True
        if _ofHost(each):
            good = False
    return good


def _ofHost(outcome: Outcome) -> bool:
    return outcome.fate is Fate.WAITING and outcome.cause in _HOSTS


def _silent(index: int) -> Outcome:
    """What a transport said nothing of."""
    why = "the transport did not say what became of it"
    return Outcome(index, Fate.WAITING, why, cause=Cause.LOCAL)


def _cut(index: int) -> Outcome:
    """There was no time to wait for its end."""
    return Outcome(index, Fate.WAITING, "cut off, as we stop", cause=Cause.LOST)


#: Where mail goes that an alias throws away.
_BLACKHOLE = Route(":blackhole:", Discard())


__all__ = ["LOCAL_WIDTH", "Dispatch"]
