"""
Lending: messages are leased to who delivers them, and come back settled or parked.

A L{Lender} runs in the reactor's thread.  It knows from its agenda what is leased,
reads what is due through the desk, and hands in what is to be written down.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from typing import Any, Callable

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..core.envelope import Stamp
from ..core.errors import UsageError
from .agenda import Agenda, Look, Sight, choose
from .bodies import INSIDE
from .changes import held, parked, recorded, roused, unparked
from .desk import Desk
from .format import (
    Outcome,
    Report,
    Row,
    SpooledMessage,
    critical,
    dump,
    dumpOutcomes,
    merged,
    message,
    waiting,
)
from .identity import parse, render
from .ordinary import finished
from .recent import Recent
from .scheduling import Scheduler
from .store import Store
from .writer import Alter, Insert, Remove, Write

#: The most octets of short bodies that are read at a time.
OCTETS = 1 << 20

#: How many messages of the file are looked at for fresh ones at a time.
_STRETCH = 5000

#: How many messages of a lane become due in one step.
_STEP = 500


class Lender:
    """
    Leases messages of one spool.

    @ivar agenda: what is fresh, what is leased.
    @ivar recent: what need not be read.
    """

    _log = Logger()

    def __init__(
        self,
        desk: Desk,
        stamps: Mapping[str, Stamp[Any]],
        scheduler: Scheduler,
        newID: Callable[[], tuple[int, str]],
    ) -> None:
        """
        @param stamps: those that can be read back, by name.
        @param scheduler: says when a report is to go.
        @param newID: makes an id for a report, as key and as text.
        """
        self.agenda = Agenda()
        self.recent = Recent()
        self._desk = desk
        self._stamps = stamps
        self._scheduler = scheduler
        self._newID = newID
        #: Who wants messages that somebody has, first come first.
        self._claims: dict[int, list[Deferred[None]]] = {}

    # --- leasing -------------------------------------------------------------

    def ready(self, now: float, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """Messages that are due and not leased."""
        agenda = self.agenda
        if agenda.quiet(now) and self._desk.trouble is None:
            lent = self._lend(most)
            if lent or agenda.empty(now):
                # The file need not be looked at, nor the writer disturbed.
                return succeed(lent)
        look = agenda.look(now, most)

        def build(
            found: tuple[list[Row], Sight],
        ) -> Deferred[Sequence[SpooledMessage]]:
            rows, sight = found
            agenda.saw(look, sight)
            messages = self._lease(
                [row for row in rows if (row.due or 0.0) <= now and row.lane is None]
            )
            # All of them were held or are being delivered, or there were none in
            # this stretch of the file: there may be others.
            nothing = not sight.seen and sight.backlog is None
            return succeed(messages) if messages or nothing else self.ready(now, most)

        def failed(failure: Failure) -> Deferred[Sequence[SpooledMessage]]:
            agenda.missed(look)
            return fail(failure)

        searched = self._desk.query(lambda store: _search(store, look, agenda.leased))
        return searched.addCallbacks(build, failed)

    def _lend(self, most: int) -> list[SpooledMessage]:
        """Fresh ones that need not be read."""
        agenda = self.agenda
        lent: list[SpooledMessage] = []
        room = OCTETS
        while len(lent) < most and room > 0:
            key = agenda.head()
            job = None if key is None else self.recent.take(key)
            if key is None or job is None or job.spare is None:
                break
            agenda.next()
            room -= job.row[1]
            spare = job.spare
            if isinstance(spare, SpooledMessage):
                agenda.leased.add(key)
                lent.append(spare)
            else:
                lent += self._lease([spare])
        return lent

    def parked(self, lane: bytes, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """Messages that are parked for a lane and not leased."""
        leased = self.agenda.leased

        def read(store: Store) -> list[Row]:
            keys = store.search.parked(lane, most, leased)
            return store.whole(keys, OCTETS)[0]

        def build(rows: list[Row]) -> Deferred[Sequence[SpooledMessage]]:
            messages = self._lease([row for row in rows if row.lane == lane])
            again = rows and not messages
            return self.parked(lane, most) if again else succeed(messages)

        return self._desk.query(read).addCallback(build)

    def _lease(self, rows: Sequence[Row]) -> list[SpooledMessage]:
        """Make messages of those rows that can be delivered."""
        messages = []
        leased = self.agenda.leased
        for row in rows:
            # However it was found, it is not to be had in another way.
            self.recent.take(row.key)
            if row.onHold or row.key in leased:
                continue
            try:
                found = message(row, self._stamps)
                unknown = critical(found)
            except Exception as error:  # the one border: an extension's load
                self._unfit(row.key, f"cannot be read: {error!r}")
                continue
            if unknown:
                # A stamp that says "rather keep it" and nobody understands.
                self._unfit(row.key, f"no extension is loaded for {unknown}")
                continue
            leased.add(row.key)
            messages.append(found)
        return messages

    def _unfit(self, key: int, note: str) -> None:
        """Put a message on hold that cannot be delivered; it is kept as it is."""
        self._log.error(
            "Message {id} is put on hold: {note}", id=render(key), note=note
        )

        def failed(failure: Failure) -> None:
            self._log.warn(
                "Message {id} could not be put on hold: {error}",
                id=render(key),
                error=failure.value,
            )
            # It was passed, and must be found again.
            self.agenda.recovered()

        job = Alter([held(key, note)])
        self._desk.write(job).addErrback(failed)

    # --- claims ----------------------------------------------------------------

    def claim(
        self, key: int, seen: Callable[[Row], SpooledMessage]
    ) -> Deferred[SpooledMessage | None]:
        """
        Lease one message, now or as soon as it is given back.

        @param seen: makes a message of a row, whatever it is like.
        """
        return Deferred.fromCoroutine(self._claim(key, seen))

    async def _claim(
        self, key: int, seen: Callable[[Row], SpooledMessage]
    ) -> SpooledMessage | None:
        if key in self.agenda.leased:
            await self._turn(key)
        self.agenda.leased.add(key)
        # However it was found, it is not to be had in another way.
        self.recent.take(key)
        try:
            rows, _ = await self._desk.query(lambda store: store.whole([key], OCTETS))
        except BaseException:
            self.settled((key,))
            raise
        if not rows:
            self.settled((key,))
            return None
        return seen(rows[0])

    def _turn(self, key: int) -> Deferred[None]:
        """Wait until a message is given back, behind those who wait already."""
        waiting = self._claims.setdefault(key, [])

        def withdraw(turn: Deferred[None]) -> None:
            waiting.remove(turn)

        turn: Deferred[None] = Deferred(withdraw)
        waiting.append(turn)
        return turn

    def settled(self, keys: Collection[int]) -> None:
        """
        Leases are at an end: it is the turn of the next who wants one of the messages.
        """
        self.agenda.settled(keys)
        if self._claims:
            for key in keys:
                self._passOn(key)

    def _passOn(self, key: int) -> None:
        waiting = self._claims.get(key)
        if waiting is None:
            return
        if waiting:
            self.agenda.leased.add(key)
            waiting.pop(0).callback(None)
        else:
            del self._claims[key]

    def close(self, error: Exception) -> None:
        """Nothing is given back any more."""
        claims, self._claims = self._claims, {}
        for turn in [turn for turns in claims.values() for turn in turns]:
            turn.errback(error)

    # --- giving back -----------------------------------------------------------

    def settle(
        self,
        message: SpooledMessage,
        outcomes: Sequence[Outcome],
        due: float | None,
        reports: Sequence[Report],
        told: float | None,
    ) -> Deferred[Sequence[str]]:
        """
        Write down what became of recipients; give back the lease.

        @raise UsageError: the message is not leased, or being settled; or a
            report's body is too long.
        """
        key, agenda = message.key, self.agenda
        if key is None or key not in agenda.leased or key in agenda.settling:
            key = self._ours(message)
        if not reports and finished(message, outcomes):
            return self._giveBack(key, Remove(key, message.filed, message.octets))
        ids: list[str] = []
        inserts: list[Insert] = []
        if reports:
            inserts = [self._report(report, ids) for report in reports]
        known = merged(message.outcomes, outcomes)
        job: Remove | Alter
        if not waiting(len(message.envelope.recipients), known):
            job = Remove(key, message.filed, message.octets, inserts, ids)
        else:
            change = recorded(
                key,
                message.attempts + 1,
                due is None,
                due,
                dumpOutcomes(known),
                "held after an attempt" if due is None else "",
                told,
            )
            job = Alter([change], key, inserts, due, ids)
        return self._giveBack(key, job)

    def park(
        self,
        message: SpooledMessage,
        lane: bytes,
        outcomes: Sequence[Outcome],
        wake: float | None,
    ) -> Deferred[None]:
        """
        Write down that a message waits for a lane; give back the lease.

        @raise UsageError: the message is not leased, or being settled; or nobody
            is left, or the lane has no name.
        """
        key = self._ours(message)
        known = merged(message.outcomes, outcomes)
        if not lane or not waiting(len(message.envelope.recipients), known):
            raise UsageError(f"{message.id} has nothing to be parked for")
        change = parked(key, lane, dumpOutcomes(known), wake)
        done = self._giveBack(key, Alter([change], key))
        return done.addCallback(lambda _: None)

    def _ours(self, message: SpooledMessage) -> int:
        """
        The key of a leased message.

        @raise UsageError: it is not leased, or being settled.
        """
        key = message.key
        if key is None:
            key = parse(message.id)
        agenda = self.agenda
        if key not in agenda.leased or key in agenda.settling:
            raise UsageError(f"{message.id} is not leased")
        return key

    def _report(self, report: Report, ids: list[str]) -> Insert:
        """
        A report as a job.

        @param ids: gets its id.
        @raise UsageError: its body is too long.
        """
        octets = len(report.body)
        if octets > INSIDE:
            raise UsageError(f"a report of {octets} octets: at most {INSIDE}")
        plan = self._scheduler.plan(report.envelope)
        text = dump(report.envelope, report.prefix)
        key, id = self._newID()
        ids.append(id)
        return Insert((key, octets, text, report.body, None), plan)

    def _giveBack(self, key: int, job: Remove | Alter) -> Deferred[Sequence[str]]:
        """Have it written down; where that fails, the lease is kept."""
        desk = self._desk
        if desk.trouble is None:
            self.agenda.settling.add(key)
        return desk.write(job)

    def kept(self, jobs: Iterable[Write]) -> None:
        """Nothing of these was written down: leases are kept."""
        settling = self.agenda.settling
        for job in jobs:
            if isinstance(job, Remove):
                settling.discard(job.key)
            elif isinstance(job, Alter) and job.leased is not None:
                settling.discard(job.leased)

    # --- lanes -----------------------------------------------------------------

    def lanes(self, after: bytes, most: int) -> Deferred[Sequence[bytes]]:
        """A page of the lanes that messages are parked for."""
        return self._desk.query(lambda store: store.search.lanes(after, most))

    async def unpark(self, lane: bytes, due: float, spreadSeconds: float) -> int:
        """Make due all that is parked for a lane; how many they were."""
        count, wake = await self._desk.query(
            lambda store: (store.search.parkedCount(lane), store.search.waking(lane))
        )
        done = 0
        while done < count:
            when = due + spreadSeconds * done / count
            first = when if wake is None else min(when, wake)
            job = Alter([unparked(lane, when, _STEP)], due=first)
            await self._desk.write(job)
            if not job.found[0]:
                break
            done += job.found[0]
        return done

    async def rouse(self, now: float) -> int:
        """Make due what has been parked for as long as it may; how many they were."""
        wake = await self._desk.query(lambda store: store.search.waking())
        done = 0
        more = wake is not None and wake <= now
        while more:
            job = Alter([roused(now, _STEP)], due=now)
            await self._desk.write(job)
            done += job.found[0]
            more = job.found[0] == _STEP
        return done


def _search(store: Store, look: Look, leased: Set[int]) -> tuple[list[Row], Sight]:
    """
    Look for what is to go, in the writer's thread.

    @param leased: what cannot be had.
    """
    found: list[int] = []
    backlog = look.backlog
    if backlog is not None and len(look.fresh) < look.most:
        found, backlog = store.search.fresh(backlog, _STRETCH)
        found = [key for key in found if key not in leased]
    due, later = store.search.due(look.now, look.most, leased, look.passed)
    keys = choose(look.fresh + found, due, look.most)
    rows, seen = store.whole(keys, OCTETS)
    return rows, Sight(found, backlog, due, later, keys[:seen])
