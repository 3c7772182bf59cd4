"""
Putting messages down and removing others in one statement.

Each statement lets go of the interpreter lock several times, and under load the
reactor's thread takes it every time.  A transaction that puts some messages down and
removes others is five statements, from C{BEGIN} to C{COMMIT}, and nearly all are of
that kind where a server relays: removals wait for company (L{smtpx.spool.desk}).  So
they go into a view, a row each, and triggers do with them what is to be done; one
statement is a transaction of its own.

View, triggers and what they note are in memory and end with the connection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from .tally import Tally

#: The most that is put down and removed in one statement.
MOST = 128

_SCRIPT = """
CREATE TEMP TABLE missed(id INTEGER);
CREATE TEMP VIEW worklist AS SELECT NULL AS gone, NULL AS id, NULL AS octets,
    NULL AS envelope, NULL AS body, NULL AS hold;
CREATE TEMP TRIGGER puts INSTEAD OF INSERT ON worklist WHEN NOT new.gone
BEGIN
    INSERT INTO message(id, octets, envelope, body, hold)
        VALUES(new.id, new.octets, new.envelope, new.body, new.hold);
END;
CREATE TEMP TRIGGER removes INSTEAD OF INSERT ON worklist WHEN new.gone
BEGIN
    -- Twice, so that it cannot make up for the row that is not deleted.
    INSERT INTO missed SELECT new.id FROM (SELECT 1 UNION ALL SELECT 1)
        WHERE NOT EXISTS (SELECT 1 FROM message WHERE id = new.id);
    DELETE FROM message WHERE id = new.id;
    DELETE FROM progress WHERE id = new.id;
END;
"""

#: The statement for each number of rows.
_STATEMENTS = tuple(
    "INSERT INTO worklist VALUES" + ",".join(["(?,?,?,?,?,?)"] * rows)
    for rows in range(MOST + 1)
)

_NOTHING = (None, None, None, None)


class Worklist:
    """Does it, for one open spool file."""

    def __init__(self, connection: sqlite3.Connection, tally: Tally) -> None:
        """
        @param tally: told of what was not there, and that something may have shifted.
        """
        self._connection = connection
        self._tally = tally
        connection.executescript(_SCRIPT)

    def do(self, rows: Sequence[tuple[object, ...]], removals: Sequence[int]) -> None:
        """
        Put messages down and remove others; all of it, or nothing.

        @param rows: key, length of the body, envelope, body and why it is on hold.
        @param removals: keys.  Together with C{rows} there are at most L{MOST}.
        """
        values: list[object] = []
        for row in rows:
            values.append(0)
            values += row
        for key in removals:
            values.append(1)
            values.append(key)
            values += _NOTHING
        connection, count = self._connection, len(rows) + len(removals)
        before = connection.total_changes
        connection.execute(_STATEMENTS[count], values)
        # A row each, unless some were missing, or had been tried before: both
        # make it more.
        if connection.total_changes - before != count:
            self._look()

    def _look(self) -> None:
        """It was more than that: see what."""
        execute = self._connection.execute
        ((missed,),) = execute("SELECT count(*) / 2 FROM missed").fetchall()
        if missed:
            execute("DELETE FROM missed")
        self._tally.missing += missed
        self._tally.shifted = True


__all__ = ["MOST", "Worklist"]
