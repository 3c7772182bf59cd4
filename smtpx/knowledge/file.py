"""
The file of what is known: tables, transactions, and how processes share it.

A L{KnowledgeFile} is one connection to one SQLite file in WAL mode.  It blocks, so it
is for a thread, or for a command; it is used by one at a time.

Any number of processes have the file open.  Each keeps a copy in memory, and now and
then exchanges what is new: it writes down what it found out and reads what others
did.  For that each transaction that writes has a number, which stands in its rows.  A
record that was forgotten leaves a row without a value for an hour, so that the others
hear of it; who has not exchanged anything for so long reads everything again.

Of two that find out something of the same, what was found out last stands, whoever
writes it down first.

C{synchronous=NORMAL}: after the power failed, what was written last may be missing.
It is only knowledge.

Whoever deletes the file, or puts another in its place, need not stop anybody:
L{KnowledgeFile.isMoved} tells who has the old one open.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from attrs import frozen

from .folder import alone, identityOf, prepared
from .interfaces import AHEAD_SECONDS, Record
from .layout import (
    APPLICATION,
    LAYOUT,
    TABLES,
    DamagedFile,
    ForeignFile,
    objection,
)
from .rooms import ROOM, Name, Room
from .trimming import prepare, select, trim

#: How long somebody else's transaction is waited for, in seconds.
_BUSY_SECONDS = 2.0

#: How long a row without a value stays, and after which time without an exchange
#: everything is read again, in seconds.
_FORGOTTEN_SECONDS = 3600.0
_ESTRANGED_SECONDS = _FORGOTTEN_SECONDS / 2

#: To how many octets the log is cut when it was emptied.
_LOG_OCTETS = 4 << 20

_COLUMNS = "SELECT kind, name, version, value, written, used, expires FROM record"

_KEEP = (
    "INSERT INTO record(kind, name, version, value, written, used, expires, change)"
    " VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(kind, name, version) DO UPDATE SET"
    " value = excluded.value, written = excluded.written, used = excluded.used,"
    " expires = excluded.expires, change = excluded.change"
)

#: What somebody else has found out since stands; but not what is from the future.
_UNLESS_OLDER = (
    f"{_KEEP} WHERE excluded.written >= record.written"
    " OR record.written > excluded.used"
)

_FORGET = (
    "UPDATE record SET value = NULL, written = ?, used = ?, expires = ?, change = ?"
    " WHERE kind = ? AND name = ? AND value IS NOT NULL"
)


@frozen
class Change:
    """
    What a process found out of one name since it last said so.

    @ivar forgotten: is what was known before to be forgotten?
    @ivar records: what is to be kept, of different versions.
    """

    forgotten: bool = False
    records: tuple[Record, ...] = ()

    def then(self, later: Change) -> Change:
        """Both, one after the other."""
        if later.forgotten:
            return later
        new = {record.version for record in later.records}
        kept = tuple(each for each in self.records if each.version not in new)
        return Change(self.forgotten, kept + later.records)

    def settles(self, version: int, written: float, now: float) -> bool:
        """
        Does it say what becomes of a record of this version?

        @param written: when that was found out, by another process; what is older, or
            from the future, does not count against this.
        @param now: seconds since the epoch.
        """
        return self.forgotten or any(
            each.version == version and (each.written >= written or written > now)
            for each in self.records
        )


class Row(NamedTuple):
    """
    A record as the file has it.

    @ivar record: L{None}: it was forgotten.
    @ivar used: when anybody last asked for it, in seconds since the epoch.
    """

    place: Name
    version: int
    record: Record | None
    used: float

    @property
    def written(self) -> float:
        """When it was found out, or forgotten, in seconds since the epoch."""
        return self.used if self.record is None else self.record.written


class KnowledgeFile:
    """
    The open file.

    @ivar path: where it is.
    """

    def __init__(self, path: str, room: Room = ROOM, *, make: bool = True) -> None:
        """
        Open it.

        @param path: the file; its folder is there.
        @param room: how much it holds.
        @param make: make it where there is none?
        @raise ForeignFile: it cannot be used, and was not touched.
        @raise DamagedFile: the same, and nobody else can.
        @raise sqlite3.Error: SQLite cannot open it.
        @raise OSError: there is none, or it cannot be opened or made.
        """
        self.path = path
        self._room = room
        #: The number of the last transaction of which everything is known.
        self._seen = 0
        #: What C{PRAGMA data_version} said, and when something was last read.
        self._dataVersion: int | None = None
        self._exchanged = 0.0
        with alone(os.path.dirname(path) or "."):
            self._identity = prepared(path, make)
            self._connection = connection = sqlite3.connect(
                path,
                isolation_level=None,
                timeout=_BUSY_SECONDS,
                check_same_thread=False,
            )
            connection.text_factory = _decoded
            prepare(connection)
            try:
                self._open()
            except BaseException:
                connection.close()
                raise

    def _open(self) -> None:
        execute = self._connection.execute
        fresh = self._isFresh()
        if fresh:
            execute("PRAGMA auto_vacuum = INCREMENTAL")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = NORMAL")
        execute(f"PRAGMA journal_size_limit = {_LOG_OCTETS}")
        if fresh:
            with self._transaction():
                for statement in TABLES.split(";"):
                    execute(statement)
                execute(f"PRAGMA application_id = {APPLICATION}")
                execute(f"PRAGMA user_version = {LAYOUT}")
        ((found,),) = execute("PRAGMA quick_check(1)").fetchall()
        if found == "ok":
            found = self._lacking()
        if found is not None:
            raise DamagedFile(f"{self.path}: {found}")

    def _lacking(self) -> str | None:
        """What is not as we make it in a file that is in order otherwise."""
        try:
            self._connection.execute(f"{_COLUMNS} LIMIT 0").fetchall()
            counters = self._connection.execute("SELECT change FROM counter").fetchall()
        except sqlite3.OperationalError as error:
            if "no such" not in str(error):
                raise
            return str(error)
        return None if len(counters) == 1 else "its counter is not there"

    def _isFresh(self) -> bool:
        """
        Is there nothing in it yet?

        @raise ForeignFile: it is not ours, or of a newer layout.
        """
        execute = self._connection.execute
        ((application,),) = execute("PRAGMA application_id").fetchall()
        ((layout,),) = execute("PRAGMA user_version").fetchall()
        tables = execute("SELECT name FROM sqlite_master LIMIT 1").fetchall()
        if not tables and not application and not layout:
            return True
        wrong = objection(self.path, application, layout)
        if wrong is not None:
            raise ForeignFile(wrong)
        return False

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def isMoved(self) -> bool:
        """Was the file deleted, renamed or replaced since it was opened?"""
        try:
            return identityOf(os.stat(self.path)) != self._identity
        except FileNotFoundError:
            return True

    # --- exchanging ------------------------------------------------------------

    def exchange(
        self, changes: Mapping[Name, Change], uses: Mapping[Name, float], now: float
    ) -> tuple[bool, Sequence[Row]]:
        """
        Write down what one found out, and read what others did.

        @param uses: when what was last asked for, in seconds since the epoch.
        @param now: seconds since the epoch.
        @return: is it everything that there is, and not only what is new?  And the
            rows, what was asked for last behind all others.
        """
        writes = bool(changes or uses)
        whole = self._dataVersion is None or self._isEstranged(now)
        # It is another one if somebody else has written; that costs next to nothing.
        ((version,),) = self._connection.execute("PRAGMA data_version").fetchall()
        rows: list[Row] = []
        if writes or whole or version != self._dataVersion:
            with self._transaction("BEGIN IMMEDIATE" if writes else "BEGIN"):
                rows = self._everything(now) if whole else self._news()
                number = self._number()
                if changes:
                    number = self._next()
                    for place, change in changes.items():
                        self._apply(place, change, number, now)
                self._used(uses)
            self._seen, self._dataVersion = number, version
        self._exchanged = now
        return whole, rows

    def _isEstranged(self, now: float) -> bool:
        """May others have forgotten something, and that in turn be forgotten?"""
        return not 0 <= now - self._exchanged < _ESTRANGED_SECONDS

    def _number(self) -> int:
        ((number,),) = self._connection.execute("SELECT change FROM counter").fetchall()
        return int(number)

    def _next(self) -> int:
        """The number of this transaction, which writes."""
        self._connection.execute("UPDATE counter SET change = change + 1")
        return self._number()

    def _everything(self, now: float) -> list[Row]:
        """Everything that counts, as far as there is room."""
        return list(_rows(select(self._connection, _COLUMNS, self._room, now)))

    def _news(self) -> list[Row]:
        """What was written since."""
        found = self._connection.execute(
            f"{_COLUMNS} WHERE change > ? AND coalesce(length(value), 0) <= ?"
            " ORDER BY used",
            (self._seen, self._room.recordOctets),
        )
        return list(_rows(found.fetchall()))

    def _apply(self, place: Name, change: Change, number: int, now: float) -> int:
        """Write a change down; how many records were forgotten."""
        execute = self._connection.execute
        forgotten = 0
        if change.forgotten:
            until = now + _FORGOTTEN_SECONDS
            forgotten = execute(_FORGET, (now, now, until, number, *place)).rowcount
        keep = _KEEP if change.forgotten else _UNLESS_OLDER
        for each in change.records:
            values = (*place, each.version, each.value, each.written, now)
            execute(keep, (*values, each.expires, number))
        return forgotten

    def _used(self, uses: Mapping[Name, float]) -> None:
        self._connection.executemany(
            "UPDATE record SET used = max(used, ?) WHERE kind = ? AND name = ?",
            [(used, *place) for place, used in uses.items()],
        )

    # --- looking after it --------------------------------------------------------

    def tidy(self, now: float) -> int:
        """
        Remove what no longer counts, and what there is no room for.

        @param now: seconds since the epoch.
        @return: how many records were removed.
        """
        execute = self._connection.execute
        with self._transaction():
            bygone = execute(
                "DELETE FROM record WHERE value IS NULL AND expires <= ?", (now,)
            )
            expired = execute(
                "DELETE FROM record WHERE expires <= ? OR written > ?",
                (now, now + AHEAD_SECONDS),
            ).rowcount
            trimmed = trim(self._connection, self._room)
        if bygone.rowcount + expired + trimmed:
            # It frees a page a step, and of what has no columns sqlite3's execute
            # takes only one.
            self._connection.executescript("PRAGMA incremental_vacuum")
        return expired + trimmed

    def all(self) -> list[Row]:
        """Every record, by name, also what does not count any more."""
        found = self._connection.execute(
            f"{_COLUMNS} WHERE value IS NOT NULL ORDER BY name, kind, version"
        )
        return list(_rows(found.fetchall()))

    def forget(self, places: Iterable[Name], now: float) -> int:
        """
        Forget something, for everybody.

        @param now: seconds since the epoch.
        @return: how many records that were.
        """
        with self._transaction():
            number, change = self._next(), Change(forgotten=True)
            return sum(self._apply(place, change, number, now) for place in places)

    @contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
        execute = self._connection.execute
        execute(begin)
        try:
            yield
            execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself after the worse failures.
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise


def _rows(found: Iterable[tuple[object, ...]]) -> Iterator[Row]:
    """
    What stands in rows.  SQLite puts anything into any column, so that what is of
    another type is left out.
    """
    for kind, name, version, value, written, used, expires in found:
        if (
            isinstance(kind, str)
            and isinstance(name, bytes)
            and isinstance(version, int)
            and isinstance(value, bytes | None)
            and isinstance(written, float)
            and isinstance(used, float)
            and isinstance(expires, float)
        ):
            record = (
                value if value is None else Record(version, value, written, expires)
            )
            yield Row(Name(kind, name), version, record, used)


def _decoded(octets: bytes) -> str:
    """Text as it comes out of a file that may be damaged."""
    return octets.decode("utf-8", "backslashreplace")
