"""
The look-ups of the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from attrs import frozen

from ...core.errors import UsageError
from ...policy.aliases import Publish
from ...policy.lookups import (
    READERS,
    Call,
    CallableTable,
    CDBTable,
    Complaints,
    Database,
    ITable,
    LineTable,
    LMDBTable,
    Lookup,
    Matching,
    SQLiteTable,
)
from ...policy.watchedfile import Work
from ..config import Configuration
from ..machine import Machine
from ..tables import LookupEntry, LookupKind
from .threads import threads


@frozen
class _Opening:
    """
    Where tables are opened.

    @ivar locks: are writers of LMDB files told that they are read?
    @ivar mapped: LMDB files that are open: none can be so twice.
    @ivar looking: where all files with lines are looked at; empty: there are none yet.
    """

    machine: Machine
    publish: Publish
    stack: AsyncExitStack
    locks: bool
    mapped: dict[Path, LMDBTable]
    looking: list[Work]

    def table(self, entry: LookupEntry) -> ITable:
        """What an entry looks values up in."""
        clock, kind, file = self.machine.reactor, entry.kind, entry.file
        complaints = Complaints(entry.name, self.publish, clock.seconds)
        if kind is LookupKind.PYTHON:
            return CallableTable(
                calledBy(entry), clock, complaints, entry.lookupSeconds
            )
        assert file is not None, "its validator wants one"
        if kind is LookupKind.LMDB:
            return self._mapped(file, complaints)
        if kind is LookupKind.CDB:
            read = CDBTable(file, complaints)
            self.stack.callback(read.close)
            return read
        if kind is LookupKind.SQLITE:
            database = Database(file, entry.query or "", entry.lookupSeconds)
            # The thread ends before what it uses.
            self.stack.callback(database.close)
            work = threads(self.machine, 1, f"lookup {entry.name}", self.stack)
            return SQLiteTable(database, work, complaints)
        told = Complaints(entry.name, self.publish)
        lines = LineTable(file, READERS[kind.value], told)
        if not self.looking:
            self.looking.append(threads(self.machine, 1, "lookups", self.stack))
        lines.start(clock, self.looking[0])
        self.stack.callback(lines.stop)
        return lines

    def _mapped(self, file: Path, complaints: Complaints) -> LMDBTable:
        # By another name it is the same file.
        place = file.resolve()
        if place not in self.mapped:
            made = self.mapped[place] = LMDBTable(file, complaints, self.locks)
            self.stack.callback(made.close)
        return self.mapped[place]


def calledBy(entry: LookupEntry) -> Call:
    """
    What a look-up calls.

    @raise UsageError: it cannot be called.
    @raise Exception: whatever the Python raises that is imported.
    """
    assert entry.python is not None, "its validator wants one"
    found = entry.python.load()
    if not callable(found):
        raise UsageError(f"{entry.python.name} cannot be called")
    return found


def lookups(
    machine: Machine,
    configuration: Configuration,
    publish: Publish,
    stack: AsyncExitStack,
    locks: bool = True,
) -> Mapping[str, Lookup]:
    """
    The look-ups, by their names.

    @param publish: told of what goes wrong later.
    @param locks: are writers of LMDB files told that they are read?
    @raise smtpx.core.errors.SMTPXError: one is of no use.
    """
    opening = _Opening(machine, publish, stack, locks, {}, [])
    return {
        entry.name: Lookup(
            entry.name, opening.table(entry), matchingOf(entry), entry.lowerCase
        )
        for entry in configuration.lookups
    }


def matchingOf(entry: LookupEntry) -> Matching:
    """What else is tried for a key."""
    return Matching(entry.partial, entry.affix.encode("utf-8"), entry.defaultKey)


__all__ = ["calledBy", "lookups", "matchingOf"]
