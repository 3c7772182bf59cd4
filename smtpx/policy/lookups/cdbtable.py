"""
Look-ups in CDB files, D. J. Bernstein's constant database (U{https://cr.yp.to/cdb/
cdb.txt}): 256 pointers to hash tables, then the records, then the tables.

It is read by C{pread}, not mapped: a file that is cut short under us is told, where a
mapped one would be the end of the process.  A look-up reads some four times, of what is
mostly in memory.  The reader is ours, for it is all there is to it; the libraries that
there are map the file, or hold it in memory.

A file in whose place another was put is opened anew.  They are made to be replaced by
renaming, and never to be changed.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from attrs import define
from zope.interface import implementer

from .complaints import Complaints, spelled
from .interfaces import SAME_SECONDS, VALUE_MOST, ITable, LookupDeferred

_PAIR = struct.Struct("<II")
_POINTERS = struct.Struct("<512I")

#: How many places of a hash table are looked at.  At most half of them are taken, so
#: that a file in which it takes more is none that anybody has made.
_PROBES_MOST = 10_000


# Some keys are asked for often, and a loop over octets takes its time.
@lru_cache(1024)
def cdbHash(key: bytes) -> int:
    """The hash of a key."""
    value = 5381
    for octet in key:
        value = (value * 33 & 0xFFFFFFFF) ^ octet
    return value


@define
class _Open:
    """
    An open file.

    @ivar mark: tells it from another, and from what it was.
    @ivar tables: where the hash tables are, and how many places they have.
    @ivar seen: when it was in its place.
    """

    descriptor: int
    mark: tuple[int, ...]
    tables: tuple[int, ...]
    seen: float

    def read(self, at: int, octets: int) -> bytes:
        """
        @raise ValueError: there is not as much.
        """
        found = os.pread(self.descriptor, octets, at)
        if len(found) != octets:
            raise ValueError("it is cut short")
        return found

    def find(self, key: bytes) -> bytes | None:
        """
        The value of the first record that has a key.

        @raise ValueError: it is no such file.
        """
        hashed = cdbHash(key)
        which = hashed & 255
        table, places = self.tables[2 * which], self.tables[2 * which + 1]
        if not places:
            return None
        place = (hashed >> 8) % places
        for _ in range(min(places, _PROBES_MOST)):
            itsHash, at = _PAIR.unpack(self.read(table + 8 * place, 8))
            if not at:
                return None
            if itsHash == hashed:
                keyOctets, octets = _PAIR.unpack(self.read(at, 8))
                if keyOctets == len(key) and self.read(at + 8, keyOctets) == key:
                    if octets > VALUE_MOST:
                        raise ValueError(f"a value has more than {VALUE_MOST} octets")
                    return self.read(at + 8 + keyOctets, octets)
            place = (place + 1) % places
        if places > _PROBES_MOST:
            raise ValueError("it is no CDB file: a hash table is full")
        return None


@implementer(ITable)
class CDBTable:
    """
    A CDB file.

    @ivar prompt: a file is read without waiting for anybody.
    """

    prompt = True

    def __init__(
        self,
        path: Path,
        complaints: Complaints,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Nothing is opened before the first look-up.

        @param complaints: told when it is of no use, or is again.
        @param seconds: what time it is.
        """
        self._seconds = seconds
        self._path = path
        self._complaints = complaints
        self._open: _Open | None = None

    def find(self, key: bytes) -> bytes | None:
        """See L{ITable}."""
        try:
            value = self._now().find(key)
        except (OSError, ValueError) as error:
            self.close()
            text = f"{self._path}: {spelled(error)}"
            self._complaints.fails(text)
            raise LookupDeferred(text) from error
        self._complaints.works()
        return value

    def _now(self) -> _Open:
        """The file, opened anew if it is not what it was."""
        now, known = self._seconds(), self._open
        if known is not None and now - known.seen < SAME_SECONDS:
            return known
        mark = _mark(os.stat(self._path))
        if known is not None:
            if known.mark == mark:
                known.seen = now
                return known
            self.close()
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            tables = _tables(os.pread(descriptor, _POINTERS.size, 0), found.st_size)
        except (OSError, ValueError):
            os.close(descriptor)
            raise
        self._open = _Open(descriptor, _mark(found), tables, now)
        return self._open

    def close(self) -> None:
        """Let go of the file; the next look-up opens it anew."""
        if self._open is not None:
            os.close(self._open.descriptor)
            self._open = None


def _mark(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _tables(octets: bytes, size: int) -> tuple[int, ...]:
    """
    Where the hash tables are.  They stand at the end of the file, so that one that was
    cut short has lost some of them.

    @raise ValueError: there is no room for one of them.
    """
    if len(octets) < _POINTERS.size:
        raise ValueError("it is no CDB file: it has no pointers to its tables")
    tables = _POINTERS.unpack(octets)
    for at, places in zip(tables[::2], tables[1::2], strict=True):
        if at < _POINTERS.size or at + 8 * places > size:
            raise ValueError("it is no CDB file, or cut short: a table is not there")
    return tables


__all__ = ["CDBTable", "cdbHash"]
