"""
Names in the spool file: which messages were put down under one, and which were cut
short.

A name is put down in the transaction of its message, so there is never one without the
other.  A message that was cut short is a file among the bodies and a row that says how
much of it counts; the rest of the file, if there is any, is not durable.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from attrs import define, field, frozen

from .changes import Change

_NAME = "INSERT OR REPLACE INTO name VALUES(?, ?, ?, ?, ?, ?)"
_REMNANT = "INSERT OR REPLACE INTO remnant VALUES(?, ?, ?, ?, ?, ?, ?)"
_FORGET = "DELETE FROM name WHERE key = ?"
_DROP = "DELETE FROM remnant WHERE key = ?"
_EXPIRE = (
    "DELETE FROM name WHERE key IN (SELECT key FROM name WHERE until <= ?"
    " ORDER BY until LIMIT ?) RETURNING key, client"
)

#: Of so many characters of its note a name counts once more.
_HEAVY = 1024
_WEIGHT = f"1 + length(note) / {_HEAVY}"


def weightOf(note: str) -> int:
    """
    As how many names one counts, so that there is a bound to what all of them take: a
    transaction with a thousand recipients has a long note.
    """
    return 1 + len(note) // _HEAVY


@define
class Name:
    """
    A name under which something has ended.

    @ivar key: the name.
    @ivar client: whose it is.
    @ivar until: how long it is kept, in seconds since the epoch.
    @ivar octets: the length of the message, as whoever sent it counts.
    @ivar digest: its SHA-256.  L{None} for a long message that is put down: it is
        taken from its file; else: not known.
    @ivar note: what is to be remembered of it, as text; the caller's own.
    """

    key: bytes
    client: bytes
    until: float
    octets: int
    digest: bytes | None
    note: str


@frozen
class Remnant:
    """
    A message that was cut short.

    @ivar key: its name.
    @ivar client: whose it is.
    @ivar until: how long it is kept, in seconds since the epoch.
    @ivar id: the id of the message that it will be, as an integer.
    @ivar octets: how much of it there is.
    @ivar envelope: its envelope, as L{smtpx.spool.format.dump} has it.
    @ivar note: what is to be remembered of it, as text; the caller's own.
    """

    key: bytes
    client: bytes
    until: float
    id: int
    octets: int
    envelope: str = ""
    note: str = ""


@frozen
class Census:
    """
    What there is in a file.

    @ivar counts: how many names there are of each client, by what they weigh.
    @ivar heavy: what those weigh that count more than once, by name.
    @ivar remnants: what was cut short, the oldest first, without what is long of it.
    """

    counts: dict[bytes, int] = field(factory=dict)
    heavy: dict[bytes, int] = field(factory=dict)
    remnants: list[Remnant] = field(factory=list)


def recorded(name: Name) -> list[Change]:
    """Put down a name; nothing is cut short under it any more."""
    values = (name.key, name.client, name.until, name.octets, name.digest, name.note)
    return [(_NAME, values), dropped(name.key)]


def forgotten(key: bytes) -> Change:
    """Forget a name."""
    return _FORGET, (key,)


def left(remnant: Remnant) -> Change:
    """Put down what there is of a message."""
    one = remnant
    key, of = (one.key, one.client, one.until), (one.id, one.octets)
    return _REMNANT, (*key, *of, one.envelope, one.note)


def dropped(key: bytes) -> Change:
    """Forget that there is something of a message."""
    return _DROP, (key,)


class NameTable:
    """
    The names of one open spool file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def name(self, key: bytes) -> Name | None:
        """A name; L{None}: there is none."""
        row = self._execute("SELECT * FROM name WHERE key = ?", (key,)).fetchone()
        return None if row is None else Name(*row)

    def remnant(self, key: bytes) -> Remnant | None:
        """What was cut short under a name; L{None}: nothing."""
        row = self._execute("SELECT * FROM remnant WHERE key = ?", (key,)).fetchone()
        return None if row is None else Remnant(*row)

    def census(self) -> Census:
        """What there is."""
        counts = self._execute(
            f"SELECT client, sum({_WEIGHT}) FROM name GROUP BY client"
        )
        heavy = self._execute(
            f"SELECT key, {_WEIGHT} FROM name WHERE length(note) >= {_HEAVY}"
        )
        return Census(dict(counts.fetchall()), dict(heavy.fetchall()), self.cutShort())

    def cutShort(self) -> list[Remnant]:
        """What was cut short, the oldest first, without what is long of it."""
        found = self._execute(
            "SELECT key, client, until, id, octets FROM remnant ORDER BY until"
        )
        return [Remnant(*row) for row in found.fetchall()]

    def among(self, keys: Sequence[int]) -> set[int]:
        """Those of some ids that something of a message is there for."""
        known = {id for (id,) in self._execute("SELECT id FROM remnant").fetchall()}
        return known.intersection(keys)

    def expire(self, now: float, most: int) -> list[tuple[bytes, bytes]]:
        """
        Forget names whose time is over, so many at most.

        @param now: seconds since the epoch.
        @return: which, and whose they were.
        """
        return self._execute(_EXPIRE, (now, most)).fetchall()

    # --- adopting --------------------------------------------------------

    def some(self, most: int) -> list[Name]:
        """Some names, whichever."""
        found = self._execute("SELECT * FROM name LIMIT ?", (most,))
        return [Name(*row) for row in found.fetchall()]

    def whole(self) -> list[Remnant]:
        """All that was cut short, with all there is of it."""
        found = self._execute("SELECT * FROM remnant")
        return [Remnant(*row) for row in found.fetchall()]


__all__ = [
    "Census",
    "Name",
    "NameTable",
    "Remnant",
    "dropped",
    "forgotten",
    "left",
    "recorded",
    "weightOf",
]
