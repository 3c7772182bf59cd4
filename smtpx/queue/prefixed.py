"""
A body with header fields above it: what is sent is what was received, with what the
server put before it (RFC 5321 section 4.4).
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import field, frozen
from zope.interface import implementer

from ..core.interfaces import IBody

_PIECE = 64 << 10


@implementer(IBody)
@frozen
class PrefixedBody:
    """
    Both, one behind the other.

    @ivar prefix: header fields, each with its CRLF; at most 64 KiB.
    @ivar body: the rest.
    @ivar octets: the length of both.
    """

    prefix: bytes
    body: IBody
    octets: int = field(init=False)

    @octets.default
    def _octets(self) -> int:
        return len(self.prefix) + self.body.octets

    @classmethod
    def over(cls, prefix: bytes, body: IBody) -> IBody:
        """C{body} with C{prefix}, if there is any."""
        return cls(prefix, body) if prefix else body

    def pieces(self) -> Iterator[bytes]:
        """The prefix goes with the first piece, if that is a short one."""
        if self.octets <= _PIECE:
            return iter((self.prefix + b"".join(self.body.pieces()),))
        return self._pieces()

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
