"""
Finding in the spool file what is to go, without going through the rest, however
much of it there is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Set
from math import inf

from .agenda import Due
from .scheduling import HIGHEST

_PRIORITY = (
    "SELECT max(priority) FROM progress"
    " WHERE held = 0 AND lane IS NULL AND priority < ?"
)
_DUE = (
    "SELECT due, id FROM progress WHERE held = 0 AND lane IS NULL"
    " AND priority = ? AND (due, id) > (?, ?) ORDER BY due, id"
)
_PARKED = (
    "SELECT id FROM progress WHERE lane = ? AND held = 0 ORDER BY priority DESC, id"
)
_STRETCH = (
    "SELECT max(id), count(*) FROM"
    " (SELECT id FROM message WHERE id > ? ORDER BY id LIMIT ?)"
)
_FRESH = (
    "SELECT id FROM message m WHERE id > ? AND id <= ? AND hold IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM progress p WHERE p.id = m.id) ORDER BY id"
)


class Search:
    """
    Searches one open spool file.  It belongs to the thread that the file does.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def fresh(self, after: int, most: int) -> tuple[list[int], int | None]:
        """
        Messages that were never tried, held nor planned, in the order of their
        keys.

        @param after: begin behind this key.
        @param most: how many messages to look at.
        @return: those that are fresh, and behind which key to go on; L{None}: that
            was all.
        """
        execute = self._execute
        ((last, seen),) = execute(_STRETCH, (after, most)).fetchall()
        if last is None:
            return [], None
        found = [key for (key,) in execute(_FRESH, (after, last))]
        return found, last if seen == most else None

    def due(
        self,
        now: float,
        most: int,
        without: Set[int],
        passed: Mapping[int, tuple[float, int]],
    ) -> tuple[list[Due], float]:
        """
        Messages that are due again, or for the first time as was planned: those
        with the highest priority and then the longest due first.

        @param without: keys that are not wanted.
        @param passed: by priority, behind which time and key to begin.
        @return: those, and when others are due; infinite: there are none.
        """
        execute = self._execute
        found: list[Due] = []
        later = inf
        priority = HIGHEST + 1
        while True:
            # One leap a priority, however many messages have it.
            ((priority,),) = execute(_PRIORITY, (priority,)).fetchall()
            if priority is None:
                return found, later
            behind = passed.get(priority, (-inf, -1))
            for since, key in execute(_DUE, (priority, *behind)):
                if since > now:
                    later = min(later, since)
                    break
                if key not in without:
                    if len(found) == most:
                        return found, since
                    found.append(Due(priority, since, key))

    def parked(self, lane: bytes, most: int, without: Set[int]) -> list[int]:
        """
        Messages that are parked for a lane, the most urgent and then the oldest
        first.

        @param without: keys that are not wanted.
        """
        found: list[int] = []
        for (key,) in self._execute(_PARKED, (lane,)):
            if len(found) == most:
                break
            if key not in without:
                found.append(key)
        return found

    def parkedCount(self, lane: bytes) -> int:
        """How many messages are parked for a lane."""
        ((count,),) = self._execute(
            "SELECT count(*) FROM progress WHERE lane = ? AND held = 0", (lane,)
        ).fetchall()
        found: int = count
        return found

    def waking(self, lane: bytes | None = None) -> float | None:
        """
        When the first of those is due that are parked, and only for so long.

        @param lane: of those that are parked for this one; L{None}: for any.
        @return: L{None}: there are none.
        """
        text = "SELECT min(due) FROM progress WHERE held = 0 AND lane IS NOT NULL"
        text += " AND due IS NOT NULL"
        chosen = () if lane is None else (lane,)
        text += " AND lane = ?" * len(chosen)
        ((due,),) = self._execute(text, chosen).fetchall()
        found: float | None = due
        return found

    def lanes(self, after: bytes, most: int) -> list[bytes]:
        """
        Lanes that messages are parked for, in order.

        @param after: begin behind this one.
        """
        lanes: list[bytes] = []
        while len(lanes) < most:
            # One leap a lane, however many messages wait for it.
            ((lane,),) = self._execute(
                "SELECT min(lane) FROM progress WHERE held = 0 AND lane > ?", (after,)
            ).fetchall()
            if lane is None:
                break
            lanes.append(lane)
            after = lane
        return lanes
