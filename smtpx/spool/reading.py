"""
Looking at one message in the files of a spool, beside the server that has them open,
or without one.

Nothing is written, locked or recovered, and nothing is known of what is in a server's
memory: that it has taken a message to deliver it, and what it has not put down yet.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from ..core.envelope import Stamp
from .format import Row, SpooledMessage, message, unreadable
from .identity import parse
from .layout import LAYOUT, ForeignFile, recognise
from .recovery import Place
from .store import WITHOUT_BODY

#: How long to wait for a server that is just writing, in seconds.
_WAIT_SECONDS = 5.0


def spoolFiles(folder: str) -> Iterator[str]:
    """
    The files of a spool, one for each process that had one.

    @param folder: the spool's; it need not be there.
    @raise OSError: it cannot be looked into.
    """
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in sorted(filter(str.isdecimal, names), key=int):
        path = Place(os.path.join(folder, name)).file
        if os.path.exists(path):
            yield path


def readMessage(
    folder: str, id: str, known: Mapping[str, Stamp[Any]]
) -> SpooledMessage | None:
    """
    A message, without its body.

    @param folder: the spool's.
    @param known: stamps by name, of the extensions that are loaded.
    @return: L{None}: it is not in the spool.  Of one that cannot be read there is an
        entry whose note says what is wrong.
    @raise ValueError: not an id.
    @raise OSError: a file cannot be read.
    @raise ForeignFile: one is not a spool, or of another version.
    """
    key = parse(id)
    for path in spoolFiles(folder):
        row = _row(path, key)
        if row is None:
            continue
        try:
            return message(row, known)
        except Exception as error:  # the one border: an extension's load
            return unreadable(row, error)
    return None


def _row(path: str, key: int) -> Row | None:
    """
    A message in one file.

    @raise OSError: it cannot be read.
    @raise ForeignFile: it is not a spool of this version.
    """
    if not os.access(path, os.R_OK | os.W_OK):
        # Who reads beside a writer says so in a file that both of them write.
        raise PermissionError(13, "you may not read it", path)
    try:
        connection = sqlite3.connect(
            f"file:{quote(path)}?mode=rw",
            uri=True,
            isolation_level=None,
            timeout=_WAIT_SECONDS,
        )
        try:
            connection.execute("PRAGMA query_only = ON")
            layout = recognise(connection, path)
            if 0 < layout < LAYOUT:
                raise ForeignFile(
                    f"{path}: of an older smtpx; a server of this one brings it on"
                )
            if not layout:
                return None
            found = connection.execute(WITHOUT_BODY + "WHERE m.id = ?", (key,))
            columns = found.fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise OSError(5, str(error), path) from error
    return None if columns is None else Row(*columns)


__all__ = ["readMessage", "spoolFiles"]
