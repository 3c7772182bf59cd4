"""
The spool file: tables, transactions and what makes them durable.

A L{Store} is one connection to one SQLite file in WAL mode with
C{synchronous=FULL}, so that each transaction ends with an C{fdatasync} of the
log.  It belongs to one thread and knows nothing of threads.

Two tables.  C{message} is written once and never changed, with the id as its
primary key and so without any index beside it.  C{progress} has a row for a
message that was tried, or held after it had arrived: what is fresh costs nothing
there, and a retry does not write the body again.

What arrives is one statement, also where it is to be held from the start.  Each
statement lets go of the interpreter lock several times, and under load the
reactor's thread takes it every time: a transaction of four statements costs twice
as much as one that is a statement of its own.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence, Set

from .format import Row
from .identity import secondOf

#: The version of the file's layout, in C{PRAGMA user_version}.
LAYOUT = 1

#: What C{PRAGMA application_id} says: "smtx".
_APPLICATION = 0x736D7478

#: C{PRAGMA synchronous}: with anything less than FULL, SQLite does not sync the
#: log at a commit, and 250 would be a lie.  A name only so that a test can show
#: that it would notice.
DURABILITY = "FULL"

#: An fdatasync that also grows a file has to write the file system's journal.
#: So the log is grown once to this many octets, and started over at half.
LOG_OCTETS = 16 << 20

_PAGE = 4096

#: Rows of one INSERT.
_TOGETHER = 64

_TABLES = """
CREATE TABLE opening(
    one INTEGER PRIMARY KEY CHECK(one = 1),
    generation INTEGER NOT NULL,
    second INTEGER NOT NULL
);
CREATE TABLE message(
    id INTEGER PRIMARY KEY,
    octets INTEGER NOT NULL,
    envelope TEXT NOT NULL,
    body BLOB,
    hold TEXT
);
CREATE TABLE progress(
    id INTEGER PRIMARY KEY,
    attempts INTEGER NOT NULL,
    held INTEGER NOT NULL,
    due REAL,
    outcomes TEXT NOT NULL,
    note TEXT NOT NULL
);
CREATE INDEX due ON progress(due) WHERE held = 0;
"""

_INSERT = "INSERT INTO message(id, octets, envelope, body, hold) VALUES"
#: The statement for each number of rows.
_INSERTS = tuple(
    _INSERT + ",".join(["(?,?,?,?,?)"] * rows) for rows in range(_TOGETHER + 1)
)
_COLUMNS = (
    "SELECT m.id, m.octets, m.envelope, typeof(m.body) = 'null', {body}, m.hold,"
    " p.attempts, p.held, p.due, p.outcomes, p.note"
    " FROM message m LEFT JOIN progress p ON p.id = m.id "
)
_WHOLE = _COLUMNS.format(body="m.body")
_WITHOUT = _COLUMNS.format(body="NULL")

_PROGRESS = "INSERT INTO progress(id, attempts, held, due, outcomes, note) "
_RECORD = (
    _PROGRESS + "SELECT id, ?, ?, ?, ?, ? FROM message WHERE id = ?"
    " ON CONFLICT(id) DO UPDATE SET attempts = excluded.attempts,"
    " held = max(held, excluded.held), due = excluded.due,"
    " outcomes = excluded.outcomes,"
    " note = CASE WHEN excluded.held THEN excluded.note ELSE note END"
)
_HOLD = (
    _PROGRESS + "SELECT id, 0, 1, NULL, '[]', ? FROM message WHERE id = ?"
    " ON CONFLICT(id) DO UPDATE SET held = 1, note = excluded.note"
)
_RELEASE = (
    _PROGRESS + "SELECT m.id, 0, 0, ?, '[]', ''"
    " FROM message m LEFT JOIN progress p ON p.id = m.id"
    " WHERE m.id = ? AND coalesce(p.held, m.hold IS NOT NULL)"
    " ON CONFLICT(id) DO UPDATE SET held = 0, due = excluded.due, note = ''"
)

_FULL = (errno.ENOSPC, errno.EDQUOT)

#: Key, length of the body, envelope as text, body or L{None}: in a file, and why it
#: is on hold from the start or L{None}: it is not.
Insertion = tuple[int, int, str, "bytes | None", "str | None"]

#: A statement and its values.
Change = tuple[str, tuple[object, ...]]


class ForeignFile(Exception):
    """
    The file is not a spool, or one that a newer smtpx made; it was not touched.
    """


class Unsound(Exception):
    """The file was looked through and is not in order."""


def isFull(error: BaseException) -> bool:
    """Does the error say that there is no room?"""
    if isinstance(error, OSError):
        return error.errno in _FULL
    # The low octet is the primary code of an extended one.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, sqlite3.Error) and code == sqlite3.SQLITE_FULL


def recorded(
    key: int,
    attempts: int,
    held: bool,
    due: float | None,
    outcomes: str,
    note: str,
) -> Change:
    """
    Write down how far a message is.  A hold that came while it was being tried
    stays.
    """
    return _RECORD, (attempts, int(held), due, outcomes, note, key)


def held(key: int, note: str) -> Change:
    """Put a message on hold."""
    return _HOLD, (note, key)


def released(key: int, due: float) -> Change:
    """Take a message off hold."""
    return _RELEASE, (due, key)


class Store:
    """
    One open spool file.

    @ivar path: where it is.
    """

    def __init__(self, path: str, logOctets: int | None = None) -> None:
        """
        Open it, or make it.

        @param path: the file; its folder is there.
        @param logOctets: how far to grow the log; L{None}: L{LOG_OCTETS}.
        @raise ForeignFile: it is not a spool that this smtpx can read.
        @raise sqlite3.Error: SQLite cannot open it.
        @raise OSError: it cannot be made.
        """
        self.path = path
        # SQLite would make it readable for all; log and index inherit its mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._connection = connection = sqlite3.connect(
            path, isolation_level=None, cached_statements=256
        )
        try:
            wished = LOG_OCTETS if logOctets is None else logOctets
            self._prepare(connection, wished)
        except BaseException:
            connection.close()
            raise

    def _prepare(self, connection: sqlite3.Connection, logOctets: int) -> None:
        """Look at whose file it is, then make it ours."""
        fresh = self._recognise(connection)
        execute = connection.execute
        execute(f"PRAGMA page_size = {_PAGE}")
        execute("PRAGMA journal_mode = WAL")
        execute(f"PRAGMA synchronous = {DURABILITY}")
        # Some builds overwrite what is deleted, at the price of writing it again.
        execute("PRAGMA secure_delete = OFF")
        execute("PRAGMA wal_autocheckpoint = 0")
        if fresh:
            execute("BEGIN IMMEDIATE")
            for statement in _TABLES.split(";"):
                execute(statement)
            execute("INSERT INTO opening VALUES(1, 0, 0)")
            execute(f"PRAGMA application_id = {_APPLICATION}")
            execute(f"PRAGMA user_version = {LAYOUT}")
            execute("COMMIT")
        self._grow(logOctets)
        execute(f"PRAGMA wal_autocheckpoint = {max(1, logOctets // 2 // _PAGE)}")

    def _recognise(self, connection: sqlite3.Connection) -> bool:
        """
        Is the file ours?

        @return: is it a new one?
        @raise ForeignFile: it is another's, or of a newer layout.
        """
        try:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (layout,) = connection.execute("PRAGMA user_version").fetchone()
            tables = connection.execute(
                "SELECT name FROM sqlite_master LIMIT 1"
            ).fetchall()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
                raise
            raise ForeignFile(f"{self.path}: no SQLite file") from error
        if not tables and not application and not layout:
            return True
        if application != _APPLICATION:
            raise ForeignFile(f"{self.path}: an SQLite file, but no spool of smtpx")
        if layout > LAYOUT:
            raise ForeignFile(
                f"{self.path}: a spool of layout version {layout}; "
                f"this smtpx reads up to version {LAYOUT}"
            )
        return False

    def _grow(self, logOctets: int) -> None:
        """
        Give the log its size, unless it has it.  On a disk without room for it
        the spool works all the same, only slower.
        """
        execute = self._connection.execute
        execute("DROP TABLE IF EXISTS growth")
        if os.stat(self.path + "-wal").st_size >= logOctets:
            return
        try:
            execute("CREATE TABLE growth(filler BLOB)")
            execute("INSERT INTO growth VALUES(zeroblob(?))", (logOctets,))
            execute("DROP TABLE growth")
        except sqlite3.OperationalError as error:
            if not isFull(error):
                raise
        execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def verify(self) -> None:
        """
        After a failure: empty the log into the file, so that nothing of what
        failed can turn up again, and look the file through.  On a full disk
        this may need more room than there is; it is as well, since what cannot
        be written down must not be delivered either.

        @raise Unsound: it is not in order.
        """
        execute = self._connection.execute
        ((busy, _, _),) = execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        if busy:
            raise Unsound(f"{self.path}: its log could not be emptied")
        found = [line for (line,) in execute("PRAGMA quick_check(5)")]
        if found != ["ok"]:
            raise Unsound(f"{self.path}: {'; '.join(found)}")

    def opened(self, now: int) -> tuple[int, int]:
        """
        Count this opening, durably.

        @param now: seconds since the epoch.
        @return: its generation, and the second up to which ids were given.
        """
        execute = self._connection.execute
        ((last,),) = execute("SELECT max(id) FROM message").fetchall()
        ((generation, second),) = execute(
            "SELECT generation + 1, second FROM opening"
        ).fetchall()
        second = max(second, 0 if last is None else secondOf(last))
        execute(
            "UPDATE opening SET generation = ?, second = ?",
            (generation, max(second, now)),
        ).fetchall()
        return generation, second

    def close(self) -> None:
        """Close it; the log is emptied into the file."""
        self._connection.close()

    # --- writing ---------------------------------------------------------

    def commit(
        self,
        insertions: Sequence[Insertion],
        removals: Sequence[int] = (),
        changes: Sequence[Change] = (),
    ) -> list[bool]:
        """
        Write all of it in one transaction.  When this returns, it is on the
        disk; when it raises, none of it counts, but some may be there after the
        file was opened again.

        @return: for each of C{changes}, did it find its message?
        """
        done: list[bool] = []
        if not removals and not changes and len(insertions) <= _TOGETHER:
            if insertions:
                self._insert(insertions)
            return done
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            for start in range(0, len(insertions), _TOGETHER):
                self._insert(insertions[start : start + _TOGETHER])
            for start in range(0, len(removals), _TOGETHER):
                self._remove(removals[start : start + _TOGETHER])
            for statement, values in changes:
                done.append(execute(statement, values).rowcount > 0)
            execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself after the worse failures.
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
        return done

    def _insert(self, rows: Sequence[Insertion]) -> None:
        """One INSERT for at most L{_TOGETHER} rows."""
        values = [value for row in rows for value in row]
        self._connection.execute(_INSERTS[len(rows)], values)

    def _remove(self, keys: Sequence[int]) -> None:
        """Two DELETEs for at most L{_TOGETHER} messages."""
        among = f" WHERE id IN ({','.join('?' * len(keys))})"
        self._connection.execute("DELETE FROM message" + among, keys)
        self._connection.execute("DELETE FROM progress" + among, keys)

    # --- reading ---------------------------------------------------------

    def keys(self) -> Iterator[tuple[int, int, bool, bool, bool]]:
        """
        Every message: its key, the length of its body, whether that is in a
        file, whether the message is on hold, and whether it is fresh: never tried
        nor held.
        """
        for key, octets, filed, onHold, fresh in self._connection.execute(
            "SELECT m.id, m.octets, typeof(m.body) = 'null',"
            " coalesce(p.held, m.hold IS NOT NULL), p.id IS NULL AND m.hold IS NULL"
            " FROM message m LEFT JOIN progress p ON p.id = m.id ORDER BY m.id"
        ):
            yield key, octets, bool(filed), bool(onHold), bool(fresh)

    def oldest(self) -> int | None:
        """The key of the oldest message; L{None}: there is none."""
        ((key,),) = self._connection.execute("SELECT min(id) FROM message").fetchall()
        found: int | None = key
        return found

    def due(self, now: float, most: int, without: Set[int]) -> list[tuple[float, int]]:
        """
        Messages that were tried and are due again, the longest first: since
        when, and the key.

        @param without: keys that are not wanted.
        """
        found = self._connection.execute(
            "SELECT due, id FROM progress WHERE held = 0 AND due <= ?"
            " ORDER BY due, id LIMIT ?",
            (now, most + len(without)),
        )
        return [pair for pair in found.fetchall() if pair[1] not in without][:most]

    def whole(self, keys: Sequence[int], octets: int) -> tuple[list[Row], int]:
        """
        Messages with the bodies that are inside.

        @param octets: stop when the bodies are together longer than this, but
            not before one was found.
        @return: those that are there, in the order of C{keys}, and how many keys
            were looked for.
        """
        rows: list[Row] = []
        seen = 0
        for key in keys:
            seen += 1
            found = self._connection.execute(_WHOLE + "WHERE m.id = ?", (key,))
            for columns in found.fetchall():
                row = Row(*columns)
                rows.append(row)
                octets -= len(row.content or b"")
            if octets < 0:
                break
        return rows, seen

    def page(self, after: int, most: int) -> list[Row]:
        """
        Messages without their bodies, by key.

        @param after: begin behind this key.
        """
        found = self._connection.execute(
            _WITHOUT + "WHERE m.id > ? ORDER BY m.id LIMIT ?", (after, most)
        )
        return [Row(*columns) for columns in found.fetchall()]

    def among(self, keys: Sequence[int]) -> set[int]:
        """Those of C{keys} that there are messages for."""
        found = set()
        for key in keys:
            if self._connection.execute(
                "SELECT 1 FROM message WHERE id = ?", (key,)
            ).fetchone():
                found.add(key)
        return found

    # --- adopting --------------------------------------------------------

    def take(self, rows: Sequence[Row]) -> None:
        """
        Put down messages that another spool file had, as they were there.  One
        that is here already is the same, and stays.
        """
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            for row in rows:
                execute(
                    _INSERTS[1] + " ON CONFLICT(id) DO NOTHING",
                    (row.key, row.octets, row.text, row.content, row.hold),
                )
                if row.attempts is not None:
                    execute(
                        "INSERT INTO progress VALUES(?, ?, ?, ?, ?, ?)"
                        " ON CONFLICT(id) DO NOTHING",
                        (row.key, row.attempts, row.held, row.due)
                        + (row.outcomes, row.note),
                    )
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
