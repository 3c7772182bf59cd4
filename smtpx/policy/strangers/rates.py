"""
The rates of a server: how much there was of what, told at once from memory.

Once a second they are exchanged with the file (L{smtpx.policy.strangers.ratesfile}) by
a thread, so that all processes of the machine count together and nothing begins anew
with a restart.  The workers of one server know in between what the others have counted
(L{smtpx.joint.sums}), so that a limit is one for all of them at any moment.  The
reactor never waits for the disk, and what was counted in the last second before a crash
is lost.

A file that cannot be used is told of once; each process counts by itself then.  Of each
rate there is room for so many keys, and that which was counted longest ago goes for
what is new.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ...joint.sums import Places, Sums
from .pace import Level, Mode, Pace
from .ratesfile import Counted, Exchanged, Place, RatesFile, Row
from .sharedfile import FileKeeper, Turn

#: Seconds between two exchanges with the file: usually, and at most after failures.
EXCHANGE_SECONDS, _LONGEST_SECONDS = 1.0, 60.0

#: For how many keys of a rate there is room.
KEYS_MOST = 10_000

#: How long a key is, in characters.
KEY_MOST = 320

#: Runs a job in a thread; never two at a time.
Work = Callable[[Callable[[], Any]], "Deferred[Any]"]


@frozen
class Meter:
    """
    A rate that is measured.

    @ivar name: what it is called; what has one name counts together.
    @ivar pace: how it is counted.
    """

    name: str
    pace: Pace


@define
class _Entry:
    """
    What there is of a key.

    @ivar level: what there was, with all that this process has counted.
    @ivar change: the number of the transaction that it knows of; 0: of none.
    @ivar count: how much of it is not in the file.
    @ivar given: how much of that is on its way there.
    """

    level: Level
    change: int = 0
    count: float = 0.0
    given: float = 0.0


class Rates:
    """
    Counts.

    @ivar trouble: why the file cannot be used; empty: it can.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], float],
        work: Work,
        path: str,
        most: int = KEYS_MOST,
        sums: Sums | None = None,
    ) -> None:
        """
        @param now: seconds since the epoch.
        @param work: runs a job in a thread; never two at a time.
        @param path: the file; its folder is there.
        @param most: for how many keys of a rate there is room.
        @param sums: what the other workers have counted since; L{None}: there are none.
        """
        self.trouble = ""
        self._clock = clock
        self._now = now
        self._work = work
        self._path = path
        self._most = most
        self._keeper = FileKeeper(path, lambda name, make: RatesFile(name, make=make))
        #: By the names of rates, and keys; what was counted longest ago is in front.
        self._known: dict[str, dict[str, _Entry]] = {}
        self._paces: dict[str, Pace] = {}
        self._new: dict[Place, None] = {}
        self._sums = sums
        #: What of the sums is not in the file; and what is read of that.
        self._unsettled: Places = []
        self._seen = 0
        self._call: IDelayedCall | None = None
        self._delay = EXCHANGE_SECONDS
        self._underway: Deferred[None] | None = None
        self._stopped = False

    # --- counting -----------------------------------------------------------------

    def look(self, meter: Meter, key: str, count: float) -> float:
        """
        How much it would be with some more, which is not counted.

        @return: so many in a period.
        """
        entry = self._known.get(meter.name, {}).get(key[:KEY_MOST])
        level = None if entry is None else entry.level
        more = self._elsewhere(meter, key[:KEY_MOST])
        return meter.pace.after(level, self._now(), count + more)

    def count(
        self, meter: Meter, key: str, count: float, limit: float = float("inf")
    ) -> float:
        """
        Count some more.

        @param limit: from which on it is too much; what is, does not count where that
            is the way of the rate.
        @return: how much it is now, or would be.
        """
        pace, now = meter.pace, self._now()
        key = key[:KEY_MOST]
        entries = self._known.get(meter.name)
        if entries is None:
            entries = self._known[meter.name] = {}
        entry = entries.get(key)
        level = None if entry is None else entry.level
        rate = pace.after(level, now, count)
        more = self._elsewhere(meter, key)
        inAll = pace.after(level, now, count + more) if more else rate
        if inAll >= limit and pace.mode is Mode.LEAKY:
            return inAll
        if entry is None:
            if len(entries) >= self._most:
                self._drop(meter.name, next(iter(entries)))
            entry = entries[key] = _Entry(Level(rate, now))
        else:
            entry.level = Level(rate, now)
            # Behind all others.
            entries[key] = entries.pop(key)
        entry.count += count
        self._paces[meter.name] = pace
        self._new[Place(meter.name, key)] = None
        if self._sums is not None:
            self._sums.add(_named(meter, key), count)
        return inAll

    def _elsewhere(self, meter: Meter, key: str) -> float:
        """What other workers have counted, and this process has not read."""
        if self._sums is None:
            return 0.0
        return self._sums.others(_named(meter, key), self._seen)

    def _drop(self, name: str, key: str) -> None:
        del self._known[name][key]
        self._new.pop(Place(name, key), None)

    # --- exchanging -----------------------------------------------------------------

    def start(self) -> Deferred[None]:
        """
        Read what was counted, and go on exchanging it.

        @return: fires when it was read, or cannot be; never fails.
        """
        self._begin()
        return Deferred.fromCoroutine(self._over())

    async def stop(self) -> None:
        """Write down what is new, and close the file."""
        self._stopped = True
        if self._call is not None:
            self._call.cancel()
            self._call = None
        await self._over()
        await self._exchange()
        await self._work(self._keeper.close)

    async def _over(self) -> None:
        """Wait for the exchange that is under way."""
        if self._underway is not None:
            await self._underway

    async def glance(self) -> None:
        """Read what was counted, once, without making a file."""

        def job() -> Turn[Exchanged]:
            found = self._keeper.glance(lambda file: file.all(self._now()))
            if found is None or found.result is None:
                return Turn(Exchanged(True, ()), "" if found is None else found.trouble)
            # What was counted last is last here.
            return Turn(Exchanged(True, found.result[::-1]))

        self._learn(await self._done(job), {})

    async def claim(self, account: str, every: float) -> bool:
        """
        Is it for this process to tell of an account?  Where the file cannot be used it
        is.

        @param every: how often anybody tells of it, in seconds.
        """
        now = self._now()
        turn = await self._done(
            lambda: self._keeper.turn(lambda file: file.claim(account, now, every))
        )
        return turn.result is not False

    def _begin(self) -> None:
        self._call = None
        self._underway = Deferred.fromCoroutine(self._exchange())

    async def _exchange(self) -> None:
        """Let the file have what is new, and take what others have counted."""
        given = {place: self._given(place) for place in self._new}
        self._new = {}
        if self._sums is not None:
            self._unsettled += self._sums.taken()
        counted, now, most = list(given.values()), self._now(), self._most

        def job() -> Turn[Exchanged]:
            return self._keeper.turn(lambda file: file.exchange(counted, now, most))

        self._learn(await self._done(job), given)
        if not self._stopped:
            self._call = self._clock.callLater(self._delay, self._begin)

    def _given(self, place: Place) -> Counted:
        entry = self._known[place.name][place.key]
        entry.given, entry.count = entry.count, 0.0
        return Counted(
            place,
            self._paces[place.name],
            entry.level,
            entry.given,
            entry.level.at,
            entry.change,
        )

    async def _done(self, job: Callable[[], Turn[Any]]) -> Turn[Any]:
        """What the thread gives; the operator is told what goes wrong."""
        try:
            turn: Turn[Any] = await self._work(job)
        except Exception as error:
            # The keeper tells of what the world does; this is a fault of our own.
            self._log.failure("The rates went wrong")
            turn = Turn(None, f"{self._path}: {error}")
        self._tell(turn)
        return turn

    def _tell(self, turn: Turn[Any]) -> None:
        """Tell the operator of what changed, and wait longer if it is bad."""
        before, self.trouble = self.trouble, turn.trouble
        if turn.aside:
            self._log.error(
                "The file of rates {path} was damaged; it is now {aside}, and a new one"
                " begins",
                path=self._path,
                aside=turn.aside,
            )
        if not turn.trouble:
            self._delay = EXCHANGE_SECONDS
            if before:
                self._log.info("Rates are in {path} again", path=self._path)
            return
        self._delay = min(2 * self._delay, _LONGEST_SECONDS)
        if not before:
            self._log.error(
                "Rates are counted in memory only, as their file cannot be used:"
                " {error}",
                error=turn.trouble,
            )

    def _learn(self, turn: Turn[Exchanged], given: dict[Place, Counted]) -> None:
        """Take over what the file has."""
        exact: set[Place] = set()
        for place in given:
            entry = self._known[place.name].get(place.key)
            if entry is not None:
                if entry.given:
                    # It is still the same: what went for others, and came anew in the
                    # meantime, does not know what was before.
                    exact.add(place)
                if turn.result is None:
                    # It is given again the next time.
                    entry.count += entry.given
                    self._new[place] = None
                entry.given = 0.0
        if turn.result is None:
            return
        self._seen = turn.result.change
        if self._sums is not None and self._unsettled:
            settled, self._unsettled = self._unsettled, []
            self._sums.settle(settled, self._seen)
        if turn.aside:
            # The new file has nothing: what is known here is all there is.
            for name, entries in self._known.items():
                for key, entry in entries.items():
                    entry.change, self._new[Place(name, key)] = 0, None
        self._take(turn.result.rows, {place: given[place] for place in exact})

    def _take(self, rows: Sequence[Row], given: Mapping[Place, Counted]) -> None:
        """
        Take over what others, and this process, have written.

        @param given: what this process has, and has written.
        """
        for row in rows:
            name, key = row.place.name, row.place.key
            entries = self._known.setdefault(name, {})
            entry = entries.get(key)
            if entry is None:
                if row.level is not None:
                    if len(entries) >= self._most:
                        self._drop(name, next(iter(entries)))
                    entries[key] = _Entry(row.level, row.change)
                continue
            entry.change = row.change
            ours = given.get(row.place)
            if ours is not None and ours.level == row.level:
                # Nobody else has counted: what is known here is exact.
                continue
            if entry.count:
                at = entry.level.at
                rate = self._paces[name].after(row.level, at, entry.count)
                entry.level = Level(rate, at)
            elif row.level is None:
                self._drop(name, key)
            else:
                entry.level = row.level


def _named(meter: Meter, key: str) -> bytes:
    """What is counted, as one key."""
    return f"{meter.name}\0{key}".encode("utf-8", "surrogatepass")


__all__ = ["EXCHANGE_SECONDS", "KEYS_MOST", "KEY_MOST", "Meter", "Rates", "Work"]
