"""
A folder of traces: two files a session, its ladder as text and all of it as JSON.

A name begins with the time, so that the names sort::

    20261122T031948Z-d82b59dd-1.txt
    20261122T031948Z-d82b59dd-1.json

The folder holds so many sessions and no more, of all processes that use it; the oldest
goes for a new one.  Files of other names are nobody's business here.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

from twisted.logger import Logger

from .ladder import ladder
from .trace import SessionTrace

#: Other workers save there, too: how much of its room each may fill until it looks what
#: the others have.
_BLIND = 0.05

_TEXT, _JSON = ".txt", ".json"
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]+-[0-9a-f]+\Z")


class TraceFolder:
    """Where traces are kept."""

    _log = Logger()

    def __init__(self, path: Path, most: int) -> None:
        """
        @param path: of the folder, which is made when it is first needed.
        @param most: how many sessions it holds.
        """
        self._path = path
        self._most = most
        self._made = False
        self._broken = False

    def save(self, trace: SessionTrace) -> None:
        """
        Keep a trace.  A folder that cannot be written costs the trace, and is told
        of once.
        """
        try:
            self._save(trace)
        except OSError as error:
            if not self._broken:
                self._log.error(
                    "cannot keep traces in {path}: {error}",
                    path=str(self._path),
                    error=str(error),
                )
            self._broken = True
        else:
            self._broken = False

    def _save(self, trace: SessionTrace) -> None:
        if not self._made:
            # It says who wrote to whom: it is not for everybody to read.
            self._path.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._made = True
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(trace.began))
        name = f"{stamp}-{trace.session}"
        self._write(name + _TEXT, ladder(trace))
        self._write(name + _JSON, json.dumps(trace.asJSON(), indent=1) + "\n")
        # Other processes keep theirs here as well, so that nobody knows what there
        # is without a look.
        for old in self._found()[: -self._most]:
            self._remove(old)

    def _found(self) -> list[str]:
        """The names that are there, the oldest first."""
        stems = {os.path.splitext(each)[0] for each in os.listdir(self._path)}
        return sorted(stem for stem in stems if _NAME.match(stem))

    def _write(self, name: str, said: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._path / name, flags, 0o640)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(said)

    def _remove(self, name: str) -> None:
        for suffix in (_TEXT, _JSON):
            (self._path / f"{name}{suffix}").unlink(missing_ok=True)


__all__ = ["TraceFolder"]
