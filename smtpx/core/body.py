"""
Message bodies as they come in by DATA: transparency, line ends, header fields.

Nothing here works line by line.  Each piece of input is searched for CRLF-dot
once, and its line ends are checked by counting; a piece goes on as it is where
there is nothing to change.

Only CRLF.CRLF ends the body (RFC 5321 section 4.1.1.4); a CR or LF that stands
alone never does, nor does it begin a line that a dot could end.  That is what
keeps a second message from being smuggled in behind the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import IncrementalNewlineDecoder

#: The octet.
_CR = 13
_UNFOLD = re.compile(rb"\r\n([ \t])")

#: What stands behind a field's name: the colon, and all lines of the value.
_VALUE = re.compile(rb"[ \t]*:([^\r]*(?:\r(?!\n[^ \t]|\n\Z)[^\r]*)*)")


class DotReader:
    """
    The body that follows a 354, piece by piece (RFC 5321 section 4.5.2).
    """

    __slots__ = ("_first",)

    def __init__(self) -> None:
        #: The body begins as if behind a CRLF, the one of the DATA command.
        self._first = True

    def read(self, data: bytes, position: int) -> tuple[int, bytes, bool]:
        """
        Take what can be told apart from the end.

        @param data: the input.
        @param position: where in it to begin; there is something behind it.
        @return: where the rest begins (it is to be given again, with more
            behind it); the piece of the body, dots unstuffed, never cut between
            CR and LF; and whether the end has come.
        """
        if self._first:
            if data.startswith(b".", position):
                if data.startswith(b".\r\n", position):
                    return position + 3, b"", True
                if len(data) - position < 3:
                    return position, b"", False
                position += 1
            self._first = False
        # Most pieces have no line with a dot in front; these two octets are
        # looked for faster than all three, and faster from the end.
        dot = data.rfind(b"\n.", position)
        if dot >= 0:
            dot = data.find(b"\r\n.", position)
        if dot < 0:
            # What could be the beginning of an end waits for more.
            rest = len(data)
            if data.endswith(b"\r\n", position):
                rest -= 2
            elif data.endswith(b"\r", position):
                rest -= 1
            return rest, data[position:rest], False
        end = data.find(b"\r\n.\r\n", dot)
        if end < 0:
            rest = data.find(b"\r", max(position, len(data) - 4))
            if rest < 0:
                rest = len(data)
            return rest, data[position:rest].replace(b"\r\n.", b"\r\n"), False
        piece = data[position : end + 2]
        if end != dot:
            piece = piece.replace(b"\r\n.", b"\r\n")
        return end + 5, piece, True


def bare(piece: bytes) -> bool:
    """
    Is there a CR without LF, or a LF without CR?

    @param piece: not cut between the two.
    """
    # The standard library's newline decoder notes which line ends it has seen,
    # in one scan in C: a third of what counting takes, and a fortieth of a
    # regular expression.
    decoder = IncrementalNewlineDecoder(None, False)
    decoder.decode(piece.decode("latin-1"), True)
    seen: str | tuple[str, ...] | None = decoder.newlines
    return seen is not None and seen != "\r\n"


def normalised(piece: bytes) -> bytes:
    """
    C{piece} with each bare CR and each bare LF made a CRLF.

    @param piece: not cut between CR and LF.
    """
    lines = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return lines.replace(b"\n", b"\r\n")


class LineMeter:
    """
    Is there a line that is too long?  Looks about once in a line's greatest
    length, not once a line.
    """

    __slots__ = ("_limit", "_open")

    def __init__(self, limit: int) -> None:
        """
        @param limit: the longest line, CRLF included, in octets.
        """
        self._limit = limit
        self._open = 0

    def tooLong(self, piece: bytes) -> bool:
        """
        Does C{piece}, behind all that came before, have a line above the limit?
        """
        start, length, limit = -self._open, len(piece), self._limit
        while length - start > limit:
            end = piece.rfind(b"\n", max(start, 0), start + limit)
            if end < 0:
                return True
            start = end + 1
        last = piece.rfind(b"\n", max(start, 0))
        self._open = length - (last + 1 if last >= 0 else start)
        return False


class HeaderWatch:
    """
    Finds the header while a body streams by.
    """

    __slots__ = ("_held", "_most")

    def __init__(self, limit: int) -> None:
        """
        @param limit: the most octets of a header that is looked at; what stands
            behind them is not.
        """
        # A body may begin with the empty line; and one array, however small the
        # pieces are, is no larger than what is in it.
        self._held = bytearray(b"\r\n")
        self._most = limit + 2

    def feed(self, piece: bytes) -> bytes | None:
        """
        Take a piece of the body.

        @return: the whole header, when it has come: then there is nothing more
            to find.
        """
        held = self._held
        # The empty line may lie across pieces.
        start = max(len(held) - 3, 0)
        held += piece[: self._most - len(held)]
        end = held.find(b"\r\n\r\n", start)
        if end >= 0:
            return bytes(held[2 : end + 2])
        return self.finish() if len(held) == self._most else None

    def finish(self) -> bytes:
        """The body has ended, and its header with it."""
        return bytes(self._held[2:])


def headerFields(header: bytes, names: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    """
    All fields of C{header} that have one of C{names}: name and value, the value
    unfolded (RFC 5322 section 2.2.3) and without white space around it.

    @param names: in lower case.
    """
    # The two octets in front make a position here the one in C{header} + 2.
    lower = b"\r\n" + header.lower()
    found: list[tuple[bytes, bytes]] = []
    for name in names:
        needle = b"\r\n" + name
        start = lower.find(needle)
        while start >= 0:
            match = _VALUE.match(header, start + len(name))
            if match is not None:
                value = match[1]
                if _CR in value:
                    value = _UNFOLD.sub(rb"\1", value)
                found.append((name, value.strip(b" \t\r\n")))
            start = lower.find(needle, start + 1)
    return found
