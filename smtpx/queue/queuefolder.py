"""
A folder with messages in Exim's spool format, such as C{input} of Exim's spool:
blocking file work, for a thread.

Whoever reads it takes a message when it sees C{ID-H}.  So C{ID-D} is there and durable
before; each file is written under a name that nobody looks for, synced, and renamed.
When L{QueueFolder.put} returns, both are on the disk; when it raises, there is
nothing that a reader would take for a message, nor anything else of it.

The names are those of the message, so an attempt that was cut off leaves at most files
that the next one replaces, and one that got through is found again, unless it was
taken meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import frozen

from ..core.errors import SMTPXError
from ..spool.eximreader import parseHeaderFile
from ..spool.eximspool import BadSpoolFile, EximMessage, FilePart

#: As Exim has it: its group may read.
FILE_MODE = 0o640

#: A file of this name is being written; Exim looks for C{-H} at the end of names of
#: its own length only.
_UNFINISHED = "smtpx."

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe in the place of a file is not waited for.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

#: What is there under a message's name is not read further than this, in octets.
_HEADER_FILE_OCTETS = 32 << 20

#: What can be said better than by the system.
_WORDS = {
    errno.ENOENT: "there is no such folder",
    errno.ENOTDIR: "this is no folder, or a symbolic link",
    errno.ELOOP: "this is no folder, or a symbolic link",
}


class QueueFolderError(SMTPXError):
    """A message cannot be put into a folder for now; the text says why."""


@frozen
class QueueFolder:
    """
    One folder.  It has to be there: where it is not, something was not mounted, or
    its reader was removed.

    @ivar path: where it is; absolute.
    """

    path: Path

    def check(self) -> None:
        """
        See whether anything could be put there.

        @raise QueueFolderError: hardly.
        """
        with self._opened() as folder:
            name = f"{_UNFINISHED}check"
            try:
                os.close(_create(folder, name))
                os.unlink(name, dir_fd=folder)
            except OSError as error:
                raise self._trouble(error) from error

    def find(self, id: str) -> EximMessage | None:
        """
        Look for a message.

        @return: L{None}: it is not there as a whole.
        @raise QueueFolderError: there is something else of its name.
        """
        with self._opened() as folder:
            return self._find(folder, id)

    def put(
        self,
        id: str,
        data: Iterable[bytes],
        header: Callable[[], bytes],
    ) -> None:
        """
        Put a message there, durably.

        @param data: what C{ID-D} has.
        @param header: gives what C{ID-H} has; it is asked when C{data} was read.
        @raise QueueFolderError: the disk is full, the folder is not to be written,
            ...
        """
        made: list[str] = []
        with self._opened() as folder:
            try:
                self._put(folder, FilePart.DATA.nameOf(id), data, made)
                text = header()
                self._put(folder, FilePart.HEADER.nameOf(id), [text], made)
            except BaseException as error:
                for name in reversed(made):
                    with suppress(OSError):
                        os.unlink(name, dir_fd=folder)
                if isinstance(error, OSError):
                    raise self._trouble(error) from error
                raise

    def _put(
        self, folder: int, name: str, pieces: Iterable[bytes], made: list[str]
    ) -> None:
        """
        Write a file.

        @param made: gets what is to be removed if it all comes to nothing.
        """
        unfinished = _UNFINISHED + name
        descriptor = _create(folder, unfinished)
        made.append(unfinished)
        try:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            # Whatever the mask of this process is.
            os.fchmod(descriptor, FILE_MODE)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
        made[-1] = name
        # Also between the two: a header without data is what Exim cannot bear.
        os.fsync(folder)

    def _find(self, folder: int, id: str) -> EximMessage | None:
        name = FilePart.HEADER.nameOf(id)
        try:
            text = _read(folder, name)
            if not _isThere(folder, FilePart.DATA.nameOf(id)):
                # Nobody can have delivered that; it is written anew.
                return None
            found = parseHeaderFile(text)
            # Perhaps it was renamed, and the crash came before the sync.
            os.fsync(folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._trouble(error) from error
        except BadSpoolFile as error:
            raise QueueFolderError(f"{self.path / name} is there: {error}") from error
        return found

    @contextmanager
    def _opened(self) -> Iterator[int]:
        try:
            folder = os.open(self.path, _OPEN)
        except OSError as error:
            raise self._trouble(error) from error
        try:
            yield folder
        finally:
            os.close(folder)

    def _trouble(self, error: OSError) -> QueueFolderError:
        words = _WORDS.get(error.errno or 0) or error.strerror or str(error)
        return QueueFolderError(f"{self.path}: {words}")


def _create(folder: int, name: str) -> int:
    try:
        return os.open(name, _CREATE, FILE_MODE, dir_fd=folder)
    except FileExistsError:
        # The name is ours alone, so this is what a crash of ours left.
        os.unlink(name, dir_fd=folder)
    return os.open(name, _CREATE, FILE_MODE, dir_fd=folder)


def _read(folder: int, name: str) -> bytes:
    descriptor = os.open(name, _READ, dir_fd=folder)
    with open(descriptor, "rb") as file:
        return file.read(_HEADER_FILE_OCTETS)


def _isThere(folder: int, name: str) -> bool:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found.st_mode)


__all__ = ["FILE_MODE", "QueueFolder", "QueueFolderError"]
