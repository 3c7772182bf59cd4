"""
One number that several processes count together.

How it is that never too many are let in, without a lock: each process first says that
it is one more, then looks whether that is too many in all, and takes it back if so.  Of
two that come at the same moment, one at least looks after both have said so.  That
both see one too many can happen, and then both go away although there was room for one
of them; so they look again before they do.

A processor may keep from the others for some nanoseconds what was written; there are
thousands of its instructions between saying and looking here.
"""

from __future__ import annotations

from .memory import numbers

#: How often it is tried again when others came at the same moment.
TRIES = 4


class JointCount:
    """
    The number, before the processes are forked.

    @ivar columns: how many processes there will be.
    """

    def __init__(self, columns: int) -> None:
        """
        @param columns: at least 1.
        """
        self.columns = columns
        self.words = numbers("Q", columns)
        #: Which processes are at work: 1 for each.
        self.alive = numbers("Q", columns)

    def column(self, number: int) -> Count:
        """
        The part of a process, from nothing.

        @param number: which process it is, from 1 on.
        """
        self.clear(number)
        self.alive[number - 1] = 1
        return Count(self, number)

    def clear(self, number: int) -> None:
        """A process is no more."""
        self.alive[number - 1] = self.words[number - 1] = 0


class Count:
    """The number, as one of the processes has it."""

    def __init__(self, joint: JointCount, number: int) -> None:
        """Made by L{JointCount.column}."""
        self._words, self._alive = joint.words, joint.alive
        self._place = number - 1
        #: How many are this process's.
        self.own = 0

    @property
    def all(self) -> int:
        """How many there are, of all processes."""
        return sum(self._words)

    @property
    def least(self) -> int | None:
        """
        How many the other process at work has that has the fewest; L{None}: no other
        is at work.
        """
        others = [
            count
            for place, count in enumerate(self._words)
            if place != self._place and self._alive[place]
        ]
        return min(others, default=None)

    def take(self, most: int) -> bool:
        """
        One more, unless that is too many.

        @param most: how many there may be, of all processes.
        @return: is it counted, until L{give}?
        """
        words, place, own = self._words, self._place, self.own
        for _ in range(TRIES):
            words[place] = own + 1
            if sum(words) <= most:
                self.own = own + 1
                return True
            words[place] = own
            if sum(words) >= most:
                break
        return False

    def give(self) -> None:
        """One that was counted is no more."""
        self.own -= 1
        self._words[self._place] = self.own


__all__ = ["TRIES", "Count", "JointCount"]
