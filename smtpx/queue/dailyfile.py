"""
A file of what daily reports are made of, and of which of them were sent: those of
TLSRPT (L{smtpx.queue.tlsreportfile}) and of DMARC (L{smtpx.queue.dmarcreportfile}).

It is one SQLite file, which blocks, so it is for a thread.  Several processes may share
it: who makes a report claims it first, for a while.  Whoever takes longer than that has
lost it, and begins nothing any more.

That a report goes to a mailbox is noted before it is given to the spool.  So whatever
happens then, it does not go there twice; should the machine fail within that moment,
it does not go there at all.

What is counted is told apart by a day, a domain, a policy and a detail, which are text
here: what they mean is for those who write them to know.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from enum import Enum
from typing import Iterator, TypeVar

from attrs import frozen

from ..core.errors import SMTPXError
from ..knowledge.folder import alone, identityAt, prepared, putAside
from ..knowledge.layout import isDamage

T = TypeVar("T")

#: The layout of these files.
_LAYOUT = 1

#: How long somebody else's transaction is waited for, in seconds.
_BUSY_SECONDS = 5.0

#: How many rows there may be, and how long the file, in octets, where more are added.
ROWS_MOST = 200_000
OCTETS_MOST = 256 << 20

#: For how many days it is remembered that a report was sent.
KEPT_DAYS = 4

# The names of columns are those that reports of TLSRPT gave them, which came first.
_TABLES = """
CREATE TABLE IF NOT EXISTS count(
    day INTEGER NOT NULL, domain TEXT NOT NULL, policy TEXT NOT NULL,
    failed TEXT NOT NULL, sessions INTEGER NOT NULL,
    PRIMARY KEY(day, domain, policy, failed)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS report(
    day INTEGER NOT NULL, domain TEXT NOT NULL, due REAL NOT NULL,
    first REAL NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
    places TEXT NOT NULL DEFAULT '{}', over INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(day, domain)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS due ON report(over, due);
"""

_ADD = (
    "INSERT INTO count(day, domain, policy, failed, sessions) VALUES(?, ?, ?, ?, ?)"
    " ON CONFLICT(day, domain, policy, failed)"
    " DO UPDATE SET sessions = sessions + excluded.sessions"
)


class At(Enum):
    """
    How far a report has come on its way to a place.

    @cvar BEGUN: it is about to go, or has gone: nobody knows.
    @cvar DONE: it is there, or in the spool.
    """

    BEGUN = "begun"
    DONE = "done"


@frozen
class Job:
    """
    A report that is due.

    @ivar day: of what it tells, in days since the epoch.
    @ivar domain: whom it is for.
    @ivar first: when it was tried for the first time, in seconds since the epoch; 0:
        it was not.
    @ivar tries: how often it was.
    @ivar places: where it has gone already.
    @ivar until: when the claim ends, in seconds since the epoch; should somebody else
        claim it then, that is another time.
    """

    day: int
    domain: str
    first: float
    tries: int
    places: dict[str, At]
    until: float = 0.0


#: How something that is counted is told apart: its day, in days since the epoch, its
#: domain, its policy and its detail.
Key = tuple[int, str, str, str]


class DailyFile:
    """
    The open file.

    @ivar aside: what a damaged file is called now; L{None}: there was none, or another
        process has put it aside.
    """

    def __init__(self, path: str, application: int, kind: str) -> None:
        """
        Open it, or make it; a damaged one is put aside.

        @param application: what files of this kind are known by, to SQLite.
        @param kind: whose reports they are, for people.

        @raise OSError: that is not possible.
        @raise sqlite3.Error: nor that.
        @raise SMTPXError: it is another program's.
        """
        self.aside: str | None = None
        self._application = application
        self._kind = kind
        there = identityAt(path)
        try:
            self._database = self._opened(path)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if not isDamage(error):
                raise
            self.aside = putAside(path, there)
            self._database = self._opened(path)

    def _opened(self, path: str) -> sqlite3.Connection:
        # Another process may be about to make it, and not be done.
        with alone(os.path.dirname(path) or "."):
            return self._openedAlone(path)

    def _openedAlone(self, path: str) -> sqlite3.Connection:
        prepared(path, True)
        database = sqlite3.connect(
            path,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            # It is used by one thread at a time.
            check_same_thread=False,
        )
        try:
            (application,) = database.execute("PRAGMA application_id").fetchone()
            (layout,) = database.execute("PRAGMA user_version").fetchone()
            (tables,) = database.execute(
                "SELECT count(*) FROM sqlite_master"
            ).fetchone()
            if tables and (application, layout) != (self._application, _LAYOUT):
                text = f"no file of {self._kind} that this smtpx can read"
                raise SMTPXError(f"{path}: {text}")
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute(f"PRAGMA application_id={self._application}")
            database.execute(f"PRAGMA user_version={_LAYOUT}")
            database.executescript(_TABLES)
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        """Close it."""
        self._database.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        try:
            yield database
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")

    # --- counting -----------------------------------------------------------------

    def count(
        self,
        counts: Iterable[tuple[T, int]],
        keyOf: Callable[[T], Key],
        fitting: Callable[[T], T],
    ) -> int:
        """
        Add up what was counted.

        @param counts: what happened, and how often.
        @param keyOf: how each is told apart.
        @param fitting: gives what is new in as few words as there is room for; it may
            ask L{kinds} and L{hasPolicy}.
        @return: how much was not added, because there is too much of it.
        """
        lost = 0
        with self._writing() as database:
            (rows,) = database.execute("SELECT count(*) FROM count").fetchone()
            full = self._octets() >= OCTETS_MOST
            for event, number in counts:
                if not self._has(keyOf(event)):
                    event = fitting(event)
                    if not self._has(keyOf(event)):
                        if full or rows >= ROWS_MOST:
                            lost += number
                            continue
                        rows += 1
                database.execute(_ADD, (*keyOf(event), number))
        return lost

    def _has(self, key: Key) -> bool:
        found = self._database.execute(
            "SELECT 1 FROM count WHERE day = ? AND domain = ? AND policy = ?"
            " AND failed = ?",
            key,
        )
        return found.fetchone() is not None

    def kinds(self, day: int, domain: str) -> tuple[int, int]:
        """
        How many things are told apart of a domain in a day, and how many policies.
        """
        rows, policies = self._database.execute(
            "SELECT count(*), count(DISTINCT policy) FROM count"
            " WHERE day = ? AND domain = ?",
            (day, domain),
        ).fetchone()
        return rows, policies

    def domains(self, day: int) -> set[str]:
        """The domains of which something was counted on a day."""
        found = self._database.execute(
            "SELECT DISTINCT domain FROM count WHERE day = ?", (day,)
        )
        return {domain for (domain,) in found}

    def hasPolicy(self, key: Key) -> bool:
        """Is something known of its day, domain and policy?"""
        known = self._database.execute(
            "SELECT 1 FROM count WHERE day = ? AND domain = ? AND policy = ?", key[:3]
        )
        return known.fetchone() is not None

    def _octets(self) -> int:
        """How long the file is, without what is free in it."""
        pages = [
            self._database.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        ]
        used: int = (pages[0] - pages[1]) * pages[2]
        return used

    def counted(self, day: int, domain: str) -> Iterator[tuple[str, str, int]]:
        """
        What was counted of a domain in a day: policies, details, and how often; of each
        policy, what happened most often comes first.
        """
        found: Iterator[tuple[str, str, int]] = self._database.execute(
            "SELECT policy, failed, sessions FROM count WHERE day = ? AND domain = ?"
            " ORDER BY policy, sessions DESC, failed",
            (day, domain),
        )
        return found

    # --- reporting ----------------------------------------------------------------

    def plan(self, today: int, due: Callable[[int, str], float]) -> None:
        """
        See to it that there is a report for each domain of which something was
        counted before today.

        @param due: when that of a day for a domain goes, in seconds since the epoch.
        """
        with self._writing() as database:
            found = database.execute(
                "SELECT DISTINCT day, domain FROM count WHERE day < ? AND NOT EXISTS"
                " (SELECT 1 FROM report WHERE report.day = count.day"
                " AND report.domain = count.domain)",
                (today,),
            ).fetchall()
            database.executemany(
                "INSERT INTO report(day, domain, due) VALUES(?, ?, ?)",
                [(day, domain, due(day, domain)) for day, domain in found],
            )

    def claim(self, now: float, until: float) -> Job | None:
        """
        A report that is due; nobody else is given it.

        @param now: seconds since the epoch.
        @param until: when somebody else may, should nothing be heard of it.
        @return: L{None}: none is.
        """
        with self._writing() as database:
            found = database.execute(
                "SELECT day, domain, first, tries, places FROM report"
                " WHERE over = 0 AND due <= ? ORDER BY due LIMIT 1",
                (now,),
            ).fetchone()
            if found is None:
                return None
            day, domain, first, tries, places = found
            database.execute(
                "UPDATE report SET due = ?, first = ?, tries = tries + 1"
                " WHERE day = ? AND domain = ?",
                (until, first or now, day, domain),
            )
        return Job(day, domain, first, tries, _places(places), until)

    def begin(self, job: Job, place: str) -> bool:
        """
        Note that a report is about to go to a place.

        @return: is it to go there?  Not where it is somebody else's by now, nor where
            it has begun to go there already.
        """
        with self._writing() as database:
            found = database.execute(
                "SELECT places FROM report WHERE day = ? AND domain = ? AND due = ?"
                " AND over = 0",
                (job.day, job.domain, job.until),
            ).fetchone()
            places = {} if found is None else _places(found[0])
            if found is None or place in places:
                return False
            self._write(job, {**places, place: At.BEGUN})
        return True

    def note(self, job: Job, place: str, at: At | None) -> None:
        """
        Note how far a report has come on its way to a place.

        @param at: L{None}: it has not gone there after all.
        """
        with self._writing() as database:
            found = database.execute(
                "SELECT places FROM report WHERE day = ? AND domain = ?",
                (job.day, job.domain),
            ).fetchone()
            places = {} if found is None else _places(found[0])
            places.pop(place, None)
            if at is not None:
                places[place] = at
            self._write(job, places)

    def _write(self, job: Job, places: dict[str, At]) -> None:
        text = json.dumps({name: each.value for name, each in places.items()})
        self._database.execute(
            "UPDATE report SET places = ? WHERE day = ? AND domain = ?",
            (text, job.day, job.domain),
        )

    def again(self, job: Job, due: float) -> None:
        """It is to be tried again, unless it is somebody else's by now."""
        with self._writing() as database:
            database.execute(
                "UPDATE report SET due = ? WHERE day = ? AND domain = ? AND due = ?",
                (due, job.day, job.domain, job.until),
            )

    def finish(self, job: Job) -> None:
        """
        It is everywhere, or nobody wants it; there will be no other one, unless it is
        somebody else's by now.
        """
        with self._writing() as database:
            over = database.execute(
                "UPDATE report SET over = 1 WHERE day = ? AND domain = ? AND due = ?",
                (job.day, job.domain, job.until),
            )
            if over.rowcount:
                database.execute(
                    "DELETE FROM count WHERE day = ? AND domain = ?",
                    (job.day, job.domain),
                )

    def tidy(self, today: int) -> None:
        """Forget what is old."""
        with self._writing() as database:
            for table in ("count", "report"):
                database.execute(
                    f"DELETE FROM {table} WHERE day < ?", (today - KEPT_DAYS,)
                )


def _places(text: str) -> dict[str, At]:
    try:
        return {name: At(at) for name, at in json.loads(text).items()}
    except (ValueError, AttributeError):
        # As above.
        return {}


__all__ = ["KEPT_DAYS", "OCTETS_MOST", "ROWS_MOST", "At", "DailyFile", "Job", "Key"]
