"""
Numbers that several processes count together, by keys.

Each process has a roll: its keys, as digests of 64 bits with a secret of the server's,
and their numbers.  To know what a key has in all, the rolls of the others are searched;
as that takes some microseconds where there are thousands of keys, there is a sieve
before it.  Each key has one of its cells, by its digest, and each process adds there
what it counts.  Where the cells of all processes together have no more than is
allowed, the key does not either, and nothing need be searched; that is so for all but
those that are about to have too many.

So the numbers are exact, but for keys with the same digest, which count together: with
10,000 keys the probability that there are any two is 3e-12, and nobody who does not
know the secret can look for such keys.

Why never too many are counted is said in L{smtpx.joint.number}.  A roll that changes
while it is searched makes no difference to that: what a process has said before the
search began is found, for the key stays where it is as long as it has a number.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from hashlib import blake2b
from heapq import heappop, heappush

from attrs import define

from .memory import numbers
from .number import TRIES

#: Octets of a digest.
_MARK = 8

#: Of how many keys the digests are remembered.
_KEPT = 4096

#: How many keys stay in a roll that have nothing.
_RESTING = 1000


class JointCounts:
    """
    The numbers, before the processes are forked.

    @ivar columns: how many processes there will be.
    @ivar keys: for how many keys each has room.
    @ivar cells: how many cells a sieve has.
    """

    def __init__(self, columns: int, keys: int) -> None:
        """
        @param columns: at least 1.
        @param keys: at least 1.
        """
        self.columns = columns
        self.keys = keys
        self.cells = 1 << max(6, keys.bit_length())
        self._secret = os.urandom(16)
        #: Column by column: digests, their numbers, how many of these places are in
        #: use at most, and the sieve.
        self.marks = numbers("Q", columns * keys)
        self.counts = numbers("Q", columns * keys)
        self.tops = numbers("Q", columns)
        self.sieve = numbers("I", columns * self.cells)

    def column(self, number: int) -> Counts:
        """
        The part of a process, from nothing.

        @param number: which process it is, from 1 on.
        """
        self.clear(number)
        return Counts(self, number)

    def clear(self, number: int) -> None:
        """A process is no more."""
        place = number - 1
        self.tops[place] = 0
        for words in (self.marks, self.counts, self.sieve):
            size = len(words) // self.columns
            words[place * size : (place + 1) * size].cast("B")[:] = bytes(
                size * words.itemsize
            )

    def mark(self, key: bytes) -> int:
        """The digest of a key; never 0."""
        digest = blake2b(key, digest_size=_MARK, key=self._secret).digest()
        return int.from_bytes(digest, "little") or 1


@define(eq=False)
class _Entry:
    """
    A key in the roll of a process.

    @ivar mark: its digest.
    @ivar cells: its cells in the sieves of all processes.
    @ivar cell: that of this process.
    @ivar place: where it stands in the roll.
    @ivar count: how often it was counted.
    """

    mark: int
    cells: slice
    cell: int
    place: int
    count: int = 0


class Counts:
    """The numbers, as one of the processes has them."""

    def __init__(self, joint: JointCounts, number: int) -> None:
        """Made by L{JointCounts.column}."""
        self._column = column = number - 1
        self._marks, self._counts = joint.marks, joint.counts
        self._tops, self._sieve = joint.tops, joint.sieve
        self._octets = joint.marks.cast("B")
        self._cells, self._keys = joint.cells, joint.keys
        self._others = [each for each in range(joint.columns) if each != column]
        self._mark = lru_cache(_KEPT)(joint.mark)
        self._held: dict[bytes, _Entry] = {}
        #: Keys that have nothing now, the longest so first: most come again, and to put
        #: a key into the roll and to take it out costs more than all else.
        self._resting: dict[bytes, _Entry] = {}
        self._restingMost = min(_RESTING, joint.keys // 2)
        self._start = column * joint.keys
        #: Places in the roll that are not used: those below the top, and the top.
        self._free: list[int] = []
        self._top = 0

    def own(self, key: bytes) -> int:
        """How many a key has here."""
        entry = self._held.get(key)
        return 0 if entry is None else entry.count

    def others(self, key: bytes) -> int:
        """How many a key has elsewhere."""
        mark = self._mark(key)
        return self._elsewhere(mark, mark % self._cells)

    def sieved(self, key: bytes) -> memoryview[int]:
        """
        The cells of a key, one of each process, as they are whenever they are read:
        none has less than the process has counted of the key.
        """
        return self._sieve[self._mark(key) % self._cells :: self._cells]

    def take(self, key: bytes, most: int) -> bool:
        """
        One more, unless that is too many.

        @param most: how many the key may have, in all processes.
        @return: is it counted, until L{give}?  It is not where this process has no
            room for another key either.
        """
        entry = self._held.get(key)
        if entry is None:
            entry = self._enrolled(key)
            if entry is None:
                return False
        sieve = self._sieve
        entry.count = self._counts[entry.place] = entry.count + 1
        sieve[entry.cell] += 1
        return sum(sieve[entry.cells]) <= most or self._isRoom(key, entry, most)

    def give(self, key: bytes) -> None:
        """
        One that was counted is no more.

        @raise KeyError: none was.
        """
        entry = self._held[key]
        entry.count = self._counts[entry.place] = entry.count - 1
        self._sieve[entry.cell] -= 1
        if not entry.count:
            self._rest(key, entry)

    def _isRoom(self, key: bytes, entry: _Entry, most: int) -> bool:
        """
        Was that not one too many?  It was counted, and is taken back if so.
        """
        for _ in range(TRIES):
            if entry.count + self._found(entry) <= most:
                return True
            entry.count -= 1
            self._counts[entry.place] = entry.count
            self._sieve[entry.cell] -= 1
            if entry.count + self._found(entry) >= most:
                break
            entry.count += 1
            self._counts[entry.place] = entry.count
            self._sieve[entry.cell] += 1
        else:
            entry.count -= 1
            self._counts[entry.place] = entry.count
            self._sieve[entry.cell] -= 1
        if not entry.count:
            self._rest(key, entry)
        return False

    def _enrolled(self, key: bytes) -> _Entry | None:
        """A key of which nothing is counted; L{None}: there is no room for it."""
        entry = self._resting.pop(key, None)
        if entry is None:
            place = self._place()
            if place is None:
                return None
            mark = self._mark(key)
            cell = mark % self._cells
            own = self._column * self._cells + cell
            entry = _Entry(mark, slice(cell, None, self._cells), own, place)
            self._marks[place] = mark
        self._held[key] = entry
        return entry

    def _place(self) -> int | None:
        """A place in the roll; L{None}: there is none."""
        if self._free:
            return heappop(self._free)
        if self._top < self._keys:
            self._top += 1
            self._tops[self._column] = self._top
            return self._start + self._top - 1
        for key in self._resting:
            return self._resting.pop(key).place
        return None

    def _rest(self, key: bytes, entry: _Entry) -> None:
        """Nothing of a key is counted any more."""
        del self._held[key]
        resting = self._resting
        resting[key] = entry
        if len(resting) > self._restingMost:
            place = resting.pop(next(iter(resting))).place
            self._marks[place] = 0
            heappush(self._free, place)

    def _found(self, entry: _Entry) -> int:
        return self._elsewhere(entry.mark, entry.cells.start)

    def _elsewhere(self, mark: int, cell: int) -> int:
        """What the other processes have counted of a key."""
        found = 0
        for column in self._others:
            if self._sieve[column * self._cells + cell]:
                found += self._search(column, mark)
        return found

    def _search(self, column: int, mark: int) -> int:
        """What a process has counted of a key, by its roll."""
        start = column * self._keys
        octets = self._octets[start * _MARK : (start + self._tops[column]) * _MARK]
        roll, wanted = bytes(octets), mark.to_bytes(_MARK, sys.byteorder)
        at = roll.find(wanted)
        while at > 0 and at % _MARK:
            # Between two digests.
            at = roll.find(wanted, at + 1)
        return 0 if at < 0 else self._counts[start + at // _MARK]


__all__ = ["Counts", "JointCounts"]
