"""
The ledger of deliveries: who has a message already, though the spool file does not
know yet.

Between a host's 250 and the commit that writes it down time passes: a moment at
best, and minutes where the same message waits for another host, as it is settled
when all are through.  A process that is killed meanwhile would deliver again.  So
each delivery is noted at once, by one C{write} to a file beside the spool's; the
next opening writes it down before anything is given out (L{smtpx.spool.recovery}).
Exim's C{-J} files do the same.

Nothing is synced: the kernel keeps what a dead process has written.  When the
machine dies, a note may be lost, and then a message comes twice, as it would have
without; nothing is lost.  A note is true for ever, since no id comes twice, so one
that is read late, or twice, does no harm; but one that was never written would lose
mail.  So each line has a checksum::

    note    = checksum SP id SP index *("," index) LF
    checksum = 8HEXDIG              ; CRC-32 of what stands between SP and LF
    index    = 1*9DIGIT ["!"]       ; "!": the sender is still to be told

A line that is not of this form, as it was cut or damaged, is passed over.

The file stays short: once nothing is outstanding it is emptied, and where that is
never so, it is written anew with what is.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Collection, Iterable, Sequence
from zlib import crc32

from attrs import define, field
from twisted.logger import Logger

from .identity import parse, render

#: Longer than this, in octets, it is emptied when nothing is outstanding.
_SHORT = 64 << 10

#: Longer than this, in octets, it is written anew.
_LONG = 4 << 20

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC

_LINE = re.compile(rb"([0-9a-f]{8}) (([\w-]{16}) ([0-9]{1,9}!?(?:,[0-9]{1,9}!?)*))\n")


@define
class Noted:
    """
    What a ledger says of a message.

    @ivar had: the recipients that have it.
    @ivar untold: those of them of whom the sender is still to be told.
    """

    had: set[int] = field(factory=set)
    untold: set[int] = field(factory=set)


def note(
    key: int,
    indices: Sequence[int],
    untold: Collection[int] = (),
    id: str | None = None,
) -> bytes:
    """
    A line that says which recipients of a message have it.

    @param untold: those of them of whom the sender is still to be told.
    @param id: what C{key} is as text; L{None}: that is to be worked out.
    """
    if id is None:
        id = render(key)
    if untold:
        marked = [f"{each}!" if each in untold else str(each) for each in indices]
        text = f"{id} {','.join(marked)}".encode("ascii")
    else:
        text = f"{id} {','.join(map(str, indices))}".encode("ascii")
    return b"%08x %b\n" % (crc32(text), text)


def read(octets: bytes) -> tuple[dict[int, Noted], int]:
    """
    What a ledger says.

    @return: what it says of each message, and how many lines were passed over.
    """
    found: dict[int, Noted] = {}
    bad = 0
    for line in octets.splitlines(keepends=True):
        matched = _LINE.fullmatch(line)
        if matched is None or int(matched[1], 16) != crc32(matched[2]):
            bad += 1
            continue
        try:
            key = parse(matched[3].decode("ascii"))
        except ValueError:
            bad += 1
            continue
        noted = found.setdefault(key, Noted())
        for word in matched[4].split(b","):
            index = int(word.rstrip(b"!"))
            noted.had.add(index)
            if word.endswith(b"!"):
                noted.untold.add(index)
    return found, bad


@define(eq=False)
class Ledger:
    """
    Writes the ledger of one spool.  It belongs to the reactor's thread.  No method
    raises: where nothing can be written, that is told to the log, and a crash would
    have a message delivered twice.

    @ivar path: the file; made with the first note.
    """

    _log = Logger()

    path: str
    #: The lines of what is outstanding.
    _lines: dict[int, bytes] = field(factory=dict, init=False)
    _number: int | None = field(default=None, init=False)
    _octets: int = field(default=0, init=False)
    _most: int = field(default=_LONG, init=False)
    #: Is something outstanding that may not be in the file?
    _behind: bool = field(default=False, init=False)
    _closing: bool = field(default=False, init=False)

    def add(
        self,
        key: int,
        indices: Sequence[int],
        untold: Collection[int] = (),
        id: str | None = None,
    ) -> None:
        """
        These recipients of a message have it.

        @param untold: those of them of whom the sender is still to be told.
        @param id: what C{key} is as text; L{None}: that is to be worked out.
        """
        line = note(key, indices, untold, id)
        lines = self._lines
        if key in lines:
            lines[key] += line
        else:
            lines[key] = line
        try:
            if self._behind:
                self._renew()
            else:
                number = self._number
                if number is None:
                    number = self._begin()
                _write(number, line)
                self._octets += len(line)
        except OSError as error:
            if not self._behind:
                self._log.error(
                    "A delivery cannot be noted in {path}, and would be made again"
                    " after a crash: {error}",
                    path=self.path,
                    error=error,
                )
            self._behind = True
            return
        self._behind = False
        if self._octets > self._most and not self._closing:
            self._shorten()

    def settled(self, keys: Iterable[int]) -> None:
        """What is known of messages is in the spool file."""
        lines = self._lines
        known = len(lines)
        for key in keys:
            lines.pop(key, None)
        if lines or not known:
            return
        if self._octets > _SHORT and not self._closing and self._number is not None:
            try:
                os.ftruncate(self._number, 0)
            except OSError:
                # It only grows, until it is written anew.
                return
            self._octets = 0

    def retire(self) -> None:
        """
        The spool is being closed.  From now on lines are added and none is taken
        away, as they may be another process's.
        """
        self._closing = True

    def close(self) -> None:
        """Close the file; the next opening of the spool empties it."""
        number, self._number = self._number, None
        if number is not None:
            os.close(number)

    def _begin(self) -> int:
        """
        Open the file, or make it.

        @raise OSError: it is not there.
        """
        number = self._number = os.open(self.path, _APPEND, 0o600)
        self._octets = os.fstat(number).st_size
        return number

    def _shorten(self) -> None:
        """Drop what is settled."""
        try:
            self._renew()
        except OSError:
            # There are descriptors, or is room, another time.
            self._most *= 2
        else:
            self._most = max(_LONG, 2 * self._octets)

    def _renew(self) -> None:
        """
        Write down all that is outstanding, and nothing else.

        @raise OSError: the file is as it was.
        """
        if self._closing:
            raise OSError(errno.EBUSY, "the spool is being closed")
        new = self.path + ".new"
        whole = b"".join(self._lines.values())
        number = os.open(new, _APPEND | os.O_TRUNC, 0o600)
        try:
            _write(number, whole)
            os.rename(new, self.path)
        except OSError:
            os.close(number)
            raise
        self.close()
        self._number, self._octets = number, len(whole)


def _write(number: int, octets: bytes) -> None:
    """
    Write all of it at once.

    @raise OSError: none of it, or not all of it, was written.
    """
    if os.write(number, octets) < len(octets):
        raise OSError(errno.ENOSPC, "not all of it was written")


__all__ = ["Ledger", "Noted", "note", "read"]
