"""
Octets that were received and not yet understood.

The buffer is read by position: nothing is copied while what has arrived can be
taken whole, and what is left over is joined to what comes next.  How much may
be in it is the shell's business, which stops reading above
C{Bounds.heldOctets}.
"""

from __future__ import annotations


class Buffer:
    """
    A window on the input.

    @ivar data: the octets, some of which may have been taken.
    @ivar position: where those begin that have not.
    """

    __slots__ = ("data", "position")

    def __init__(self) -> None:
        self.data = b""
        self.position = 0

    def __len__(self) -> int:
        return len(self.data) - self.position

    def feed(self, octets: bytes) -> None:
        """Octets have come."""
        if self.position == len(self.data):
            self.data = octets
        else:
            self.data = self.data[self.position :] + octets
        self.position = 0

    def line(self) -> bytes | None:
        """The next line without its CRLF, or L{None} where it is not whole."""
        end = self.data.find(b"\r\n", self.position)
        if end < 0:
            return None
        line = self.data[self.position : end]
        self.position = end + 2
        return line

    def take(self, most: int) -> bytes:
        """At most C{most} octets."""
        start = self.position
        if start == 0 and most >= len(self.data):
            piece = self.data
        else:
            piece = self.data[start : start + most]
        self.position = start + len(piece)
        return piece

    def head(self, most: int) -> bytes:
        """The next octets, at most C{most}, without taking them."""
        return self.data[self.position : self.position + most]

    def clear(self) -> None:
        """Forget everything."""
        self.data = b""
        self.position = 0
