"""
The names of a spool that several processes have: each is known to all of them, once.

Each process writes into its own file alone, the name with its message, and reads those
of the others (L{smtpx.spool.siblings}).  So that nothing changes between the look and
the write, whoever looks has claimed the name before (L{smtpx.spool.claims}), and has it
until all that it began under it is over, whatever becomes of who wanted it.  If a
commit failed, nobody knows whether its name is in the file, and it is not let go of
before that is known: the file was opened again, or the process is dead, and then its
file says, once it is open again.

The proof that it is so, and what a crash leaves, is in C{doc/explanation/spool.rst}.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from attrs import evolve
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.envelope import Envelope
from ..core.errors import SMTPXError
from .claims import Claims
from .desk import Desk
from .interfaces import IIncoming, ISpoolReactor, SpoolBroken
from .names import INames, Names, Room, tooMany
from .nametable import Census, Name, Remnant
from .siblings import Siblings, Unsure
from .threads import IThreads

T = TypeVar("T")

#: How long others are waited for that are being started again, in seconds, and how
#: often it is looked whether they are there.
WAIT_SECONDS = 5.0
_LOOK_SECONDS = 0.05

#: How often it is looked whether a file is in order again, in seconds.
_PROBE_SECONDS = 1.0


@implementer(INames)
class SharedNames:
    """
    The names of one process of several.
    """

    def __init__(
        self,
        reactor: ISpoolReactor,
        own: Names,
        desk: Desk,
        threads: IThreads,
        siblings: Siblings,
        clock: Callable[[], float],
        make: Callable[[], tuple[int, str]],
    ) -> None:
        """
        @param own: the names of this process.
        @param clock: seconds since the epoch.
        @param make: makes the id of a message, as an integer and as text.
        """
        self.claims = Claims(siblings.folder)
        self._reactor = reactor
        self._own = own
        self._desk = desk
        self._threads = threads
        self._siblings = siblings
        self._clock = clock
        self._make = make
        self._held: set[bytes] = set()
        #: What is under way under a name.
        self._pins: Counter[bytes] = Counter()
        #: Names that nobody wants any more.
        self._unwanted: set[bytes] = set()
        #: Names of which nobody knows whether they are in the file.
        self._doubtful: set[bytes] = set()
        self._probing: IDelayedCall | None = None

    def prepare(self) -> None:
        """
        The folder is there, and is locked; called in the writer's thread.

        @raise OSError: the file of claims cannot be made.
        """
        self.claims.open()

    def began(self, census: Census) -> None:
        """This is what is in the file, and all that was to be taken over is."""
        self._own.began(census)
        self.claims.mark(self._siblings.number)

    def arrived(self, name: Name) -> None:
        """One was put down."""
        self._own.arrived(name)

    def mended(self) -> None:
        """The file is in order again."""
        self._own.mended()

    def close(self) -> None:
        """Nothing is under way any more."""
        if self._probing is not None:
            self._probing.cancel()
            self._probing = None
        self._siblings.close()
        self.claims.close()

    # --- who has it ---------------------------------------------------------------

    def claim(self, key: bytes) -> bool:
        """See L{INames}."""
        if key not in self._held:
            try:
                if not self.claims.take(key):
                    return False
            except OSError:
                # As many locks as there may be: it is as if somebody had it.
                return False
            self._held.add(key)
        self._unwanted.discard(key)
        return True

    def release(self, key: bytes) -> None:
        """See L{INames}."""
        if key in self._held:
            self._unwanted.add(key)
            self._letGo(key)

    def _letGo(self, key: bytes) -> None:
        """Let go of a name, if that may be."""
        if key in self._unwanted and not self._pins[key] and key not in self._doubtful:
            self._unwanted.discard(key)
            self._held.discard(key)
            self.claims.drop(key)

    def _pinned(self, key: bytes, done: Deferred[T]) -> Deferred[T]:
        """
        What somebody does under a name: it is not let go of before that is over.  Who
        waits for it may break off waiting, but not what is done.
        """
        self._pins[key] += 1
        told: Deferred[T] = Deferred()

        def over(result: T) -> T:
            self._unpin(key)
            return result

        done.addBoth(over)
        done.chainDeferred(told)
        return told

    def _unpin(self, key: bytes) -> None:
        self._pins[key] -= 1
        if not self._pins[key]:
            del self._pins[key]
        self._letGo(key)

    def _written(self, key: bytes, done: Deferred[T]) -> Deferred[T]:
        """
        A name is being put down.  Where that fails, nobody knows whether it is in the
        file, and others could see it there.
        """

        def failed(failure: Failure) -> Failure:
            self._doubtful.add(key)
            self._probe()
            return failure

        done.addErrback(failed)
        return self._pinned(key, done)

    def _probe(self) -> None:
        """Look again and again whether the file is in order."""
        if self._probing is None:
            self._probing = self._reactor.callLater(_PROBE_SECONDS, self._probed)

    def _probed(self) -> None:
        self._probing = None
        doubts = list(self._doubtful)

        def good(_: object) -> None:
            # What is in doubt is deleted before anything is read in the file.
            self._doubtful.difference_update(doubts)
            for key in doubts:
                self._letGo(key)

        def bad(_: object) -> None:
            self._probe()

        self._desk.query(lambda store: None).addCallbacks(good, bad)

    def _has(self, key: bytes) -> SMTPXError | None:
        """Have we a name?  Else why nothing is put down under it."""
        if key in self._held:
            return None
        return SpoolBroken("another process has the name of a message")

    # --- what is known ------------------------------------------------------------

    def count(self, client: bytes | None) -> int:
        """See L{INames}: of this process alone."""
        return self._own.count(client)

    def recall(self, key: bytes) -> Deferred[Name | Remnant | None]:
        """
        See L{INames}.  What was cut short at another process is here when this is
        told.

        @return: fails with L{smtpx.spool.siblings.Unsure}, too.
        """
        why = self._has(key)
        if why is not None:
            return fail(why)
        return self._pinned(key, Deferred.fromCoroutine(self._recall(key)))

    async def _recall(self, key: bytes) -> Name | Remnant | None:
        await self._waitForAll()
        mine = await self._own.recall(key)
        theirs = await self._work(lambda: self._siblings.look(key))
        own = self._siblings.number
        now = self._clock()
        good = [(number, each) for number, each in theirs if each.until > now]
        if mine is not None and mine.until > now:
            good.append((own, mine))
        if not good:
            return mine
        # A name is of a message that is there: it goes before what was cut short.
        number, found = max(
            good, key=lambda one: (isinstance(one[1], Name), one[1].until)
        )
        if isinstance(found, Name) or number == own:
            return found
        return await self._move(number, found)

    async def _waitForAll(self) -> None:
        """
        Wait for those that are being started again.  What is in the file of one that
        was killed is known once it is open: SQLite shows a commit in the midst of which
        it was killed, or not, and may show it after all at the next opening.  And
        whoever leads has taken over by then what no worker has.

        @raise Unsure: one is not there for too long.
        """
        until = self._reactor.seconds() + WAIT_SECONDS
        marked = self.claims.marked
        while away := [each for each in self._siblings.others if not marked(each)]:
            if self._reactor.seconds() >= until:
                raise Unsure(f"process {away[0]} of the spool is not there")
            await deferLater(self._reactor, _LOOK_SECONDS)

    async def _move(self, number: int, theirs: Remnant) -> Remnant | None:
        """
        Have here what was cut short elsewhere.  First there is a row for it, then its
        file comes; killed in between, it is where it was, and the row means nothing.
        """
        id, _ = self._make()
        ours = evolve(theirs, id=id)
        await self._own.expect(ours)
        move = self._siblings.move
        if await self._work(lambda: move(number, theirs.id, id)):
            return ours
        await self._own.forget(ours.key, ours.client)
        return None

    def _work(self, job: Callable[[], T]) -> Deferred[T]:
        """
        Do something with the files of others where it may block.

        @return: fails with L{Unsure}.
        """
        done: Deferred[T] = Deferred()

        def work() -> None:
            try:
                result = job()
            except OSError as error:
                unsure = Unsure(str(error))
                unsure.__cause__ = error
                self._reactor.callFromThread(done.errback, unsure)
            except Exception as error:  # the one border: whoever waits is told
                self._reactor.callFromThread(done.errback, error)
            else:
                self._reactor.callFromThread(done.callback, result)

        self._threads.submit(work)
        return done

    # --- what is put down -----------------------------------------------------------

    def put(self, name: Name) -> Deferred[None]:
        """See L{INames}."""
        why = self._has(name.key)
        return fail(why) if why else self._written(name.key, self._own.put(name))

    def forget(self, key: bytes, client: bytes) -> Deferred[None]:
        """See L{INames}: what this process has."""
        return self._pinned(key, self._own.forget(key, client))

    def leave(
        self,
        incoming: IIncoming,
        remnant: Remnant,
        room: Room,
        busy: Callable[[bytes], bool],
    ) -> Deferred[None]:
        """See L{INames}."""
        why = self._has(remnant.key)
        if why is not None:
            incoming.abort()
            return fail(why)
        left = self._leave(incoming, remnant, room, busy)
        return self._pinned(remnant.key, Deferred.fromCoroutine(left))

    async def _leave(
        self,
        incoming: IIncoming,
        remnant: Remnant,
        room: Room,
        busy: Callable[[bytes], bool],
    ) -> None:
        try:
            theirs = await self._work(self._siblings.cutShort)
            left = await self._makeRoom(theirs, remnant, room, busy)
        except BaseException:
            incoming.abort()
            raise
        await self._own.leave(incoming, remnant, left, busy)

    async def _makeRoom(
        self,
        theirs: list[tuple[int, Remnant]],
        new: Remnant,
        room: Room,
        busy: Callable[[bytes], bool],
    ) -> Room:
        """
        Drop what is the oldest of all processes, as far as it is not ours.  What is cut
        short at several of them in the same moment may be more, by one of each.

        @return: what room there is for ours.
        """
        whose = {each.key: (number, each) for number, each in theirs}
        # What others have taken from us is theirs.
        ours = [each for each in self._own.cutShort() if each.key not in whose]
        there = [*ours, *[each for _, each in theirs]]
        pinned: list[bytes] = []

        def isBusy(key: bytes) -> bool:
            if key not in whose:
                return busy(key)
            if key in self._held or not self.claim(key):
                return True
            self._pins[key] += 1
            pinned.append(key)
            self.release(key)
            return False

        there.sort(key=lambda each: each.until)
        victims = tooMany(there, new, room, isBusy)
        try:
            gone = [whose.pop(each.key) for each in victims or () if each.key in whose]
            await self._work(lambda: self._siblings.delete(gone))
        finally:
            for key in pinned:
                self._unpin(key)
        left = [each for _, each in whose.values() if each.key != new.key]
        client = [each for each in left if each.client == new.client]
        return Room(
            room.count - len(left),
            room.octets - sum(each.octets for each in left),
            room.clientCount - len(client),
            room.clientOctets - sum(each.octets for each in client),
        )

    def resume(self, remnant: Remnant) -> IIncoming:
        """See L{INames}."""
        return self._own.resume(remnant)

    def commit(
        self,
        incoming: IIncoming,
        envelope: Envelope,
        prefix: bytes,
        hold: bool | str,
        name: Name,
    ) -> Deferred[None]:
        """See L{INames}."""
        why = self._has(name.key)
        if why is not None:
            incoming.abort()
            return fail(why)
        done = self._own.commit(incoming, envelope, prefix, hold, name)
        return self._written(name.key, done)

    def expire(self, now: float, busy: Callable[[bytes], bool]) -> Deferred[bool]:
        """See L{INames}."""
        return Deferred.fromCoroutine(self._expire(now, busy))

    async def _expire(self, now: float, busy: Callable[[bytes], bool]) -> bool:
        # What others have taken from us leaves a row that says nothing.
        mine = [each for each in self._own.cutShort() if each.key not in self._held]
        self._own.void(await self._work(lambda: self._siblings.gone(mine)))
        return await self._own.expire(now, busy)


__all__ = ["SharedNames"]
