"""
A body with header fields above it: what is sent is what was received, with what the
server put before it (RFC 5321 section 4.4).
"""

from __future__ import annotations

from collections.abc import Iterator

from zope.interface import implementer

from ..core.interfaces import IBody
from ..core.verbatim import Verbatim

_PIECE = 64 << 10

#: Up to so many octets it is kept as it was put together: before it is sent, it is
#: looked at whether the host can take it.
_KEPT = 16 << 10


@implementer(IBody)
class PrefixedBody:
    """
    Both, one behind the other.

    @ivar prefix: header fields, each with its CRLF; at most 64 KiB.
    @ivar body: the rest.
    @ivar octets: the length of both.
    """

    # One a message: what attrs freezes takes twice as long to make.
    __slots__ = ("_whole", "body", "octets", "prefix")

    def __init__(self, prefix: bytes, body: IBody) -> None:
        self.prefix = prefix
        self.body = body
        self.octets = len(prefix) + body.octets
        self._whole: tuple[bytes, ...] = ()

    @classmethod
    def over(cls, prefix: bytes, body: IBody) -> IBody:
        """C{body} with C{prefix}, if there is any."""
        return cls(prefix, body) if prefix else body

    def pieces(self) -> Iterator[bytes]:
        """The prefix goes with the first piece, if that is a short one."""
        if self._whole:
            return iter(self._whole)
        if self.octets > _PIECE:
            return self._pieces()
        pieces = tuple(self.body.pieces())
        if len(pieces) == 1 and type(pieces[0]) is Verbatim:
            whole = (pieces[0].under(self.prefix),)
        else:
            whole = (self.prefix + b"".join(pieces),)
        if self.octets <= _KEPT:
            self._whole = whole
        return iter(whole)

    def _pieces(self) -> Iterator[bytes]:
        head = self.prefix
        for piece in self.body.pieces():
            if head and len(head) + len(piece) <= _PIECE:
                piece, head = head + piece, b""
            elif head:
                yield head
                head = b""
            yield piece
        if head:
            yield head


__all__ = ["PrefixedBody"]
