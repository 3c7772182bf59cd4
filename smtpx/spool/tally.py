"""
Counting along what is on hold and what is parked.

It is done by the file itself, whatever the statement that changes it, so that none
can forget it.  What counts is in memory and ends with the connection; nothing of it
is written to the disk.
"""

from __future__ import annotations

import sqlite3

from .stock import Shift

_TALLY = """
CREATE TEMP TABLE tally AS SELECT 0 AS held, 0 AS parked;
CREATE TEMP TRIGGER added AFTER INSERT ON main.progress
BEGIN UPDATE tally SET
    held = held + new.held - coalesce(
        (SELECT hold IS NOT NULL FROM message WHERE id = new.id), 0),
    parked = parked + (new.held = 0 AND new.lane IS NOT NULL);
END;
CREATE TEMP TRIGGER changed AFTER UPDATE OF held, lane ON main.progress
WHEN old.held <> new.held OR (old.lane IS NULL) <> (new.lane IS NULL)
BEGIN UPDATE tally SET
    held = held + new.held - old.held,
    parked = parked + (new.held = 0 AND new.lane IS NOT NULL)
        - (old.held = 0 AND old.lane IS NOT NULL);
END;
CREATE TEMP TRIGGER removed AFTER DELETE ON main.progress
WHEN old.held OR old.lane IS NOT NULL
BEGIN UPDATE tally SET
    held = held - old.held,
    parked = parked - (old.held = 0 AND old.lane IS NOT NULL);
END;
"""

#: Nothing has shifted, as after most transactions.
_UNMOVED = Shift()


class Tally:
    """
    Counts for one open spool file.

    @ivar shifted: may something have shifted since the last look?
    @ivar missing: how many messages were not there that were to be removed.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._last = Shift()
        self.shifted = False
        self.missing = 0
        # Not in a file: it ends with the connection.
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.executescript(_TALLY)

    def shift(self) -> Shift:
        """What has shifted since the last look."""
        if not self.shifted and not self.missing:
            return _UNMOVED
        self.shifted = False
        missing, self.missing = self.missing, 0
        (found,) = self._execute("SELECT held, parked FROM tally").fetchall()
        held, parked = found
        last, self._last = self._last, Shift(held, parked)
        return Shift(held - last.held, parked - last.parked, missing)
