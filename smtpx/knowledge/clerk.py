"""
Who reads and writes the file of peer knowledge, in a thread.

A L{Clerk} never fails: whatever is wrong with the file, it says so, and tries again
the next time that it is given something.  It looks each time whether the file is still
the one that it has open.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from attrs import field, frozen

from ..core.errors import SMTPXError
from .file import Change, KnowledgeFile, Row
from .folder import identityAt, putAside
from .layout import isBusy, isDamage
from .rooms import Name, Room


@frozen
class Given:
    """
    What the clerk is given.

    @ivar now: seconds since the epoch.
    @ivar changes: what is to be written down.
    @ivar uses: when what was last asked for, in seconds since the epoch.
    @ivar tidies: is the file to be tidied, too?
    @ivar last: is it to be closed then?
    """

    now: float
    changes: Mapping[Name, Change] = field(factory=dict)
    uses: Mapping[Name, float] = field(factory=dict)
    tidies: bool = False
    last: bool = False


@frozen
class Got:
    """
    What comes of it.

    @ivar taken: was it written down?
    @ivar whole: are the rows everything that there is?
    @ivar rows: what others found out.
    @ivar trouble: why the file cannot be used; L{None}: it can, or somebody else has
        it for the moment.
    @ivar aside: what a damaged file is called now; L{None}: none was.
    """

    taken: bool
    whole: bool = False
    rows: Sequence[Row] = ()
    trouble: str | None = None
    aside: str | None = None


class Clerk:
    """Has the file open."""

    def __init__(self, path: str, room: Room) -> None:
        """
        @param path: the file.
        @param room: how much it holds.
        """
        self._path = path
        self._room = room
        self._file: KnowledgeFile | None = None

    def turn(self, given: Given) -> Got:
        """Do what there is to do."""
        aside = None
        try:
            there = identityAt(self._path)
            try:
                got = self._exchanged(given)
            except Exception as error:
                if not isDamage(error):
                    raise
                aside = self._putAside(there)
                got = self._exchanged(given)
        except (sqlite3.Error, OSError, SMTPXError) as error:
            return self._failed(error, aside)
        finally:
            if given.last:
                self._close()
        return Got(got.taken, got.whole, got.rows, None, aside)

    def _exchanged(self, given: Given) -> Got:
        if self._file is not None and self._file.isMoved():
            self._close()
        if self._file is None:
            self._file = KnowledgeFile(self._path, self._room)
        whole, rows = self._file.exchange(given.changes, given.uses, given.now)
        if given.tidies:
            self._file.tidy(given.now)
        return Got(True, whole, rows)

    def _failed(self, error: Exception, aside: str | None) -> Got:
        """The file cannot be used."""
        if isBusy(error):
            # What was read is read once more.
            return Got(False, aside=aside)
        self._close()
        text = str(error)
        if isinstance(error, sqlite3.Error):
            text = f"{self._path}: {error}"
        return Got(False, trouble=text, aside=aside)

    def _putAside(self, there: tuple[int, int] | None) -> str | None:
        """
        Put a damaged file aside, unless somebody else did that already.

        @param there: tells the file that was there before.
        """
        moved = self._file is not None and self._file.isMoved()
        self._close()
        return None if moved else putAside(self._path, there)

    def _close(self) -> None:
        """Close it; what SQLite makes of that is of no interest any more."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
