"""
A spool in memory, for tests of everything that puts mail in or takes it out.

It keeps the contract of L{smtpx.spool.interfaces.IOperatedSpool} without a disk: what
is committed is there at once, and gone with the object.  Messages go through
the text form of their stamps, so a stamp that C{known} does not name comes out
as an unknown one, as it does from a real spool that a newer server wrote.

Trouble is had by setting L{MemorySpool.full} or L{MemorySpool.broken}.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from ..core.envelope import Envelope, Recipient, Stamp, Stamps
from ..core.errors import UsageError
from ..core.hooks import Schedule
from ..core.interfaces import IBody
from ..spool.bodies import INSIDE
from ..spool.format import (
    Outcome,
    Recovered,
    Report,
    SpooledMessage,
    merged,
    recovered,
    waiting,
)
from ..spool.interfaces import IIncoming, IOperatedSpool, SpoolBroken, SpoolFull
from ..spool.scheduling import Scheduler
from ..spool.selection import Entry, Page, Selection, stateOf
from ..spool.stock import SpoolState
from .incoming import PIECE_OCTETS, MemoryBody, MemoryIncoming
from .kept import Kept, sinceWhen

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def memoryID(number: int) -> str:
    """
    A message's id in Exim's classic form, C{XXXXXX-YYYYYY-ZZ}.

    @param number: which message this is, from 0.
    """
    digits = ""
    for _ in range(14):
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return f"{digits[:6]}-{digits[6:12]}-{digits[12:]}"


@implementer(IOperatedSpool)
class MemorySpool:
    """
    A spool that lasts as long as the object.

    @ivar full: set it, and C{begin} and C{commit} fail with L{SpoolFull}.
    @ivar broken: set it, and C{begin}, C{commit}, C{ready}, C{parked}, C{settle},
        C{park}, C{unpark} and C{hold} fail with L{SpoolBroken}.
    @ivar recovered: what C{close} wrote down.
    @ivar settled: every C{settle} that was done, in order: id, outcomes, due.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.time,
        known: Mapping[str, Stamp[Any]] | None = None,
        scheduleFor: Callable[[Envelope], Schedule] | None = None,
    ) -> None:
        """
        @param now: seconds since the epoch.
        @param known: stamps by name, of the extensions that are loaded; L{None}:
            of none.
        @param scheduleFor: C{QueueProfile.scheduleFor}; L{None}: all messages go
            at once, and none before the others.
        """
        self.full = False
        self.broken = False
        self.settled: list[tuple[str, tuple[Outcome, ...], float | None]] = []
        self.recovered: list[Recovered] = []
        self._now = now
        self._scheduler = Scheduler(now, scheduleFor)
        self._known = {} if known is None else known
        self._kept: dict[str, Kept] = {}
        self._wakes: list[Callable[[], object]] = []
        self._begun = 0

    # --- receiving ---------------------------------------------------------

    def open(self) -> Deferred[None]:
        """Nothing is to be recovered."""
        return succeed(None)

    def close(self) -> Deferred[None]:
        """
        Give back every lease, as when a process dies: what was noted is written
        down.
        """
        self.recovered = []
        for kept in [*self._kept.values()]:
            claims, kept.claims = kept.claims, []
            for claim in claims:
                claim.errback(SpoolBroken("it is closed"))
            one = recovered(kept.message, kept.noted, kept.untold)
            kept.giveBack()
            if one is None:
                continue
            self.recovered.append(one)
            kept.message = one.message
            if not one.message.waiting:
                del self._kept[one.message.id]
            elif one.message.due is None:
                kept.message = evolve(one.message, due=self._now())
        return succeed(None)

    def begin(self) -> IIncoming:
        """
        A message is about to come.

        @raise SpoolFull: C{full} is set.
        @raise SpoolBroken: C{broken} is set.
        """
        self._check()
        self._begun += 1
        return MemoryIncoming(memoryID(self._begun), self._check, self._take)

    def _check(self) -> None:
        if self.broken:
            raise SpoolBroken("broken, as the test wished")
        if self.full:
            raise SpoolFull("full, as the test wished")

    def _take(
        self, id: str, body: bytes, envelope: Envelope, prefix: bytes, hold: bool | str
    ) -> None:
        plan = self._scheduler.plan(envelope)
        message = SpooledMessage(
            id=id,
            arrived=envelope.arrived,
            envelope=self._reread(envelope, len(body)),
            prefix=prefix,
            waiting=tuple(range(len(envelope.recipients))),
            held=bool(hold),
            note=hold if isinstance(hold, str) else "",
            octets=len(body),
            content=body,
            due=None if plan is None else plan.due,
            priority=0 if plan is None else plan.priority,
        )
        self._kept[id] = Kept(message, body)
        if not hold and (plan is None or plan.due <= self._now()):
            self._wake()

    def _wake(self) -> None:
        for wake in self._wakes:
            wake()

    def _reread(self, envelope: Envelope, octets: int) -> Envelope:
        copy = Envelope(envelope.sender, envelope.arrived, octets=octets)
        self._restamp(copy, envelope.dumpedStamps())
        for recipient in envelope.recipients:
            twin = Recipient(recipient.path)
            self._restamp(twin, recipient.dumpedStamps())
            copy.recipients.append(twin)
        return copy

    def _restamp(self, bearer: Envelope | Recipient, text: dict[str, str]) -> None:
        if text:
            stamps: Stamps = bearer.stamps
            stamps.load(self._known, text)

    # --- delivering --------------------------------------------------------

    def ready(self, now: float, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """Messages that are due, not leased and not parked; and lease them."""
        if self.broken:
            return fail(SpoolBroken("broken, as the test wished"))
        due = [k for k in self._kept.values() if k.isDue(now) and not k.leased]
        due.sort(key=sinceWhen)
        chosen: list[Kept] = []
        for priority in sorted({k.message.priority for k in due}, reverse=True):
            alike = [k for k in due if k.message.priority == priority]
            fresh = [k for k in alike if k.message.due is None]
            again = [k for k in alike if k.message.due is not None]
            room = most - len(chosen)
            half = max(room - room // 2, room - len(again))
            taken = fresh[:half] + again[: room - len(fresh[:half])]
            chosen += sorted(taken, key=sinceWhen)
        return succeed(self._lease(chosen))

    def parked(self, lane: bytes, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """Messages that are parked for a lane; and lease them."""
        if self.broken:
            return fail(SpoolBroken("broken, as the test wished"))
        found = [k for k in self._waitingFor(lane) if not k.leased]
        return succeed(self._lease(found[:most]))

    def _lease(self, kept: Sequence[Kept]) -> list[SpooledMessage]:
        for one in kept:
            one.leased = True
        return [one.message for one in kept]

    def _waitingFor(self, lane: bytes) -> list[Kept]:
        """Those that are parked for a lane, in the order in which they go."""
        found = [
            k
            for k in self._kept.values()
            if k.message.lane == lane and not k.message.held
        ]
        return sorted(found, key=lambda k: (-k.message.priority, k.message.id))

    def lanes(self, after: bytes, most: int) -> Deferred[Sequence[bytes]]:
        """A page of the lanes that messages are parked for."""
        found = {
            k.message.lane
            for k in self._kept.values()
            if k.message.lane is not None and not k.message.held
        }
        return succeed(sorted(lane for lane in found if lane > after)[:most])

    def unpark(
        self, lane: bytes, due: float, spreadSeconds: float = 0.0
    ) -> Deferred[int]:
        """Make due all that is parked for a lane; how many they were."""
        if self.broken:
            return fail(SpoolBroken("broken, as the test wished"))
        found = self._waitingFor(lane)
        for number, kept in enumerate(found):
            kept.unpark(due + spreadSeconds * number / len(found))
        if found:
            self._wake()
        return succeed(len(found))

    def rouse(self, now: float) -> Deferred[int]:
        """Make due what has been parked for as long as it may."""
        if self.broken:
            return fail(SpoolBroken("broken, as the test wished"))
        return succeed(sum([each.rouse(now) for each in self._kept.values()]))

    def watch(self, wake: Callable[[], object]) -> None:
        """Have C{wake} called for each message that is due at once."""
        self._wakes.append(wake)

    def body(self, message: SpooledMessage) -> IBody:
        """The message's body, without its prefix."""
        return MemoryBody(self._find(message).body)

    def delivered(
        self,
        message: SpooledMessage,
        indices: Sequence[int],
        untold: Collection[int] = (),
    ) -> None:
        """Note at once that recipients have a message."""
        kept = self._kept.get(message.id)
        if kept is not None and kept.leased:
            kept.noted.update(indices)
            kept.untold.update(untold)

    def settle(
        self,
        message: SpooledMessage,
        outcomes: Sequence[Outcome],
        due: float | None,
        reports: Sequence[Report] = (),
        told: float | None = None,
    ) -> Deferred[Sequence[str]]:
        """
        Write down what became of recipients; give back the lease.

        @raise UsageError: there is no such message, or it is not leased; or a
            report's body is too long.
        """
        kept = self._leased(message)
        for report in reports:
            if len(report.body) > INSIDE:
                raise UsageError(f"a report of more than {INSIDE} octets")
        if self.broken:
            return fail(SpoolBroken("broken, as the test wished"))
        self.settled.append((message.id, tuple(outcomes), due))
        now = kept.message
        known = merged(now.outcomes, outcomes)
        left = waiting(len(now.envelope.recipients), known)
        if left:
            kept.message = evolve(
                now,
                waiting=left,
                attempts=now.attempts + 1,
                # A hold that came meanwhile stays.
                held=now.held or due is None,
                due=due,
                outcomes=known,
                lane=None,
                told=now.told if told is None else told,
                released=now.released and not now.held and due is not None,
            )
        else:
            del self._kept[message.id]
        kept.giveBack()
        return succeed([self._report(report) for report in reports])

    def _report(self, report: Report) -> str:
        """Put a report in; its id."""
        self._begun += 1
        id = memoryID(self._begun)
        self._take(id, report.body, report.envelope, report.prefix, False)
        return id

    def park(
        self,
        message: SpooledMessage,
        lane: bytes,
        outcomes: Sequence[Outcome] = (),
        wake: float | None = None,
    ) -> Deferred[None]:
        """Write down that a message waits for a lane; give back the lease."""
        kept = self._leased(message)
        known = merged(kept.message.outcomes, outcomes)
        left = waiting(len(kept.message.envelope.recipients), known)
        if not lane or not left:
            raise UsageError(f"{message.id} has nothing to be parked for")
        if self.broken:
            return fail(SpoolBroken("broken, as the test wished"))
        parked = evolve(kept.message, waiting=left, outcomes=known)
        kept.message = evolve(parked, lane=lane, due=wake)
        kept.giveBack()
        return succeed(None)

    def _leased(self, message: SpooledMessage) -> Kept:
        """
        A message that is leased.

        @raise UsageError: it is not.
        """
        kept = self._find(message)
        if not kept.leased:
            raise UsageError(f"{message.id} is not leased")
        return kept

    def count(self) -> Deferred[int]:
        """How many messages there are."""
        return succeed(len(self._kept))

    def _find(self, message: SpooledMessage) -> Kept:
        kept = self._kept.get(message.id)
        if kept is None:
            raise UsageError(f"there is no message {message.id}")
        return kept

    # --- for operators -----------------------------------------------------

    def state(self) -> SpoolState:
        """How it is; it has no disk."""
        messages = [kept.message for kept in self._kept.values()]
        why = "broken, as the test wished" if self.broken else None
        if self.full:
            why = "full, as the test wished"
        return SpoolState(
            len(messages),
            sum(message.held for message in messages),
            sum(message.octets for message in messages),
            trouble=why,
            parked=sum(bool(one.lane) and not one.held for one in messages),
        )

    def oldest(self) -> Deferred[float | None]:
        """When the oldest message came; L{None}: there is none."""
        times = [kept.message.arrived for kept in self._kept.values()]
        return succeed(min(times, default=None))

    def messages(self, after: str, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """A page of all messages, by id, without the bodies."""
        ids = sorted(id for id in self._kept if id > after)[:most]
        return succeed([evolve(self._kept[id].message, content=None) for id in ids])

    def fetch(self, id: str) -> Deferred[SpooledMessage | None]:
        """One message; L{None}: there is none."""
        kept = self._kept.get(id)
        return succeed(None if kept is None else kept.message)

    def find(self, selection: Selection, after: str, most: int) -> Deferred[Page]:
        """A page of the messages that are meant."""
        now = self._now()
        entries = []
        for id in sorted(id for id in self._kept if id > after):
            kept = self._kept[id]
            message = evolve(kept.message, content=None)
            entry = Entry(message, stateOf(message, kept.leased))
            if selection.fits(entry, now):
                entries.append(entry)
        page = entries[:most]
        more = page[-1].message.id if len(entries) > most else None
        return succeed(Page(page, more, len(self._kept)))

    def hasten(self, ids: Sequence[str]) -> Deferred[int]:
        """Make messages due at once; how many were to wait."""
        if self.broken:
            return fail(SpoolBroken("broken, as the test wished"))
        now, count = self._now(), 0
        for kept in self._named(ids):
            if not kept.message.held and not kept.isDue(now):
                kept.message = evolve(kept.message, due=now, lane=None)
                count += 1
        self._wake()
        return succeed(count)

    def claim(self, id: str) -> Deferred[SpooledMessage | None]:
        """Lease one message, now or as soon as it is given back."""
        return Deferred.fromCoroutine(self._claim(id))

    async def _claim(self, id: str) -> SpooledMessage | None:
        kept = self._kept.get(id)
        if kept is not None and kept.leased:
            turn: Deferred[None] = Deferred(kept.claims.remove)
            kept.claims.append(turn)
            await turn
            if id not in self._kept:
                kept.giveBack()
                return None
        if kept is None:
            return None
        kept.leased = True
        return kept.message

    def hold(self, ids: Sequence[str], note: str) -> Deferred[None]:
        """Put messages on hold."""
        if self.broken:
            return fail(SpoolBroken("broken, as the test wished"))
        for kept in self._named(ids):
            kept.message = evolve(kept.message, held=True, note=note, released=False)
        return succeed(None)

    def release(self, ids: Sequence[str]) -> Deferred[None]:
        """Take messages off hold: they are due at once."""
        for kept in self._named(ids):
            if not kept.message.held:
                continue
            now = self._now()
            kept.message = evolve(
                kept.message, held=False, note="", due=now, lane=None, released=True
            )
        self._wake()
        return succeed(None)

    def letGo(self, ids: Sequence[str]) -> Deferred[None]:
        """Let messages go that were put by for a moment."""
        for kept in self._named(ids):
            if kept.message.held:
                due = self._now() if kept.message.due is None else kept.message.due
                kept.message = evolve(kept.message, held=False, note="", due=due)
        self._wake()
        return succeed(None)

    def _named(self, ids: Sequence[str]) -> list[Kept]:
        return [self._kept[id] for id in ids if id in self._kept]

    # --- for tests ---------------------------------------------------------

    def add(
        self,
        sender: bytes,
        recipients: Sequence[bytes],
        body: bytes = b"Subject: hello\r\n\r\nHello.\r\n",
        prefix: bytes = b"",
        hold: bool = False,
    ) -> str:
        """
        Put a message in, as receiving would.

        @return: its id.
        """
        incoming = self.begin()
        incoming.write(body)
        envelope = Envelope(sender, self._now(), [Recipient(r) for r in recipients])
        incoming.commit(envelope, prefix, hold)
        return incoming.id

    @property
    def kept(self) -> dict[str, SpooledMessage]:
        """What is in the spool, by id, oldest first."""
        return {id: kept.message for id, kept in self._kept.items()}

    def whole(self, id: str) -> bytes:
        """
        The message as it is to be delivered: prefix and body.

        @raise KeyError: there is no such message.
        """
        kept = self._kept[id]
        return kept.message.prefix + kept.body


__all__ = ["PIECE_OCTETS", "MemoryBody", "MemorySpool", "memoryID"]
