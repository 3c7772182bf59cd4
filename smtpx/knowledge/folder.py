"""
What is done to the file of peer knowledge as a file: L{prepared} makes it, L{putAside}
renames a damaged one.

A file that is renamed while somebody opens it would be taken together with the log of
another one.  So processes do both one at a time, under a lock on the folder.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: How long the lock is waited for, and how often it is tried, in seconds.  All workers
#: of a server may look through a long file, one after the other.
_WAIT_SECONDS, _EVERY_SECONDS = 20.0, 0.02

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


def putAside(path: str, damaged: tuple[int, int] | None = None) -> str | None:
    """
    Rename a damaged file and what belongs to it.  Whoever has it open goes on with it
    under its new name.

    @param damaged: what tells it from any other; L{None}: whichever is there.
    @return: its new name; L{None}: it is not there any more.
    @raise OSError: it cannot be renamed.
    """
    aside = path + ASIDE
    with alone(os.path.dirname(path) or "."):
        if damaged is not None and identityAt(path) != damaged:
            return None
        for suffix in BESIDE:
            # What an earlier one left must not be taken for this one's.
            with suppress(FileNotFoundError):
                os.unlink(aside + suffix)
        for suffix in ("", *BESIDE):
            with suppress(FileNotFoundError):
                os.rename(path + suffix, aside + suffix)
    return aside


def identityAt(path: str) -> tuple[int, int] | None:
    """What tells the file of a name from any other; L{None}: there is none."""
    try:
        return identityOf(os.stat(path))
    except FileNotFoundError:
        return None


def identityOf(found: os.stat_result) -> tuple[int, int]:
    """What tells a file from any other."""
    return found.st_dev, found.st_ino


def prepared(path: str, make: bool) -> tuple[int, int]:
    """
    See to it that the file is there and only for us.  SQLite gives its log the same
    mode.  What root makes belongs to whom the folder does: so a command does not keep
    out the server that it is for.

    @param make: make it where there is none?
    @return: what tells it from any other.
    @raise OSError: there is none, or it may not be used.
    """
    # One that is there is not opened: as soon as that was closed again, this process
    # would have lost the locks of any other connection that it has to the file.
    if make:
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                if os.geteuid() == 0:
                    owner = os.stat(os.path.dirname(path) or ".")
                    os.fchown(descriptor, owner.st_uid, owner.st_gid)
            finally:
                os.close(descriptor)
    found = os.stat(path)
    if found.st_mode & 0o077 and found.st_uid == os.geteuid():
        os.chmod(path, 0o600)
    if not os.access(path, os.R_OK | os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return identityOf(found)
