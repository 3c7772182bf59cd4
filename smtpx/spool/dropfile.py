"""
A message that somebody on this machine has dropped, as a file: what a client would
have said over SMTP, with the message first so that it can be written as it comes::

    smtpx-drop 1 00000000000000000042 5d41402a<LF>
    Subject: hello<CRLF>...                       (so many octets)
    MAIL FROM:<ann@mx.example.org><LF>
    RCPT TO:<joe@example.net> NOTIFY=NEVER<LF>
    END<LF>

The first line has a length of its own, so that it can be filled in last; it has the
length of the message and its CRC-32.  So a file that is cut, or of which the disk has
lost a part, is told from one that is whole.

Whoever reads it trusts nothing of it: anybody may have written it.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator, Sequence

from attrs import frozen

from ..core.errors import SMTPXError

VERSION = 1

#: The octets of the first line.
_FIRST_OCTETS = len(b"smtpx-drop 1 00000000000000000000 00000000\n")

_FIRST = re.compile(rb"smtpx-drop ([0-9]{1,3}) ([0-9]{20}) ([0-9a-f]{8})\n\Z")
_COMMAND = re.compile(rb"(MAIL|RCPT) [^\x00-\x1f\x7f]+\Z")
_END = b"END\n"

#: The most octets of the commands: a file that has more is nobody's mail.
COMMANDS_OCTETS = 4 << 20

#: The longest command, in octets.
COMMAND_OCTETS = 4000

#: The most recipients of a message.
RECIPIENTS_MAX = 10_000

_PIECE = 1 << 16


class BadDrop(SMTPXError):
    """A file is none of those; the text says why."""


@frozen
class Drop:
    """
    What a file says.

    @ivar octets: of the message.
    @ivar checksum: the message's CRC-32.
    @ivar sender: what stands behind C{MAIL}.
    @ivar recipients: what stands behind each C{RCPT}.
    """

    octets: int
    checksum: int
    sender: bytes
    recipients: tuple[bytes, ...]


class DropWriter:
    """
    Writes such a file.

    @ivar octets: of the message, so far.
    """

    def __init__(self, number: int) -> None:
        """
        @param number: the descriptor of an empty file.
        """
        self._number = number
        self._checksum = 0
        self.octets = 0
        _writeAll(number, _first(0, 0))

    def write(self, octets: bytes) -> None:
        """
        Write a piece of the message, which has CRLF line ends.

        @raise OSError: there is no room, or the disk failed.
        """
        _writeAll(self._number, octets)
        self._checksum = zlib.crc32(octets, self._checksum)
        self.octets += len(octets)

    def finish(self, sender: bytes, recipients: Sequence[bytes]) -> None:
        """
        The message is whole.  It is not synced.

        @param sender: what stands behind C{MAIL}.
        @param recipients: what stands behind each C{RCPT}.
        @raise OSError: there is no room, or the disk failed.
        @raise BadDrop: nobody would read that.
        """
        commands = [b"MAIL " + sender, *(b"RCPT " + each for each in recipients)]
        _checkCommands(commands)
        _writeAll(self._number, b"".join(each + b"\n" for each in commands) + _END)
        # Last, so that what is not whole is seen to be so.
        os.pwrite(self._number, _first(self.octets, self._checksum), 0)


def _first(octets: int, checksum: int) -> bytes:
    return b"smtpx-drop %d %020d %08x\n" % (VERSION, octets, checksum)


def _writeAll(number: int, octets: bytes) -> None:
    view = memoryview(octets)
    while view:
        view = view[os.write(number, view) :]


def readDrop(number: int, mostOctets: int) -> Drop:
    """
    Read what a file says, without the message.

    @param number: its descriptor.
    @param mostOctets: a longer file is none.
    @raise BadDrop: it is none of ours, or not whole.
    @raise OSError: it cannot be read.
    """
    size = os.fstat(number).st_size
    match = _FIRST.match(os.pread(number, _FIRST_OCTETS, 0))
    if match is None:
        raise BadDrop("it does not begin as such a file does")
    if int(match[1]) != VERSION:
        raise BadDrop(f"it is of version {int(match[1])}, which is not known here")
    octets = int(match[2])
    start = _FIRST_OCTETS + octets
    if size > mostOctets + COMMANDS_OCTETS or octets > mostOctets:
        raise BadDrop(f"it is longer than {mostOctets} octets")
    if not start < size <= start + COMMANDS_OCTETS:
        raise BadDrop("it is not whole")
    text = os.pread(number, size - start, start)
    if not text.endswith(b"\n" + _END):
        raise BadDrop("it is not whole")
    commands = text[: -len(_END) - 1].split(b"\n")
    _checkCommands(commands)
    sender, *recipients = [each[len(b"MAIL ") :] for each in commands]
    return Drop(octets, int(match[3], 16), sender, tuple(recipients))


def _checkCommands(commands: Sequence[bytes]) -> None:
    """
    @raise BadDrop: they are not MAIL and RCPT, RCPT, ..., or too many.
    """
    for index, each in enumerate(commands):
        match = _COMMAND.match(each)
        if match is None or (match[1] == b"MAIL") != (index == 0):
            raise BadDrop(f"line {index + 1} behind its message is no such command")
        if len(each) > COMMAND_OCTETS:
            raise BadDrop(f"line {index + 1} behind its message is too long")
    if len(commands) < 2:
        raise BadDrop("it has no recipients")
    if len(commands) - 1 > RECIPIENTS_MAX:
        raise BadDrop(f"it has more than {RECIPIENTS_MAX} recipients")


def messageOf(number: int, drop: Drop) -> Iterator[bytes]:
    """
    The message, piece by piece.

    @raise BadDrop: at its end: it is another one than the file was written with.
    @raise OSError: it cannot be read.
    """
    at, left, checksum = _FIRST_OCTETS, drop.octets, 0
    while left:
        piece = os.pread(number, min(_PIECE, left), at)
        if not piece:
            raise BadDrop("it has become shorter")
        at += len(piece)
        left -= len(piece)
        checksum = zlib.crc32(piece, checksum)
        yield piece
    if checksum != drop.checksum:
        raise BadDrop("its message is damaged")


__all__ = [
    "BadDrop",
    "COMMANDS_OCTETS",
    "COMMAND_OCTETS",
    "Drop",
    "DropWriter",
    "RECIPIENTS_MAX",
    "messageOf",
    "readDrop",
]
