"""
Does a message have header fields in UTF-8 (RFC 6532), at any level?
"""

from __future__ import annotations

from .structure import Entity, Walk


class InternationalHeader:
    """
    Looks for one while the message streams by; a L{smtpx.mime.structure.Visitor}.

    @ivar found: is there one?
    """

    def __init__(self) -> None:
        self.found = False
        self._walk = Walk(self)

    def feed(self, octets: bytes) -> None:
        """Take the next octets, cut anywhere."""
        if not self.found:
            self._walk.feed(octets)

    def end(self) -> None:
        """There are no more."""
        if not self.found:
            self._walk.end()

    def began(self, entity: Entity) -> None:
        """See L{smtpx.mime.structure.Visitor}."""

    def content(self, entity: Entity, octets: bytes) -> None:
        """See L{smtpx.mime.structure.Visitor}."""
        if entity.header.international:
            self.header(octets)

    def header(self, octets: bytes) -> None:
        """See L{smtpx.mime.structure.Visitor}."""
        self.found = self.found or not octets.isascii()

    def outside(self, octets: bytes) -> None:
        """See L{smtpx.mime.structure.Visitor}."""

    def ended(self, entity: Entity, end: int, last: bool) -> None:
        """See L{smtpx.mime.structure.Visitor}."""
