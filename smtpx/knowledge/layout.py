"""
What an SQLite file has to be to be one of peer knowledge, and what is wrong where it is
not.
"""

from __future__ import annotations

import sqlite3
from struct import unpack_from

from ..core.errors import SMTPXError

#: The version of the file's layout, in C{PRAGMA user_version}.
LAYOUT = 1

#: What C{PRAGMA application_id} says: "smtk".
APPLICATION = 0x736D746B

#: How long the header of an SQLite file is.
_HEADER_OCTETS = 100

#: What makes a new file, statement by statement.
TABLES = """
CREATE TABLE counter(
    one INTEGER PRIMARY KEY CHECK(one = 1),
    change INTEGER NOT NULL
);
CREATE TABLE record(
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name BLOB NOT NULL,
    version INTEGER NOT NULL,
    value BLOB,
    written REAL NOT NULL,
    used REAL NOT NULL,
    expires REAL NOT NULL,
    change INTEGER NOT NULL,
    UNIQUE(kind, name, version)
);
CREATE INDEX change ON record(change);
CREATE INDEX expires ON record(expires);
INSERT INTO counter VALUES(1, 0)
"""


class ForeignFile(SMTPXError):
    """
    The file is another's, or one that a newer smtpx made; it was not touched.
    """


class DamagedFile(SMTPXError):
    """The file is of no use to anybody; the text says why."""


def glance(path: str) -> str | None:
    """
    Look at a file without touching it: could it be used?  This is not for a process
    that has it open, which would lose its locks.

    @return: why not; L{None}: it can, or there is none.
    @raise OSError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            header = file.read(_HEADER_OCTETS)
    except FileNotFoundError:
        return None
    if not header:
        return None
    if len(header) < _HEADER_OCTETS or not header.startswith(b"SQLite format 3\0"):
        return f"{path}: no SQLite file"
    # Both are in the log alone as long as that was not emptied into the file.
    (layout,) = unpack_from(">i", header, 60)
    (application,) = unpack_from(">i", header, 68)
    return objection(path, application or APPLICATION, layout)


def objection(path: str, application: int, layout: int) -> str | None:
    """Why a file is not for us; L{None}: it is."""
    if application != APPLICATION:
        return f"{path}: an SQLite file, but not one of peers that smtpx made"
    if layout > LAYOUT:
        return (
            f"{path}: of layout version {layout}; this smtpx reads up to"
            f" version {LAYOUT}"
        )
    return None


def isBusy(error: BaseException) -> bool:
    """Does the error say that somebody else was not done in time?"""
    return errorCode(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def isDamage(error: BaseException) -> bool:
    """Does the error say that the file is in disorder?"""
    # What SQLite says of a damaged schema may not even be text.
    kinds = (DamagedFile, UnicodeDecodeError)
    codes = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return isinstance(error, kinds) or errorCode(error) in codes


def errorCode(error: BaseException) -> int | None:
    """What SQLite calls an error; L{None}: it is not one of SQLite's."""
    code = getattr(error, "sqlite_errorcode", None)
    # The low octet is the primary code of an extended one.
    return code & 0xFF if isinstance(code, int) else None
