"""
A file that an operator writes by hand, read again when it changes.

The file is looked at in a thread, every second.  One that changes is read once it
has not changed for a second; where anything is wrong with it, or it is gone, what
was read before stays, and that is told once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from ..core.errors import SMTPXError
from .aliases import LOOK_SECONDS

T = TypeVar("T")

#: How many faults of a file are told.
PROBLEMS_MAX = 20

#: What is wrong with a file, with the line (from 1), or C{None} where it is of no one
#: line.
Faults = list[tuple[int | None, str]]

#: What tells a file from what it was; C{None}: it is not to be seen.
_Mark = tuple[int, ...] | None

#: Runs a job somewhere where it may block.
Work = Callable[[Callable[[], bool]], Deferred[bool]]


class BadList(SMTPXError):
    """
    A file that cannot be used.

    @ivar problems: what is wrong, with the line (from 1), or C{None} where it is
        of no one line.
    """

    def __init__(self, path: Path, problems: Faults) -> None:
        self.path = path
        self.problems = problems[:PROBLEMS_MAX]
        lines = (
            f"{path}: {text}" if line is None else f"{path}:{line}: {text}"
            for line, text in self.problems
        )
        SMTPXError.__init__(self, "\n".join(lines))


def readEntries(path: Path) -> list[tuple[int, list[str]]]:
    """
    The lines of a file that have something in them: the number of each, from 1, and
    its words.  C{#} begins a comment.

    @raise BadList: it cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}"
        raise BadList(path, [(None, why)]) from error
    except UnicodeDecodeError as error:
        raise BadList(path, [(None, "it is not in UTF-8")]) from error
    lines = enumerate(text.splitlines(), 1)
    found = [(number, line.partition("#")[0].split()) for number, line in lines]
    return [(number, words) for number, words in found if words]


class WatchedFile(Generic[T]):
    """
    A file, and what was read from it.

    @ivar content: that.
    """

    def __init__(
        self, path: Path, read: Callable[[], T], told: Callable[[str | None], None]
    ) -> None:
        """
        Read it.

        @param read: reads it; may be called in a thread.
        @param told: called with what is wrong with it now, once; L{None}: it was read
            again.
        @raise BadList: with what is wrong.
        """
        self._path = path
        self._reader = read
        self._told = told
        self._seen = self._candidate = _mark(path)
        self._complaint: str | None = None
        self._looking: LoopingCall | None = None
        self.content = read()

    def start(self, clock: IReactorTime, work: Work) -> None:
        """
        Look at the file from now on.

        @param work: where that is done.
        """
        self._looking = LoopingCall(self._look, work)
        self._looking.clock = clock
        self._looking.start(LOOK_SECONDS, now=False)

    def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.stop()
            self._looking = None

    def _look(self, work: Work) -> Deferred[None]:
        return work(self._read).addCallbacks(self._tell, self._failed)

    def _read(self) -> bool:
        """
        In a thread, one at a time: read the file if it has changed, and changes no
        more.

        @return: was it read?
        @raise BadList: with what is wrong.
        """
        mark, before = _mark(self._path), self._candidate
        self._candidate = mark
        if mark == self._seen or mark != before:
            return False
        self._seen = mark
        self.content = self._reader()
        return True

    def _tell(self, read: bool) -> None:
        if read:
            self._complaint = None
            self._told(None)

    def _failed(self, failure: Failure) -> None:
        # The border: whatever comes out of a thread, the next look comes.
        why = failure.getErrorMessage()
        if why != self._complaint:
            self._complaint = why
            self._told(why)


def _mark(path: Path) -> _Mark:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


__all__ = ["PROBLEMS_MAX", "BadList", "Faults", "WatchedFile", "Work", "readEntries"]
