"""
Are the look-ups of use: is there what they look values up in, and can it be read?
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from ..core.errors import UsageError
from ..policy.lookups import (
    READERS,
    CDBTable,
    Complaints,
    Database,
    LMDBTable,
    LookupDeferred,
    readLines,
)
from ..policy.lookups.complaints import spelled
from ..policy.watchedfile import BadList
from .config import Configuration
from .problems import KeyPath, Problem
from .tables import LookupEntry, LookupKind
from .wiring import calledBy

#: What SQLite says of a database that somebody is just writing to.
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def checkLookups(configuration: Configuration) -> Iterator[Problem]:
    """What is wrong with look-ups; nothing is left open, and nothing written."""
    names: set[str] = set()
    for index, entry in enumerate(configuration.lookups):
        path = ("lookup", index)
        if entry.name in names:
            text = f"there is another look-up {entry.name}"
            yield configuration.problem((*path, "name"), text)
        names.add(entry.name)
        yield from _opened(configuration, entry, path)


def _opened(
    configuration: Configuration, entry: LookupEntry, path: KeyPath
) -> Iterator[Problem]:
    if entry.kind is LookupKind.PYTHON:
        try:
            calledBy(entry)
        except Exception as error:
            # The border to somebody's code: whatever it raises, it is of no use.
            text = f"{type(error).__name__}: {error}"
            yield configuration.problem((*path, "python"), text)
        return
    try:
        _tried(entry)
    except UsageError as error:
        yield configuration.problem((*path, "kind"), str(error))
    except BadList as bad:
        for line, text in bad.problems:
            if line is None:
                why = f"{bad.path}: {text}"
                yield configuration.problem((*path, "file"), why)
            else:
                yield Problem(str(bad.path), line, (), text)
    except LookupDeferred as error:
        yield configuration.problem((*path, "file"), str(error))
    except OSError as error:
        why = f"{entry.file}: {spelled(error)}"
        yield configuration.problem((*path, "file"), why)
    except (sqlite3.Error, sqlite3.Warning) as error:
        if getattr(error, "sqlite_errorcode", None) not in _BUSY:
            yield configuration.problem((*path, "query"), f"{entry.file}: {error}")


def _tried(entry: LookupEntry) -> None:
    """
    Look something up.

    @raise BadList: a file with lines is of no use.
    @raise LookupDeferred: another file is not.
    @raise OSError: a database is not there.
    @raise sqlite3.Error: it does not go with its query.
    """
    file = entry.file
    assert file is not None, "its validator wants one"
    if entry.kind is LookupKind.SQLITE:
        database = Database(file, entry.query or "", entry.lookupSeconds)
        try:
            database.prepare()
        finally:
            database.close()
    elif entry.kind in (LookupKind.LMDB, LookupKind.CDB):
        quiet = Complaints(entry.name)
        table: LMDBTable | CDBTable = (
            CDBTable(file, quiet)
            if entry.kind is LookupKind.CDB
            else LMDBTable(file, quiet, locks=False)
        )
        try:
            table.find(b"example.org")
        finally:
            table.close()
    else:
        readLines(file, READERS[entry.kind.value])


__all__ = ["checkLookups"]
