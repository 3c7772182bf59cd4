"""
What a spool remembers of its messages in memory: which are fresh, which are
leased.

A message that was never tried is due at once, so a queue of keys in the order
of their commits is all that is needed to find it; only those that were tried
are looked for in the spool file.  Leases end with the process, which is what
they are for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .identity import secondOf


class Agenda:
    """
    Fresh messages and leases of one spool.

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

    def add(self, keys: Iterable[int]) -> None:
        """These were never tried."""
        self._fresh.extend(keys)

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

    def settled(self, key: int) -> None:
        """Its lease is at an end."""
        self.leased.discard(key)
        self.settling.discard(key)


class Due(NamedTuple):
    """
    A message that is due again.

    @ivar priority: its priority.
    @ivar since: when it became due, in seconds since the epoch.
    """

    priority: int
    since: float
    key: int


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
