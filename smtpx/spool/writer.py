"""
The one thread that touches the spool file: group commit, queries, reopening.

The reactor's thread puts lots of jobs into a queue.  The writer takes what waits,
writes it in one transaction and tells the reactor once for all of it; what
came meanwhile is the next transaction.  So the more come at a time, the more
share one sync of the disk, and nobody waits for a timer.

After a failure the writer refuses everything until it is told to open the file
again (L{Reopening}): what a failed sync left behind is not known, and a second
sync that succeeds proves nothing about the first (the kernel has dropped the
pages).  A commit that failed is not tried again; should any of it turn up in
the reopened file, it is deleted there, because its sender was told 4yz; and so is
the name under which it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from queue import SimpleQueue
from typing import Callable, final

from attrs import define, frozen
from twisted.internet.defer import Deferred
from zope.interface import Interface

from .changes import Change, planned
from .format import Row, SpooledMessage
from .nametable import Name, forgotten, recorded
from .prompt import Prompt
from .scheduling import Plan
from .stock import Shift
from .store import Insertion, Store

#: The most jobs of one lot.
_JOBS = 1000

#: The most octets of bodies of one lot, so that the log keeps its size.
_OCTETS = 4 << 20

#: With so many jobs a transaction takes no other lot.
_ENOUGH = 16


#: Nothing has shifted.
_UNMOVED = Shift()


#: The ids of no reports.
_NONE: Sequence[str] = []


class NotOpen(Exception):
    """The file was not opened yet."""


@final
class Insert:
    """
    Put down a message.

    @ivar row: what goes into the table.
    @ivar plan: when it is to go; L{None}: at once.
    @ivar spare: what is to be kept of it in memory: the message, or what would have to
        be taken apart; L{None}: nothing.
    @ivar name: the name under which it came, to be put down with it; L{None}: none.
    @ivar done: fires when it is on the disk.
    """

    __slots__ = ("done", "name", "plan", "row", "spare")

    def __init__(self, row: Insertion, plan: Plan | None = None) -> None:
        self.row = row
        self.plan = plan
        self.spare: SpooledMessage | Row | None = None
        self.name: Name | None = None
        self.done: Deferred[None] = Prompt()


@final
class Remove:
    """
    Forget a message.

    @ivar filed: has it a file?
    @ivar octets: the length of its body.
    @ivar reports: what is put down in the same step; their C{done} does not fire.
    @ivar done: fires with C{ids}.
    @ivar ids: the reports' ids.
    """

    __slots__ = ("done", "filed", "ids", "key", "octets", "reports")

    def __init__(
        self,
        key: int,
        filed: bool,
        octets: int,
        reports: Sequence[Insert] = (),
        ids: Sequence[str] = _NONE,
    ) -> None:
        self.key = key
        self.filed = filed
        self.octets = octets
        self.reports = reports
        self.ids = ids
        self.done: Deferred[Sequence[str]] = Prompt()


@final
class Alter:
    """
    Change how far messages are.

    @ivar leased: the message whose lease ends with it; L{None}: none's.
    @ivar reports: what is put down in the same step; their C{done} does not fire.
    @ivar due: since when something is due because of it; L{None}: nothing is.
    @ivar found: for each change, how many messages it found.  Known once it is
        done.
    @ivar done: fires with C{ids}.
    @ivar ids: the reports' ids.
    """

    __slots__ = ("changes", "done", "due", "found", "ids", "leased", "reports")

    def __init__(
        self,
        changes: Sequence[Change],
        leased: int | None = None,
        reports: Sequence[Insert] = (),
        due: float | None = None,
        ids: Sequence[str] = _NONE,
    ) -> None:
        self.changes = changes
        self.leased = leased
        self.reports = reports
        self.due = due
        self.found: Sequence[int] = ()
        self.ids = ids
        self.done: Deferred[Sequence[str]] = Deferred()


class Query:
    """
    Read something.

    @ivar read: called in the writer's thread; returns what is then called in
        the reactor's.
    @ivar fail: called in the reactor's thread instead, where C{read} failed.
    @ivar error: what it failed with.
    """

    __slots__ = ("answer", "error", "fail", "read")

    def __init__(
        self,
        read: Callable[[Store], Callable[[], None]],
        fail: Callable[[Exception], None],
    ) -> None:
        self.read = read
        self.fail = fail
        self.answer: Callable[[], None] | None = None
        self.error: Exception | None = None


class Distrust:
    """Something beside the file failed; take nothing more until reopened."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


