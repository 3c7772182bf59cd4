"""
What a spool remembers of its messages in memory: which are leased, and where to
look for what is to go next.  It takes the same room however many messages there
are.

B{Fresh} messages, which were never tried, are due at once, so a queue of keys in
the order of their commits is all that is needed to find them.  The queue is
bounded: what does not fit is left to the file, and found there when the queue runs
low, by a walk that goes on where it stopped (the I{backlog}).

What is B{due} again is found in the file, in the order of its time.  What has been
passed there need not be looked at again: it was leased, and what is written down
of it then says when it is due next.  So a look begins where the last one stopped,
and goes back only where something was made due before that place; and it is known
until when there is nothing to look for.

Leases end with the process, which is what they are for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from math import inf
from typing import NamedTuple

from attrs import define, frozen

from .identity import secondOf

#: How many fresh messages are remembered.
FRESH = 10_000


class Due(NamedTuple):
    """
    A message that is due again.

    @ivar priority: its priority.
    @ivar since: when it became due, in seconds since the epoch.
    """

    priority: int
    since: float
    key: int


@define(eq=False)
class Look:
    """
    A look for what is to go, which begins in the reactor's thread and is then had
    by the writer's.

    @ivar now: what is due until then, in seconds since the epoch.
    @ivar most: how many are wanted.
    @ivar fresh: fresh ones from memory, leased.
    @ivar backlog: behind which key the file has fresh ones that memory has not;
        L{None}: it has none.
    @ivar passed: by priority, up to where what is due was passed.
    @ivar lowest: the earliest time for which something was made due since the
        look began.
    """

    now: float
    most: int
    fresh: list[int]
    backlog: int | None
    passed: dict[int, tuple[float, int]]
    lowest: float = inf


@frozen(eq=False)
class Sight:
    """
    What a look found.

    @ivar found: fresh ones of the backlog.
    @ivar backlog: behind which key it goes on; L{None}: that was all.
    @ivar due: what is due, in order.
    @ivar later: when something is due that is not among it.
    @ivar seen: the keys that were chosen and read, in order.
    """

    found: Sequence[int]
    backlog: int | None
    due: Sequence[Due]
    later: float
    seen: Sequence[int]


class Agenda:
    """
    Fresh messages, what is due, and leases of one spool.

    @ivar leased: keys that somebody is delivering.  The writer's thread looks
        into it too, to skip what cannot be had; what it finds is looked at
        again here.
    @ivar settling: those of them that somebody is done with, as is being
        written down.
    """

    def __init__(self) -> None:
        self.leased: set[int] = set()
        self.settling: set[int] = set()
        self._fresh: deque[int] = deque()
        self._backlog: int | None = None
        self._passed: dict[int, tuple[float, int]] = {}
        #: Nothing is due before this that was not passed.
        self._later = -inf
        self._looks: list[Look] = []

    def recovered(self) -> None:
        """Nothing is known of what is in the file, but what is leased."""
        self._fresh.clear()
        self._backlog = -1
        self._passed.clear()
        self.made(-inf)

    def add(self, keys: Collection[int]) -> None:
        """These were put down, and never tried."""
        fresh = self._fresh
        if self._backlog is None and len(fresh) + len(keys) <= FRESH:
            fresh.extend(keys)
            return
        for key in keys:
            if self._backlog is None and len(fresh) >= FRESH:
                self._backlog = key - 1
            # What is put down behind the place where the walk is, it will find.
            if self._backlog is None or key <= self._backlog:
                fresh.append(key)

    def made(self, due: float) -> None:
        """Something is due at that time which may not have been before."""
        self._later = min(self._later, due)
        for look in self._looks:
            look.lowest = min(look.lowest, due)
        for priority, (since, _) in self._passed.items():
            if due <= since:
                self._passed[priority] = due, -1

    def quiet(self, now: float) -> bool:
        """Is nothing due now but what is fresh?"""
        return now < self._later

    def empty(self, now: float) -> bool:
        """Is nothing due at all, here or in the file?"""
        return now < self._later and self._backlog is None and self.head() is None

    def head(self) -> int | None:
        """The fresh message that is next; L{None}: memory has none."""
        fresh = self._fresh
        while fresh and fresh[0] in self.leased:
            fresh.popleft()
        return fresh[0] if fresh else None

    def next(self) -> None:
        """What L{head} gave is had."""
        self._fresh.popleft()

    def draw(self, most: int) -> list[int]:
        """Lease at most so many fresh messages."""
        drawn: list[int] = []
        fresh, leased = self._fresh, self.leased
        while fresh and len(drawn) < most:
            key = fresh.popleft()
            if key not in leased:
                leased.add(key)
                drawn.append(key)
        return drawn

    def putBack(self, keys: Sequence[int]) -> None:
        """Fresh ones that were drawn and not used: first in the queue again."""
        self.leased.difference_update(keys)
        self._fresh.extendleft(reversed(keys))

    def settled(self, keys: Collection[int]) -> None:
        """Their leases are at an end."""
        self.leased.difference_update(keys)
        self.settling.difference_update(keys)

    # --- looking -------------------------------------------------------------

    def look(self, now: float, most: int) -> Look:
        """Begin to look for what is to go; C{saw} or C{missed} ends it."""
        look = Look(now, most, self.draw(most), self._backlog, dict(self._passed))
        self._looks.append(look)
        return look

    def missed(self, look: Look) -> None:
        """Nothing came of it."""
        self._looks.remove(look)
        self.putBack(look.fresh)

    def saw(self, look: Look, sight: Sight) -> None:
        """Something came of it.  What was seen is not leased yet."""
        self._looks.remove(look)
        seen = set(sight.seen)
        self.putBack([key for key in look.fresh if key not in seen])
        self.leased.difference_update(look.fresh)
        self._fresh.extend([key for key in sight.found if key not in seen])
        if self._backlog is not None:
            behind = sight.backlog
            self._backlog = None if behind is None else max(behind, self._backlog)
        later = sight.later
        for one in sight.due:
            if one.key not in seen:
                later = -inf
            elif one.since < look.lowest:
                place = one.since, one.key
                before = self._passed.get(one.priority, place)
                self._passed[one.priority] = max(place, before)
        self._later = min(later, look.lowest)


def choose(fresh: Sequence[int], due: Sequence[Due], most: int) -> list[int]:
    """
    Which messages go next.

    @param fresh: those that were never tried, in order; they have no priority.
    @param due: those that are due again, in order.
    @return: at most so many keys: the urgent, then a fair share of both kinds,
        then the slow.
    """
    urgent = [one.key for one in due if one.priority > 0][:most]
    again = [one for one in due if one.priority == 0]
    slow = [one.key for one in due if one.priority < 0]
    room = most - len(urgent)
    drawn = fresh[: max(room - room // 2, room - len(again))]
    plain = [(float(secondOf(key)), key) for key in drawn]
    plain += [(one.since, one.key) for one in again[: room - len(drawn)]]
    plain.sort()
    keys = urgent + [key for _, key in plain] + slow
    return list(dict.fromkeys(keys))[:most]
