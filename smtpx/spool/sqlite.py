"""
The embedded spool: one SQLite file a process, commits that are shared.

This is what runs in the reactor's thread.  It hands jobs to the writer (through
a L{smtpx.spool.desk.Desk}) and hears once a transaction what became of them;
nothing here waits for the disk but the writing of a long body's octets.

Three things can be wrong.  Where there is little room (the low-water mark), no
message is begun.  Where a long body does not fit, its message alone fails.
Where a write to the spool file or any sync failed, nothing is taken or given
until the file was opened again and found in order.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, Callable

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.envelope import Envelope, Stamp
from ..core.errors import UsageError
from ..core.hooks import Schedule
from ..core.interfaces import IBody
from .bodies import FiledBody, HeldBody
from .desk import Desk, IOwner
from .format import Outcome, Recovered, Report, SpooledMessage
from .headroom import LOW_WATER, Headroom
from .identity import Identities, parse, secondOf
from .incoming import BodyFile, Incoming, ISink
from .interfaces import IOperatedSpool, ISpoolReactor, SpoolBroken, SpoolFull
from .ledger import Ledger
from .lending import Lender
from .names import Names
from .nametable import Name
from .operating import Desktop
from .records import Records
from .recovery import Found, Lock, Place, heir, prepare, recover
from .scheduling import Scheduler
from .selection import Page, Selection
from .sharednames import SharedNames
from .siblings import Siblings
from .stock import Shift, SpoolState, Stock
from .store import Store, isFull
from .threads import IThreads, Threads
from .writer import Insert, Write


@implementer(IOperatedSpool, IOwner, ISink)
class SQLiteSpool:
    """A spool in a folder; see L{smtpx.spool.interfaces.ISpool}."""

    _log = Logger()

    def __init__(
        self,
        reactor: ISpoolReactor,
        folder: str,
        *,
        queueProfileStamps: Mapping[str, Stamp[Any]],
        number: int = 1,
        workers: int = 1,
        lowWaterOctets: int = LOW_WATER,
        clock: Callable[[], float] = time.time,
        threads: IThreads | None = None,
        scheduleFor: Callable[[Envelope], Schedule] | None = None,
    ) -> None:
        """
        @param folder: the spool's folder; made where it is not there.
        @param queueProfileStamps: C{QueueProfile.stamps}, the stamps that can be
            read back.
        @param number: which process of this spool we are, from 1 to 255.
        @param workers: how many there are; see L{smtpx.spool.recovery.heir}.
        @param lowWaterOctets: with less room than this no message is begun.
        @param clock: seconds since the epoch.
        @param threads: where blocking work is done; L{None}: in real threads.
        @param scheduleFor: C{QueueProfile.scheduleFor}; L{None}: all messages go
            at once, and none before the others.
        """
        self._announce = reactor.callFromThread
        self._folder = os.path.abspath(folder)
        self._stamps = queueProfileStamps
        self._number = number
        self._inherits = heir(number, workers)
        self._clock = clock
        self._threads = Threads() if threads is None else threads
        self._place = place = Place(os.path.join(self._folder, str(number)))
        self._bodies = place.bodies
        self._ledger = Ledger(place.ledger)
        self.recovered: Sequence[Recovered] = ()
        self._lock: Lock | None = None
        self._found = Found()
        self._wakes: list[Callable[[], object]] = []
        #: Messages whose bodies are being written to files.
        self._filing: set[Incoming] = set()
        self._headroom = Headroom(place.path, lowWaterOctets, clock)
        self._desk = Desk(reactor, place.file, self._bodies, self._threads, self)
        self.scheduler = Scheduler(clock, scheduleFor)
        make = lambda: self._identities.make()  # noqa: E731
        self._lender = Lender(
            self._desk,
            queueProfileStamps,
            self.scheduler,
            make,
        )
        self._desktop = Desktop(self._desk, self._lender, queueProfileStamps, clock)
        names = Names(self._desk, self._bodies, self._threads, self)
        self.names: Names | SharedNames = names
        if workers > 1:
            self.names = SharedNames(
                reactor,
                names,
                self._desk,
                self._threads,
                Siblings(self._folder, number, workers),
                clock,
                make,
            )
        self._records = Records(
            self._lender, self._ledger, self._bodies, self._threads, clock, self._named
        )
        self._opened = False

    # --- opening and closing -------------------------------------------------

    def open(self) -> Deferred[None]:
        """
        Open, recover and adopt what others left behind.

        @return: fails with C{SpoolInUse}, C{ForeignFile}, L{OSError} or
            C{SpoolBroken}; this object is of no more use then.
        @raise UsageError: it was opened before.
        """
        if self._opened:
            raise UsageError("a spool is opened once")
        self._opened = True
        return self._desk.start()

    def openStore(self, again: bool) -> Store:
        """Open the file; in the writer's thread."""
        if self._lock is None:
            prepare(self._folder, self._number)
            self._lock = Lock(self._place.lock)
            self.names.prepare()
        store = Store(self._place.file)
        try:
            if again:
                store.verify()
            else:
                now = int(self._clock())
                inherits = self._inherits
                self._found = recover(store, self._folder, self._place, now, inherits)
        except BaseException:
            store.close()
            raise
        return store

    def began(self) -> None:
        """The file is open; take up what was in it."""
        found, self._found = self._found, Found()
        for remark in found.remarks:
            self._log.error("Spool: {remark}", remark=remark)
        self._identities = Identities(
            self._number, found.generation, self._clock, found.second
        )
        self._records.stock = found.stock
        self.names.began(found.names)
        self.recovered = found.recovered
        self._lender.agenda.recovered()

    def close(self) -> Deferred[None]:
        """
        Finish what is under way, then close.  Messages that were begun and not
        committed are forgotten.
        """
        self._ledger.retire()
        done = self._desk.stop()
        self._lender.close(SpoolBroken(f"{self._place.file} is closed"))
        for incoming in list(self._filing):
            incoming.abort()
        done.addCallback(lambda _: self._ledger.close())
        return done.addCallback(lambda _: self.names.close())

    def ended(self) -> None:
        """The file is closed: let others have it."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    # --- receiving -------------------------------------------------------------

    def admit(self) -> None:
        """See L{ISink}."""
        trouble = self._desk.trouble
        if trouble is not None:
            raise self._desk.refusal(trouble)
        low = self._headroom.lately()
        if low is not None:
            raise SpoolFull(low)

    def begin(self) -> Incoming:
        """See L{ISpool}."""
        if self._desk.trouble is not None or self._headroom.lately() is not None:
            self.admit()
        key, id = self._identities.make()
        return Incoming(self, key, id)

    def openFile(self, incoming: Incoming, octets: int = 0) -> BodyFile:
        """The body is a long one."""
        key, flow = incoming.key, incoming.flow
        file = BodyFile(key, self._bodies, self._threads, self._announce, flow, octets)
        self._filing.add(incoming)
        return file

    def closeFile(self, incoming: Incoming) -> None:
        """The body is whole, or forgotten."""
        self._filing.discard(incoming)

    def take(
        self, job: Insert, id: str, plain: Envelope | None, prefix: bytes
    ) -> Deferred[None]:
        """Have a message with a short body written down."""
        if job.plan is None and job.row[4] is None:
            self._lender.recent.offer(job, id, plain, prefix)
        return self._desk.insert(job)

    def takeFiled(self, job: Insert, file: BodyFile) -> Deferred[None]:
        """Have a message written down once its file is synced."""
        trouble = self._desk.trouble
        if trouble is not None:
            file.drop()
            return fail(self._desk.refusal(trouble))
        self._desk.writeOnce(job, partial(file.finish, name=job.name))
        return job.done

    def failed(self, error: OSError) -> Deferred[None]:
        """
        A body could not be written.  One that did not fit, or for which there was
        no descriptor (as many files are open as may be), says nothing about the
        spool file; any other failure of the disk does.
        """
        if not isFull(error) and error.errno not in (errno.EMFILE, errno.ENFILE):
            self._desk.distrust(error)
        return fail(self._desk.failure(error))

    def wrote(self, jobs: Sequence[Write], shift: Shift) -> bool:
        """These are on the disk; is there something to deliver at once?"""
        if shift.missing:
            self._count()
        return self._records.wrote(jobs, shift)

    def _named(self, name: Name) -> None:
        self.names.arrived(name)

    def lost(self, jobs: Sequence[Write]) -> None:
        """Nothing of these counts."""
        self._lender.kept(jobs)

    def mended(self) -> None:
        """The file is in order again: see what is in it, then wake who watches."""
        self._lender.agenda.recovered()
        self._lender.recent.clear()
        self.names.mended()
        self._count()
        self.wake()

    def _count(self) -> None:
        """Have what there is counted from the start."""
        counted = self._desk.query(lambda store: store.stock())
        counted.addCallbacks(self._counted, self._uncounted)

    def _counted(self, stock: Stock) -> None:
        self._records.stock = stock

    def _uncounted(self, failure: Failure) -> None:
        # It failed again; who mends it has it counted again.
        self._log.warn("The spool was not counted: {error}", error=failure.value)

    # --- delivering --------------------------------------------------------------

    def watch(self, wake: Callable[[], object]) -> None:
        """Have C{wake} called after a commit of messages that are due at once."""
        self._wakes.append(wake)
        self._lender.recent.wanted = True

    def wake(self) -> None:
        """Call those who watch."""
        for wake in self._wakes:
            try:
                wake()
            except Exception:  # the one border: a watcher is not our trouble
                self._log.failure("A watcher of the spool failed")

    def ready(self, now: float, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """Messages that are due, not leased and not parked."""
        return self._lender.ready(now, most)

    def parked(self, lane: bytes, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """Messages that are parked for a lane and not leased."""
        return self._lender.parked(lane, most)

    def body(self, message: SpooledMessage) -> IBody:
        """
        The message's body, without its prefix.

        @raise UsageError: the message is from C{messages}, which has none.
        """
        if message.filed:
            return FiledBody(self._bodies.pathOf(parse(message.id)), message.octets)
        if message.content is None:
            raise UsageError(f"{message.id}: fetch it first")
        return HeldBody(message.content)

    def delivered(
        self,
        message: SpooledMessage,
        indices: Sequence[int],
        untold: Collection[int] = (),
    ) -> None:
        """Note at once that recipients have a message."""
        key = message.key
        if key is None:
            key = parse(message.id)
        if key in self._lender.agenda.leased:
            self._ledger.add(key, indices, untold, message.id)

    def settle(
        self,
        message: SpooledMessage,
        outcomes: Sequence[Outcome],
        due: float | None,
        reports: Sequence[Report] = (),
        told: float | None = None,
    ) -> Deferred[Sequence[str]]:
        """Write down what became of recipients; give back the lease."""
        return self._lender.settle(message, outcomes, due, reports, told)

    def park(
        self,
        message: SpooledMessage,
        lane: bytes,
        outcomes: Sequence[Outcome] = (),
        wake: float | None = None,
    ) -> Deferred[None]:
        """Write down that a message waits for a lane; give back the lease."""
        return self._lender.park(message, lane, outcomes, wake)

    def lanes(self, after: bytes, most: int) -> Deferred[Sequence[bytes]]:
        """A page of the lanes that messages are parked for."""
        return self._lender.lanes(after, most)

    def unpark(
        self, lane: bytes, due: float, spreadSeconds: float = 0.0
    ) -> Deferred[int]:
        """Make due all that is parked for a lane; how many they were."""
        return Deferred.fromCoroutine(self._lender.unpark(lane, due, spreadSeconds))

    def rouse(self, now: float) -> Deferred[int]:
        """Make due what has been parked for as long as it may."""
        return Deferred.fromCoroutine(self._lender.rouse(now))

    def count(self) -> Deferred[int]:
        """How many messages there are."""
        return succeed(self._records.stock.messages)

    # --- for operators -------------------------------------------------------------

    def state(self) -> SpoolState:
        """How it is; see L{smtpx.spool.interfaces.IOperatedSpool}."""
        stock, trouble = self._records.stock, self._desk.trouble
        headroom = self._headroom
        room = headroom.octets()
        why = headroom.short(room) if trouble is None else str(trouble)
        return SpoolState(
            stock.messages,
            stock.held,
            stock.octets,
            room,
            headroom.lowWater,
            why,
            stock.parked,
        )

    def oldest(self) -> Deferred[float | None]:
        """When the oldest message came; L{None}: there is none."""
        key = self._desk.query(lambda store: store.oldest())
        return key.addCallback(
            lambda found: None if found is None else float(secondOf(found))
        )

    def messages(self, after: str, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """
        A page of all messages, by id, without the bodies.

        @raise ValueError: C{after} is neither an id nor empty.
        """
        return self._desktop.messages(after, most)

    def fetch(self, id: str) -> Deferred[SpooledMessage | None]:
        """
        One message with its body; L{None}: there is none.

        @raise ValueError: not an id.
        """
        return self._desktop.fetch(id)

    def find(self, selection: Selection, after: str, most: int) -> Deferred[Page]:
        """
        A page of the messages that are meant.

        @raise ValueError: what is given for an id is none.
        """
        return self._desktop.find(selection, after, most)

    def hold(self, ids: Sequence[str], note: str) -> Deferred[None]:
        """
        Put messages on hold.

        @raise ValueError: something is not an id.
        """
        return self._desktop.hold(ids, note)

    def release(self, ids: Sequence[str]) -> Deferred[None]:
        """
        Take messages off hold: they are due at once.

        @raise ValueError: something is not an id.
        """
        return self._desktop.release(ids)

    def letGo(self, ids: Sequence[str]) -> Deferred[None]:
        """
        Let messages go that were put by for a moment.

        @raise ValueError: something is not an id.
        """
        return self._desktop.letGo(ids)

    def hasten(self, ids: Sequence[str]) -> Deferred[int]:
        """
        Make messages due at once; how many were to wait.

        @raise ValueError: something is not an id.
        """
        return self._desktop.hasten(ids)

    def claim(self, id: str) -> Deferred[SpooledMessage | None]:
        """
        Lease one message, now or as soon as it is given back.

        @raise ValueError: not an id.
        """
        return self._desktop.claim(id)