class Reopening:
    """Open the file, for the first time or after a failure."""

    __slots__ = ()


class Stop:
    """Close the file and end; the last job there is."""

    __slots__ = ()


Write = Insert | Remove | Alter
#: What goes to the writer: jobs to be done together, or one that stands for itself.
Job = list[Write | Query] | Write | Distrust | Reopening | Stop


@define(eq=False)
class Done:
    """
    What the writer did in one turn.

    @ivar lots: how many lots there were.
    @ivar writes: what was written, in one transaction.
    @ivar error: why nothing of that counts; L{None}: it is on the disk.
    @ivar shift: by how much what is on hold or parked has shifted because of it.
    @ivar queries: have their answers.
    """

    lots: int = 0
    writes: Sequence[Write] = ()
    error: Exception | None = None
    shift: Shift = _UNMOVED
    queries: Sequence[Query] = ()


@frozen
class Witness:
    """
    Who is told, in the reactor's thread and in this order, what the writer did.

    @ivar did: a turn ended.
    @ivar broke: the file was closed after a failure, and waits for a
        L{Reopening}.
    @ivar opened: a L{Reopening} ended; L{None}: well.
    """

    did: Callable[[Done], None]
    broke: Callable[[Exception], None]
    opened: Callable[[Exception | None], None]


class IShelf(Interface):
    """What the writer wants of the folder of bodies."""

    def sync() -> None:
        """Make the names of all files in the folder durable."""

    def delete(keys: Sequence[int]) -> None:
        """Delete the files of these messages, as far as there are any."""


