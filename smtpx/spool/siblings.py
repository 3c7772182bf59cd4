"""
What other processes of a spool remember under names: it is read in their files, which
SQLite lets any number of processes read beside the one that writes.

Nothing is written there.  It says something only of those that live and are open: in
the log of one that was killed in the midst of a commit may be what is not seen now, and
is once the file was opened anew.

What was cut short can be taken from them: its file is renamed from their folder into
ours.  Whose it is, is said by where its file is, and by nothing else.

It blocks, so it is used in threads, one at a time.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from threading import Lock
from typing import TypeVar
from urllib.parse import quote

from ..core.errors import SMTPXError
from .bodies import Bodies
from .layout import LAYOUT, ForeignFile, recognise
from .nametable import Name, NameTable, Remnant
from .recovery import Place

T = TypeVar("T")

#: How long to wait for whoever has a file for itself, in seconds.
_WAIT_SECONDS = 1.0


class Unsure(SMTPXError):
    """It cannot be found out now what another process has; the text says why."""


class Siblings:
    """
    The files of the other processes.

    @ivar folder: the spool's.
    @ivar number: which process we are, from 1 on.
    @ivar others: the numbers of the others.
    """

    def __init__(self, folder: str, number: int, workers: int) -> None:
        """
        @param workers: how many processes there are.
        """
        self.folder = folder
        self.number = number
        self.others = [each for each in range(1, workers + 1) if each != number]
        self._open: dict[int, sqlite3.Connection] = {}
        self._lock = Lock()

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def look(self, key: bytes) -> list[tuple[int, Name | Remnant]]:
        """
        What others have under a name.

        @return: it, and the number of whoever has it.
        @raise Unsure: see there.
        """
        with self._lock:
            return [
                (number, each)
                for number in self.others
                for each in self._under(number, key)
            ]

    def move(self, number: int, id: int, to: int) -> bool:
        """
        Take what was cut short; it is not synced.

        @param number: whose it is.
        @param id: its id there, as an integer.
        @param to: its id here.
        @return: is it here?  Else it is gone.
        """
        ours, theirs = self._place(self.number).bodies, self._place(number).bodies
        try:
            os.rename(theirs.pathOf(id), ours.pathOf(to))
        except FileNotFoundError:
            return False
        except OSError:
            # It cannot be had from here; its client sends it from the start.
            with suppress(OSError):
                theirs.delete([id])
            return False
        return True

    def cutShort(self) -> list[tuple[int, Remnant]]:
        """
        What was cut short at others, without what is long of it.

        @return: it, and the number of whoever has it.
        @raise Unsure: see there.
        """
        with self._lock:
            found: list[tuple[int, Remnant]] = []
            for number in self.others:
                bodies = self._place(number).bodies
                for each in self._asked(number, NameTable.cutShort) or ():
                    if _isThere(bodies, each):
                        found.append((number, each))
            return found

    def gone(self, remnants: Iterable[Remnant]) -> list[Remnant]:
        """Those of ours whose files are not here any more."""
        bodies = self._place(self.number).bodies
        return [each for each in remnants if bodies.octetsOf(each.id) is None]

    def delete(self, remnants: Iterable[tuple[int, Remnant]]) -> None:
        """
        Drop what was cut short.

        @raise OSError: that cannot be done.
        """
        for number, each in remnants:
            self._place(number).bodies.delete([each.id])

    def _place(self, number: int) -> Place:
        return Place(os.path.join(self.folder, str(number)))

    def _under(self, number: int, key: bytes) -> Iterator[Name | Remnant]:
        def both(table: NameTable) -> tuple[Name | None, Remnant | None]:
            return table.name(key), table.remnant(key)

        name, remnant = self._asked(number, both) or (None, None)
        if name is not None:
            yield name
        if remnant is not None and _isThere(self._place(number).bodies, remnant):
            yield remnant

    def _asked(self, number: int, read: Callable[[NameTable], T]) -> T | None:
        """
        What is read in another's file; L{None}: it has none.

        @raise Unsure: see there.
        """
        try:
            table = self._table(number)
            return None if table is None else read(table)
        except (sqlite3.Error, ForeignFile, OSError) as error:
            connection = self._open.pop(number, None)
            if connection is not None:
                connection.close()
            raise Unsure(f"{self._place(number).file}: {error}") from error

    def _table(self, number: int) -> NameTable | None:
        """
        The names of another; L{None}: it never had any.

        @raise Unsure: it is being brought to a newer layout.
        """
        known = self._open.get(number)
        if known is not None:
            return NameTable(known)
        path = self._place(number).file
        if not os.path.exists(path):
            return None
        connection = sqlite3.connect(
            f"file:{quote(path)}?mode=rw",
            uri=True,
            isolation_level=None,
            timeout=_WAIT_SECONDS,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA query_only = ON")
            layout = recognise(connection, path)
            if not layout:
                connection.close()
                return None
            if layout < LAYOUT:
                raise Unsure(f"{path}: it is of an older smtpx yet")
        except BaseException:
            connection.close()
            raise
        self._open[number] = connection
        return NameTable(connection)


def _isThere(bodies: Bodies, remnant: Remnant) -> bool:
    """Is its file there?  Without it, a row says nothing."""
    there = bodies.octetsOf(remnant.id)
    return there is not None and there >= remnant.octets


__all__ = ["Siblings", "Unsure"]
