"""
Memory that outlives each of the processes that share it.

It is made before they are forked, and is gone with the last of them.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping

from attrs import frozen


class Keeping:
    """
    Keeps some octets (L{smtpx.observe.ledger.IKeeping}).

    One process writes them at a time, and may be killed while it does: there are two
    places, and which of them is whole is changed last, in one step.
    """

    def __init__(self) -> None:
        """
        @raise OSError: the system does not let us.
        """
        self._places = [_anonymous(f"smtpx-{place}") for place in range(2)]
        self._current = memoryview(mmap.mmap(-1, 8)).cast("Q")

    def load(self) -> bytes:
        """See L{IKeeping}."""
        place = self._places[self._current[0]]
        return os.pread(place, os.fstat(place).st_size, 0)

    def save(self, octets: bytes) -> None:
        """See L{IKeeping}."""
        other = 1 - self._current[0]
        place = self._places[other]
        os.ftruncate(place, 0)
        written = 0
        while written < len(octets):
            written += os.pwrite(place, octets[written:], written)
        self._current[0] = other

    def close(self) -> None:
        """Let go of it, in this process."""
        while self._places:
            os.close(self._places.pop())


def _anonymous(name: str) -> int:
    """A file in memory, without a name that anybody could open; its descriptor."""
    return os.memfd_create(name, os.MFD_CLOEXEC)


class Starts:
    """How often each of several processes was started, in memory that they share."""

    def __init__(self, count: int) -> None:
        """
        @param count: how many there are.
        """
        self._starts = memoryview(mmap.mmap(-1, 8 * count)).cast("Q")

    def begin(self, number: int) -> None:
        """
        One starts.

        @param number: which, from 1 on.
        """
        self._starts[number - 1] += 1

    def of(self, number: int) -> int:
        """How often one was started."""
        return self._starts[number - 1]


@frozen
class Common:
    """
    What the workers of a server have in common to be seen as one.

    @ivar keeping: what is known of all of them.
    @ivar starts: how often each was started.
    @ivar beside: the processes of the server that are no workers, by what they are
        called.
    """

    keeping: Keeping
    starts: Starts
    beside: Mapping[str, int]

    @classmethod
    def make(cls, count: int) -> Common:
        """
        Make it, in the zygote, before the workers are forked.

        @param count: how many workers there are.
        @raise OSError: the system does not let us.
        """
        beside = {"supervisor": os.getppid(), "zygote": os.getpid()}
        return cls(Keeping(), Starts(count), beside)


__all__ = ["Common", "Keeping", "Starts"]
