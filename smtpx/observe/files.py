"""
A file of lines that is written in the background of other work.

Lines are kept back for a short while and written together, because a write for
each would cost as much as the message that it tells of.  The first of them sets the
timer: where nothing is to be written, there is none.  Nothing here waits for the disk:
a log is not synced.

Several processes may write the same file: lines are whole, and never mix.  What is
appended to a file goes out in one write, which nothing comes between; a pipe or a
socket (standard output may be one) promises that of short writes only, and gets them.
On a disk that is full, half a line may have another's behind it.

A file that cannot be written loses lines, never mail: what is kept back is
bounded, and what was lost is counted and told of once.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable, Iterator, Sequence

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

#: Whole lines up to here go out in one write.
BUFFER_OCTETS = 65_536

#: The longest that a line is kept back, in seconds.  Who follows the file is promised a
#: tenth of a second; the rest of it is for a reactor that is late.  Of 3,600 lines a
#: second all this takes 1.2 ms, and took 1.1 where it was one second.
FLUSH_SECONDS = 0.05


def appending(path: str) -> int:
    """
    Open a file to append to; it is made if it is not there.

    @return: its descriptor.
    @raise OSError: it cannot be opened.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    # A log says who wrote to whom: it is not for everybody to read.
    return os.open(path, flags, 0o640)


class LineFile:
    """
    A file that lines are appended to.

    @ivar path: where it is.
    @ivar lost: how many lines could not be written since that began; 0: all is
        well.
    """

    _log = Logger()

    def __init__(
        self,
        path: str,
        clock: IReactorTime,
        flushSeconds: float = FLUSH_SECONDS,
        bufferOctets: int = BUFFER_OCTETS,
        opener: Callable[[str], int] = appending,
    ) -> None:
        """
        @param flushSeconds: the longest that a line is kept back.
        @param bufferOctets: the most octets that are kept back.
        @param opener: gives a descriptor for C{path}; called again by
            L{reopen}.  For what has no name, such as standard output.
        @raise OSError: it cannot be opened.
        """
        self._opener = opener
        self.path = path
        self.lost = 0
        self._clock = clock
        self._flushSeconds = flushSeconds
        self._bufferOctets = bufferOctets
        self._lines: list[bytes] = []
        self._octets = 0
        self._torn = False
        self._call: IDelayedCall | None = None
        self._descriptor = opener(path)

    def write(self, line: bytes) -> None:
        """
        Append a line; it is on its way to the file within C{flushSeconds}.

        @param line: with its line end, and none in between.
        """
        self._lines.append(line)
        self._octets += len(line)
        if self._octets >= self._bufferOctets:
            self.flush()
        elif self._call is None:
            self._call = self._clock.callLater(self._flushSeconds, self._due)

    def flush(self) -> None:
        """Write what was kept back."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        lines, self._lines, self._octets = self._lines, [], 0
        if not lines:
            return
        try:
            for octets in self._pieces(lines):
                self._append(octets)
        except OSError as error:
            self._lose(len(lines), error)
        else:
            self._recover()

    def reopen(self) -> None:
        """
        Go on in a new file of the same name, after the old one was moved away.
        Where that fails, the old one is kept.
        """
        self.flush()
        old = self._descriptor
        try:
            self._descriptor = self._opener(self.path)
        except OSError as error:
            self._log.error(
                "{path} cannot be opened again: {error}; the log goes on in the file"
                " that it was in",
                path=self.path,
                error=error.strerror or str(error),
            )
            return
        self._torn = False
        os.close(old)

    def close(self) -> None:
        """Write what was kept back, then close."""
        self.flush()
        os.close(self._descriptor)

    def _due(self) -> None:
        self._call = None
        self.flush()

    def _pieces(self, lines: Sequence[bytes]) -> Iterator[bytes]:
        """What goes out in one write each."""
        if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            yield b"".join(lines)
            return
        piece: list[bytes] = []
        octets = 0
        for line in lines:
            if piece and octets + len(line) > select.PIPE_BUF:
                yield b"".join(piece)
                piece, octets = [], 0
            piece.append(line)
            octets += len(line)
        yield b"".join(piece)

    def _append(self, octets: bytes) -> None:
        if self._torn:
            # The disk was full in the middle of a line; end that line first.
            octets = b"\n" + octets
        rest = memoryview(octets)
        while rest:
            written = os.write(self._descriptor, rest)
            self._torn = rest[written - 1] != 0x0A
            rest = rest[written:]

    def _lose(self, lines: int, error: OSError) -> None:
        if not self.lost:
            self._log.error(
                "cannot write {path}, lines are lost: {error}",
                path=self.path,
                error=str(error),
            )
        self.lost += lines

    def _recover(self) -> None:
        if self.lost:
            self._log.warn(
                "{path} can be written again; about {lost} lines were lost",
                path=self.path,
                lost=self.lost,
            )
            self.lost = 0
