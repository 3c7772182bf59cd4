"""
The file of what reports of TLSRPT are made of, and of which of them were sent.

It is one SQLite file, which blocks, so it is for a thread.  Several processes may share
it: who makes a report claims it first, for a while.  Whoever takes longer than that has
lost it, and begins nothing any more.

That a report goes to a mailbox is noted before it is given to the spool.  So whatever
happens then, it does not go there twice; should the machine fail within that moment,
it does not go there at all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Iterator

from attrs import asdict, frozen

from ..core.errors import SMTPXError
from ..knowledge.folder import prepared, putAside
from ..knowledge.layout import isDamage
from ..tls.tlsrpt import ResultType
from .tlscounts import FAILURES_MOST, POLICIES_MOST, Applied, Count, Event, Failed

#: What files of this kind are known by ("TlsR"), and of which layout this one is.
_APPLICATION = 0x546C7352
_LAYOUT = 1

#: How long somebody else's transaction is waited for, in seconds.
_BUSY_SECONDS = 5.0

#: How many rows there may be, and how long the file, in octets, where more are added.
ROWS_MOST = 200_000
OCTETS_MOST = 256 << 20

#: For how many days it is remembered that a report was sent.
KEPT_DAYS = 4

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


class TLSReportFile:
    """
    The open file.

    @ivar aside: what a damaged file is called now; L{None}: there was none.
    """

    def __init__(self, path: str) -> None:
        """
        Open it, or make it; a damaged one is put aside.

        @raise OSError: that is not possible.
        @raise sqlite3.Error: nor that.
        @raise SMTPXError: it is another program's.
        """
        self.aside: str | None = None
        try:
            self._database = self._opened(path)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if not isDamage(error):
                raise
            self.aside = putAside(path)
            self._database = self._opened(path)

    def _opened(self, path: str) -> sqlite3.Connection:
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
            if tables and (application, layout) != (_APPLICATION, _LAYOUT):
                text = "no file of TLS reports that this smtpx can read"
                raise SMTPXError(f"{path}: {text}")
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute(f"PRAGMA application_id={_APPLICATION}")
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

    def add(self, counts: Iterable[Count]) -> int:
        """
        Add up what was counted.

        @return: how much was not, because there is too much of it.
        """
        lost = 0
        with self._writing() as database:
            (rows,) = database.execute("SELECT count(*) FROM count").fetchone()
            full = self._octets() >= OCTETS_MOST
            for each in counts:
                event = each.event
                if not self._has(event):
                    event = self._fitting(event)
                    if (full or rows >= ROWS_MOST) and not self._has(event):
                        lost += each.sessions
                        continue
                    rows += 1
                database.execute(_ADD, (*_keyOf(event), each.sessions))
        return lost

    def _has(self, event: Event) -> bool:
        found = self._database.execute(
            "SELECT 1 FROM count WHERE day = ? AND domain = ? AND policy = ?"
            " AND failed = ?",
            _keyOf(event),
        )
        return found.fetchone() is not None

    def _octets(self) -> int:
        """How long the file is, without what is free in it."""
        pages = [
            self._database.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        ]
        used: int = (pages[0] - pages[1]) * pages[2]
        return used

    def _fitting(self, event: Event) -> Event:
        """The same, in fewer words where there are many already."""
        about = event.day, event.domain
        rows, policies = self._database.execute(
            "SELECT count(*), count(DISTINCT policy) FROM count"
            " WHERE day = ? AND domain = ?",
            about,
        ).fetchone()
        if rows >= FAILURES_MOST:
            event = event.roughly
        if policies >= POLICIES_MOST:
            known = self._database.execute(
                "SELECT 1 FROM count WHERE day = ? AND domain = ? AND policy = ?",
                _keyOf(event)[:3],
            )
            if known.fetchone() is None:
                event = event.bare
        return event

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

    def content(self, job: Job) -> list[Count]:
        """What a report tells."""
        found = self._database.execute(
            "SELECT policy, failed, sessions FROM count WHERE day = ? AND domain = ?"
            " ORDER BY policy, sessions DESC, failed",
            (job.day, job.domain),
        )
        counts = []
        for policy, failed, sessions in found:
            try:
                read = _readPolicy(policy), _readFailed(failed)
            except (ValueError, LookupError, TypeError, AttributeError):
                # Somebody else has written that.
                continue
            counts.append(Count(Event(job.day, job.domain, *read), sessions))
        return counts

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


def _keyOf(event: Event) -> tuple[int, str, str, str]:
    failed = ""
    if event.failed is not None:
        values = asdict(event.failed)
        values["result"] = event.failed.result.value
        failed = _dumped(values)
    return event.day, event.domain, _dumped(asdict(event.policy)), failed


def _dumped(values: object) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def _readPolicy(text: str) -> Applied:
    values = json.loads(text)
    return Applied(
        values["kind"],
        values["domain"],
        _texts(values["lines"]),
        _texts(values["hosts"]),
    )


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(map(str, values))


def _readFailed(text: str) -> Failed | None:
    if not text:
        return None
    values = json.loads(text)
    return Failed(
        ResultType(values["result"]),
        values["sender"],
        values["host"],
        values["address"],
        values["reason"],
    )


def _places(text: str) -> dict[str, At]:
    try:
        return {name: At(at) for name, at in json.loads(text).items()}
    except (ValueError, AttributeError):
        # As above.
        return {}


__all__ = ["KEPT_DAYS", "OCTETS_MOST", "ROWS_MOST", "At", "Job", "TLSReportFile"]
