"""
Finding the lines of one message in logs: the newest file and those that were moved
away, packed or not.

A log may have gigabytes, and a message is in a few lines of it.  So files that ended
before the message came are not opened; in those that are not packed, its time is
looked for by halves, and from there its id, by what the system has for that.  Packed
ones have to be read from their beginning.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import mmap
import os
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

from attrs import frozen

#: What a file is called that was moved away: C{.1}, C{.2.gz}, C{-20261122.gz}.
_MOVED = re.compile(r"(?:\.\d+|[-.]\d{8}(?:[-T.]\d+)?)?(?P<packed>\.(?:gz|bz2|xz))?\Z")

_OPENERS: dict[str | None, Callable[[Path], object]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}

#: What is wrong with a packed file that is not whole.
BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError)

#: By how much clocks, and the order of lines, may be wrong, in seconds.
_SLACK_SECONDS = 120.0

#: After how many octets it is told how far it is.
_STEP_OCTETS = 32 << 20

#: The longest line that is taken in, in octets.
LINE_OCTETS = 1 << 20

#: Told how far it is: the file, how many octets of it were looked through, and how
#: many it has; of a packed file, those that it has packed are not told apart.
Tell = Callable[[Path, int, int], None]


def untold(path: Path, octets: int, all: int) -> None:
    """Nobody is told."""


@frozen
class LogFile:
    """
    A file of a log.

    @ivar path: the file.
    @ivar changed: when it was last written to, in seconds since the epoch.
    @ivar packed: how it was packed; L{None}: it is not.
    """

    path: Path
    changed: float
    packed: str | None = None


def logFiles(path: Path) -> list[LogFile]:
    """
    The files of a log, the oldest first.

    @param path: where it is written; those that were moved away stand beside it.
    @raise OSError: the folder cannot be read.
    """
    found: list[LogFile] = []
    try:
        names = os.listdir(path.parent)
    except FileNotFoundError:
        return found
    for name in names:
        if not name.startswith(path.name):
            continue
        match = _MOVED.fullmatch(name[len(path.name) :])
        each = path.parent / name
        if match is not None and each.is_file():
            changed = os.stat(each).st_mtime
            found.append(LogFile(each, changed, match["packed"]))
    return sorted(found, key=lambda file: (file.changed, file.path == path))


def linesOf(
    file: LogFile,
    wanted: bytes,
    since: float,
    timeOf: Callable[[bytes], float | None],
    tell: Tell = untold,
) -> Iterator[bytes]:
    """
    The lines of a file that have something in them.

    @param wanted: what.
    @param since: lines from before need not be found, in seconds since the epoch.
    @param timeOf: the time of a line, which are in the order of time; L{None}: it has
        none.
    @raise OSError: it cannot be read; or it is packed, and not whole.
    """
    if file.changed + _SLACK_SECONDS < since:
        return
    if file.packed is not None:
        yield from _unpacked(file, wanted, tell)
        return
    with open(file.path, "rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        if not size:
            return
        with mmap.mmap(opened.fileno(), size, access=mmap.ACCESS_READ) as octets:
            begin = _begin(octets, since - _SLACK_SECONDS, timeOf)
            yield from _lines(octets, begin, wanted, file.path, tell)


def _begin(
    octets: mmap.mmap, since: float, timeOf: Callable[[bytes], float | None]
) -> int:
    """Where the first line begins that is not from before."""
    low, high = 0, len(octets)
    while low < high:
        middle = (low + high) // 2
        begin = octets.rfind(b"\n", low, middle) + 1 or low
        at, line = begin, b""
        # One that has no time is like the next one that has.
        while at < high:
            end = octets.find(b"\n", at)
            end = len(octets) if end < 0 else end
            line = octets[at : min(end, at + 200)]
            if timeOf(line) is not None:
                break
            at = end + 1
        seconds = timeOf(line) if at < high else None
        if seconds is None or seconds >= since:
            high = begin
        else:
            end = octets.find(b"\n", at)
            low = len(octets) if end < 0 else end + 1
    return low


def _lines(
    octets: mmap.mmap, begin: int, wanted: bytes, path: Path, tell: Tell
) -> Iterator[bytes]:
    size, at, told = len(octets), begin, begin
    while at < size:
        # A step at a time, so that somebody who waits hears of it, and may leave.
        stop = min(size, at + _STEP_OCTETS + len(wanted))
        found = octets.find(wanted, at, stop)
        if found < 0:
            at = stop if stop == size else stop - len(wanted)
        else:
            least = max(0, found - LINE_OCTETS)
            start = octets.rfind(b"\n", least, found) + 1 or least
            end = octets.find(b"\n", found, found + LINE_OCTETS)
            end = min(size, found + LINE_OCTETS) if end < 0 else end
            yield octets[start:end]
            at = end + 1
        if at - told >= _STEP_OCTETS:
            told = at
            tell(path, min(at, size), size)


def _unpacked(file: LogFile, wanted: bytes, tell: Tell) -> Iterator[bytes]:
    """
    @raise OSError: it is not whole.
    """
    size = os.stat(file.path).st_size
    read = told = 0
    try:
        with cast("IO[bytes]", _OPENERS[file.packed](file.path)) as opened:
            while line := opened.readline(LINE_OCTETS):
                read += len(line)
                if wanted in line:
                    yield line.rstrip(b"\n")
                if read - told >= _STEP_OCTETS:
                    told = read
                    tell(file.path, 0, size)
    except BROKEN as error:
        raise OSError(5, f"it cannot be unpacked: {error}", str(file.path)) from error


__all__ = ["LogFile", "Tell", "linesOf", "logFiles", "untold"]
