"""
How the file of peer knowledge is kept within its bounds, and what of it there is room
for in memory: L{smtpx.knowledge.rooms} as SQL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from attrs import frozen

from .rooms import ENFORCED, Room, zoneOf

#: How long a row is, and whether it protects.
_OCTETS = "length(name) + coalesce(length(value), 0)"
_PROTECTS = "coalesce(instr(value, :enforced) > 0, 0)"

_COMMON = (
    "DELETE FROM record WHERE id IN (SELECT id FROM (SELECT id,"
    " row_number() OVER latest AS place,"
    f" sum({_OCTETS}) OVER latest AS octets"
    " FROM record WHERE {which} WINDOW latest AS (ORDER BY used DESC, id))"
    " WHERE place > :records OR octets > :octets)"
)

#: What of each zone there is no room for goes first, then what is left over.
_CROWDED = (
    "DELETE FROM record WHERE id IN (SELECT id FROM (SELECT id, row_number()"
    f" OVER (PARTITION BY zone(name) ORDER BY {_PROTECTS} DESC, used DESC, id) AS place"
    " FROM record WHERE {which}) WHERE place > :zoneRecords)"
)
_APART = (
    "DELETE FROM record WHERE id IN (SELECT id FROM (SELECT id, row_number()"
    f" OVER (ORDER BY {_PROTECTS} DESC, used DESC, id) AS place, sum({_OCTETS})"
    f" OVER (ORDER BY {_PROTECTS} DESC, {_OCTETS}, used DESC, id) AS octets"
    " FROM record WHERE {which})"
    " WHERE place > :records OR octets > :octets)"
)

_READ = (
    " WHERE {which} AND value IS NOT NULL AND length(value) <= :recordOctets"
    " AND expires > :now ORDER BY {order} LIMIT :records"
)


@frozen
class _Part:
    """
    The rows that share a room.

    @ivar which: a condition.
    """

    room: Room
    which: str
    kinds: dict[str, object]

    @property
    def values(self) -> dict[str, object]:
        """For all parameters of the statements."""
        room = self.room
        return {
            **self.kinds,
            "records": room.records,
            "octets": room.octets,
            "recordOctets": room.recordOctets,
            "zoneRecords": room.zoneRecords,
            "enforced": ENFORCED,
        }


def prepare(connection: sqlite3.Connection) -> None:
    """Let a connection know what the statements want."""
    connection.create_function("zone", 1, _zone)


def _zone(name: object) -> bytes:
    return zoneOf(name) if isinstance(name, bytes) else b""


def trim(connection: sqlite3.Connection, room: Room) -> int:
    """
    Remove what there is no room for.

    @return: how many rows that were.
    """
    removed = 0
    for part in _parts(room):
        statements = [_COMMON]
        if part.room.zoneRecords is not None:
            statements = [_CROWDED, _APART]
        for statement in statements:
            text = statement.replace("{which}", part.which)
            removed += connection.execute(text, part.values).rowcount
    return removed


def select(
    connection: sqlite3.Connection, columns: str, room: Room, now: float
) -> list[tuple[object, ...]]:
    """
    Everything that counts, as far as there is room; what was asked for last is last.

    @param columns: a statement, up to its table.
    @param now: seconds since the epoch.
    """
    rows: list[tuple[object, ...]] = []
    for part in _parts(room):
        order = "used DESC, id"
        if part.room.zoneRecords is not None:
            order = f"{_PROTECTS} DESC, used DESC, id"
        text = columns + _READ.replace("{which}", part.which).replace("{order}", order)
        found = connection.execute(text, {**part.values, "now": now})
        rows += found.fetchall()[::-1]
    return rows


def _parts(room: Room) -> Iterator[_Part]:
    names = {f"kind{number}": kind for number, kind in enumerate(room.apart)}
    listed = ", ".join(f":{name}" for name in names)
    yield _Part(room, f"kind NOT IN ({listed})", dict(names))
    for name, kind in names.items():
        yield _Part(room.apart[kind], f"kind = :{name}", {name: kind})


__all__ = ["prepare", "select", "trim"]
