"""
What an operator does with the queue, beside the delivery that empties it: the
implementation of L{smtpx.queue.interfaces.IQueueControl}.

Everything goes through the spool a page at a time.  What ends messages (C{bounce},
C{remove}) claims each one from the spool first, so that nobody delivers it meanwhile;
one that is being delivered is claimed as soon as that attempt is over, and attempts
that were not begun are not made.  Nobody waits for such a message for longer than a
moment: what is to be done with it is done later, in the background.

What was done is on the disk, and the log was told, before it is counted as done.
Messages that come while an operator is at work are not meant, so that the reports of
those that are returned are not returned as well.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from attrs import define, evolve
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from ..core.interfaces import IBody
from ..core.queueprofile import QueueProfile
from ..spool.format import SpooledMessage
from ..spool.interfaces import IOperatedSpool
from ..spool.journal import IDeliveryJournal, Operation
from .delivery import Delivery
from .interfaces import (
    CANCELLED,
    Done,
    Entry,
    Group,
    Grouping,
    IQueueControl,
    Page,
    Selection,
    State,
    Tell,
    untold,
)
from .summary import Summary

#: How many messages are in the hand at a time.
PAGE = 100

#: How long a page waits for messages that are being delivered, in seconds.
MOMENT_SECONDS = 1.0

#: Ends a message that is claimed; true: it is on hold instead.
_End = Callable[[SpooledMessage], Awaitable[bool]]


@define
class _Tally:
    """
    What has been done by then.

    @ivar looked: how many messages were looked at.
    @ivar done: as in L{Done}; so are the others.
    """

    looked: int = 0
    done: int = 0
    later: int = 0
    kept: int = 0

    def result(self) -> Done:
        """What came of it."""
        return Done(self.done, self.later, self.kept)


#: Does something with a page of messages.
_Work = Callable[[_Tally, Sequence[Entry]], Awaitable[None]]


@implementer(IQueueControl)
class QueueControl:
    """
    Controls the queue of one spool.
    """

    def __init__(
        self,
        spool: IOperatedSpool,
        delivery: Delivery,
        journal: IDeliveryJournal,
        clock: IReactorTime,
        now: Callable[[], float],
        profile: QueueProfile | None = None,
    ) -> None:
        """
        @param spool: open.
        @param delivery: of that spool; it need not be started.
        @param clock: for the timers.
        @param now: seconds since the epoch.
        @param profile: what extensions say of when messages go; L{None}: nothing.
        """
        self._spool = spool
        self._delivery = delivery
        self._journal = journal
        self._clock = clock
        self._now = now
        self._profile = profile
        #: Messages that others have, and that are wanted from them.
        self._claims: set[Deferred[SpooledMessage | None]] = set()

    def close(self) -> None:
        """The end: want no message any more that is being delivered."""
        for claim in [*self._claims]:
            claim.cancel()

    # --- looking -----------------------------------------------------------------

    def find(
        self, selection: Selection, after: str = "", most: int = PAGE
    ) -> Deferred[Page]:
        """See L{IQueueControl}."""
        return self._spool.find(selection, after, most)

    def show(self, id: str) -> Deferred[Entry | None]:
        """See L{IQueueControl}."""
        found = self._spool.find(Selection(ids=(id,)), "", 1)
        return found.addCallback(lambda page: page.entries[0] if page.entries else None)

    def read(self, id: str) -> Deferred[tuple[SpooledMessage, IBody] | None]:
        """See L{IQueueControl}."""

        def build(
            message: SpooledMessage | None,
        ) -> tuple[SpooledMessage, IBody] | None:
            return None if message is None else (message, self._spool.body(message))

        return self._spool.fetch(id).addCallback(build)

    def summary(
        self,
        selection: Selection,
        by: Grouping = Grouping.DOMAIN,
        tell: Tell = untold,
    ) -> Deferred[Sequence[Group]]:
        """See L{IQueueControl}."""
        summary = Summary(by)

        async def work(tally: _Tally, entries: Sequence[Entry]) -> None:
            for entry in entries:
                summary.add(entry)
            tally.done += len(entries)

        done = self._each(selection, tell, work)
        return done.addCallback(lambda _: summary.groups())

    def _each(self, selection: Selection, tell: Tell, work: _Work) -> Deferred[Done]:
        """Go through all that are meant, and were there at the beginning."""
        meant = selection
        if not selection.ids:
            # What is named was there, whatever its time says: clocks are set back.
            now = self._now()
            until = now if selection.until is None else min(now, selection.until)
            meant = evolve(selection, until=until)
        return Deferred.fromCoroutine(self._pages(meant, tell, work))

    async def _pages(self, selection: Selection, tell: Tell, work: _Work) -> Done:
        tally = _Tally()
        after: str | None = ""
        entries: list[Entry] = []
        while after is not None:
            page = await self._spool.find(selection, after, PAGE - len(entries))
            tally.looked += page.looked
            entries += page.entries
            after = page.after
            # What is found here and there is gathered: each piece of work waits for
            # the disk.
            if entries and (after is None or len(entries) >= PAGE):
                await work(tally, entries)
                entries = []
            tell(tally.looked, tally.done)
        return tally.result()

    # --- going on ----------------------------------------------------------------

    def retry(self, selection: Selection, tell: Tell = untold) -> Deferred[int]:
        """See L{IQueueControl}."""

        async def work(tally: _Tally, entries: Sequence[Entry]) -> None:
            ids = [entry.message.id for entry in entries if self._mayGo(entry.message)]
            # Before they are due: they may be taken at once.
            self._delivery.ask(ids)
            await self._spool.hasten(ids)
            tally.done += len(ids)

        return self._each(selection, tell, work).addCallback(lambda done: done.done)

    def _mayGo(self, message: SpooledMessage) -> bool:
        """May a message be tried now?"""
        profile = self._profile
        if message.held or profile is None or not profile.schedulers:
            return not message.held
        return profile.scheduleFor(message.envelope).notBefore <= self._now()

    def hold(
        self, selection: Selection, by: str, note: str = "", tell: Tell = untold
    ) -> Deferred[Done]:
        """See L{IQueueControl}."""

        async def work(tally: _Tally, entries: Sequence[Entry]) -> None:
            wanted = [entry for entry in entries if not entry.message.held]
            ids = [entry.message.id for entry in wanted]
            await self._spool.hold(ids, note or f"put on hold by {by}")
            for entry in wanted:
                self._journal.operated(entry.message, Operation.HELD, by, note)
            busy = sum(entry.state is State.UNDER_WAY for entry in wanted)
            tally.later += busy
            tally.done += len(wanted) - busy

        return self._each(selection, tell, work)

    def release(
        self, selection: Selection, by: str, tell: Tell = untold
    ) -> Deferred[Done]:
        """See L{IQueueControl}."""

        async def work(tally: _Tally, entries: Sequence[Entry]) -> None:
            held = [entry for entry in entries if entry.message.held]
            wanted = [
                entry.message
                for entry in held
                if entry.state is not State.QUARANTINED or selection.meansQuarantined
            ]
            tally.kept += len(held) - len(wanted)
            ids = [message.id for message in wanted]
            self._delivery.ask(ids)
            for message in wanted:
                # Before they are tried, which may be at once.
                self._journal.operated(message, Operation.RELEASED, by, "")
            await self._spool.release(ids)
            tally.done += len(wanted)

        return self._each(selection, tell, work)

    # --- coming to an end ----------------------------------------------------------

    def bounce(
        self, selection: Selection, by: str, why: str = "", tell: Tell = untold
    ) -> Deferred[Done]:
        """See L{IQueueControl}."""
        text = f"{CANCELLED}: {why}" if why else CANCELLED

        async def end(message: SpooledMessage) -> bool:
            self._journal.operated(message, Operation.CANCELLED, by, why)
            return await self._delivery.cancel(message, text)

        async def work(tally: _Tally, entries: Sequence[Entry]) -> None:
            # Nobody knows who has sent what cannot be read.
            known = [entry for entry in entries if entry.message.waiting]
            tally.kept += len(entries) - len(known)
            await self._end(tally, known, end)

        return self._each(selection, tell, work)

    def remove(
        self, selection: Selection, by: str, tell: Tell = untold
    ) -> Deferred[Done]:
        """See L{IQueueControl}."""

        async def end(message: SpooledMessage) -> bool:
            self._journal.operated(message, Operation.REMOVED, by, "")
            await self._delivery.remove(message)
            return False

        async def work(tally: _Tally, entries: Sequence[Entry]) -> None:
            await self._end(tally, entries, end)

        return self._each(selection, tell, work)

    async def _end(self, tally: _Tally, entries: Sequence[Entry], end: _End) -> None:
        """
        Bring messages to an end, each as soon as nobody else has it.

        @raise smtpx.core.errors.SMTPXError: the spool is in trouble.
        """
        ids = [entry.message.id for entry in entries]
        kept: list[bool | None] = []
        errors: list[Exception] = []

        async def one(id: str) -> None:
            try:
                kept.append(await self._endOne(id, end))
            except Exception as error:
                # The border: it may be so late that nobody waits for it.
                self._journal.trouble(None, "spool", error)
                errors.append(error)

        works = [Deferred.fromCoroutine(one(id)) for id in ids]
        # Only then: what is given back is wanted by somebody.
        self._delivery.withdraw(frozenset(ids))
        await self._moment(works)
        tally.done += kept.count(False)
        tally.kept += kept.count(True)
        tally.later += len(ids) - len(kept) - len(errors)
        if errors:
            raise errors[0]

    async def _endOne(self, id: str, end: _End) -> bool | None:
        """
        Bring one to its end.

        @return: is it on hold instead?  L{None}: it is not there any more.
        """
        claim = self._spool.claim(id)
        self._claims.add(claim)
        try:
            message = await claim
        except CancelledError:
            return None
        finally:
            self._claims.discard(claim)
        return None if message is None else await end(message)

    async def _moment(self, works: Sequence[Deferred[None]]) -> None:
        """
        Wait until all is done, but not longer than a moment.  Who is cancelled
        meanwhile does not wait; the work goes on.
        """
        done: Deferred[None] = Deferred()
        timer = self._clock.callLater(MOMENT_SECONDS, done.callback, None)

        def through(result: object) -> None:
            if not done.called:
                done.callback(None)

        DeferredList(works).addCallback(through)
        try:
            await done
        finally:
            if timer.active():
                timer.cancel()


__all__ = ["MOMENT_SECONDS", "PAGE", "QueueControl"]
