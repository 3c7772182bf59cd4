"""
Bodies: long ones in files of their own, named by the message's id.

A file is written while the body arrives and synced before the message's row is
committed; its name is made durable by a sync of the folder, once for all files
of a transaction.  A file without a row is nobody's, and is deleted at the next
start; a row without a file cannot come about by a crash.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from hashlib import file_digest

from zope.interface import implementer

from ..core.interfaces import IBody
from ..core.values import value
from .identity import parse, render
from .writer import IShelf

#: Bodies up to this many octets stand inside the row.
INSIDE = 64 << 10

_PIECE = 64 << 10


@implementer(IBody)
@value
class HeldBody:
    """
    A short body, in memory.

    @ivar content: all of it.
    """

    content: bytes

    @property
    def octets(self) -> int:
        """Its length."""
        return len(self.content)

    def pieces(self) -> Iterator[bytes]:
        """One piece, or none."""
        return iter((self.content,) if self.content else ())


@implementer(IBody)
@value
class FiledBody:
    """
    A long body, in a file.

    @ivar path: the file.
    @ivar octets: its length.
    """

    path: str
    octets: int

    def pieces(self) -> Iterator[bytes]:
        """
        The body, from the file.

        @raise OSError: it cannot be read.
        @raise EOFError: it is shorter than it was.
        """
        left = self.octets
        # Unbuffered: each piece is asked for as large as it may be.
        with open(self.path, "rb", buffering=0) as file:
            while left:
                piece = file.read(min(left, _PIECE))
                if not piece:
                    raise EOFError(f"{self.path} is {left} octets short")
                left -= len(piece)
                yield piece


def syncFolder(path: str) -> None:
    """Make the names in a folder durable."""
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@implementer(IShelf)
class Bodies:
    """
    The folder of long bodies.

    @ivar path: where it is.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def pathOf(self, key: int) -> str:
        """Where the body of a message is."""
        return os.path.join(self.path, render(key))

    def create(self, key: int) -> int:
        """
        Make the file for a new message.

        @return: its descriptor.
        @raise OSError: it cannot be made.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return os.open(self.pathOf(key), flags, 0o600)

    def reopen(self, key: int, octets: int) -> int:
        """
        Go on with a file, behind so many octets.

        @return: its descriptor.
        @raise OSError: it is not there.
        """
        number = os.open(self.pathOf(key), os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.truncate(number, octets)
            os.lseek(number, octets, os.SEEK_SET)
        except BaseException:
            os.close(number)
            raise
        return number

    def shorten(self, key: int, octets: int) -> None:
        """
        Give back what a file has behind so many octets.

        @raise OSError: it is not there.
        """
        os.truncate(self.pathOf(key), octets)

    def digestOf(self, key: int) -> bytes:
        """
        The SHA-256 of a file.

        @raise OSError: it cannot be read.
        """
        with open(self.pathOf(key), "rb") as file:
            return file_digest(file, "sha256").digest()

    def sync(self) -> None:
        """Make the names of all files durable."""
        syncFolder(self.path)

    def delete(self, keys: Sequence[int]) -> None:
        """Delete the files of these messages, as far as there are any."""
        for key in keys:
            try:
                os.unlink(self.pathOf(key))
            except FileNotFoundError:
                continue

    def octetsOf(self, key: int) -> int | None:
        """How long a message's file is; L{None}: there is none."""
        try:
            return os.stat(self.pathOf(key)).st_size
        except FileNotFoundError:
            return None

    def keys(self, most: int) -> Iterator[list[int]]:
        """
        The messages that there are files for, so many at a time; other names are
        not ours.  Those that it gave may be deleted before it goes on.
        """
        found = []
        with os.scandir(self.path) as entries:
            for entry in entries:
                try:
                    found.append(parse(entry.name))
                except ValueError:
                    continue
                if len(found) == most:
                    yield found
                    found = []
        if found:
            yield found
