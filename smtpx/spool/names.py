"""
Names of messages: a spool remembers under which ones it has put something down, so
that nothing is put down twice.

Counts are kept in memory, for it has to be known at any time whether there is room for
more; names themselves are looked up in the file.  Of messages that were cut short there
are few, and which there are is in memory as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from attrs import frozen
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from ..core.envelope import Envelope
from .bodies import Bodies
from .desk import Desk
from .incoming import BodyFile, Incoming, ISink
from .interfaces import IIncoming, SpoolBroken, SpoolFull
from .nametable import (
    Census,
    Name,
    Remnant,
    dropped,
    forgotten,
    left,
    recorded,
    weightOf,
)
from .store import Store
from .threads import IThreads
from .writer import Alter

#: So many names are forgotten in one step, which takes milliseconds.
_STEP = 500


@frozen
class Room:
    """
    How much there may be of messages that were cut short.

    @ivar count: how many of them.
    @ivar octets: how long all of them together.
    @ivar clientCount: how many of one client.
    @ivar clientOctets: how long those together.
    """

    count: int
    octets: int
    clientCount: int
    clientOctets: int


class INames(Interface):
    """The names of a spool.  Fails as the spool does: C{SpoolFull}, C{SpoolBroken}."""

    def count(client: bytes | None) -> int:
        """
        How many there are of a client, those that take much room as several; L{None}:
        of all.
        """

    def claim(key: bytes) -> bool:
        """
        Have a name for oneself, among all processes of the spool; whoever does
        anything under one has it.  Does nothing for one that this process has.

        @return: false: another process has it now.
        """

    def release(key: bytes) -> None:
        """
        Let go of a name, once all is over that was begun under it.  Does nothing for
        one that this process has not.
        """

    def recall(key: bytes) -> Deferred[Name | Remnant | None]:
        """What there is under a name; L{None}: nothing."""

    def put(name: Name) -> Deferred[None]:
        """Put down a name under which there is no message."""

    def forget(key: bytes, client: bytes) -> Deferred[None]:
        """
        Forget a name, and what was cut short under it.

        @param client: whose it is.
        """

    def leave(
        incoming: IIncoming, remnant: Remnant, room: Room, busy: Callable[[bytes], bool]
    ) -> Deferred[None]:
        """
        A message was cut short: keep what has come of it, if it is worth it.  What
        there is too much of then is forgotten, the oldest first.

        @param remnant: its id is not looked at.
        @param busy: does somebody go on with what is under a name?
        """

    def resume(remnant: Remnant) -> IIncoming:
        """
        Go on with what was cut short.

        @raise OSError: its file cannot be opened.
        @raise SpoolFull: there is no room for more of it; L{SpoolBroken}: see there.
        """

    def commit(
        incoming: IIncoming,
        envelope: Envelope,
        prefix: bytes,
        hold: bool | str,
        name: Name,
    ) -> Deferred[None]:
        """
        C{incoming.commit}, with a name that is put down in the same step.

        @param name: without a digest only where the message was cut short before,
            and so is a long one: it is taken from its file.
        """

    def expire(now: float, busy: Callable[[bytes], bool]) -> Deferred[bool]:
        """
        Forget some of what is too old; and what was cut short, where there is no room.

        @param now: seconds since the epoch.
        @return: are there more?
        """


@implementer(INames)
class Names:
    """The names of an embedded spool."""

    def __init__(
        self, desk: Desk, bodies: Bodies, threads: IThreads, sink: ISink
    ) -> None:
        self._desk = desk
        self._bodies = bodies
        self._threads = threads
        self._sink = sink
        self._counts: Counter[bytes] = Counter()
        self._total = 0
        #: What names weigh that count more than once.
        self._heavy: dict[bytes, int] = {}
        #: By name.
        self._remnants: dict[bytes, Remnant] = {}

    def prepare(self) -> None:
        """The folder is there, and is locked; called in the writer's thread."""

    def close(self) -> None:
        """The file is closed, and nothing is under way any more."""

    def began(self, census: Census) -> None:
        """This is what is in the file."""
        self._counts = Counter(census.counts)
        self._total = sum(census.counts.values())
        self._heavy = dict(census.heavy)
        self._remnants = {each.key: each for each in census.remnants}

    def mended(self) -> None:
        """The file is in order again: see what is in it."""
        found = self._desk.query(lambda store: store.names.census())
        # Should it fail again, whoever mends it has it looked at again.
        found.addCallbacks(self.began, lambda _: None)

    def count(self, client: bytes | None) -> int:
        """See L{INames}."""
        return self._total if client is None else self._counts[client]

    def arrived(self, name: Name) -> None:
        """One was put down."""
        self._remnants.pop(name.key, None)
        weight = weightOf(name.note)
        self._counts[name.client] += weight
        self._total += weight
        if weight > 1:
            self._heavy[name.key] = weight

    def claim(self, key: bytes) -> bool:
        """See L{INames}: there is no other process."""
        return True

    def release(self, key: bytes) -> None:
        """See L{INames}."""

    def recall(self, key: bytes) -> Deferred[Name | Remnant | None]:
        """See L{INames}."""

        def read(store: Store) -> Name | Remnant | None:
            found = store.names.name(key)
            if found is not None:
                return found
            remnant = store.names.remnant(key)
            if remnant is None:
                return None
            # A commit that failed takes the file along.
            there = self._bodies.octetsOf(remnant.id)
            return None if there is None or there < remnant.octets else remnant

        return self._desk.query(read)

    def put(self, name: Name) -> Deferred[None]:
        """See L{INames}."""
        done = self._desk.write(Alter(recorded(name)))
        return done.addCallback(lambda _: self.arrived(name))

    def forget(self, key: bytes, client: bytes) -> Deferred[None]:
        """See L{INames}."""
        remnant = self._remnants.pop(key, None)
        job = Alter([forgotten(key), dropped(key)])

        def gone(result: object) -> None:
            if job.found[0]:
                self._less([(key, client)])
            if remnant is not None:
                self._delete([remnant])

        return self._desk.write(job).addCallback(gone)

    def _less(self, names: Iterable[tuple[bytes, bytes]]) -> None:
        """These names of clients are gone."""
        for key, client in names:
            weight = self._heavy.pop(key, 1)
            self._total -= weight
            self._counts[client] -= weight
            if not self._counts[client]:
                del self._counts[client]

    def _delete(self, remnants: Iterable[Remnant]) -> None:
        keys = [each.id for each in remnants]
        self._threads.submit(lambda: self._bodies.delete(keys))

    # --- what is cut short --------------------------------------------------------

    def leave(
        self,
        incoming: IIncoming,
        remnant: Remnant,
        room: Room,
        busy: Callable[[bytes], bool],
    ) -> Deferred[None]:
        """See L{INames}."""
        assert isinstance(incoming, Incoming)
        there = self.cutShort()
        victims = None if self._isShort() else tooMany(there, remnant, room, busy)
        if victims is None:
            incoming.abort()
            return self.forget(remnant.key, remnant.client)
        kept = Remnant(
            remnant.key,
            remnant.client,
            remnant.until,
            incoming.key,
            remnant.octets,
            remnant.envelope,
            remnant.note,
        )
        trouble = self._desk.trouble
        file = incoming.release() if trouble is None else None
        if file is None:
            # It is short enough to be sent again.
            incoming.abort()
            if trouble is not None:
                return fail(self._desk.refusal(trouble))
            return self.forget(remnant.key, remnant.client)
        for each in victims:
            del self._remnants[each.key]
        # It counts from here on: many may be cut short at once.
        self._remnants.pop(kept.key, None)
        self._remnants[kept.key] = light = _light(kept)
        changes = [left(kept), *[dropped(each.key) for each in victims]]
        job = Alter(changes)
        self._desk.writeOnce(job, partial(self._synced, file, kept.octets))
        return job.done.addCallbacks(
            lambda _: self._delete(victims), self._notLeft, errbackArgs=(light,)
        )

    def _synced(
        self, file: BodyFile, octets: int, then: Callable[[OSError | None], None]
    ) -> None:
        """Have the file on the disk, and its name; then go on, in some thread."""

        def finished(error: OSError | None) -> None:
            if error is None:
                try:
                    # What does not count would take room that nobody counts.
                    self._bodies.shorten(file.key, octets)
                    self._bodies.sync()
                except OSError as trouble:
                    error = trouble
                    self._bodies.delete([file.key])
            then(error)

        file.finish(finished)

    def _isShort(self) -> bool:
        """
        Is there no room for mail?  Then there is none for what may be sent again: it
        could be a stranger's, who fills the disk with it.
        """
        try:
            self._sink.admit()
        except SpoolFull:
            return True
        except SpoolBroken:
            return False
        return False

    def _notLeft(self, failure: Failure, light: Remnant) -> Failure:
        if self._remnants.get(light.key) is light:
            del self._remnants[light.key]
        return failure

    def expect(self, remnant: Remnant) -> Deferred[None]:
        """Put down what there is of a message whose file is about to come here."""
        before = self._remnants.pop(remnant.key, None)
        self._remnants[remnant.key] = light = _light(remnant)
        done = self._desk.write(Alter([left(remnant)]))
        return done.addCallbacks(
            lambda _: self._delete([] if before is None else [before]),
            self._notLeft,
            errbackArgs=(light,),
        )

    def cutShort(self) -> list[Remnant]:
        """What is cut short, the oldest first, without what is long of it."""
        return sorted(self._remnants.values(), key=lambda each: each.until)

    def void(self, remnants: Iterable[Remnant]) -> None:
        """Forget what was cut short and has no file any more."""
        gone = [each for each in remnants if self._remnants.get(each.key) is each]
        for each in gone:
            del self._remnants[each.key]
        if gone:
            written = self._desk.write(Alter([dropped(each.key) for each in gone]))
            # Where it fails there is a row more, which means nothing.
            written.addErrback(lambda _: None)

    def resume(self, remnant: Remnant) -> Incoming:
        """See L{INames}."""
        self._sink.admit()
        return Incoming.resumed(self._sink, remnant.id, remnant.octets)

    def commit(
        self,
        incoming: IIncoming,
        envelope: Envelope,
        prefix: bytes,
        hold: bool | str,
        name: Name,
    ) -> Deferred[None]:
        """See L{INames}."""
        assert isinstance(incoming, Incoming)
        return incoming.commit(envelope, prefix, hold, name)

    # --- what is too old ----------------------------------------------------------

    def expire(self, now: float, busy: Callable[[bytes], bool]) -> Deferred[bool]:
        """See L{INames}."""
        short = self._isShort()
        old = [
            each
            for each in self._remnants.values()
            if (short or each.until <= now) and not busy(each.key)
        ][:_STEP]
        for each in old:
            del self._remnants[each.key]

        def gone(names: list[tuple[bytes, bytes]]) -> bool:
            self._less(names)
            return len(names) == _STEP

        if old:
            written = self._desk.write(Alter([dropped(each.key) for each in old]))
            written.addCallbacks(lambda _: self._delete(old), lambda _: None)
        done = self._desk.query(lambda store: store.names.expire(now, _STEP))
        return done.addCallback(gone)


