"""
Message bodies as they go out by DATA: line ends, transparency, the final dot.

The other direction is L{smtpx.core.body}.  As there, nothing works line by
line: each piece is searched and replaced as a whole.

Nothing leaves here with a CR or LF that stands alone (RFC 5321 section 2.3.8):
a server that takes one for the end of a line could be made to see a second
message in the body of the first.  Line ends are set right before dots are
stuffed, so that a dot behind what was a bare LF is stuffed too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .body import bare, normalised
from .verbatim import Verbatim


class LineEnds:
    """
    Gives a body CRLF line ends, piece by piece; a CR or LF that stands alone
    becomes a CRLF.  Pieces may be cut anywhere.

    @ivar found: was there one that stood alone?
    """

    __slots__ = ("_cut", "found")

    def __init__(self) -> None:
        self.found = False
        #: Did the last piece end in a CR, whose LF may be yet to come?
        self._cut = False

    def write(self, piece: bytes) -> bytes:
        """
        Take the next piece.

        @return: as much of it as can be told, which may be nothing.
        """
        if not piece:
            return b""
        if self._cut:
            piece = b"\r" + piece
        self._cut = piece.endswith(b"\r")
        if self._cut:
            piece = piece[:-1]
        if bare(piece):
            self.found = True
            piece = normalised(piece)
        return piece

    def end(self) -> bytes:
        """
        The body ends here.

        @return: what is left of it.
        """
        if not self._cut:
            return b""
        self._cut = False
        self.found = True
        return b"\r\n"


def canonical(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """
    C{pieces} with CRLF line ends and nothing else changed; none is empty.  This
    is what RFC 3030 section 2 wants of a text that does not go by DATA.
    """
    ends = LineEnds()
    for piece in pieces:
        piece = ends.write(piece)
        if piece:
            yield piece
    last = ends.end()
    if last:
        yield last


def dotted(body: bytes) -> bytes:
    """
    A whole body as it follows a 354, with its end: what L{DotWriter} makes of it.
    """
    if type(body) is Verbatim:
        return body + b".\r\n"
    if bare(body):
        writer = DotWriter()
        return writer.write(body) + writer.end()
    stuffed = body.replace(b"\r\n.", b"\r\n..")
    if body.startswith(b"."):
        stuffed = b"." + stuffed
    if body.endswith(b"\r\n") or not body:
        return stuffed + b".\r\n"
    return stuffed + b"\r\n.\r\n"


class DotWriter:
    """
    The body that follows a 354, piece by piece (RFC 5321 section 4.5.2).
    """

    __slots__ = ("_ends", "_fresh")

    def __init__(self) -> None:
        self._ends = LineEnds()
        #: Does the next octet begin a line?
        self._fresh = True

    def write(self, piece: bytes) -> bytes:
        """
        Take the next piece, of any length.

        @return: what goes over the wire for it, which may be nothing.
        """
        return self._stuff(self._ends.write(piece))

    def end(self) -> bytes:
        """
        The body ends here.

        @return: what is left of it, a CRLF where its last line has none, and
            the final dot (RFC 5321 section 4.1.1.4).
        """
        rest = self._stuff(self._ends.end())
        return rest + (b".\r\n" if self._fresh else b"\r\n.\r\n")

    def _stuff(self, piece: bytes) -> bytes:
        if not piece:
            return piece
        stuffed = piece.replace(b"\r\n.", b"\r\n..")
        if self._fresh and piece.startswith(b"."):
            stuffed = b"." + stuffed
        # A piece is never cut between CR and LF, so this is the whole truth.
        self._fresh = piece.endswith(b"\r\n")
        return stuffed
