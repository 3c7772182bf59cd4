"""
What any process of a server has noted of late: that a key was there.

What processes tell each other through files is known to the others a second later.
Where that is too late, it stands here as well: each process has a ring of digests of 64
bits, with a secret of the server's, and looks into those of the others.  There are no
locks: nobody writes into another's ring, and a number is written as a whole.

L{Recent.claim} is for what only one process may use: each first says that it does, and
then looks whether another one has said so.  Of two at the same moment, one at least
looks after both have said so; it can be that both go away.
"""

from __future__ import annotations

import os
import sys
from hashlib import blake2b

from .memory import numbers

#: Octets of a digest.
_MARK = 8


class JointRecent:
    """
    The rings, before the processes are forked.

    @ivar columns: how many processes there will be.
    @ivar keys: how many keys each remembers.
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
        #: How many were noted by each, ever.
        self.counts = numbers("Q", columns)

    def column(self, number: int) -> Recent:
        """
        The part of a process, which goes on where one of that number has ended.

        @param number: which process it is, from 1 on.
        """
        return Recent(self, number)

    def mark(self, key: bytes) -> int:
        """The digest of a key; never 0."""
        digest = blake2b(key, digest_size=_MARK, key=self._secret).digest()
        return int.from_bytes(digest, "little") or 1


class Recent:
    """What was noted, as one of the processes sees it."""

    def __init__(self, joint: JointRecent, number: int) -> None:
        """Made by L{JointRecent.column}."""
        self._joint = joint
        self._column = number - 1
        self._octets = joint.marks.cast("B")

    def note(self, key: bytes) -> None:
        """Have all processes know of a key."""
        self._write(self._joint.mark(key))

    def known(self, key: bytes) -> bool:
        """Was it noted of late, by any of them?"""
        mark = self._joint.mark(key)
        return any(self._has(each, mark) for each in range(self._joint.columns))

    def claim(self, key: bytes) -> bool:
        """
        Note it, and say whether nobody has before.

        @return: is it for this process alone?  Of several that ask at the same moment,
            for one at most.
        """
        joint, own = self._joint, self._column
        mark = joint.mark(key)
        if self._has(own, mark):
            return False
        self._write(mark)
        others = (each for each in range(joint.columns) if each != own)
        return not any(self._has(each, mark) for each in others)

    def _write(self, mark: int) -> None:
        joint, own = self._joint, self._column
        count = joint.counts[own]
        joint.marks[own * joint.keys + count % joint.keys] = mark
        joint.counts[own] = count + 1

    def _has(self, column: int, mark: int) -> bool:
        joint = self._joint
        start = column * joint.keys
        end = start + min(joint.counts[column] + 1, joint.keys)
        ring = bytes(self._octets[start * _MARK : end * _MARK])
        wanted = mark.to_bytes(_MARK, sys.byteorder)
        at = ring.find(wanted)
        while at > 0 and at % _MARK:
            # Between two digests.
            at = ring.find(wanted, at + 1)
        return at >= 0


__all__ = ["JointRecent", "Recent"]
