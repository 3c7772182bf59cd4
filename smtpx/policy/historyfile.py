"""
A file to which blocks of lines are appended for other programs to read, by several
processes: the history file of DMARC, which C{opendmarc-import} takes away every now and
then (L{smtpx.mailauth.dmarchistory}).

A block is one write at the end of the file, under the lock that its readers take too.
It is there whole or not at all.  A file that was renamed while the lock was waited for
is let be, since its reader may be done with it; the block goes into a new one.

It is done in a thread: who holds the lock may do so for long.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

#: How many blocks wait at most, and for how long the lock is waited for, in seconds.
WAITING_MOST = 10_000
LOCK_SECONDS = 10.0
_LOOK_SECONDS = 0.05

#: Who may read what is written.
_MODE = 0o640

_log = Logger()


def append(
    path: str, block: bytes, sleep: Callable[[float], object] = time.sleep
) -> None:
    """
    Append a block.  It blocks.

    @raise OSError: that is not possible; nothing of it is there.
    """
    waited = 0.0
    while True:
        file = os.open(
            path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE
        )
        try:
            while not _locked(file):
                if waited >= LOCK_SECONDS:
                    raise TimeoutError(
                        f"{path}: somebody has had it locked for {LOCK_SECONDS:g} s"
                    )
                sleep(_LOOK_SECONDS)
                waited += _LOOK_SECONDS
            if _isAt(file, path):
                _write(file, block)
                return
        finally:
            os.close(file)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _isAt(file: int, path: str) -> bool:
    """Is the open file still the one of that name?"""
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False


def _write(file: int, block: bytes) -> None:
    """
    @raise OSError: there is no room, or the like.
    """
    before = os.fstat(file).st_size
    try:
        if os.write(file, block) < len(block):
            raise OSError("there is no room for it")
    except OSError:
        os.ftruncate(file, before)
        raise


class HistoryFile:
    """
    Appends blocks, one after the other.

    What cannot be written waits for the next block, as far as there is room for it.
    """

    def __init__(
        self,
        path: str,
        threads: Callable[[Callable[[], Any]], Deferred[Any]],
        write: Callable[[str, bytes], None] = append,
    ) -> None:
        """
        @param threads: runs a job in a thread, one at a time.
        @param write: appends a block to a file; called there.
        """
        self._path = path
        self._threads = threads
        self._write = write
        self._waiting: list[bytes] = []
        self._running: Deferred[None] | None = None
        self._complained = False
        self._lost = 0

    def add(self, block: bytes) -> None:
        """Append a block, soon."""
        if len(self._waiting) >= WAITING_MOST:
            self._lost += 1
            return
        self._waiting.append(block)
        self._begin()

    async def stop(self) -> None:
        """Write what waits, once; what cannot be is lost."""
        if self._running is not None:
            await self._running
        if self._waiting:
            self._begin()
            assert self._running is not None, "it has just begun"
            await self._running
        self._lost += len(self._waiting)
        if self._lost:
            _log.error(
                "{count} messages are missing in {path}",
                count=self._lost,
                path=self._path,
            )

    def _begin(self) -> None:
        if self._running is None:
            running = self._running = Deferred[None]()
            # What is added from now on is for the next time.
            blocks, self._waiting = self._waiting, []
            done = self._threads(lambda: self._writeAll(blocks))
            done.addCallbacks(self._written, self._failed, (blocks,), {}, (blocks,), {})
            done.addBoth(lambda _: running.callback(None))

    def _writeAll(self, blocks: list[bytes]) -> OSError | None:
        """In a thread: write them; those that are written are taken out."""
        while blocks:
            try:
                self._write(self._path, blocks[0])
            except OSError as error:
                return error
            del blocks[0]
        return None

    def _written(self, error: OSError | None, blocks: list[bytes]) -> None:
        self._running = None
        if error is None:
            self._complained = False
            if self._waiting:
                self._begin()
            return
        self._kept(blocks, str(error))

    def _failed(self, failure: Failure, blocks: list[bytes]) -> None:
        # The border: whatever comes out of a thread, the next block has its turn.
        self._running = None
        self._kept(blocks, failure.getErrorMessage())

    def _kept(self, blocks: list[bytes], why: str) -> None:
        self._waiting = blocks + self._waiting
        self._lost += len(self._waiting[WAITING_MOST:])
        del self._waiting[WAITING_MOST:]
        if not self._complained:
            self._complained = True
            _log.error(
                "Nothing can be written to {path}: {why}", path=self._path, why=why
            )


__all__ = ["LOCK_SECONDS", "WAITING_MOST", "HistoryFile", "append"]
