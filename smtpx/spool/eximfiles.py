"""
Messages on Exim's queue, as files on a disk: parcels for L{smtpx.spool.taking}.

C{ID-D} is locked as Exim locks it, by C{fcntl} on its first line, before anything is
read: whoever finds it locked leaves it alone.  That also keeps Exim from a message
while it is taken.

Nothing is believed that cannot be seen: both files have to say their own names, the
header file has to be whole, and the body may not have fewer lines than Exim counted.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from attrs import define, field
from zope.interface import implementer

from .bodies import syncFolder
from .eximenvelope import Letter, declareEight, imported
from .eximreader import checkFirstLine, parseHeaderFile, parseJournal
from .eximspool import BadSpoolFile, CutShort, EximMessage, FilePart, isID
from .parcels import Busy, Gone, IParcel, Mail, NotTaken

#: What the places of such parcels begin with.
PREFIX = "exim "

#: A header file, and a journal, is not longer, in octets: C{header_maxsize}, and
#: 16384 recipients with all that can be said of each.
FILE_OCTETS = 64 << 20

#: RFC 5321 section 6.3: with more Received fields, a message goes in circles.
RECEIVED_MOST = 100

#: So much is read at a time, in octets.
_PIECE = 64 << 10

# A pipe in the place of a file is not waited for.
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

#: The folders of a queue that is split (C{split_spool_directory}).
_SPLIT = re.compile(r"[0-9A-Za-z]\Z")


class BadPair(NotTaken):
    """The files of a message are of no use."""


class Unfinished(BadPair):
    """They end too soon: somebody may still be writing them."""


def queueFolder(folder: Path) -> Path:
    """
    Where the messages are.

    @param folder: that folder, or Exim's C{spool_directory}.
    @return: without symbolic links, so that one place has one name.
    @raise OSError: there is none.
    """
    inner = folder / "input"
    return (inner if inner.is_dir() else folder).resolve(strict=True)


def findPairs(folder: Path) -> Iterator[EximPair]:
    """
    All messages of a queue, by id in each of its folders.  Whoever puts one there
    does so with C{ID-H}, so C{ID-D} alone is none.

    @param folder: what L{queueFolder} gave.
    @raise OSError: a folder cannot be read.
    """
    folders = [folder]
    with os.scandir(folder) as entries:
        for entry in entries:
            if _SPLIT.match(entry.name) and entry.is_dir(follow_symlinks=False):
                folders.append(folder / entry.name)
    for each in sorted(folders):
        found: set[str] = set()
        with os.scandir(each) as entries:
            for entry in entries:
                id, part = entry.name[:-2], entry.name[-2:]
                if part == FilePart.HEADER.value and isID(id):
                    found.add(id)
        for id in sorted(found):
            yield EximPair(each, id)


def pairAt(place: str) -> EximPair:
    """
    The pair of a place.

    @param place: what L{EximPair.place} was.
    """
    path = Path(place.removeprefix(PREFIX))
    return EximPair(path.parent, path.name)


@implementer(IParcel)
@define(eq=False)
class EximPair:
    """
    The files of one message.

    @ivar folder: where they are.
    @ivar id: Exim's id for it.
    """

    folder: Path
    id: str
    _data: int | None = field(default=None, init=False)

    @property
    def place(self) -> str:
        """See L{IParcel}."""
        return f"{PREFIX}{self.folder / self.id}"

    def open(self) -> str:
        """
        Lock it; see L{IParcel}.

        @raise Gone: there is no header file.
        @raise Busy: Exim is at it.
        @raise BadPair: there is no data file, or it is another's.
        """
        if not os.path.lexists(self._path(FilePart.HEADER)):
            raise Gone(f"{self._path(FilePart.HEADER)} is not there")
        path = self._path(FilePart.DATA)
        try:
            self._data = data = os.open(path, _OPEN)
        except FileNotFoundError:
            raise Unfinished(f"{path} is not there") from None
        wanted = FilePart.DATA.firstLine(self.id)
        try:
            fcntl.lockf(data, fcntl.LOCK_SH | fcntl.LOCK_NB, len(wanted))
        except (BlockingIOError, PermissionError) as error:
            raise Busy(f"{path}: Exim is at it") from error
        found = os.fstat(data)
        if not stat.S_ISREG(found.st_mode):
            raise BadPair(f"{path} is no file")
        if not found.st_nlink:
            # Exim was at it, and has done with it.
            raise Gone(f"{path} is not there any more")
        try:
            checkFirstLine(os.pread(data, len(wanted), 0), self.id, FilePart.DATA)
        except BadSpoolFile as error:
            raise _bad(path, error) from error
        return _mark(found)

    def mails(self) -> Sequence[Mail]:
        """
        What it becomes: nothing where everybody has it; see L{IParcel}.

        @raise BadPair: a file is of no use.
        """
        path = self._path(FilePart.HEADER)
        try:
            message = parseHeaderFile(_read(path))
            if message.id != self.id:
                raise BadSpoolFile("line 1: this is not its own name")
            _checkHops(message)
            letters = imported(message, self._journal())
        except BadSpoolFile as error:
            raise _bad(path, error) from error
        return [
            Mail(each.envelope, self._pieces(message, each), each.hold)
            for each in letters
        ]

    def remove(self) -> None:
        """
        Take the files away: first what says that there is a message.

        @raise OSError: that cannot be done.
        """
        for part in (FilePart.HEADER, FilePart.DATA, FilePart.JOURNAL):
            with suppress(FileNotFoundError):
                os.unlink(self._path(part))
        syncFolder(str(self.folder))

    def sweep(self, mark: str) -> None:
        """
        Take away C{ID-D}, if it is ours and has lost its C{ID-H}; see L{IParcel}.

        @raise OSError: that cannot be done.
        """
        path = self._path(FilePart.DATA)
        with suppress(FileNotFoundError):
            ours = _mark(os.lstat(path)) == mark
            if ours and not os.path.lexists(self._path(FilePart.HEADER)):
                self.remove()

    def close(self) -> None:
        """Unlock it."""
        data, self._data = self._data, None
        if data is not None:
            os.close(data)

    def age(self, now: float) -> float:
        """
        How long none of the files has been written to, in seconds.

        @param now: in seconds since the epoch.
        """
        times = []
        for part in FilePart:
            with suppress(FileNotFoundError):
                times.append(os.lstat(self._path(part)).st_mtime)
        return now - max(times, default=now)

    def _path(self, part: FilePart) -> Path:
        return self.folder / part.nameOf(self.id)

    def _journal(self) -> frozenset[bytes]:
        try:
            return parseJournal(_read(self._path(FilePart.JOURNAL)))
        except FileNotFoundError:
            return frozenset()

    def _pieces(self, message: EximMessage, letter: Letter) -> Iterator[bytes]:
        """
        A message as we have them: header, empty line, body; lines ended by CRLF.

        @raise Unfinished: the body has fewer lines than Exim counted.
        """
        yield letter.header + b"\r\n"
        wire = message.has(b"spool_file_wireformat")
        eight = not letter.header.isascii()
        lines = 0
        for piece in self._body():
            lines += piece.count(b"\n")
            eight = eight or not piece.isascii()
            yield piece if wire else piece.replace(b"\n", b"\r\n")
        counted = message.value(b"body_linecount") or b""
        if not wire and counted.isdigit() and lines < int(counted):
            path = self._path(FilePart.DATA)
            raise Unfinished(f"{path}: {lines} lines, and Exim counted {int(counted)}")
        if eight:
            declareEight(letter.envelope)

    def _body(self) -> Iterator[bytes]:
        assert self._data is not None, "it is open"
        at = len(FilePart.DATA.firstLine(self.id))
        while piece := os.pread(self._data, _PIECE, at):
            at += len(piece)
            yield piece


def _mark(found: os.stat_result) -> str:
    """What tells a data file from any other of its name."""
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"


def _read(path: Path) -> bytes:
    """
    A file whole.

    @raise BadSpoolFile: it is longer than any can be.
    """
    with open(os.open(path, _OPEN), "rb") as file:
        text = file.read(FILE_OCTETS + 1)
    if len(text) > FILE_OCTETS:
        raise BadSpoolFile(f"it is longer than {FILE_OCTETS} octets")
    return text


def _checkHops(message: EximMessage) -> None:
    """
    @raise BadSpoolFile: it has come by here before, and again, and again.
    """
    hops = sum(each.text[:9].lower() == b"received:" for each in message.fields)
    if hops > RECEIVED_MOST:
        raise BadSpoolFile(f"{hops} Received fields: it goes in circles")


def _bad(path: Path, error: BadSpoolFile) -> BadPair:
    kind = Unfinished if isinstance(error, CutShort) else BadPair
    return kind(f"{path}: {error}")


__all__ = [
    "PREFIX",
    "BadPair",
    "EximPair",
    "Unfinished",
    "findPairs",
    "pairAt",
    "queueFolder",
]
