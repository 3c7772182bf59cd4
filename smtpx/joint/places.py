"""
Places that several processes have together, so that nobody goes away empty.

There are so many places for a key: connections to a destination, or checks at once.
Who wants one while there is none says so, and asks again in a moment; that is his wish.
A process that gives one back, and has its fair part all the same, leaves it for a
moment to those who wish for one.  Without that, whoever has much to do would take it
again at once, and the others would never find one.
"""

from __future__ import annotations

from collections.abc import Callable

from .counts import Counts, JointCounts

#: How often to ask again for a place, in seconds.
ASK_SECONDS = 0.05

#: How long a place is left to others, in seconds: long enough for each to ask.
_COURTESY_SECONDS = 4 * ASK_SECONDS

#: A number that is never too many.
_ANY = 1 << 40


class JointPlaces:
    """The places, before the processes are forked."""

    def __init__(self, columns: int, keys: int) -> None:
        """
        @param columns: how many processes there will be.
        @param keys: for how many keys at a time each has room.
        """
        self.columns = columns
        self.taken = JointCounts(columns, keys)
        self.wishes = JointCounts(columns, keys)

    def column(self, number: int, seconds: Callable[[], float]) -> Places:
        """
        The part of a process, from nothing.

        @param number: which process it is, from 1 on.
        @param seconds: a clock that goes on steadily.
        """
        return Places(
            self.columns,
            self.taken.column(number),
            self.wishes.column(number),
            seconds,
        )

    def clear(self, number: int) -> None:
        """A process is no more."""
        self.taken.clear(number)
        self.wishes.clear(number)


class Places:
    """The places, as one of the processes has them."""

    def __init__(
        self,
        columns: int,
        taken: Counts,
        wishes: Counts,
        seconds: Callable[[], float],
    ) -> None:
        """Made by L{JointPlaces.column}."""
        self._columns = columns
        self._taken = taken
        self._wishes = wishes
        self._seconds = seconds
        #: Until when places are left to others, by keys; the oldest are first.
        self._courtesy: dict[bytes, float] = {}

    def own(self, key: bytes) -> int:
        """How many this process has."""
        return self._taken.own(key)

    def take(self, key: bytes, most: int) -> bool:
        """
        Take one.

        @param most: how many there are, for all processes.
        @return: was there one?  If not, it is wished for, until there is or C{leave}
            says that it is not wanted any more; ask again after L{ASK_SECONDS}.
        """
        if self._isLeft(key) or not self._taken.take(key, most):
            if not self._wishes.own(key):
                self._wishes.take(key, _ANY)
            return False
        self.leave(key)
        return True

    def give(self, key: bytes, most: int) -> None:
        """
        Give one back.

        @param most: how many there are, for all processes.
        @raise KeyError: this process has none.
        """
        more = self.excess(key, most)
        self._taken.give(key)
        if more:
            now = self._seconds()
            self._forget(now)
            self._courtesy[key] = now + _COURTESY_SECONDS

    def leave(self, key: bytes) -> None:
        """It is not wished for any more."""
        if self._wishes.own(key):
            self._wishes.give(key)

    def isWished(self, key: bytes) -> bool:
        """Does another process wish for one?"""
        return self._wishes.others(key) > 0

    def wishes(self, key: bytes) -> memoryview[int]:
        """
        How many wishes there are now, in each process, for this key and perhaps for
        some others: where all are zero, nobody wishes for one.  To look there costs
        much less than to ask L{isWished}.
        """
        return self._wishes.sieved(key)

    def excess(self, key: bytes, most: int) -> int:
        """
        How many this process has above its part, where others wish for some.

        @param most: how many there are, for all processes.  Where there are fewer than
            processes, nobody has a part: all take turns.
        """
        part = -(-most // self._columns) if most >= self._columns else 0
        more = self._taken.own(key) - part
        return more if more > 0 and self.isWished(key) else 0

    def _isLeft(self, key: bytes) -> bool:
        """Is one left to others for now?"""
        until = self._courtesy.get(key)
        if until is None:
            return False
        if self._seconds() < until and self.isWished(key):
            return True
        del self._courtesy[key]
        return False

    def _forget(self, now: float) -> None:
        """Forget what was left to others long ago."""
        for key, until in list(self._courtesy.items()):
            if until > now:
                break
            del self._courtesy[key]


__all__ = ["ASK_SECONDS", "JointPlaces", "Places"]