class Writer:
    """
    Does jobs.

    @ivar queue: where any thread may put one.
    """

    def __init__(
        self,
        openStore: Callable[[bool], Store],
        shelf: IShelf,
        announce: Callable[..., None],
        witness: Witness,
    ) -> None:
        """
        @param openStore: opens the file; its argument: is it after a failure,
            so that the file has to be verified?
        @param shelf: the files of long bodies.
        @param announce: has a function called in the reactor's thread
            (C{callFromThread}).
        @param witness: who is told.
        """
        self.queue: SimpleQueue[Job] = SimpleQueue()
        self._openStore = openStore
        self._shelf = shelf
        self._announce = announce
        self._witness = witness
        self._store: Store | None = None
        #: Why there is no store.
        self._why: Exception = NotOpen()
        self._failed = False
        #: Messages of which nobody knows whether they are in the file.
        self._doubtful: list[int] = []
        #: Names of which nobody knows that either.
        self._doubtfulNames: list[bytes] = []

    def turn(self) -> bool:
        """
        Wait for jobs, do all that are there.  The thread calls it again and again.

        @return: false after L{Stop}.
        """
        writes: list[Write] = []
        queries: list[Query] = []
        done = Done()
        going = True
        for item in self._take():
            if isinstance(item, list):
                done.lots += 1
                for job in item:
                    if isinstance(job, Query):
                        queries.append(job)
                    else:
                        writes.append(job)
            elif isinstance(item, Distrust):
                self._break(item.error)
            elif isinstance(item, Reopening):
                self._reopen()
            elif isinstance(item, Stop):
                going = False
            else:
                writes.append(item)
        if writes:
            done.writes = writes
            self._write(writes, done)
        if queries:
            done.queries = queries
            self._read(queries)
        if done.lots or writes:
            self._announce(self._witness.did, done)
        if not going:
            self._close()
        return going

    def _take(self) -> list[Job]:
        """What waits, but no more than goes into one transaction."""
        queue = self.queue
        item = queue.get()
        items = [item]
        count = len(item) if isinstance(item, list) else 1
        while count < _ENOUGH and queue.qsize():
            item = queue.get()
            items.append(item)
            count += len(item) if isinstance(item, list) else 1
        return items

    def _write(self, jobs: Sequence[Write], done: Done) -> None:
        """
        One transaction.

        @param done: gets what came of it.
        """
        insertions: list[Insertion] = []
        removals: list[int] = []
        changes: list[Change] = []
        alterations: list[Alter] = []
        plans: list[Change] = []
        filed = False
        for job in jobs:
            if type(job) is Insert:
                insertions.append(job.row)
                if job.row[3] is None:
                    filed = True
                if job.plan is not None:
                    plans.append(_planned(job, job.plan))
                if job.name is not None:
                    plans.extend(recorded(job.name))
                continue
            if type(job) is Remove:
                removals.append(job.key)
            elif type(job) is Alter:
                changes.extend(job.changes)
                alterations.append(job)
            for report in job.reports:
                insertions.append(report.row)
                if report.plan is not None:
                    plans.append(_planned(report, report.plan))
        changes += plans
        found, done.shift, error = self._commit(insertions, removals, changes, filed)
        for altered in alterations:
            altered.found, found = (
                found[: len(altered.changes)],
                found[len(altered.changes) :],
            )
        if error is not None:
            # Their rows may be there, and their files are.
            self._doubtful.extend([row[0] for row in insertions])
            names = [job.name for job in jobs if type(job) is Insert and job.name]
            self._doubtfulNames.extend([name.key for name in names])
        done.error = error

    def _commit(
        self,
        insertions: Sequence[Insertion],
        removals: Sequence[int],
        changes: Sequence[Change],
        filed: bool,
    ) -> tuple[list[int], Shift, Exception | None]:
        """
        Write it to the disk.

        @param filed: is there a message with a file?
        @return: for each change, how many messages it found; what has shifted; and
            why nothing of it counts, or L{None}: it is on the disk.
        """
        store = self._store
        if store is None:
            return [], _UNMOVED, self._why
        try:
            if filed:
                # The files were synced, each by itself; now their names, before
                # there is a row that speaks of them.
                self._shelf.sync()
            found = store.commit(insertions, removals, changes)
            return found, store.tally.shift(), None
        except Exception as error:  # the one border: whatever it is, no 250
            # Told before those jobs are: who is refused and tries again at once is
            # refused for the same reason.
            self._break(error)
            return [], _UNMOVED, error

    def _read(self, jobs: Sequence[Query]) -> None:
        """Answer queries."""
        for job in jobs:
            if self._store is None:
                job.error = self._why
                continue
            try:
                job.answer = job.read(self._store)
            except Exception as error:  # the one border: the file is suspect
                job.error = error
                self._break(error)

    def _break(self, error: Exception) -> None:
        """Close the file; nothing is taken until it is opened again."""
        if self._store is not None:
            self._failed = True
            self._why = error
            self._close()
            self._announce(self._witness.broke, error)

    def _reopen(self) -> None:
        """Open the file; after a failure, verify it and clear away doubts."""
        try:
            store = self._openStore(self._failed)
            try:
                doubtful = self._doubtful
                names = [forgotten(key) for key in self._doubtfulNames]
                store.commit((), doubtful, names)
                # They were not counted.
                store.tally.shift()
                self._shelf.delete(doubtful)
            except BaseException:
                store.close()
                raise
        except Exception as error:  # the one border: it stays closed
            self._failed = True
            self._why = error
            self._announce(self._witness.opened, error)
            return
        self._doubtful, self._doubtfulNames = [], []
        self._failed = False
        self._store = store
        self._announce(self._witness.opened, None)

    def _close(self) -> None:
        """Close the file, if it is open."""
        store, self._store = self._store, None
        if store is not None:
            store.close()


def lots(jobs: Iterable[Write | Query]) -> Iterator[list[Write | Query]]:
    """Jobs, in their order, in lots that are not too much for one transaction."""
    lot: list[Write | Query] = []
    room = _OCTETS
    for job in jobs:
        lot.append(job)
        if type(job) is Insert and job.row[3] is not None:
            room -= len(job.row[3])
        if room < 0 or len(lot) == _JOBS:
            yield lot
            lot, room = [], _OCTETS
    if lot:
        yield lot


def _planned(job: Insert, plan: Plan) -> Change:
    """What is to be written down of a message that does not go at once."""
    return planned(job.row[0], plan.due, plan.priority, job.row[4])
