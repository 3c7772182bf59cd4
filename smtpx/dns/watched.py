"""
Files of the system that are read again when they change: small ones, that somebody
else writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from twisted.logger import Logger

#: How often a file is looked at, in seconds.
LOOK_SECONDS = 5.0

#: More is not read; in octets.
FILE_OCTETS = 1 << 20


class WatchedFile:
    """
    A file that is looked at now and then.
    """

    _log = Logger()

    def __init__(self, path: Path, seconds: Callable[[], float]) -> None:
        """
        @param seconds: a clock.
        """
        self._path = path
        self._seconds = seconds
        self._seen: tuple[int, ...] | None = None
        self._lookAt = float("-inf")
        self._told = False

    def changed(self) -> str | None:
        """
        What it says, if that is something else than at the last call.  It may be
        called for every question, for it looks at the file every few seconds only.

        @return: empty: there is no such file; L{None}: nothing new, or the file cannot
            be read, which the log says once.
        """
        seconds = self._seconds()
        if seconds < self._lookAt:
            return None
        self._lookAt = seconds + LOOK_SECONDS
        try:
            return self._look()
        except OSError as error:
            if not self._told:
                self._log.warn(
                    "{path} cannot be read: {error}", path=str(self._path), error=error
                )
            self._told = True
            return None

    def _look(self) -> str | None:
        seen: tuple[int, ...]
        try:
            status = os.stat(self._path)
            seen = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
            text = ""
            if seen != self._seen:
                with open(self._path, "rb") as file:
                    text = file.read(FILE_OCTETS).decode("utf-8", "replace")
        except FileNotFoundError:
            seen, text = (), ""
        self._told = False
        if seen == self._seen:
            return None
        self._seen = seen
        return text


__all__ = ["WatchedFile"]
