"""
What processes do to the file of peer knowledge one at a time: to open it, and to put
a damaged one aside.

A file that is renamed while somebody opens it would be taken together with the log of
another one.  So both are done under a lock on the folder.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: How long the lock is waited for, and how often it is tried, in seconds.
_WAIT_SECONDS, _EVERY_SECONDS = 2.0, 0.02

#: What a file is called that was put aside.
ASIDE = ".damaged"

#: The files that SQLite has beside one in WAL mode.
BESIDE = ("-wal", "-shm")


@contextmanager
def alone(folder: str) -> Iterator[None]:
    """
    Keep other processes out.

    @raise TimeoutError: somebody did not leave in time.
    @raise OSError: the folder cannot be opened.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        until = time.monotonic() + _WAIT_SECONDS
        while not _locked(descriptor):
            if time.monotonic() > until:
                raise TimeoutError(
                    errno.ETIMEDOUT, "another process holds its lock", folder
                )
            time.sleep(_EVERY_SECONDS)
        yield
    finally:
        # This lets go of the lock, too.
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def putAside(path: str) -> str:
    """
    Rename a damaged file and what belongs to it.  Whoever has it open goes on with it
    under its new name.

    @return: its new name.
    @raise OSError: it cannot be renamed.
    """
    aside = path + ASIDE
    with alone(os.path.dirname(path) or "."):
        for suffix in BESIDE:
            # What an earlier one left must not be taken for this one's.
            with suppress(FileNotFoundError):
                os.unlink(aside + suffix)
        for suffix in ("", *BESIDE):
            with suppress(FileNotFoundError):
                os.rename(path + suffix, aside + suffix)
    return aside
