"""
The spool file: tables, transactions and what makes them durable.

A L{Store} is one connection to one SQLite file in WAL mode with
C{synchronous=FULL}, so that each transaction ends with an C{fdatasync} of the
log.  It belongs to one thread and knows nothing of threads.

What arrives is one statement, also where it is to be held from the start.  Each
statement lets go of the interpreter lock several times, and under load the reactor's
thread takes it every time: a transaction of four statements costs twice as much as one
that is a statement of its own.  So what has left is removed many at a time
(L{smtpx.spool.desk}), and a statement is run as if it were one of many: then C{sqlite3}
does not let go once more, to ask for the last row.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Sequence

from .changes import Change
from .format import Row
from .identity import secondOf
from .layout import bring, recognise
from .nametable import NameTable
from .search import Search
from .stock import Stock
from .tally import Tally

#: C{PRAGMA synchronous}: with anything less than FULL, SQLite does not sync the
#: log at a commit, and 250 would be a lie.  A name only so that a test can show
#: that it would notice.
DURABILITY = "FULL"

#: An fdatasync that also grows a file has to write the file system's journal.
#: So the log is grown once to this many octets, and started over at half.
LOG_OCTETS = 16 << 20

#: The size of a page in a new file; one that is there keeps its own.  With 4096 octets
#: a body of 10 KB is spread over three or four pages, each two writes to the log, and
#: takes a third more instructions; with 16384 short messages write twice as much.
PAGE_OCTETS = 8192

#: Rows of one INSERT.
_TOGETHER = 64

_INSERT = "INSERT INTO message(id, octets, envelope, body, hold) VALUES"
#: The statement for each number of rows.
_INSERTS = tuple(
    _INSERT + ",".join(["(?,?,?,?,?)"] * rows) for rows in range(_TOGETHER + 1)
)
_PLAIN = "INSERT INTO message(id, octets, envelope, body) VALUES"
#: The same for messages that are not on hold.
_PLAINS = tuple(
    _PLAIN + ",".join(["(?,?,?,?)"] * rows) for rows in range(_TOGETHER + 1)
)
_COLUMNS = (
    "SELECT m.id, m.octets, m.envelope, typeof(m.body) = 'null', {body}, m.hold,"
    " p.attempts, p.held, p.due, p.outcomes, p.note, p.priority, p.lane, p.told"
    " FROM message m LEFT JOIN progress p ON p.id = m.id "
)
_WHOLE = _COLUMNS.format(body="m.body")
#: Rows of messages, for which the body is not wanted.
WITHOUT_BODY = _COLUMNS.format(body="NULL")

_FULL = (errno.ENOSPC, errno.EDQUOT)

#: What SQLite calls an I/O error, though it is that the index of the log, which is
#: a file of its own, found no room.
_NO_ROOM_FOR_INDEX = sqlite3.SQLITE_IOERR_SHMSIZE

#: Key, length of the body, envelope as text, body or L{None}: in a file, and why it
#: is on hold from the start or L{None}: it is not.
Insertion = tuple[int, int, str, "bytes | None", "str | None"]


class Unsound(Exception):
    """The file was looked through and is not in order."""


def isFull(error: BaseException) -> bool:
    """Does the error say that there is no room?"""
    if isinstance(error, OSError):
        return error.errno in _FULL
    if not isinstance(error, sqlite3.Error):
        return False
    code = getattr(error, "sqlite_errorcode", 0)
    # The low octet is the primary code of an extended one.
    return code & 0xFF == sqlite3.SQLITE_FULL or code == _NO_ROOM_FOR_INDEX


def inWords(error: BaseException) -> str:
    """What is wrong, for an operator: SQLite's words leave open which file and why."""
    name = getattr(error, "sqlite_errorname", None)
    return f"{error} ({name})" if name else str(error)


