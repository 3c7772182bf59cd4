"""
The layout of the spool file: whose it is, its tables, and how older ones become
the newest.

Two tables are of all messages.  C{message} is written once and never changed, with
the id as its primary key.  C{progress} has a row for a message that was tried,
parked, held after it had arrived or scheduled: what is simply fresh costs nothing
there, and a retry does not write the body again.

Every index of those of all messages is partial, so that what arrives, and what is
gone after the first attempt, is in none of them.  Each row of C{progress} is in
exactly one of C{due}, C{parked} and C{held}.

C{name} and C{remnant} are of messages that came with a name
(L{smtpx.spool.nametable}); others have no part in them.
"""

from __future__ import annotations

import sqlite3

#: The version of the file's layout, in C{PRAGMA user_version}.
LAYOUT = 5

#: What C{PRAGMA application_id} says: "smtx".
_APPLICATION = 0x736D7478

_FIRST = """
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
INSERT INTO opening VALUES(1, 0, 0)
"""

# Priorities and lanes.
_SECOND = """
ALTER TABLE progress ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE progress ADD COLUMN lane BLOB;
DROP INDEX due;
CREATE INDEX due ON progress(priority, due, id, held, lane)
    WHERE held = 0 AND lane IS NULL;
CREATE INDEX parked ON progress(lane, priority DESC, id, held)
    WHERE held = 0 AND lane IS NOT NULL;
CREATE INDEX held ON progress(held) WHERE held = 1;
CREATE INDEX holding ON message(hold) WHERE hold IS NOT NULL;
CREATE INDEX filed ON message(octets, id) WHERE body IS NULL
"""

# When a sender was last told of a delay.  From here on an outcome may be "untold".
_THIRD = "ALTER TABLE progress ADD COLUMN told REAL"

# What is parked may have a time at which it is due all the same.
_FOURTH = """
UPDATE progress SET due = NULL WHERE lane IS NOT NULL;
CREATE INDEX waking ON progress(lane, due)
    WHERE held = 0 AND lane IS NOT NULL AND due IS NOT NULL
"""

# Names of messages, and what was cut short under one.
_FIFTH = """
CREATE TABLE name(
    key BLOB PRIMARY KEY,
    client BLOB NOT NULL,
    until REAL NOT NULL,
    octets INTEGER NOT NULL,
    digest BLOB,
    note TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX expiring ON name(until);
CREATE TABLE remnant(
    key BLOB PRIMARY KEY,
    client BLOB NOT NULL,
    until REAL NOT NULL,
    id INTEGER NOT NULL,
    octets INTEGER NOT NULL,
    envelope TEXT NOT NULL,
    note TEXT NOT NULL
) WITHOUT ROWID
"""

#: What makes each layout of the one before; that before the first is nothing.
_STEPS = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH)


class ForeignFile(Exception):
    """
    The file is not a spool, or one that a newer smtpx made; it was not touched.
    """


def recognise(connection: sqlite3.Connection, path: str) -> int:
    """
    Is the file ours?

    @param path: where it is, for messages.
    @return: its layout; 0: it is a new one.
    @raise ForeignFile: it is another's, or of a newer layout.
    """
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (layout,) = connection.execute("PRAGMA user_version").fetchone()
        tables = connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchall()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise
        raise ForeignFile(f"{path}: no SQLite file") from error
    if not tables and not application and not layout:
        return 0
    if application != _APPLICATION:
        raise ForeignFile(f"{path}: an SQLite file, but no spool of smtpx")
    if layout > LAYOUT:
        raise ForeignFile(
            f"{path}: a spool of layout version {layout}; "
            f"this smtpx reads up to version {LAYOUT}"
        )
    found: int = layout
    return found


def bring(connection: sqlite3.Connection, layout: int) -> None:
    """
    Bring a file to the newest layout, in one transaction: killed in the midst of
    it, the file is as it was.  What is in it stays.

    @param layout: which it has; 0: none.
    """
    if layout == LAYOUT:
        return
    execute = connection.execute
    execute("BEGIN IMMEDIATE")
    for step in _STEPS[layout:]:
        for statement in step.split(";"):
            execute(statement)
    execute(f"PRAGMA application_id = {_APPLICATION}")
    execute(f"PRAGMA user_version = {LAYOUT}")
    execute("COMMIT")
