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
from collections.abc import Callable
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

    def column(self, number: int, now: Callable[[], float]) -> Sums:
        """
        The part of a process, from nothing.

        @param number: which process it is, from 1 on.
        @param now: tells the time in seconds, for this process.
        """
        start = (number - 1) * self.keys
        octets = self.marks.cast("B")
        octets[start * _MARK : (start + self.keys) * _MARK] = bytes(self.keys * _MARK)
        return Sums(self, number, now)

    def mark(self, key: bytes) -> int:
        """The digest of a key; never 0."""
        digest = blake2b(key, digest_size=_MARK, key=self._secret).digest()
        return int.from_bytes(digest, "little") or 1


#: Places in a ring, each with the digest that stood there.
Places = list[tuple[int, int]]


@frozen
class _Settled:
    """
    What is settled.

    @ivar at: since when.
    """

    at: float
    places: Places


class Sums:
    """The sums, as one of the processes has them."""

    def __init__(self, joint: JointSums, number: int, now: Callable[[], float]) -> None:
        """Made by L{JointSums.column}."""
        self._joint = joint
        self._start = (number - 1) * joint.keys
        self._octets = joint.marks.cast("B")
        self._now = now
        self._next = 0
        #: Where keys stand that are not settled.
        self._open: dict[bytes, int] = {}
        self._settled: deque[_Settled] = deque()

    def add(self, key: bytes, count: float) -> None:
        """Add something."""
        joint, place = self._joint, self._open.get(key)
        if place is None:
            place = self._place()
            joint.values[place], joint.changes[place] = count, 0
            joint.marks[place] = joint.mark(key)
            self._open[key] = place
        else:
            joint.values[place] += count

    def _place(self) -> int:
        """Where there is room; what was added longest ago goes for it."""
        place = self._start + self._next
        self._next = (self._next + 1) % self._joint.keys
        if self._joint.marks[place]:
            self._joint.marks[place] = 0
            for key, each in self._open.items():
                if each == place:
                    del self._open[key]
                    break
        return place

    def taken(self) -> Places:
        """
        What was added so far is about to be written.

        @return: what is to be given to L{settle}, once it was.
        """
        marks = self._joint.marks
        places = [(place, marks[place]) for place in self._open.values()]
        self._open.clear()
        return places

    def settle(self, places: Places, change: int) -> None:
        """
        It was written.

        @param places: as L{taken} gave them.
        @param change: the number of the transaction, from 1 on.
        """
        joint, now = self._joint, self._now()
        for place, mark in places:
            if joint.marks[place] == mark:
                joint.changes[place] = change
        self._settled.append(_Settled(now, places))
        while self._settled and not 0 <= now - self._settled[0].at < KEPT_SECONDS:
            for place, mark in self._settled.popleft().places:
                if joint.marks[place] == mark and joint.changes[place]:
                    joint.marks[place] = 0

    def others(self, key: bytes, seen: int) -> float:
        """
        What the others have added to a key, and this process has not read.

        @param seen: the number of the last transaction that it has.
        """
        joint, found = self._joint, 0.0
        wanted = joint.mark(key).to_bytes(_MARK, sys.byteorder)
        size = joint.keys
        for start in range(0, joint.columns * size, size):
            if start == self._start:
                continue
            ring = bytes(self._octets[start * _MARK : (start + size) * _MARK])
            at = ring.find(wanted)
            while at >= 0:
                if at % _MARK == 0:
                    place = start + at // _MARK
                    change = joint.changes[place]
                    if not change or change > seen:
                        found += joint.values[place]
                at = ring.find(wanted, at + 1)
        return found


__all__ = ["KEPT_SECONDS", "JointSums", "Places", "Sums"]
