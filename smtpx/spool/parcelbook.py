"""
What is known of parcels while they are taken into the spool (L{smtpx.spool.taking}),
and of those that stay where they are after that: a small SQLite file, durable at
every step.

It blocks, so it is used in a thread; one thread at a time.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from enum import IntEnum

from attrs import frozen

from ..core.errors import SMTPXError

#: What C{PRAGMA application_id} says: "smtp", and the version of its layout.
_APPLICATION = 0x736D7470
_LAYOUT = 1

#: C{PRAGMA synchronous}: each step is on the disk before the next begins.
DURABILITY = "FULL"

_TABLE = """
CREATE TABLE parcel(
    place TEXT PRIMARY KEY,
    mark TEXT NOT NULL,
    stage INTEGER NOT NULL,
    stays INTEGER NOT NULL,
    messages TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX unfinished ON parcel(place) WHERE stage < 2
"""

_COLUMNS = "SELECT place, mark, stage, stays, messages FROM parcel "

#: How many are asked for in one statement.
_TOGETHER = 500


class BookUnusable(SMTPXError):
    """The file is not such a book, or one of a newer smtpx."""


class Stage(IntEnum):
    """
    How far a parcel is.

    @cvar BEGUN: its messages may be in the spool, on hold.
    @cvar COMMITTED: they are in the spool, on hold, and the parcel is not wanted any
        more.
    @cvar TAKEN: they go their way; the parcel stays where it is.
    """

    BEGUN = 0
    COMMITTED = 1
    TAKEN = 2


@frozen
class Entry:
    """
    What is known of a parcel.

    @ivar place: where it is.
    @ivar mark: tells it from another there.
    @ivar messages: the id of each of its messages, and why it is to be on hold;
        empty: it is not.
    @ivar stays: is it to stay there for good?
    @ivar stage: how far it is.
    """

    place: str
    mark: str
    messages: tuple[tuple[str, str], ...]
    stays: bool = False
    stage: Stage = Stage.BEGUN


class ParcelBook:
    """
    One open book.
    """

    def __init__(self, path: str) -> None:
        """
        Open it, or make it.

        @param path: the file; its folder is there.
        @raise BookUnusable: it is something else.
        @raise sqlite3.Error: SQLite cannot open it.
        @raise OSError: it cannot be made.
        """
        # SQLite would make it readable for all.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(path)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, path: str) -> None:
        execute = self._connection.execute
        try:
            ((application,),) = execute("PRAGMA application_id").fetchall()
            ((layout,),) = execute("PRAGMA user_version").fetchall()
            ((tables,),) = execute("SELECT count(*) FROM sqlite_master").fetchall()
        except sqlite3.DatabaseError as error:
            raise BookUnusable(f"{path}: {error}") from error
        if (application, layout, tables) != (0, 0, 0):
            if application != _APPLICATION:
                raise BookUnusable(f"{path}: not a file of ours")
            if layout > _LAYOUT:
                raise BookUnusable(f"{path}: a newer smtpx made it")
        execute("PRAGMA journal_mode = WAL")
        execute(f"PRAGMA synchronous = {DURABILITY}")
        if not tables:
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {_TABLE}; PRAGMA user_version = {_LAYOUT};"
                f" PRAGMA application_id = {_APPLICATION}; COMMIT"
            )

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def find(self, places: Sequence[str]) -> dict[str, Entry]:
        """What is known of parcels, by their places."""
        found: dict[str, Entry] = {}
        for start in range(0, len(places), _TOGETHER):
            some = places[start : start + _TOGETHER]
            among = f"WHERE place IN ({','.join('?' * len(some))})"
            for row in self._connection.execute(_COLUMNS + among, some):
                entry = _entry(row)
                found[entry.place] = entry
        return found

    def unfinished(self, prefix: str) -> list[Entry]:
        """
        Parcels that were being taken when a process died.

        @param prefix: what their places begin with.
        """
        rows = self._connection.execute(_COLUMNS + "WHERE stage < 2 ORDER BY place")
        return [_entry(row) for row in rows if row[0].startswith(prefix)]

    def begin(self, entries: Iterable[Entry]) -> None:
        """Parcels are about to be taken.  What was known of their places is not."""
        self._write(
            "INSERT OR REPLACE INTO parcel VALUES(?, ?, ?, ?, ?)",
            [
                (
                    each.place,
                    each.mark,
                    each.stage,
                    each.stays,
                    json.dumps(each.messages),
                )
                for each in entries
            ],
        )

    def reach(self, stage: Stage, places: Iterable[str]) -> None:
        """Parcels are so far now."""
        self._write(
            "UPDATE parcel SET stage = ? WHERE place = ?",
            [(stage, place) for place in places],
        )

    def forget(self, places: Iterable[str]) -> None:
        """There is nothing to be known of them any more."""
        self._write(
            "DELETE FROM parcel WHERE place = ?", [(place,) for place in places]
        )

    def _write(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        """All of it, or nothing."""
        if not rows:
            return
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(statement, rows)
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise


def _entry(row: tuple[str, str, int, int, str]) -> Entry:
    place, mark, stage, stays, text = row
    messages = tuple([(id, hold) for id, hold in json.loads(text)])
    return Entry(place, mark, messages, bool(stays), Stage(stage))


__all__ = ["BookUnusable", "Entry", "ParcelBook", "Stage"]
