"""
The loop that empties the spool: takes what is due, has it tried, and keeps a bound
on how much is under way.

It looks into the spool when the spool says that something came, when there is room
again after there was none, at the times that it has put messages off to, and every
C{pollSeconds} for whatever else is due again.  Where messages do not move for
C{pressSeconds}, because of a destination that is slow or away, what is above its share
is parked in the spool (L{smtpx.queue.lanes}), so that the others have room; it is
fetched from there as its lane empties.

What was done is written down at once.  Where the spool does not take that, the
message stays leased, so that nobody delivers it again, and each time the timer
comes it is tried to write it down.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Coroutine, Iterable, Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..core.errors import UsageError
from ..core.queueprofile import QueueProfile
from ..spool.format import Fate, Outcome, SpooledMessage
from ..spool.interfaces import IOperatedSpool
from ..spool.journal import IDeliveryJournal
from .alarm import Alarm
from .asked import Asked
from .attempting import Attempting
from .dispatch import Dispatch
from .interfaces import IReporter, IRetries, IRoutes
from .laneplaces import ILanePlaces
from .lanes import Destination, Lane, Lanes
from .retry import RetryRules
from .settlement import Settlement, Settlements
from .settling import Settling
from .work import Work

#: One look for many messages: for so large a part of all that there is room for.
_LOOKS = 8

#: How many lanes of the spool are looked after at once.
_LANES = 1000

#: Messages that waited for a host that is away come back over so long, in seconds.
_SPREAD_SECONDS = 60.0

#: What stands, for a moment, for who does not get a message any more.
_REMOVED = "removed by the operator"


@frozen
class Bounds:
    """
    How much is under way at once.

    @ivar messages: the most messages in memory.
    @ivar octets: no more are taken when their bodies in memory are longer than that
        together.
    @ivar attempts: the most attempts to deliver.
    @ivar pollSeconds: how often to look for what is due again.
    @ivar pressSeconds: how long nothing may move before slow destinations have to
        give way.
    @ivar graceSeconds: how long attempts may still take when the end has come.
    """

    messages: int = 1000
    octets: int = 32 << 20
    attempts: int = 200
    pollSeconds: float = 15.0
    pressSeconds: float = 0.5
    graceSeconds: float = 10.0


class Delivery:
    """Delivers what is in a spool, from C{start} to C{stop}."""

    def __init__(
        self,
        spool: IOperatedSpool,
        routes: IRoutes,
        journal: IDeliveryJournal,
        clock: IReactorTime,
        now: Callable[[], float],
        retries: IRetries | None = None,
        reporter: IReporter | None = None,
        profile: QueueProfile | None = None,
        bounds: Bounds | None = None,
        delays: tuple[float, ...] = (),
        places: ILanePlaces | None = None,
    ) -> None:
        """
        @param spool: open before C{start} is called.
        @param clock: for the timers.
        @param now: seconds since the epoch; the clock that messages' times of
            arrival are from.
        @param retries: when to try again; L{None}: as usual.
        @param reporter: who writes reports; L{None}: nobody, and what will never
            work is put on hold.
        @param profile: what extensions say of when messages go; L{None}: nothing.
        @param bounds: L{None}: as usual.
        @param delays: how old a message is, in seconds, when its sender is told that
            somebody does not have it yet; once for each.
        @param places: see L{Lanes}.
        """
        self._spool = spool
        self._journal = journal
        self._clock = clock
        self._now = now
        self._bounds = bounds = bounds or Bounds()
        self._enough = max(1, bounds.messages // _LOOKS)
        settlements = Settlements(
            spool,
            journal,
            retries or RetryRules(),
            now,
            reporter,
            profile,
            routes,
            delays,
        )
        self._settlements = settlements
        self._asked = Asked()
        self._settling = Settling(
            spool, journal, self._asked, self._parked, self._put, self._track
        )
        self._attempting = Attempting(
            spool, journal, settlements, now, self._unpark, clock, self._asked
        )
        self._dispatch = Dispatch(routes, settlements, self._attempting, self._share)
        self._lanes = Lanes(self._refill, bounds.attempts, clock, places)
        self._over = self._tried
        self._attempting.lanes = self._dispatch.lanes = self._lanes
        self._works: set[Work] = set()
        #: How many messages are being tried, or written down.
        self._messages = 0
        #: Fire when there are none any more.
        self._gone: list[Deferred[None]] = []
        self._octets = 0
        self._running = False
        self._started = 0.0
        self._wanted = False
        #: The last of the spool's lanes that is looked after; L{None}: all are.
        self._resumed: bytes | None = b""
        self._asleep: Deferred[None] | None = None
        self._loop: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None
        self._alarm = Alarm(clock, now, self.wake)
        self._pressing: IDelayedCall | None = None

    @property
    def underWay(self) -> int:
        """How many messages are leased: being tried, or not written down yet."""
        return self._messages + len(self._works) + len(self._settling)

    def destinations(self) -> list[Destination]:
        """Where messages under way go, for operators; the fullest first."""
        return self._lanes.destinations()

    def start(self) -> None:
        """
        Begin.

        @raise UsageError: it was started before.
        """
        if self._loop is not None:
            raise UsageError("a delivery starts only once")
        self._running = True
        self._started = self._now()
        self._spool.watch(self.wake)
        self._poll()
        self._loop = Deferred.fromCoroutine(self._run())

    async def stop(self) -> None:
        """
        Take nothing more, and wait for what is under way, but not for ever.
        """
        self._running = False
        self._dispatch.stop()
        self._alarm.stop()
        for timer in (self._timer, self._pressing):
            if timer is not None and timer.active():
                timer.cancel()
        for task in self._lanes.drop():
            task.end(None)
        self._stir()
        grace = self._clock.callLater(
            self._bounds.graceSeconds, self._attempting.cancel
        )
        try:
            if self._loop is not None:
                await self._loop
            await self._allEnded()
            # What the spool did not take a moment ago would be delivered again.
            self._settleAgain()
            await self._allEnded()
        finally:
            if grace.active():
                grace.cancel()

    async def _allEnded(self) -> None:
        """Wait for all that is under way."""
        await DeferredList([each.whenEnded() for each in self._works])
        if self._messages:
            gone: Deferred[None] = Deferred()
            self._gone.append(gone)
            await gone

    # --- for operators -------------------------------------------------------

    def ask(self, ids: Iterable[str]) -> None:
        """
        Try messages, when they are next due, whatever is known against their hosts
        by now.
        """
        self._asked.ask(ids, self._now())

    def withdraw(self, ids: Container[str]) -> None:
        """
        Give back messages as soon as may be: attempts at them that are not begun
        are not made, and those that are come to their end.
        """
        for task in self._lanes.withdraw(ids):
            task.end(None)

    async def cancel(self, message: SpooledMessage, text: str) -> bool:
        """
        Give a message up, and tell its sender.

        @param message: leased by the caller.
        @param text: why, for all who wait for it.
        @return: is it on hold instead, as nobody can be told?
        """
        settlement = self._settlements.cancelled(message, text)
        await self._settled(settlement)
        return settlement.held is not None

    async def remove(self, message: SpooledMessage) -> None:
        """
        Forget a message.

        @param message: leased by the caller.
        """
        gone = [Outcome(each, Fate.FAILED, _REMOVED) for each in message.waiting]
        await self._settled(Settlement(message, tuple(gone)))

    def wake(self) -> None:
        """There may be something to do; called often, and mostly for nothing."""
        self._wanted = True
        self._stir()

    # --- looking for messages ----------------------------------------------

    def _poll(self) -> None:
        self._timer = self._clock.callLater(self._bounds.pollSeconds, self._poll)
        self._settleAgain()
        if self._resumed is not None:
            self._track(self._resume())
        self._track(self._rouse())
        self.wake()

    async def _rouse(self) -> None:
        """What is parked may have a time of its own."""
        try:
            if await self._spool.rouse(self._now()):
                self.wake()
        except Exception as error:
            # The timer comes again.
            self._journal.trouble(None, "spool", error)

    def _room(self) -> int:
        """How many messages to look for; 0: it is not worth a look."""
        if not self._wanted or self._octets > self._bounds.octets:
            return 0
        room = self._bounds.messages - self.underWay
        return room if room >= self._enough else 0

    def _stir(self) -> None:
        asleep = self._asleep
        if asleep is not None and (self._room() or not self._running):
            self._asleep = None
            asleep.callback(None)

    async def _run(self) -> None:
        while self._running:
            room = self._room()
            if not room:
                self._watchPressure()
                self._asleep = Deferred()
                await self._asleep
                continue
            self._wanted = False
            for message in await self._look(room):
                self._take(message)

    async def _look(self, room: int) -> Sequence[SpooledMessage]:
        """
        Lease messages from the spool.

        @return: empty where the spool is in trouble; the timer comes again.
        """
        try:
            found = await self._spool.ready(self._now(), room)
        except Exception as error:
            # The border: whatever a spool comes up with, the loop goes on.
            self._journal.trouble(None, "spool", error)
            return ()
        if not self._running:
            # Closing the spool gives the leases back.
            return ()
        # Only where there is none has everything been seen.
        self._wanted = self._wanted or bool(found)
        return found

    # --- lanes that are too full ------------------------------------------------

    def _share(self) -> int:
        return self._lanes.share(self._bounds.messages)

    def _watchPressure(self) -> None:
        """There is more in the spool, and no room for it: for how long?"""
        if self._wanted and self._pressing is None:
            self._pressing = self._clock.callLater(
                self._bounds.pressSeconds, self._press
            )

    def _press(self) -> None:
        self._pressing = None
        if self._room() or not self._wanted:
            return
        share = self._share()
        for task in self._lanes.press(share):
            task.end(None)
        self._dispatch.press(share)
        self._watchPressure()

    def _refill(self, lane: Lane) -> None:
        """A lane could do with more of what the spool has for it."""
        room = self._share() - lane.held
        if self._running and 2 * lane.held <= room:
            lane.drawing, lane.more = True, False
            self._track(self._draw(lane, room))

    async def _draw(self, lane: Lane, room: int) -> None:
        try:
            found = await self._spool.parked(lane.key, room)
        except Exception as error:
            self._journal.trouble(None, "spool", error)
            # The timer comes again, and looks for lanes anew.
            found = ()
            self._resumed = b""
        if not self._running:
            return
        # What came since the spool was asked may not be among it.
        self._lanes.mark(lane, bool(found) or lane.more)
        for message in found:
            self._take(message, lane)
        lane.drawing = False
        self._lanes.settle(lane)

    async def _resume(self) -> None:
        """Look after lanes of the spool, so many at a time."""
        after = self._resumed
        room = _LANES - len(self._lanes)
        if after is None or room <= 0:
            return
        try:
            keys = await self._spool.lanes(after, room)
        except Exception as error:
            self._journal.trouble(None, "spool", error)
            return
        self._resumed = keys[-1] if keys else None
        for key in keys:
            self._parked(key)

    def _parked(self, key: bytes) -> None:
        """The spool has something for a lane."""
        self._lanes.settle(self._lanes.parked(key))

    def _unpark(self, lane: Lane, due: float) -> None:
        """There is no use in a lane before a time."""
        self._lanes.mark(lane, False)
        self._track(self._postpone(lane.key, due))

    async def _postpone(self, key: bytes, due: float) -> None:
        try:
            await self._spool.unpark(key, due, _SPREAD_SECONDS)
        except Exception as error:
            self._journal.trouble(None, "spool", error)
            self._resumed = b""

    # --- delivering them -----------------------------------------------------

    def _take(self, message: SpooledMessage, lane: Lane | None = None) -> None:
        """
        Deliver it.

        @param lane: the lane that it waited for in the spool; L{None}: none.
        """
        # What a crash left unsettled may have been delivered.
        again = message.attempts > 0 or message.arrived <= self._started
        self._messages += 1
        content = message.content
        if content is not None:
            self._octets += len(content)
        if lane is not None:
            lane.drawn += 1
        self._dispatch.begin(message, again, lane, self._over)

    def _tried(
        self,
        message: SpooledMessage,
        lane: Lane | None,
        settlement: Settlement | None,
    ) -> None:
        """
        A message was tried.

        @param lane: the lane that it waited for in the spool; L{None}: none.
        @param settlement: what is to be written down; L{None}: nothing was tried, and
            closing the spool gives the lease back.
        """
        content = message.content
        if content is not None:
            self._octets -= len(content)
        if settlement is None:
            self._forget(lane)
        else:
            self._settling.settle(settlement, self._forget, lane)

    def _forget(self, lane: Lane | None) -> None:
        """
        There is nothing more to do for a message.

        @param lane: the lane that it waited for in the spool; L{None}: none.
        """
        self._messages -= 1
        if lane is not None:
            lane.drawn -= 1
            self._lanes.settle(lane)
        if self._gone and not self._messages:
            gone, self._gone = self._gone, []
            for each in gone:
                each.callback(None)
        if self._wanted and self._asleep is not None:
            self._stir()

    def _track(self, coroutine: Coroutine[Deferred[Any], Any, None]) -> None:
        work = Work(coroutine)
        if work.start(self._ended):
            self._works.add(work)

    def _ended(self, work: Work) -> None:
        self._works.discard(work)
        self._stir()

    # --- writing it down -------------------------------------------------------

    def _settleAgain(self) -> None:
        for settlement in self._settling.left():
            self._messages += 1
            self._settling.settle(settlement, self._forget, None)

    def _settled(self, settlement: Settlement) -> Deferred[None]:
        """Have something written down of a message that is not being tried."""
        done: Deferred[None] = Deferred()
        self._settling.settle(settlement, done.callback, None)
        return done

    def _put(self, due: float) -> None:
        """A message was put off."""
        if self._running:
            self._alarm.set(due)


__all__ = ["Bounds", "Delivery"]
