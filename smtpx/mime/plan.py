"""
What is to be changed in a message, and the message with it changed.

A plan is a list of edits, each of them of some octets of the message; between them
it stays as it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from attrs import frozen
from zope.interface import implementer

from ..core.interfaces import IBody
from .encoders import Base64, IEncoder, QuotedPrintable

#: How much is encoded at once, in octets; what comes of it fits in a piece.
_STRIDE = 16_384

#: The most octets of a piece of a body.
_PIECE = 65_536

#: What makes the encoders, by the name of the encoding.
ENCODERS: dict[bytes, Callable[[], IEncoder]] = {
    b"quoted-printable": QuotedPrintable,
    b"base64": Base64,
}


@frozen
class Splice:
    """
    Other octets in the place of some.

    @ivar start: where those begin, in octets from the message's start.
    @ivar end: where they end; may be C{start}.
    """

    start: int
    end: int
    octets: bytes

    @property
    def growth(self) -> int:
        """By how many octets the message grows; may be negative."""
        return len(self.octets) - (self.end - self.start)


@frozen
class Encode:
    """
    A body in an encoding.

    @ivar start: where it begins, in octets from the message's start.
    @ivar end: where it ends.
    @ivar encoding: which (L{ENCODERS}).
    @ivar last: does the message end there?
    @ivar octets: how long it will be.
    """

    start: int
    end: int
    encoding: bytes
    last: bool
    octets: int

    @property
    def growth(self) -> int:
        """By how many octets the message grows; may be negative."""
        return self.octets - (self.end - self.start)


Edit = Splice | Encode


class _Source:
    """
    The octets of a message, to be taken in order.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = filter(None, pieces)
        self._rest = b""

    def take(self, count: int | None, most: int = _PIECE) -> Iterator[bytes]:
        """
        Take the next octets.

        @param count: how many; L{None}: all.
        @param most: at most so many at once.
        """
        while count is None or count:
            piece = self._rest or next(self._pieces, b"")
            if not piece:
                return
            taken = most if count is None else min(most, count)
            self._rest = piece[taken:]
            piece = piece[:taken]
            if count is not None:
                count -= len(piece)
            yield piece


def changed(pieces: Iterable[bytes], edits: Iterable[Edit]) -> Iterator[bytes]:
    """
    A message with C{edits}, in pieces of which some may be empty.

    @param edits: in order; none overlaps another.
    """
    source = _Source(pieces)
    position = 0
    for edit in edits:
        yield from source.take(edit.start - position)
        if isinstance(edit, Splice):
            yield edit.octets
            deque(source.take(edit.end - edit.start), maxlen=0)
        else:
            encoder = ENCODERS[edit.encoding]()
            for octets in source.take(edit.end - edit.start, _STRIDE):
                yield encoder.write(octets)
            yield encoder.end(edit.last)
        position = edit.end
    yield from source.take(None)


@implementer(IBody)
@frozen
class ChangedBody:
    """
    A message body, changed.

    @ivar source: gives the pieces of the one that is changed; each call begins
        anew.
    @ivar edits: how it is changed, in order.
    @ivar octets: how long it is, changed.
    """

    source: Callable[[], Iterable[bytes]]
    edits: Sequence[Edit]
    octets: int

    def pieces(self) -> Iterator[bytes]:
        """See L{IBody}."""
        return filter(None, changed(self.source(), self.edits))
