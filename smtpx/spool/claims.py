"""
Claims: of the processes of one spool, at most one has a name.

A claim is a lock on one octet of a file, at a place that is made of the name; an open
file description lock, so that no other descriptor of this process has a part in it.
The kernel lets go of it when the process ends, however that ends.  So nobody can die
with a claim, and nothing has to be put in order afterwards.  Taking one never waits,
and nothing is written.

Two names could have the same place, once in 2^62 pairs; then they exclude each other,
and whoever comes second is put off.
"""

from __future__ import annotations

import fcntl
import os
import struct

#: C{struct flock}: type, whence, start, length, process; the kernel wants 0 for that.
_LOCK = struct.Struct("hhqqi0q")

#: From here on are the marks of processes whose spool is open; below it are names.
_MARKS = 1 << 62

#: What it is called, in the folder of the spool.
FILE = "names.claims"


class Claims:
    """
    The claims of one process.
    """

    def __init__(self, folder: str) -> None:
        """
        @param folder: of the spool.
        """
        self._path = os.path.join(folder, FILE)
        self._number: int | None = None

    def open(self) -> None:
        """
        Open the file, or make it.

        @raise OSError: that cannot be done.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._number = os.open(self._path, flags, 0o600)

    def close(self) -> None:
        """Let go of all there are."""
        number, self._number = self._number, None
        if number is not None:
            os.close(number)

    def take(self, key: bytes) -> bool:
        """
        Have a name, if nobody else has it.  Whoever has it already, has it.

        @raise OSError: the kernel has no more locks.
        """
        return self._lock(fcntl.F_WRLCK, _place(key))

    def drop(self, key: bytes) -> None:
        """Let go of a name."""
        self._lock(fcntl.F_UNLCK, _place(key))

    def mark(self, number: int) -> None:
        """
        The spool of this process is open, and all that it takes over is in it.

        @param number: which process it is.
        """
        self._lock(fcntl.F_WRLCK, _MARKS + number)

    def marked(self, number: int) -> bool:
        """Is the spool of another process open?"""
        request = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _MARKS + number, 1, 0)
        if self._number is None:
            return False
        found = fcntl.fcntl(self._number, fcntl.F_OFD_GETLK, request)
        kind, *_ = _LOCK.unpack(found)
        return bool(kind != fcntl.F_UNLCK)

    def _lock(self, kind: int, place: int) -> bool:
        number = self._number
        if number is None:
            # Behind the end there is nobody to tell.
            return False
        request = _LOCK.pack(kind, os.SEEK_SET, place, 1, 0)
        try:
            fcntl.fcntl(number, fcntl.F_OFD_SETLK, request)
        except BlockingIOError:
            return False
        return True


def _place(key: bytes) -> int:
    """Where the lock of a name is."""
    return int.from_bytes(key[:8], "big") % _MARKS


__all__ = ["FILE", "Claims"]
