"""
Look-ups in files with lines, which are in memory, and read again when they change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from ..watchedfile import BadList, WatchedFile, Work
from .complaints import Complaints
from .interfaces import ITable, LookupDeferred
from .linetables import BadLines, Lines, literal, networks, wild

#: The largest file, in octets; for more there are databases.
FILE_MOST = 64 * 1024 * 1024

#: What reads them, by the names that Exim has for them.
READERS: Mapping[str, Callable[[bytes], Lines]] = {
    "lsearch": literal,
    "wildlsearch": partial(wild, expanded=True),
    "nwildlsearch": wild,
    "iplsearch": networks,
}


def readLines(path: Path, read: Callable[[bytes], Lines] = literal) -> Lines:
    """
    Read a file.

    @param read: what its keys are, one of L{READERS}.
    @raise BadList: with what is wrong.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(FILE_MOST + 1)
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}"
        raise BadList(path, [(None, why)]) from error
    if len(octets) > FILE_MOST:
        why = f"it has more than {FILE_MOST} octets; a database has room"
        raise BadList(path, [(None, why)])
    try:
        return read(octets)
    except BadLines as bad:
        raise BadList(path, bad.problems) from bad


@implementer(ITable)
class LineTable:
    """
    A file with lines.

    Of one that is gone, or has something wrong in it, nothing is told: it can be the
    very exception that is missing.

    @ivar prompt: all of it is in memory.
    """

    prompt = True

    def __init__(
        self, path: Path, read: Callable[[bytes], Lines], complaints: Complaints
    ) -> None:
        """
        Read it.

        @param read: what its keys are, one of L{READERS}.
        @param complaints: told when it is of no use any more, or is again.
        @raise BadList: with what is wrong.
        """
        self._why: str | None = None
        self._complaints = complaints
        self._file = WatchedFile(path, lambda: readLines(path, read), self._told)

    def _told(self, why: str | None) -> None:
        self._why = why
        if why is None:
            self._complaints.works()
        else:
            self._complaints.fails(why)

    def find(self, key: bytes) -> bytes | None:
        """See L{ITable}."""
        if self._why is not None:
            raise LookupDeferred(self._why)
        return self._file.content.find(key)

    def start(self, clock: IReactorTime, work: Work) -> None:
        """
        Look at the file from now on.

        @param work: where that is done.
        """
        self._file.start(clock, work)

    def stop(self) -> None:
        """Look no more."""
        self._file.stop()


__all__ = ["READERS", "LineTable", "readLines"]
