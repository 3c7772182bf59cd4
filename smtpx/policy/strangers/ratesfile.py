"""
The file of rates: how much there was of what, counted by several processes.

Each process counts in memory, and once a second adds what was new to the file and reads
what others have added.  Where nobody else has counted the same, what it writes is
exactly what it has; otherwise what it has counted in that second is added as one step
to what the others have.  So all know of all within a second or two, and in the meantime
each may let through what the limit permits.

Each transaction that writes has a number, which stands in its rows.  What was forgotten
leaves a row without a value for a while, so that all hear of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from .pace import Level, Pace
from .sharedfile import Layout, SharedFile

LAYOUT = Layout(
    "rates",
    0x736D7472,
    1,
    """
CREATE TABLE counter(
    one INTEGER PRIMARY KEY CHECK(one = 1),
    change INTEGER NOT NULL
);
CREATE TABLE rate(
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    value REAL,
    at REAL NOT NULL,
    expires REAL NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY(name, key)
) WITHOUT ROWID;
CREATE INDEX change ON rate(change);
CREATE TABLE alarm(
    account TEXT NOT NULL PRIMARY KEY,
    at REAL NOT NULL
) WITHOUT ROWID;
INSERT INTO counter VALUES(1, 0)
""",
)

#: How long a row without a value stays, and after which time without an exchange
#: everything is read again, in seconds.
_FORGOTTEN_SECONDS = 3600.0
_ESTRANGED_SECONDS = _FORGOTTEN_SECONDS / 2

#: How often what expired is removed, in seconds.
_TIDY_SECONDS = 600.0

_KEEP = (
    "INSERT INTO rate(name, key, value, at, expires, change) VALUES(?, ?, ?, ?, ?, ?)"
    " ON CONFLICT(name, key) DO UPDATE SET value = excluded.value, at = excluded.at,"
    " expires = excluded.expires, change = excluded.change"
)

#: The keys of a rate that there is no room for.
_OVER = (
    "DELETE FROM rate WHERE name = ?1 AND key IN"
    " (SELECT key FROM rate WHERE name = ?1 ORDER BY at DESC LIMIT -1 OFFSET ?2)"
)


@frozen
class Place:
    """
    Where something is counted.

    @ivar name: of the rate.
    @ivar key: whose it is.
    """

    name: str
    key: str


@frozen
class Counted:
    """
    What a process has counted.

    @ivar pace: how that is done.
    @ivar level: what it has come to, as far as the process knows.
    @ivar count: how much of it is new.
    @ivar at: when the last of that was.
    @ivar change: the number of the transaction that it knows of; 0: of none.
    """

    place: Place
    pace: Pace
    level: Level
    count: float
    at: float
    change: int


@frozen
class Row:
    """
    What the file has.

    @ivar level: L{None}: it was forgotten.
    @ivar expires: when nothing is left of it.
    @ivar change: the number of the transaction that wrote it.
    """

    place: Place
    level: Level | None
    expires: float
    change: int


@frozen
class Exchanged:
    """
    What comes of an exchange.

    @ivar whole: are the rows everything that there is, and not only what is new?
    @ivar rows: those that this process has just written among them.
    @ivar change: the number of the last transaction of which everything is known.
    """

    whole: bool
    rows: Sequence[Row]
    change: int = 0


class RatesFile(SharedFile):
    """The open file."""

    def __init__(self, path: str, *, make: bool = True) -> None:
        """
        Open it; see L{SharedFile} for what is raised.

        @param make: make it where there is none?
        """
        super().__init__(path, LAYOUT, make=make)
        self._seen = 0
        self._dataVersion: int | None = None
        self._exchanged = 0.0
        self._tidied = 0.0
        #: How many rows were added since.
        self._added = 0

    def exchange(self, counted: Sequence[Counted], now: float, most: int) -> Exchanged:
        """
        Write down what one has counted, and read what others have.

        @param now: seconds since the epoch.
        @param most: for how many keys of a rate there is room.
        """
        if self._added > most or not 0 <= now - self._tidied < _TIDY_SECONDS:
            self.tidy(now, most)
        whole = self._dataVersion is None or not (
            0 <= now - self._exchanged < _ESTRANGED_SECONDS
        )
        # It is another one if somebody else has written; that costs next to nothing.
        ((version,),) = self.connection.execute("PRAGMA data_version").fetchall()
        self._exchanged = now
        if not (counted or whole) and version == self._dataVersion:
            return Exchanged(False, (), self._seen)
        with self.transaction():
            number = self._number(bool(counted))
            for each in counted:
                self._add(each, number)
            rows = self._rows(-1 if whole else self._seen, now)
        self._seen, self._dataVersion = number, version
        return Exchanged(whole, rows, number)

    def _number(self, isNew: bool) -> int:
        """The number of this transaction."""
        if isNew:
            self.connection.execute("UPDATE counter SET change = change + 1")
        ((number,),) = self.connection.execute("SELECT change FROM counter").fetchall()
        return int(number)

    def _add(self, counted: Counted, number: int) -> None:
        place, level = counted.place, counted.level
        found = self.connection.execute(
            "SELECT value, at, change FROM rate WHERE name = ? AND key = ?",
            (place.name, place.key),
        ).fetchone()
        self._added += found is None
        change = 0 if found is None else found[2]
        if change != counted.change:
            value, at, _ = found or (None, 0.0, 0)
            theirs = None if value is None else Level(value, at)
            rate = counted.pace.after(theirs, counted.at, counted.count)
            level = Level(rate, max(counted.at, at))
        expires = counted.pace.expires(level)
        values = (place.name, place.key, level.value, level.at, expires, number)
        self.connection.execute(_KEEP, values)

    def _rows(self, seen: int, now: float) -> list[Row]:
        found = self.connection.execute(
            "SELECT name, key, value, at, expires, change FROM rate"
            " WHERE change > ? AND expires > ? ORDER BY at",
            (seen, now),
        )
        return [_row(*each) for each in found]

    def tidy(self, now: float, most: int) -> int:
        """
        Remove what expired, and what there is no room for: of each rate, what was
        counted longest ago.

        @param now: seconds since the epoch.
        @param most: for how many keys of a rate there is room.
        @return: how many rows were removed.
        """
        execute = self.connection.execute
        with self.transaction():
            removed = execute("DELETE FROM rate WHERE expires <= ?", (now,)).rowcount
            names = execute("SELECT DISTINCT name FROM rate").fetchall()
            for (name,) in names:
                removed += execute(_OVER, (name, most)).rowcount
            execute(
                "DELETE FROM alarm WHERE account IN (SELECT account FROM alarm"
                " ORDER BY at DESC LIMIT -1 OFFSET ?)",
                (most,),
            )
        self._added, self._tidied = 0, now
        if removed:
            self.shrink()
        return removed

    def claim(self, account: str, now: float, every: float) -> bool:
        """
        Is it for this process to tell of an account?

        @param now: seconds since the epoch.
        @param every: how often anybody tells of it, in seconds.
        """
        with self.transaction():
            row = self.connection.execute(
                "INSERT INTO alarm VALUES(?1, ?2) ON CONFLICT(account) DO UPDATE"
                " SET at = ?2 WHERE at <= ?2 - ?3 OR at > ?2 + 3600 RETURNING at",
                (account, now, every),
            ).fetchone()
        return row is not None

    # --- for operators ----------------------------------------------------------------

    def all(self, now: float) -> list[Row]:
        """
        All that counts, what was counted last in front.

        @param now: seconds since the epoch.
        """
        found = [each for each in self._rows(-1, now) if each.level is not None]
        return found[::-1]

    def alarms(self) -> dict[str, float]:
        """When somebody was last told of an account, in seconds since the epoch."""
        return dict(self.connection.execute("SELECT account, at FROM alarm"))

    def forget(self, places: Iterable[Place], now: float) -> int:
        """
        Forget what was counted, for everybody.

        @param now: seconds since the epoch.
        @return: how many rows that were.
        """
        forgotten = 0
        with self.transaction():
            number = self._number(True)
            for each in places:
                forgotten += self.connection.execute(
                    "UPDATE rate SET value = NULL, expires = ?, change = ?"
                    " WHERE name = ? AND key = ? AND value IS NOT NULL",
                    (now + _FORGOTTEN_SECONDS, number, each.name, each.key),
                ).rowcount
        return forgotten


def _row(
    name: str, key: str, value: float | None, at: float, expires: float, change: int
) -> Row:
    level = None if value is None else Level(value, at)
    return Row(Place(name, key), level, expires, change)


__all__ = ["LAYOUT", "Counted", "Exchanged", "Place", "RatesFile", "Row"]
