"""
The body of a message, as a server session takes it: what may not be in it, how much of
it there may be, and what its header tells.
"""

from __future__ import annotations

from typing import Any

from .body import HeaderWatch, LineMeter, bare, headerFields, normalised
from .bounds import BareLines
from .claims import CORE
from .facts import ServerFacts
from .reply import Reply, reply
from .verbatim import WORTH_OCTETS, Verbatim

TOO_BIG = reply(552, "5.3.4", b"Message size exceeds the maximum")
BARE_LINE_END = reply(550, "5.6.11", b"Message has a bare CR or LF")
LONG_TEXT_LINE = reply(550, "5.6.0", b"Message has a line that is too long")


class BodyTaker(ServerFacts):
    """
    A session that takes bodies.
    """

    __slots__ = ()

    def takeText(self, piece: bytes, whole: bool = False) -> None:
        """
        A piece of a body by DATA, where lines matter.

        @param whole: is it all of it, of lines of which none begins with a dot?
        """
        bounds = self.profile.bounds
        if bare(piece):
            if bounds.bareLines is BareLines.NORMALISE:
                piece = normalised(piece)
            else:
                self.spoil(BARE_LINE_END)
        elif whole and len(piece) >= WORTH_OCTETS:
            piece = Verbatim(piece)
        limit = bounds.textLineOctets
        if limit is not None:
            meter = self._meter
            if meter is None:
                meter = self._meter = LineMeter(limit)
            if meter.tooLong(piece):
                self.spoil(LONG_TEXT_LINE)
        self.takeOctets(piece)

    def takeOctets(self, piece: bytes) -> None:
        """A piece of the body."""
        envelope = self.envelope
        assert envelope is not None
        first = envelope.octets == 0
        envelope.octets += len(piece)
        if self._spoiled is not None:
            return
        limit = self.profile.bounds.messageOctets
        if limit is not None and envelope.octets > limit:
            self.spoil(TOO_BIG)
            return
        if self.profile.headers:
            self._watch(piece, first)
            if self._spoiled is not None or not self.bodyBegun:
                return
        try:
            self.port.body(piece)
        except Exception as error:
            self.spoil(self.trouble(error, CORE))

    def spoil(self, why: Reply) -> None:
        """The body is to be refused once its end has come; keep none of it."""
        if self._spoiled is None:
            self._spoiled = why
            self.port.dropBody()

    def _watch(self, piece: bytes, first: bool) -> None:
        watch = self._header
        if watch is None:
            if not first:
                return
            if piece.startswith(b"\r\n"):
                return  # there is no header
            end = piece.find(b"\r\n\r\n")
            if 0 <= end < self.profile.bounds.headerOctets:
                # Nearly always: the whole header, in the first piece.
                self._tell(piece[: end + 2])
                return
            watch = self._header = HeaderWatch(self.profile.bounds.headerOctets)
        header = watch.feed(piece)
        if header is not None:
            self._header = None
            self._tell(header)

    def _tell(self, header: bytes) -> None:
        try:
            headers: Any = self.profile.headers
            for name, value in headerFields(header, headers):
                for watch in headers[name]:
                    watch(self, value)
        except Exception as error:
            self.spoil(self.trouble(error, CORE))


__all__ = ["BARE_LINE_END", "LONG_TEXT_LINE", "TOO_BIG", "BodyTaker"]