def tooMany(
    there: Sequence[Remnant],
    new: Remnant,
    room: Room,
    busy: Callable[[bytes], bool],
) -> list[Remnant] | None:
    """
    What has to go so that there is room for a new one, the oldest first.

    @param there: what there is, the oldest first.
    @param busy: does somebody go on with what is under a name?
    @return: L{None}: there is no room for it.
    """
    others = [each for each in there if each.key != new.key]
    theirs = [each for each in others if each.client == new.client]
    bounds = (
        (theirs, room.clientCount, room.clientOctets),
        (others, room.count, room.octets),
    )
    victims: dict[bytes, Remnant] = {}
    for among, count, octets in bounds:
        left = [each for each in among if each.key not in victims]
        many = len(left) + 1 - count
        long = sum(each.octets for each in left) + new.octets - octets
        for each in left:
            if many <= 0 and long <= 0:
                break
            if not busy(each.key):
                victims[each.key] = each
                many -= 1
                long -= each.octets
        if many > 0 or long > 0:
            return None
    return list(victims.values())


def _light(remnant: Remnant) -> Remnant:
    """The same without what is long of it."""
    one = remnant
    return Remnant(one.key, one.client, one.until, one.id, one.octets)


__all__ = ["INames", "Names", "Room", "tooMany"]
