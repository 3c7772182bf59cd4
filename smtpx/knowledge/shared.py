"""
Knowledge that outlives the process, and that processes on a machine share.

Everything is answered from memory.  Each second, what is new goes to the file and
what others found out comes from it (L{smtpx.knowledge.clerk}), in a thread; the
reactor never waits for the disk.  So what one process finds out the others know a
second later, and a process that is killed takes the last second's with it.

A file that cannot be used, because it is another's, because the disk is full or
because nobody may write there, is told of once; what is known is in memory only until
it can be used.  A damaged one is put aside, and what is in memory goes into the new
one.  The file may be deleted at any time, which
makes everybody forget everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from functools import partial
from typing import TypeVar

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from .clerk import Clerk, Given, Got
from .file import Change
from .interfaces import IPeerKnowledge, Record
from .memory import KnowledgeState, MemoryKnowledge
from .rooms import ROOM, Name, Room

T = TypeVar("T")

#: Seconds between two exchanges with the file: usually, and at most after failures.
EXCHANGE_SECONDS, _LONGEST_SECONDS = 1.0, 60.0

#: How often what expired is removed, in seconds.
TIDY_SECONDS = 3600.0


@implementer(IPeerKnowledge)
class SharedKnowledge:
    """
    Keeps records in a file.

    @ivar trouble: why the file cannot be used; L{None}: it can.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        now: Callable[[], float],
        work: Callable[[Callable[[], Got]], Deferred[Got]],
        path: str,
        room: Room = ROOM,
        tidies: bool = True,
    ) -> None:
        """
        @param now: seconds since the epoch.
        @param work: runs a job in a thread; never two at a time.
        @param path: the file; its folder is there by the time of C{start}.
        @param room: how much is kept, in the file and in memory.
        @param tidies: is it for this process to tidy the file?  Another one of the
            server does otherwise.
        """
        self.trouble: str | None = None
        self._reactor = reactor
        self._now = now
        self._work = work
        self._path = path
        self._room = room
        self._tidies = tidies
        self._memory = MemoryKnowledge(now, room)
        self._clerk = Clerk(path, room)
        #: What is new and was not given to the clerk; what he is at; what was asked
        #: for since he was last told.
        self._pending: dict[Name, Change] = {}
        self._given: dict[Name, Change] = {}
        self._asked: dict[Name, float] = {}
        self._underway: Deferred[None] | None = None
        self._call: IDelayedCall | None = None
        self._delay = EXCHANGE_SECONDS
        self._tidied = 0.0
        self._stopped = False

    # --- beginning and end -----------------------------------------------------

    def start(self) -> Deferred[None]:
        """
        Read what is known, and go on exchanging it.

        @return: fires when it was read, or cannot be; never fails.
        """
        self._tidied = self._reactor.seconds()
        self._begin()
        return Deferred.fromCoroutine(self._over())

    def stop(self) -> Deferred[None]:
        """
        Write down what is new, and close the file; to stop again does nothing.

        @return: fires when that is done, or cannot be; never fails.
        """
        if not self._stopped:
            self._stopped = True
            if self._call is not None:
                self._call.cancel()
                self._call = None
            self._underway = Deferred.fromCoroutine(self._leave(self._underway))
        return Deferred.fromCoroutine(self._over())

    async def _leave(self, underway: Deferred[None] | None) -> None:
        if underway is not None:
            await underway
        await self._exchange()

    async def _over(self) -> None:
        """Wait for the exchange that is under way."""
        assert self._underway is not None, "it was started or stopped"
        await self._underway

    def state(self) -> KnowledgeState:
        """How it is."""
        return evolve(self._memory.state(), trouble=self.trouble)

    # --- asking and telling ------------------------------------------------------

    def recall(self, kind: str, name: bytes, version: int) -> Record | None:
        """See L{IPeerKnowledge}."""
        found = self._memory.recall(kind, name, version)
        if found is not None:
            self._asked[Name(kind, name)] = self._now()
            self._bound(self._asked)
        return found

    def remember(self, kind: str, name: bytes, record: Record) -> None:
        """See L{IPeerKnowledge}."""
        place = Name(kind, name)
        if self._memory.put(place, record, self._now()):
            self._note(place, Change(records=(record,)))
        else:
            self._note(place, Change(forgotten=True))

    def forget(self, kind: str, name: bytes) -> None:
        """See L{IPeerKnowledge}."""
        self._memory.forget(kind, name)
        self._note(Name(kind, name), Change(forgotten=True))

    def names(self, kind: str) -> list[bytes]:
        """See L{IPeerKnowledge}."""
        return self._memory.names(kind)

    def held(self, kind: str) -> Set[bytes]:
        """See L{IPeerKnowledge}."""
        return self._memory.held(kind)

    def _note(self, place: Name, change: Change) -> None:
        """Have it written down."""
        before = self._pending.pop(place, Change())
        self._pending[place] = before.then(change)
        # There are many where the file cannot be used for long already.
        self._bound(self._pending)

    def _bound(self, noted: dict[Name, T]) -> None:
        """Let something go where there is too much; of what has its own room, last."""
        apart = self._room.apart
        most = self._room.records + sum(each.records for each in apart.values())
        if len(noted) <= most:
            return
        for _ in range(len(noted)):
            place = next(iter(noted))
            if place.kind not in apart:
                break
            # Behind all others, so that it is not looked at each time.
            noted[place] = noted.pop(place)
        del noted[next(iter(noted))]

    # --- exchanging ----------------------------------------------------------------

    def _begin(self) -> None:
        """Have an exchange begin."""
        self._call = None
        self._underway = Deferred.fromCoroutine(self._exchange())

    async def _exchange(self) -> None:
        """Let the clerk have a turn."""
        given = self._give()
        try:
            got = await self._work(partial(self._clerk.turn, given))
        except Exception as error:
            # The clerk tells of what the world does; this is a fault of our own.
            self._log.failure("Peer knowledge went wrong")
            got = Got(False, trouble=f"{self._path}: {error}")
        self._tell(got)
        self._learn(got)
        if not self._stopped:
            self._call = self._reactor.callLater(self._delay, self._begin)

    def _give(self) -> Given:
        """What the clerk is given now."""
        self._given, self._pending = self._pending, {}
        tidies = self._reactor.seconds() - self._tidied >= TIDY_SECONDS
        uses: dict[Name, float] = {}
        if tidies or self._stopped:
            # Not each time: else each answer would be something to write down.
            uses, self._asked = self._asked, {}
        if tidies:
            self._tidied = self._reactor.seconds()
            self._memory.tidy()
        tidies = tidies and self._tidies
        return Given(self._now(), self._given, uses, tidies, self._stopped)

    def _tell(self, got: Got) -> None:
        """Tell the operator of what changed, and wait longer if it is bad."""
        before, self.trouble = self.trouble, got.trouble
        if got.aside is not None:
            self._log.error(
                "The file of peer knowledge {path} was damaged; it is now {aside}, and"
                " a new one begins",
                path=self._path,
                aside=got.aside,
            )
        if got.trouble is None:
            self._delay = EXCHANGE_SECONDS
            if before is not None:
                self._log.info("Peer knowledge is in {path} again", path=self._path)
            return
        self._delay = min(2 * self._delay, _LONGEST_SECONDS)
        if before is None:
            self._log.error(
                "Peer knowledge is in memory only, as its file cannot be used: {error}",
                error=got.trouble,
            )

    def _learn(self, got: Got) -> None:
        """Take over what others found out, unless we know better by now."""
        given, self._given = self._given, {}
        ours = dict(given)
        for place, change in self._pending.items():
            ours[place] = ours.get(place, Change()).then(change)
        if not got.taken:
            self._pending = ours
        if got.aside is not None:
            self._rescue(ours)
        elif got.whole:
            self._memory.clear()
        now, theirs = self._now(), set[tuple[Name, int]]()
        for row in got.rows:
            if not ours.get(row.place, Change()).settles(row.version, row.written, now):
                theirs.add((row.place, row.version))
                if row.record is None:
                    self._memory.drop(row.place, row.version)
                else:
                    self._memory.put(row.place, row.record, row.used)
        if got.whole:
            for place, change in ours.items():
                for record in change.records:
                    if (place, record.version) not in theirs:
                        self._memory.put(place, record, now)

    def _rescue(self, ours: Mapping[Name, Change]) -> None:
        """
        The file was damaged, and has nothing any more; have it all written down anew.

        @param ours: what was new.
        """
        for place, entry in list(self._memory):
            if place not in ours:
                self._note(place, Change(records=entry.records))
