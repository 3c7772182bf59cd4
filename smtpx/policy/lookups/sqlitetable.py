"""
Look-ups in SQLite databases, by a query with the key in it as a parameter::

    SELECT relay FROM domains WHERE name = :key

The first column of the first row is the value; no row, or C{NULL}, is no value.  A
query is asked in a thread, one at a time, by a connection that can only read.  One that
takes too long is ended, and for a database that is locked somebody waits as long, and
no longer.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from attrs import define
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure
from zope.interface import implementer

from .complaints import Complaints, spelled
from .interfaces import VALUE_MOST, ITable, LookupDeferred

#: The most that wait for a database at once.
WAITING_MOST = 500

#: How many of its steps SQLite takes between looks at the time.
_STEPS = 10_000

#: Runs a job in the thread of a table, one after the other.
Work = Callable[[Callable[[], bytes | None]], Deferred[bytes | None]]


class BadQuery(Exception):
    """A query that gives no value, as the text says."""


#: What is wrong with a database, or with its query; Python 3.11 only warns of more
#: than one query.
_FAULTS = (OSError, sqlite3.Error, sqlite3.Warning, BadQuery)


@define
class _Open:
    """
    An open database.

    @ivar mark: which file it is.
    """

    connection: sqlite3.Connection
    mark: tuple[int, int]


class Database:
    """
    A database and a query, in one thread.

    @ivar path: the file.
    """

    def __init__(
        self,
        path: Path,
        query: str,
        seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Nothing is opened before the first question.

        @param query: with one parameter, C{:key} or C{?}.
        @param seconds: how long a query may take, and a lock be waited for.
        @param clock: tells how long it has taken.
        """
        self.path = path
        self._query = query
        self._seconds = seconds
        self._clock = clock
        self._until = 0.0
        self._open: _Open | None = None

    def ask(self, key: bytes) -> bytes | None:
        """
        The value of a key.

        @raise OSError: there is no such file.
        @raise sqlite3.Error: it cannot be asked.
        @raise BadQuery: the query gives no value.
        """
        connection = self._now()
        self._until = self._clock() + self._seconds
        try:
            cursor = connection.execute(self._query, self._parameters(key))
            if cursor.description is None or len(cursor.description) != 1:
                raise BadQuery("the query has to be a SELECT of one column")
            row = cursor.fetchone()
            cursor.close()
        except (sqlite3.Error, sqlite3.Warning):
            self.close()
            raise
        return None if row is None else _octets(row[0])

    def prepare(self) -> None:
        """
        See whether the query goes with the database.

        @raise OSError: there is no such file.
        @raise sqlite3.Error: it does not.
        """
        self._until = self._clock() + self._seconds
        self._now().execute(f"EXPLAIN {self._query}", self._parameters(b"")).close()

    def _parameters(self, key: bytes) -> Mapping[str, object] | Sequence[object]:
        try:
            value: object = key.decode("utf-8")
        except UnicodeDecodeError:
            value = key
        return {"key": value} if ":key" in self._query else (value,)

    def _now(self) -> sqlite3.Connection:
        found = os.stat(self.path)
        mark = found.st_dev, found.st_ino
        if self._open is not None:
            if self._open.mark == mark:
                return self._open.connection
            self.close()
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=self._seconds,
            check_same_thread=False,
        )
        connection.set_progress_handler(self._late, _STEPS)
        self._open = _Open(connection, mark)
        return connection

    def _late(self) -> bool:
        """Is a query to be ended?"""
        return self._clock() > self._until

    def close(self) -> None:
        """Let go of the file; the next question opens it anew."""
        if self._open is not None:
            self._open.connection.close()
            self._open = None


def _octets(value: object) -> bytes | None:
    """
    What SQLite gives, as octets.

    @raise BadQuery: that is too long.
    """
    if value is None:
        return None
    found = value if isinstance(value, bytes) else str(value).encode("utf-8")
    if len(found) > VALUE_MOST:
        raise BadQuery(f"a value has more than {VALUE_MOST} octets")
    return found


@implementer(ITable)
class SQLiteTable:
    """
    A query of a database.

    @ivar prompt: a thread is asked, and may have to wait.
    """

    prompt = False

    def __init__(self, database: Database, work: Work, complaints: Complaints) -> None:
        """
        @param work: runs a job in a thread, one after the other.
        @param complaints: told when it is of no use, or is again.
        """
        self._database = database
        self._work = work
        self._complaints = complaints
        self._waiting = 0

    def find(self, key: bytes) -> Deferred[bytes | None]:
        """See L{ITable}."""
        if self._waiting >= WAITING_MOST:
            return fail(self._deferred(f"{WAITING_MOST} questions wait already"))
        self._waiting += 1
        answer: Deferred[bytes | None] = Deferred()

        def ask() -> bytes | None:
            # Who has left wants no answer any more.
            return None if answer.called else self._database.ask(key)

        # What was cancelled counts until the thread has come to it: clients that ask
        # and leave are not to fill its queue.
        self._work(ask).addCallbacks(
            partial(self._found, answer), partial(self._failed, answer)
        )
        return answer

    def _found(self, answer: Deferred[bytes | None], value: bytes | None) -> None:
        self._waiting -= 1
        if not answer.called:
            self._complaints.works()
            answer.callback(value)

    def _failed(self, answer: Deferred[bytes | None], failure: Failure) -> None:
        self._waiting -= 1
        if failure.check(*_FAULTS) is not None:
            assert failure.value is not None
            failure = Failure(self._deferred(spelled(failure.value)))
        if not answer.called:
            answer.errback(failure)

    def _deferred(self, why: str) -> LookupDeferred:
        text = f"{self._database.path}: {why}"
        self._complaints.fails(text)
        return LookupDeferred(text)


__all__ = ["WAITING_MOST", "BadQuery", "Database", "SQLiteTable"]
