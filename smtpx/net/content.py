"""
Messages of programs, made ready to be sent.

A program has its message as octets, as text, as a file, or as an
L{email.message.Message}.  What is sent is a source of octets with CRLF line ends
(L{IBody}) whose length is known; a file is read as it is sent, and never whole into
memory.  What the message takes of a host (8BITMIME, SMTPUTF8) is found out here.
"""

from __future__ import annotations

import copy
import io
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from email.generator import BytesGenerator
from email.message import Message
from typing import IO, Any, cast

from attrs import define, field, frozen
from zope.interface import implementer

from ..core.interfaces import IBody
from ..core.transparency import LineEnds
from .receiving import MEMORY_OCTETS

#: What a program may give as its message.
Source = bytes | str | IO[bytes] | Message

#: The most octets that are read at a time; line ends may double them.
_PIECE_OCTETS = 32 << 10

#: Header fields that tell of those who are to be hidden (RFC 5322 section 3.6.3).
_HIDDEN = ("Bcc", "Resent-Bcc")


@frozen
class Content:
    """
    A message that can be sent.

    @ivar body: its octets.
    @ivar eightBit: is there anything beyond ASCII in it?  Then it is marked as 8BITMIME
        (RFC 6152).
    @ivar utf8: is there in its header?  Then it can only go where SMTPUTF8 is
        (RFC 6532).
    """

    body: IBody
    eightBit: bool = False
    utf8: bool = False


@implementer(IBody)
@frozen
class FileBody:
    """
    A message in a file that can be read from any place.

    @ivar file: the file; it may be read elsewhere in between.
    @ivar start: where the message begins.
    @ivar octets: its length, with CRLF line ends.
    """

    file: IO[bytes]
    start: int
    octets: int

    def pieces(self) -> Iterator[bytes]:
        """See L{IBody}."""
        return _ended(_read(self.file, self.start))


@define
class _Look:
    """What is seen of a message on the way through it."""

    eightBit: bool = False
    utf8: bool = False
    octets: int = 0
    _inHeader: bool = True
    _tail: bytes = field(default=b"\r\n")

    def at(self, piece: bytes) -> None:
        """The next piece, with CRLF line ends."""
        self.octets += len(piece)
        if self._inHeader:
            # The header may begin with its end, as if behind a line.
            seen = self._tail + piece
            end = seen.find(b"\r\n\r\n")
            header = seen if end < 0 else seen[:end]
            self.utf8 = self.utf8 or not header.isascii()
            self._inHeader = end < 0
            self._tail = seen[-3:]
        self.eightBit = self.eightBit or not piece.isascii()


def contentOf(message: Source, utf8: bool = False) -> Content:
    """
    Make a message ready.

    @param message: octets or text with any line ends; a file, open for reading octets,
        from where it stands; or an object of C{email}, of which Bcc fields are left
        out.
    @param utf8: may an object of C{email} be written with UTF-8 in its header, since
        its addresses need that anyway?
    @raise TypeError: it is something else.
    """
    if isinstance(message, str):
        message = message.encode("utf-8")
    if isinstance(message, Message):
        message = _flattened(message, utf8)
    if isinstance(message, bytes | bytearray | memoryview):
        return _looked(io.BytesIO(bytes(message)))
    if hasattr(message, "read"):
        return _looked(_seekable(message))
    raise TypeError(f"a message cannot be made of {type(message).__name__}")


def _looked(file: IO[bytes]) -> Content:
    start = file.tell()
    look = _Look()
    for piece in _ended(_read(file, start)):
        look.at(piece)
    return Content(FileBody(file, start, look.octets), look.eightBit, look.utf8)


def _read(file: IO[bytes], start: int) -> Iterator[bytes]:
    place = start
    while True:
        file.seek(place)
        piece: object = file.read(_PIECE_OCTETS)
        if not piece:
            return
        if not isinstance(piece, bytes):
            raise TypeError("the file of a message has to be open for octets, not text")
        place += len(piece)
        yield piece


def _ended(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """C{pieces} with CRLF line ends, and one at the end."""
    ends, last = LineEnds(), b""
    for piece in pieces:
        piece = ends.write(piece)
        if piece:
            last = piece[-2:] if len(piece) > 1 else (last + piece)[-2:]
            yield piece
    rest = ends.end()
    if rest:
        yield rest
    elif last and last != b"\r\n":
        yield b"\r\n"


def _seekable(file: Any) -> IO[bytes]:
    """
    C{file}, or what is in it where it can be read only once.
    """
    try:
        file.seek(file.tell())
    except (AttributeError, OSError):
        kept: Any = tempfile.SpooledTemporaryFile(max_size=MEMORY_OCTETS)
        shutil.copyfileobj(file, kept)
        kept.seek(0)
        return cast("IO[bytes]", kept)
    found: IO[bytes] = file
    return found


def _flattened(message: Message, utf8: bool) -> bytes:
    shown = copy.copy(message)
    for name in _HIDDEN:
        del shown[name]
    policy: Any = shown.policy.clone(linesep="\r\n")
    if utf8 and hasattr(policy, "utf8"):
        policy = policy.clone(utf8=True)
    out = io.BytesIO()
    BytesGenerator(out, policy=policy).flatten(shown)
    return out.getvalue()


__all__ = ["Content", "FileBody", "Source", "contentOf"]
