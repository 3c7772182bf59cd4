"""
The loop that empties the spool: takes what is due, has it tried, and keeps a
bound on how much is under way.

It looks into the spool when the spool says that something came, when there is
room again after there was none, and every C{pollSeconds} for what is due again.

What was done is written down at once.  Where the spool does not take that, the
message stays leased, so that nobody delivers it again, and each time the timer
comes it is tried to write it down.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..core.errors import UsageError
from ..spool.format import SpooledMessage
from ..spool.interfaces import IOperatedSpool
from ..spool.journal import IDeliveryJournal
from .attempt import Attempts, Settlement
from .interfaces import IRoutes
from .retry import Retries

T = TypeVar("T")


class Delivery:
    """Delivers what is in a spool, from C{start} to C{stop}."""

    def __init__(
        self,
        spool: IOperatedSpool,
        routes: IRoutes,
        journal: IDeliveryJournal,
        clock: IReactorTime,
        now: Callable[[], float],
        retries: Retries | None = None,
        concurrent: int = 64,
        pollSeconds: float = 15.0,
    ) -> None:
        """
        @param spool: open before C{start} is called.
        @param clock: for the timer.
        @param now: seconds since the epoch; the clock that messages' times of
            arrival are from.
        @param retries: when to try again; L{None}: as usual.
        @param concurrent: the most messages under way at once.
        @param pollSeconds: how often to look for what is due again.
        """
        self._spool = spool
        self._journal = journal
        self._clock = clock
        self._now = now
        self._concurrent = concurrent
        # One look for many messages, once half of those before are through.
        self._enough = (concurrent + 1) // 2
        self._pollSeconds = pollSeconds
        self._attempts = Attempts(spool, routes, journal, retries or Retries(), now)
        self._underWay: set[Deferred[None]] = set()
        self._unsettled: list[Settlement] = []
        self._running = False
        self._started = 0.0
        self._wanted = False
        self._asleep: Deferred[None] | None = None
        self._loop: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None

    @property
    def underWay(self) -> int:
        """How many messages are leased: being tried, or not written down yet."""
        return len(self._underWay) + len(self._unsettled)

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
        """Take nothing more, and wait for what is under way."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._stir()
        if self._loop is not None:
            await self._loop
        self._settleAgain()
        await DeferredList(list(self._underWay))

    def wake(self) -> None:
        """There may be something to do; called often, and mostly for nothing."""
        self._wanted = True
        self._stir()

    # --- looking for messages ----------------------------------------------

    def _poll(self) -> None:
        self._timer = self._clock.callLater(self._pollSeconds, self._poll)
        self._settleAgain()
        self.wake()

    def _room(self) -> int:
        """How many messages to look for; 0: it is not worth a look."""
        room = self._concurrent - self.underWay
        return room if self._wanted and room >= self._enough else 0

    def _stir(self) -> None:
        asleep = self._asleep
        if asleep is not None and (self._room() or not self._running):
            self._asleep = None
            asleep.callback(None)

    async def _run(self) -> None:
        while self._running:
            room = self._room()
            if not room:
                self._asleep = Deferred()
                await self._asleep
                continue
            self._wanted = False
            for message in await self._look(room):
                # What a crash left unsettled may have been delivered.
                again = message.attempts > 0 or message.arrived <= self._started
                self._track(self._deliver(message, again))

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

    # --- delivering them -----------------------------------------------------

    def _track(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        done = Deferred.fromCoroutine(work)
        if not done.called:
            self._underWay.add(done)
            done.addBoth(self._forget, done)

    def _forget(self, result: T, done: Deferred[None]) -> T:
        self._underWay.discard(done)
        self._stir()
        return result

    async def _deliver(self, message: SpooledMessage, again: bool) -> None:
        await self._settle(await self._attempts.make(message, again))

    def _settleAgain(self) -> None:
        unsettled, self._unsettled = self._unsettled, []
        for settlement in unsettled:
            self._track(self._settle(settlement))

    async def _settle(self, settlement: Settlement) -> None:
        message = settlement.message
        try:
            await self._spool.settle(message, settlement.outcomes, settlement.due)
        except UsageError as error:
            # It is not ours any more, and trying again would not change that.
            self._journal.trouble(message, "spool", error)
        except Exception as error:
            self._journal.trouble(message, "spool", error)
            self._unsettled.append(settlement)
        else:
            await self._tell(settlement)

    async def _tell(self, settlement: Settlement) -> None:
        """It is written down; tell of the message as a whole."""
        message = settlement.message
        if settlement.held is not None:
            self._journal.held(message, settlement.held, settlement.wished)
            if not settlement.wished:
                await self._note(message, settlement.held)
        elif settlement.due is None:
            self._journal.completed(message)

    async def _note(self, message: SpooledMessage, why: str) -> None:
        """Leave a note for the operator on a message that is on hold already."""
        try:
            await self._spool.hold([message.id], why)
        except Exception as error:
            self._journal.trouble(message, "spool", error)


__all__ = ["Delivery"]
