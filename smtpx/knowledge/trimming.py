"""
How the file of peer knowledge is kept within its bounds, and what of it there is room
for in memory: L{smtpx.knowledge.rooms} as SQL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from functools import partial

from attrs import frozen

from .rooms import ENFORCED, Room, shareOf, zoneOf

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

#: The shares of a zone have their turns, one after the other, until it is full.
_TURNS = (
    f"SELECT *, {_PROTECTS} AS protects, row_number() OVER (PARTITION BY share(name)"
    f" ORDER BY {_PROTECTS} DESC, used DESC, id) AS turn FROM record WHERE {{which}}"
)
_PLACES = (
    "SELECT *, row_number() OVER (PARTITION BY zone(name)"
    f" ORDER BY protects DESC, turn, used DESC, id) AS placeInZone FROM ({_TURNS})"
)
#: What there is room for in its zone, and then, of that, in all.
_LEFT = (
    "SELECT *, row_number() OVER (ORDER BY protects DESC, used DESC, id) AS place,"
    f" sum({_OCTETS}) OVER (ORDER BY protects DESC, {_OCTETS}, used DESC, id)"
    f" AS octets FROM ({_PLACES}) WHERE placeInZone <= :zoneRecords"
)
_FITTING = f"FROM ({_LEFT}) WHERE place <= :records AND octets <= :octets"

_APART = f"DELETE FROM record WHERE {{which}} AND id NOT IN (SELECT id {_FITTING})"

_COUNTS = "value IS NOT NULL AND length(value) <= :recordOctets AND expires > :now"
_READ = f" WHERE {{which}} AND {_COUNTS} ORDER BY used DESC, id LIMIT :records"
_READ_APART = (
    f" WHERE id IN (SELECT id {_FITTING.replace('{which}', '{which} AND ' + _COUNTS)})"
    f" ORDER BY {_PROTECTS} DESC, used DESC, id"
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
    connection.create_function("zone", 1, partial(_whose, zoneOf))
    connection.create_function("share", 1, partial(_whose, shareOf))


def _whose(of: Callable[[bytes], bytes], name: object) -> bytes:
    return of(name) if isinstance(name, bytes) else b""


def trim(connection: sqlite3.Connection, room: Room) -> int:
    """
    Remove what there is no room for.

    @return: how many rows that were.
    """
    removed = 0
    for part in _parts(room):
        statement = _COMMON if part.room.zoneRecords is None else _APART
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
        read = _READ if part.room.zoneRecords is None else _READ_APART
        text = columns + read.replace("{which}", part.which)
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
