"""
What each process of a server has added up, and the others have not heard of.

Processes that count together through a file know of each other's counts a second later.
Meanwhile these stand here: each process has a ring of keys, as digests of 64 bits with
a secret of the server's, with what it has added to each.  When that is in the file, by
a transaction that has a number, it is L{Sums.settle}d; who has read that transaction
does not count it again.  Nobody writes into another's ring, and there are no locks.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from hashlib import blake2b

from attrs import frozen

from .memory import numbers

#: Octets of a digest.
_MARK = 8

#: How long what was settled stays, in seconds: until then all others have read it.
KEPT_SECONDS = 5.0


class JointSums:
    """
    The rings, before the processes are forked.

    @ivar columns: how many processes there will be.
    @ivar keys: for how many keys each has room.
    """

    def __init__(self, columns: int, keys: int) -> None:
        """
        @param columns: at least 1.
        @param keys: at least 1.
        """
        self.columns = columns
        self.keys = keys
        self._secret = os.urandom(16)
        self.marks = numbers("Q", columns * keys)
        #: How much, as a float, and by which transaction; 0: it is not settled.
        self.values = numbers("Q", columns * keys).cast("B").cast("d")
        self.changes = numbers("Q", columns * keys)
        #: How many were ever added by each, and how many of these are over: what is
        #: between them counts.
        self.heads = numbers("Q", columns)
        self.tails = numbers("Q", columns)

    def column(self, number: int, now: Callable[[], float]) -> Sums:
        """
        The part of a process, from nothing.

        @param number: which process it is, from 1 on.
        @param now: tells the time in seconds, for this process.
        """
        self.tails[number - 1] = self.heads[number - 1]
        return Sums(self, number, now)

    def mark(self, key: bytes) -> int:
        """The digest of a key; never 0."""
        digest = blake2b(key, digest_size=_MARK, key=self._secret).digest()
        return int.from_bytes(digest, "little") or 1


#: What was added, by the numbers that it had among all that ever was.
Places = list[int]


@frozen
class _Settled:
    """
    What is settled.

    @ivar at: since when.
    @ivar last: the greatest number of it.
    """

    at: float
    last: int


class Sums:
    """The sums, as one of the processes has them."""

    def __init__(self, joint: JointSums, number: int, now: Callable[[], float]) -> None:
        """Made by L{JointSums.column}."""
        self._joint = joint
        self._column = number - 1
        self._octets = joint.marks.cast("B")
        self._now = now
        #: What is not settled, by its keys.
        self._open: dict[bytes, int] = {}
        self._settled: deque[_Settled] = deque()

    def add(self, key: bytes, count: float) -> None:
        """Add something."""
        joint, number = self._joint, self._open.get(key)
        if number is not None and number >= joint.tails[self._column]:
            joint.values[self._place(number)] += count
            return
        number = joint.heads[self._column]
        if number - joint.tails[self._column] >= joint.keys:
            # What was added longest ago goes for it.
            joint.tails[self._column] = number - joint.keys + 1
        place = self._place(number)
        joint.values[place], joint.changes[place] = count, 0
        joint.marks[place] = joint.mark(key)
        joint.heads[self._column] = number + 1
        self._open[key] = number

    def _place(self, number: int) -> int:
        """Where something stands."""
        return self._column * self._joint.keys + number % self._joint.keys

    def taken(self) -> Places:
        """
        What was added so far is about to be written.

        @return: what is to be given to L{settle}, once it was.
        """
        places = list(self._open.values())
        self._open.clear()
        return places

    def settle(self, places: Places, change: int) -> None:
        """
        It was written.

        @param places: as L{taken} gave them.
        @param change: the number of the transaction, from 1 on.
        """
        joint, now = self._joint, self._now()
        tail = joint.tails[self._column]
        for number in places:
            if number >= tail:
                joint.changes[self._place(number)] = change
        self._settled.append(_Settled(now, max(places, default=-1)))
        while self._settled and not 0 <= now - self._settled[0].at < KEPT_SECONDS:
            tail = max(tail, self._settled.popleft().last + 1)
        joint.tails[self._column] = tail

    def others(self, key: bytes, seen: int) -> float:
        """
        What the others have added to a key, and this process has not read.

        @param seen: the number of the last transaction that it has.
        """
        joint, found = self._joint, 0.0
        wanted = joint.mark(key).to_bytes(_MARK, sys.byteorder)
        for column in range(joint.columns):
            if column == self._column:
                continue
            for place in self._search(column, wanted):
                change = joint.changes[place]
                if not change or change > seen:
                    found += joint.values[place]
        return found

    def _search(self, column: int, wanted: bytes) -> Iterator[int]:
        """Where a digest stands among what counts of a process."""
        joint, start = self._joint, column * self._joint.keys
        tail, head = joint.tails[column], joint.heads[column]
        if head <= tail:
            return
        first, last = tail % joint.keys, head % joint.keys
        parts = [(first, last)]
        if first >= last:
            parts = [(first, joint.keys), (0, last)]
        for begin, end in parts:
            octets = self._octets[(start + begin) * _MARK : (start + end) * _MARK]
            ring = bytes(octets)
            at = ring.find(wanted)
            while at >= 0:
                if at % _MARK == 0:
                    yield start + begin + at // _MARK
                at = ring.find(wanted, at + 1)


__all__ = ["KEPT_SECONDS", "JointSums", "Places", "Sums"]
