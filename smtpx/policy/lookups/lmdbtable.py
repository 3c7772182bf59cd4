"""
Look-ups in LMDB files, as Exim's C{lmdb} does them: one file, not a folder, opened for
reading; its main database; keys and values are octets, without a NUL at their end.

Each look-up is a transaction of its own, so that it sees what the last writer has
committed.  A file in whose place another was put is opened anew.

What is wrong with such a file, LMDB finds out by the memory that it maps: where the
file ends before what it should have, the process dies of SIGBUS.  So its size is held
against what it says of itself before LMDB is let near it, and looked at again before
look-ups, though not twice in a millisecond.  Who writes such a file other than by LMDB
is to make a new one, and to put it in the place of the old by renaming it.

A page fault that has to wait for the disk holds the reactor up; such files are mostly
in memory.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define
from zope.interface import implementer

from ...core.errors import UsageError
from .complaints import Complaints, spelled
from .interfaces import SAME_SECONDS, VALUE_MOST, ITable, LookupDeferred

if TYPE_CHECKING:
    import lmdb

#: A page's head, then C{MDB_meta} with its two C{MDB_db}, as C{mdb.c} has them, where
#: words have 64 bits.
_META = struct.Struct("=16x I I Q Q I H H 5Q I H H 5Q Q Q")
_MAGIC = 0xBEEFC0DE
_VERSION = 1

#: C{mdb_env_get_maxkeysize}, if LMDB was not built otherwise.
_KEY_MOST = 511


def neededOctets(path: Path) -> int:
    """
    How large a file has to be by what it says of itself.

    @raise OSError: it cannot be read.
    @raise ValueError: it is no LMDB file.
    """
    with path.open("rb") as file:
        first = _meta(file.read(_META.size))
        if first is None:
            raise ValueError("it is no LMDB file")
        pageOctets = first[0]
        file.seek(pageOctets)
        second = _meta(file.read(_META.size))
    # The one with the greater number of a transaction is in force; while the other
    # is being written, it may be anything.
    metas = [first] if second is None else [first, second]
    last = max(metas, key=lambda each: each[2])[1]
    return (last + 1) * pageOctets


def _meta(octets: bytes) -> tuple[int, int, int] | None:
    """The size of a page, the number of the last one, that of the transaction."""
    if len(octets) < _META.size:
        return None
    fields = _META.unpack(octets)
    magic, version, pageOctets = fields[0], fields[1], fields[4]
    if magic != _MAGIC or version & 0xFFFF != _VERSION:
        return None
    if not 256 <= pageOctets <= 65536 or pageOctets & (pageOctets - 1):
        return None
    return pageOctets, fields[-2], fields[-1]


@define
class _Open:
    """
    An open file.

    @ivar device: with C{inode}, which file it is.
    @ivar octets: how large it is.
    @ivar seen: when it was in its place.
    """

    environment: lmdb.Environment
    device: int
    inode: int
    octets: int
    seen: float


def mayLock(path: Path) -> bool:
    """
    Can a reader put itself down in the file with the locks?  Where there is none yet,
    it is made only by whom the data belongs to: others could keep its writer out.
    """
    locks = f"{path}-lock"
    if os.path.exists(locks):
        return os.access(locks, os.R_OK | os.W_OK)
    return os.stat(path).st_uid == os.geteuid() and os.access(path.parent, os.W_OK)


@implementer(ITable)
class LMDBTable:
    """
    An LMDB file.

    @ivar prompt: it is memory, as far as we are concerned.
    """

    prompt = True

    def __init__(
        self,
        path: Path,
        complaints: Complaints,
        locks: bool = True,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Nothing is opened before the first look-up.

        @param complaints: told when it is of no use, or is again.
        @param locks: are writers told that it is read?  Without, one that is very quick
            could write where something is just read; nothing is written then.
        @param seconds: what time it is.
        @raise UsageError: the package C{lmdb} is not installed.
        """
        try:
            import lmdb
        except ImportError as error:
            raise UsageError(
                "look-ups in LMDB files want the package lmdb:"
                " pip install 'smtpx[lmdb]'"
            ) from error
        self._lmdb = lmdb
        self._path = path
        self._complaints = complaints
        self._locks = locks
        self._seconds = seconds
        self._open: _Open | None = None

    def find(self, key: bytes) -> bytes | None:
        """See L{ITable}."""
        if not 0 < len(key) <= _KEY_MOST:
            # No such key can be in a file.
            return None
        try:
            value = self._find(key)
        except (OSError, ValueError, self._lmdb.Error) as error:
            self.close()
            raise self._deferred(spelled(error)) from error
        self._complaints.works()
        return value

    def _find(self, key: bytes) -> bytes | None:
        for _ in range(2):
            try:
                with self._now().environment.begin() as transaction:
                    value: bytes | None = transaction.get(key)
            except self._lmdb.MapResizedError:
                # A writer has given it more room than we have mapped.
                self.close()
                continue
            if value is not None and len(value) > VALUE_MOST:
                raise ValueError(f"a value has more than {VALUE_MOST} octets")
            return value
        raise ValueError("it grows all the time")

    def _now(self) -> _Open:
        """The file, opened anew if it is not the one that was open."""
        now, known = self._seconds(), self._open
        if known is not None and now - known.seen < SAME_SECONDS:
            return known
        found = os.stat(self._path)
        if known is not None:
            same = (found.st_dev, found.st_ino) == (known.device, known.inode)
            if same and found.st_size >= known.octets:
                known.octets, known.seen = found.st_size, now
                return known
            self.close()
        if found.st_size < neededOctets(self._path):
            raise ValueError("it is cut short")
        environment = self._lmdb.open(
            str(self._path),
            map_size=0,
            subdir=False,
            readonly=True,
            lock=self._locks and mayLock(self._path),
            create=False,
            max_dbs=0,
        )
        self._open = _Open(environment, found.st_dev, found.st_ino, found.st_size, now)
        return self._open

    def _deferred(self, why: str) -> LookupDeferred:
        text = f"{self._path}: {why}"
        self._complaints.fails(text)
        return LookupDeferred(text)

    def close(self) -> None:
        """Let go of the file; the next look-up opens it anew."""
        if self._open is not None:
            self._open.environment.close()
            self._open = None


__all__ = ["LMDBTable", "mayLock", "neededOctets"]
