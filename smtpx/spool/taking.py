"""
Taking what lies in files into the spool, each message exactly once.

That a message lies in files and that it is in the spool are two things on a disk, and
a crash can come between any two steps.  So the steps are these, each durable before
the next::

    1. the parcel is opened, which keeps others from it
    2. the book says: BEGUN, and under which ids its messages will be
    3. they are committed to the spool, on hold: nobody delivers them
    4. the book says: COMMITTED
    5. the files are removed, if they are to be
    6. the messages go off hold
    7. the book forgets it, or says: TAKEN, where the files stay

While it is BEGUN, the files count: what is in the spool is looked for, the rest is
taken again. What is there and is not what the files say any more, since somebody else
has delivered some of it meanwhile, is forgotten and taken anew. From COMMITTED on the
spool counts, and what follows can be done any number of times. So whatever happens, a
message goes once.

If somebody else takes the files while it is BEGUN, after a crash that let go of them,
nobody can know what became of the message there: it stays on hold, and says why.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from ..core.envelope import Envelope
from ..core.errors import SMTPXError
from ..core.queueprofile import ORIGIN
from .format import Fate, Outcome, SpooledMessage
from .interfaces import IIncoming, IOperatedSpool
from .parcelbook import Entry, ParcelBook, Stage
from .parcels import Gone, IParcel, Mail, NotTaken

T = TypeVar("T")

#: How many parcels are taken together at most: each step is one for all of them.
TOGETHER = 64

#: So much is read at a time, in octets.
_PIECE = 256 << 10

#: What stands, for a moment, for who gets a message as the files have it now.
_ANEW = "taken anew"

#: What a parcel is not taken for, and the others are.
_EXPECTED = (SMTPXError, OSError)


class Work(Protocol):
    """Runs a job where it may block."""

    def __call__(self, job: Callable[[], T], /) -> Awaitable[T]:
        """
        @return: what it returns.
        """


@frozen
class Accepted:
    """
    What the house makes of a message.

    @ivar envelope: to whom it goes here.
    @ivar prefix: header fields to go above it, each with its CRLF.
    @ivar hold: why it is to be on hold; empty: it is not.
    """

    envelope: Envelope
    prefix: bytes
    hold: str = ""


#: Makes it of an envelope, for the id that the message will have.
Accept = Callable[[Envelope, str], Accepted]


@frozen(eq=False)
class Took:
    """
    What came of a parcel.

    @ivar parcel: which.
    @ivar messages: the ids of its messages, and why each is on hold; empty: it is
        not.
    @ivar envelopes: of those that have come into the spool now.
    @ivar error: why it was not taken; L{None}: it was.
    @ivar before: was it taken before, and stayed where it was?
    @ivar stuck: why it could not be removed though it was taken; L{None}: it was, or
        was not to be.
    """

    parcel: IParcel
    messages: tuple[tuple[str, str], ...] = ()
    envelopes: tuple[tuple[str, Envelope], ...] = ()
    error: Exception | None = None
    before: bool = False
    stuck: OSError | None = None


@define(eq=False)
class _Coming:
    """
    A message on its way.

    @ivar incoming: L{None}: it is in the spool already.
    """

    id: str
    hold: str
    incoming: IIncoming | None = None
    accepted: Accepted | None = None


@define(eq=False)
class _Task:
    """A parcel that is being taken."""

    parcel: IParcel
    mark: str = ""
    entry: Entry | None = None
    coming: list[_Coming] = field(factory=list)
    error: Exception | None = None
    stuck: OSError | None = None

    @property
    def before(self) -> bool:
        """Was it taken before?"""
        return self.entry is not None and self.entry.stage is Stage.TAKEN


class Taking:
    """
    Takes parcels into a spool.
    """

    def __init__(
        self,
        spool: IOperatedSpool,
        book: ParcelBook,
        accept: Accept,
        work: Work,
    ) -> None:
        """
        @param accept: says what becomes of each message here.
        @param work: runs jobs in a thread; also those of C{book}, which are never
            two at a time.
        """
        self._spool = spool
        self._book = book
        self._accept = accept
        self._work = work
        self._lock = DeferredLock()
        #: Messages that are to go, by id, while that is not written down.
        self._claimed: dict[str, SpooledMessage] = {}

    async def take(self, parcels: Sequence[IParcel], stay: bool = False) -> list[Took]:
        """
        Take parcels, at most L{TOGETHER} of them.  Who takes others meanwhile waits.

        @param stay: are the files to stay where they are?
        @return: what came of each, in their order.
        """
        async with self._lock:
            tasks = [_Task(each) for each in parcels]
            try:
                await self._take(tasks, stay)
            finally:
                for task in tasks:
                    for one in task.coming:
                        if one.incoming is not None:
                            one.incoming.abort()
                await self._work(lambda: _close(parcels))
        return [_told(task) for task in tasks]

    async def recover(
        self, prefix: str, find: Callable[[str], IParcel]
    ) -> tuple[list[Took], list[str]]:
        """
        Go on where a process died.

        @param prefix: what the places begin with that C{find} knows.
        @param find: makes the parcel of a place, whether it is there or not.
        @return: what came of parcels that were gone on with; and ids of messages that
            are on hold, as nobody can know what became of them.
        """
        left = await self._work(lambda: self._book.unfinished(prefix))
        took: list[Took] = []
        unsure: list[str] = []
        for entry in left:
            parcel = find(entry.place)
            if await self._isThere(parcel, entry):
                took += await self.take([parcel], entry.stays)
            else:
                unsure += await self._end(entry)
                await self._sweep(parcel, entry)
        return took, unsure

    # --- step by step ----------------------------------------------------------------

    async def _take(self, tasks: list[_Task], stay: bool) -> None:
        await self._work(lambda: _open(tasks))
        tasks = _good(tasks)
        places = [task.parcel.place for task in tasks]
        known = await self._work(lambda: self._book.find(places))
        for task in tasks:
            entry = known.get(task.parcel.place)
            if entry is not None and entry.mark != task.mark:
                # That was another.
                await self._end(entry)
                entry = None
            task.entry = entry
            if entry is None or entry.stage is Stage.BEGUN:
                await self._fill(task)
        tasks = _good(tasks)
        fresh = [task for task in tasks if task.coming or task.entry is None]
        await self._begin(fresh, stay)
        await self._commit(fresh)
        tasks = _good(tasks)
        committed = [task for task in tasks if not task.before]
        await self._reach(Stage.COMMITTED, committed)
        if not stay:
            await self._work(lambda: _remove(tasks))
        await self._letGo([each for task in committed for each in _messages(task)])
        stays = [task for task in tasks if stay or task.stuck is not None]
        await self._reach(Stage.TAKEN, [task for task in stays if not task.before])
        gone = [task.parcel.place for task in tasks if task not in stays]
        await self._work(lambda: self._book.forget(gone))

    async def _fill(self, task: _Task) -> None:
        """Have its messages come, as far as they are not in the spool."""
        before = () if task.entry is None else task.entry.messages
        try:
            mails = await self._work(task.parcel.mails)
            for id, _ in before[len(mails) :]:
                await self._isStill(id, None)
            for index, mail in enumerate(mails):
                if index < len(before):
                    id, hold = before[index]
                    if await self._isStill(id, mail):
                        task.coming.append(_Coming(id, hold))
                        continue
                incoming = self._spool.begin()
                coming = _Coming(incoming.id, mail.hold, incoming)
                task.coming.append(coming)
                await self._stream(mail, incoming)
                accepted = self._accept(mail.envelope, incoming.id)
                coming.accepted = accepted
                coming.hold = mail.hold or accepted.hold
            # What was known of it is no more than what there is to come now.
            task.entry = None
        except Exception as error:
            # Extensions have their say in it, and are anybody's; the others of the
            # batch are not to wait for that.
            task.error = error

    async def _isStill(self, id: str, mail: Mail | None) -> bool:
        """
        Is a message in the spool, and what the files say?  One that is not goes: it is
        on hold, so nobody has it.

        @param mail: what they say; L{None}: nothing any more.
        """
        message = await self._spool.fetch(id)
        if message is None:
            return False
        if not message.held or (mail is not None and _isOf(message, mail)):
            # Who has released one wants it to go as it is.
            return True
        # A lease that could not be given back is still ours.
        claimed = self._claimed.get(id) or await self._spool.claim(id)
        if claimed is not None:
            self._claimed[id] = claimed
            gone = [Outcome(each, Fate.FAILED, _ANEW) for each in claimed.waiting]
            await self._spool.settle(claimed, gone, None)
            del self._claimed[id]
        return False

    async def _stream(self, mail: Mail, incoming: IIncoming) -> None:
        gate = _Gate()
        incoming.registerProducer(gate, True)
        try:
            ended = False
            while not ended:
                octets, ended = await self._work(lambda: _read(mail.pieces))
                if octets:
                    incoming.write(octets)
                await gate.passed()
        finally:
            incoming.unregisterProducer()
        mail.envelope.octets = incoming.octets

    async def _begin(self, tasks: list[_Task], stay: bool) -> None:
        entries = [
            Entry(task.parcel.place, task.mark, _messages(task), stay) for task in tasks
        ]
        await self._work(lambda: self._book.begin(entries))

    async def _commit(self, tasks: list[_Task]) -> None:
        """All of them at once, so that they share what is durable."""
        owners: list[_Task] = []
        commits: list[Deferred[None]] = []
        for task in tasks:
            for one in task.coming:
                if one.incoming is not None:
                    assert one.accepted is not None, "it was filled"
                    envelope, prefix = one.accepted.envelope, one.accepted.prefix
                    owners.append(task)
                    commits.append(one.incoming.commit(envelope, prefix, True))
        for owner, commit in zip(owners, commits, strict=True):
            try:
                await commit
            except _EXPECTED as error:
                # It stays BEGUN: some of it may be there all the same.
                owner.error = error

    async def _reach(self, stage: Stage, tasks: list[_Task]) -> None:
        places = [task.parcel.place for task in tasks]
        await self._work(lambda: self._book.reach(stage, places))

    async def _letGo(self, messages: Sequence[tuple[str, str]]) -> None:
        """Have messages delivered, but those that are to be on hold."""
        holds: dict[str, list[str]] = {}
        for id, why in messages:
            holds.setdefault(why, []).append(id)
        for why, ids in holds.items():
            if why:
                await self._spool.hold(ids, why)
            else:
                await self._spool.letGo(ids)

    # --- behind a crash --------------------------------------------------------------

    async def _isThere(self, parcel: IParcel, entry: Entry) -> bool:
        """
        Is it where it was?  If somebody else has it now, it is; so it waits.
        """

        def job() -> bool:
            try:
                return parcel.open() == entry.mark
            except Gone:
                return False
            except (NotTaken, OSError):
                return True
            finally:
                parcel.close()

        return await self._work(job)

    async def _sweep(self, parcel: IParcel, entry: Entry) -> None:
        """Take away what a removal of ours that was cut off has left."""
        if entry.stage is Stage.COMMITTED and not entry.stays:
            # What stays is no message any more, and in nobody's way.
            with suppress(OSError):
                await self._work(lambda: parcel.sweep(entry.mark))

    async def _end(self, entry: Entry) -> list[str]:
        """
        It is not there any more: by us, or by somebody else.

        @return: messages of which nobody can know whether somebody else has them.
        """
        doubtful: list[str] = []
        if entry.stage is Stage.COMMITTED:
            await self._letGo(entry.messages)
        elif entry.stage is Stage.BEGUN:
            why = f"{entry.place}: somebody else took it from there, perhaps"
            for id, _ in entry.messages:
                if await self._spool.fetch(id) is not None:
                    await self._spool.hold([id], why)
                    doubtful.append(id)
        await self._work(lambda: self._book.forget([entry.place]))
        return doubtful


@implementer(IPushProducer)
class _Gate:
    """Lets pieces through while the disk keeps up."""

    def __init__(self) -> None:
        self._shut: Deferred[None] | None = None

    def pauseProducing(self) -> None:
        """The disk has fallen behind."""
        if self._shut is None:
            self._shut = Deferred()

    def resumeProducing(self) -> None:
        """It has caught up."""
        shut, self._shut = self._shut, None
        if shut is not None:
            shut.callback(None)

    def stopProducing(self) -> None:
        """Nobody wants more; C{commit} will say so."""
        self.resumeProducing()

    async def passed(self) -> None:
        """Wait until it is open."""
        if self._shut is not None:
            await self._shut


def _isOf(message: SpooledMessage, mail: Mail) -> bool:
    """Is a message from whom, and for whom, files say that it is?"""
    ours, theirs = message.envelope, mail.envelope
    # Aliases have put others in the place of some.
    given = {each.stamp(ORIGIN) or each.path for each in ours.recipients}
    named = {each.path for each in theirs.recipients}
    return ours.sender == theirs.sender and given == named


def _open(tasks: list[_Task]) -> None:
    for task in tasks:
        try:
            task.mark = task.parcel.open()
        except _EXPECTED as error:
            task.error = error


def _remove(tasks: list[_Task]) -> None:
    for task in tasks:
        try:
            task.parcel.remove()
        except OSError as error:
            task.stuck = error


def _close(parcels: Sequence[IParcel]) -> None:
    for each in parcels:
        each.close()


def _read(pieces: Iterator[bytes]) -> tuple[bytes, bool]:
    """Some octets, and were they the last?"""
    some: list[bytes] = []
    octets = 0
    for piece in pieces:
        some.append(piece)
        octets += len(piece)
        if octets >= _PIECE:
            return b"".join(some), False
    return b"".join(some), True


def _good(tasks: list[_Task]) -> list[_Task]:
    return [task for task in tasks if task.error is None]


def _messages(task: _Task) -> tuple[tuple[str, str], ...]:
    """Its messages, with why they are to be on hold."""
    if task.coming or task.entry is None:
        return tuple([(one.id, one.hold) for one in task.coming])
    return task.entry.messages


def _told(task: _Task) -> Took:
    if task.error is not None:
        return Took(task.parcel, error=task.error)
    envelopes = tuple(
        [
            (one.id, one.accepted.envelope)
            for one in task.coming
            if one.accepted is not None
        ]
    )
    return Took(task.parcel, _messages(task), envelopes, None, task.before, task.stuck)


__all__ = ["TOGETHER", "Accept", "Accepted", "Taking", "Took", "Work"]