class Store:
    """
    One open spool file.

    @ivar path: where it is.
    @ivar tally: counts what is on hold and what is parked.
    @ivar search: finds what is to go.
    @ivar names: the names under which messages came.
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
            path, isolation_level=None, cached_statements=512
        )
        try:
            wished = LOG_OCTETS if logOctets is None else logOctets
            self._prepare(connection, wished)
            self.tally = Tally(connection)
        except BaseException:
            connection.close()
            raise
        self.search = Search(connection)
        self.names = NameTable(connection)

    def _prepare(self, connection: sqlite3.Connection, logOctets: int) -> None:
        """Look at whose file it is, then make it ours."""
        layout = recognise(connection, self.path)
        execute = connection.execute
        execute(f"PRAGMA page_size = {PAGE_OCTETS}")
        execute("PRAGMA journal_mode = WAL")
        execute(f"PRAGMA synchronous = {DURABILITY}")
        # Some builds overwrite what is deleted, at the price of writing it again.
        execute("PRAGMA secure_delete = OFF")
        execute("PRAGMA wal_autocheckpoint = 0")
        bring(connection, layout)
        self._grow(logOctets)
        ((page,),) = execute("PRAGMA page_size").fetchall()
        execute(f"PRAGMA wal_autocheckpoint = {max(1, logOctets // 2 // page)}")

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
    ) -> list[int]:
        """
        Write all of it in one transaction.  When this returns, it is on the
        disk; when it raises, none of it counts, but some may be there after the
        file was opened again.

        @return: for each of C{changes}, how many messages it found.
        """
        done: list[int] = []
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
            self.tally.shifted |= bool(changes)
            for statement, values in changes:
                done.append(execute(statement, values).rowcount)
            execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself after the worse failures.
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
        return done

    def _insert(self, rows: Sequence[Insertion]) -> None:
        """One INSERT for at most L{_TOGETHER} rows."""
        values: list[object] = []
        for key, octets, text, body, hold in rows:
            if hold is not None:
                every = [value for row in rows for value in row]
                self._connection.executemany(_INSERTS[len(rows)], (every,))
                return
            # What is neither a number nor a text nor an array of octets is adapted,
            # which takes longer than to put it down.
            values += (key, octets, text, body if body is None else bytearray(body))
        self._connection.executemany(_PLAINS[len(rows)], (values,))

    def _remove(self, keys: Sequence[int]) -> None:
        """Two DELETEs for at most L{_TOGETHER} messages."""
        among = f" WHERE id IN ({','.join('?' * len(keys))})"
        execute = self._connection.executemany
        gone = execute("DELETE FROM message" + among, (keys,)).rowcount
        tried = execute("DELETE FROM progress" + among, (keys,)).rowcount
        self.tally.missing += len(keys) - gone
        self.tally.shifted |= tried > 0

    # --- reading ---------------------------------------------------------

    def stock(self) -> Stock:
        """What there is."""
        execute = self._connection.execute
        ((messages, octets),) = execute(
            "SELECT count(*), coalesce(sum(octets), 0) FROM message"
        ).fetchall()
        # Of those that are on hold since they arrived, and of others.
        ((held,),) = execute(
            "SELECT (SELECT count(*) FROM progress WHERE held = 1) +"
            " (SELECT count(*) FROM message m WHERE hold IS NOT NULL AND NOT EXISTS"
            " (SELECT 1 FROM progress p WHERE p.id = m.id))"
        ).fetchall()
        ((parked,),) = execute(
            "SELECT count(*) FROM progress WHERE held = 0 AND lane IS NOT NULL"
        ).fetchall()
        return Stock(messages, octets, held, parked)

    def first(self, most: int) -> list[int]:
        """The keys of the oldest messages."""
        found = self._connection.execute(
            "SELECT id FROM message ORDER BY id LIMIT ?", (most,)
        )
        return [key for (key,) in found.fetchall()]

    def filed(self, after: tuple[int, int], most: int) -> list[tuple[int, int]]:
        """
        Messages with bodies in files: the length of the body, and the key.

        @param after: begin behind this pair.
        """
        found = self._connection.execute(
            "SELECT octets, id FROM message WHERE body IS NULL"
            " AND (octets, id) > (?, ?) ORDER BY octets, id LIMIT ?",
            (*after, most),
        )
        return found.fetchall()

    def oldest(self) -> int | None:
        """The key of the oldest message; L{None}: there is none."""
        ((key,),) = self._connection.execute("SELECT min(id) FROM message").fetchall()
        found: int | None = key
        return found

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
            WITHOUT_BODY + "WHERE m.id > ? ORDER BY m.id LIMIT ?", (after, most)
        )
        return [Row(*columns) for columns in found.fetchall()]

    def one(self, key: int) -> Row | None:
        """A message without its body; L{None}: there is none."""
        found = self._connection.execute(WITHOUT_BODY + "WHERE m.id = ?", (key,))
        columns = found.fetchone()
        return None if columns is None else Row(*columns)

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
                        "INSERT INTO progress VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"
                        " ON CONFLICT(id) DO NOTHING",
                        (row.key, row.attempts, row.held, row.due)
                        + (row.outcomes, row.note, row.priority, row.lane, row.told),
                    )
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
