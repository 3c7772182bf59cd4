"""
One Maildir on the disk (https://cr.yp.to/proto/maildir.html): blocking file
work, for a thread.

A message is written to C{tmp/}, synced, renamed into C{new/}, and C{new/} is
synced: when L{Mailbox.deliver} returns, the message is on the disk, and no
reader has ever seen a part of it.

The name of the file is given by the caller and is the same in every attempt.
So an attempt that was cut off, by a crash or a kill, leaves at most a file in
C{tmp/} that the next one replaces; and a message that got through before the
spool heard of it is found again, in C{new/} or, where a mail reader has moved
it meanwhile and put flags behind a colon, in C{cur/}.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from enum import Enum
from pathlib import Path

from attrs import frozen

#: How old a file in C{tmp/} is when nobody can be writing it any more, in
#: seconds; the Maildir specification says 36 hours.
STALE_SECONDS = 36 * 3600.0

#: Mail is for its owner.
FOLDER_MODE = 0o700
FILE_MODE = 0o600

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class LineEnds(Enum):
    """
    How lines end in a delivered file.

    CRLF is the message as it came, octet for octet.  LF is what most readers of
    Maildirs are used to; a bare LF in a binary body can then no longer be told
    from a line end.
    """

    CRLF = "crlf"
    LF = "lf"


def unixLines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """
    Each CRLF to LF, also one that is cut between two pieces; CRs and LFs that
    stand alone stay.

    @return: pieces, none of them empty.
    """
    held = b""
    for piece in pieces:
        text = held + piece
        held = b"\r" if text.endswith(b"\r") else b""
        text = text[: len(text) - len(held)].replace(b"\r\n", b"\n")
        if text:
            yield text
    if held:
        yield held


@frozen
class Mailbox:
    """
    One Maildir.

    @ivar path: its folder, which need not exist.
    """

    path: Path

    def deliver(self, name: str, pieces: Iterable[bytes], again: bool) -> bool:
        """
        Put a message in, durably.

        @param name: the file's name, without a slash or colon, and the same in
            each attempt to deliver the same message.
        @param pieces: the whole of it; read only where it is to be written.
        @param again: may an earlier attempt have succeeded?  Then it is looked
            for first, which costs a look at every name in C{cur/}.
        @return: was it written now?  C{False}: it was there already.
        @raise OSError: the disk is full, a folder may not be written, …; then
            no reader sees anything of the message.
        """
        if again and self.has(name):
            # It was renamed, but perhaps the crash came before the sync.
            self._sync("new")
            return False
        part = self.path / "tmp" / name
        try:
            self._write(part, pieces)
            self._publish(part, self.path / "new" / name)
        except BaseException:
            _remove(part)
            raise
        self._sync("new")
        return True

    def has(self, name: str) -> bool:
        """Is a message of this name in C{new/} or C{cur/}?"""
        if os.path.lexists(self.path / "new" / name):
            return True
        flagged = name + ":"
        try:
            with os.scandir(self.path / "cur") as entries:
                return any(
                    e.name == name or e.name.startswith(flagged) for e in entries
                )
        except FileNotFoundError:
            return False

    def sweep(self, now: float) -> int:
        """
        Remove what others left in C{tmp/} L{STALE_SECONDS} ago or earlier.

        @param now: in seconds since the epoch.
        @return: how many files were removed.
        """
        removed = 0
        try:
            found = os.scandir(self.path / "tmp")
        except OSError:
            # There is no Maildir yet; of what else is wrong, delivering tells.
            return removed
        with found as entries:
            for entry in entries:
                if _isStale(entry, now) and _remove(Path(entry.path)):
                    removed += 1
        return removed

    def create(self) -> None:
        """
        Make the Maildir and the folders above it, durably; what is there stays.
        """
        # tmp is the last, so who finds it finds the others.
        missing = [self.path / each for each in ("new", "cur", "tmp")]
        above = self.path
        while not above.exists():
            missing.insert(0, above)
            above = above.parent
        for folder in missing:
            # Another thread may be at it as well.
            with suppress(FileExistsError):
                os.mkdir(folder, FOLDER_MODE)
        for parent in {folder.parent for folder in missing}:
            _syncFolder(parent)

    def _write(self, part: Path, pieces: Iterable[bytes]) -> None:
        descriptor = self._begin(part)
        try:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _begin(self, part: Path) -> int:
        try:
            return os.open(part, _CREATE, FILE_MODE)
        except FileNotFoundError:
            self.create()
        except FileExistsError:
            # The name is ours alone, so this is what a crash of ours left.
            _remove(part)
        return os.open(part, _CREATE, FILE_MODE)

    def _publish(self, part: Path, place: Path) -> None:
        try:
            os.rename(part, place)
        except FileNotFoundError:
            # Somebody removed new/, or made a Maildir of tmp/ alone.
            self.create()
            os.rename(part, place)

    def _sync(self, folder: str) -> None:
        _syncFolder(self.path / folder)


def _isStale(entry: os.DirEntry[str], now: float) -> bool:
    """Is it a file that nobody can be writing any more?"""
    try:
        info = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        # It went while we looked.
        return False
    return stat.S_ISREG(info.st_mode) and info.st_mtime <= now - STALE_SECONDS


def _remove(file: Path) -> bool:
    """
    Remove a file of C{tmp/}, if that can be done; what is left is swept later.
    """
    try:
        os.unlink(file)
    except OSError:
        return False
    return True


def _syncFolder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


__all__ = ["STALE_SECONDS", "LineEnds", "Mailbox", "unixLines"]
