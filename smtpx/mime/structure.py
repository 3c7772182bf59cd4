"""
The parts of a message, found while it streams by (RFC 2046 section 5.1).

L{Walk} is fed the octets, and tells a L{Visitor} of each entity: of the message
itself, of the parts of each multipart, and of each message inside of a
message/rfc822.  An entity is a header, and what stands between its empty line and
the next boundary, without the CRLF that belongs to that::

    walk = Walk(visitor)
    walk.feed(octets)
    walk.end()

Nothing here works line by line.  What is held is one header at a time, and one line
that may be a boundary.  Where it is in doubt whether a line is one, C{doubtful}
becomes true: other programs may see other parts.
"""

from __future__ import annotations

from typing import Callable, Protocol

from attrs import define, field, frozen

from .header import Header, Kind, Obstacle, readHeader, sealed

#: The longest header that is read, in octets.
HEADER_OCTETS = 1_048_576

#: The longest line that can be a boundary, in octets (RFC 5322 section 2.1.1).
LINE_OCTETS = 998

#: How many entities may be inside of each other.
DEPTH_MAX = 20


@define(eq=False)
class Entity:
    """
    A message or a part.

    @ivar parent: in which it is; L{None}: it is the message itself.
    @ivar header: what its header says.
    @ivar start: where the header begins, in octets from the message's start.
    @ivar headerEnd: where the empty line behind it begins.
    @ivar bodyStart: where its body begins.
    @ivar closed: of a multipart, has its last boundary come?
    @ivar touched: for whoever visits: is anything in it changed?
    """

    parent: Entity | None
    header: Header
    start: int
    headerEnd: int
    bodyStart: int
    closed: bool = False
    touched: bool = False

    @property
    def isMessage(self) -> bool:
        """Is it a message, with what that has in its header?"""
        parent = self.parent
        return parent is None or parent.header.kind is Kind.MESSAGE


class Visitor(Protocol):
    """Who is told of what a message is made of, in order."""

    def began(self, entity: Entity) -> None:
        """Its header has come."""

    def content(self, entity: Entity, octets: bytes) -> None:
        """
        A piece of the body of a leaf, or of one that is sealed; never cut between
        CR and LF.
        """

    def header(self, octets: bytes) -> None:
        """A whole header, with its CRLFs."""

    def outside(self, octets: bytes) -> None:
        """
        A piece of what stands before the first boundary of a multipart or behind
        its last, and is for nobody; never cut between CR and LF.
        """

    def ended(self, entity: Entity, end: int, last: bool) -> None:
        """
        Its body has come; those that are inside of it have ended before.

        @param end: where the body ends, in octets from the message's start.
        @param last: does the message end here?
        """


@frozen
class _Boundary:
    """
    A line that is a boundary.

    @ivar level: of which multipart, the outermost first.
    @ivar closing: is it its last?
    @ivar line: where the line begins.
    @ivar next: where the next one does.
    """

    level: int
    closing: bool
    line: int
    next: int


@define(eq=False)
class Walk:
    """
    The way through a message.

    @ivar doubtful: may others see other parts?
    @ivar octets: how many have been fed.
    """

    visitor: Visitor
    doubtful: bool = field(default=False, init=False)
    octets: int = field(default=0, init=False)

    #: What was fed and is not yet understood, where in it to go on, and where in
    #: the message it begins.
    _data: bytes = field(default=b"", init=False)
    _position: int = field(default=0, init=False)
    _base: int = field(default=0, init=False)
    #: Is C{_position} the beginning of a line?
    _fresh: bool = field(default=True, init=False)
    #: How much of a header has been searched for its end.
    _searched: int = field(default=0, init=False)
    #: The entities that are open, the message first; and the multiparts of them.
    _open: list[Entity] = field(factory=list, init=False)
    _multiparts: list[Entity] = field(factory=list, init=False)
    #: How boundaries begin; and whole ones, with their level and whether they are
    #: the last.
    _delimiters: tuple[bytes, ...] = field(default=(), init=False)
    _whole: dict[bytes, tuple[int, bool]] = field(factory=dict, init=False)
    _step: Callable[[bool], bool] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._step = self._header

    def feed(self, octets: bytes) -> None:
        """Take the next octets, cut anywhere."""
        self.octets += len(octets)
        self._base += self._position
        self._data = self._data[self._position :] + octets
        self._position = 0
        while self._step(False):
            pass

    def end(self) -> None:
        """There are no more."""
        while self._step(True):
            pass
        self._close(0, self._base + self._position, last=True)

    # --- headers ----------------------------------------------------------------

    def _header(self, final: bool) -> bool:
        """
        Look for the end of a header.

        @param final: is there no more to come?
        @return: is it found, so that there is a next step?
        """
        data, start = self._data, self._position
        end, body = self._emptyLine(start)
        stop = len(data) if end < 0 else body
        known = self._boundary(start, True, stop, final)
        if isinstance(known, _Boundary):
            # An entity that ends before its header does.
            self._begin(data[start : known.line], known.line)
            self._pass(known)
            return True
        if end >= 0:
            self._begin(data[start:end], body)
            return True
        if len(data) - start > HEADER_OCTETS:
            self._enter(sealed(Obstacle.MALFORMED), start, start)
            return True
        self._searched = len(data) - start
        if final:
            self._begin(data[start:], len(data))
        return False

    def _emptyLine(self, start: int) -> tuple[int, int]:
        # Where the header ends, and where its body begins; negative: not here.
        data = self._data
        if data.startswith(b"\r\n", start):
            return start, start + 2
        found = data.find(b"\r\n\r\n", max(start, start + self._searched - 3))
        return (found + 2, found + 4) if found >= 0 else (-1, -1)

    def _begin(self, octets: bytes, body: int) -> None:
        """
        A header is whole.

        @param octets: it, with its CRLFs.
        @param body: where its body begins.
        """
        self.visitor.header(octets)
        parent = self._open[-1] if self._open else None
        header = readHeader(octets, parent is not None and parent.header.digest)
        if header.kind is not Kind.LEAF and len(self._open) >= DEPTH_MAX:
            header = sealed(header.obstacle or Obstacle.MALFORMED)
        self._enter(header, self._position + len(octets), body)

    def _enter(self, header: Header, end: int, body: int) -> None:
        parent = self._open[-1] if self._open else None
        start, base = self._position, self._base
        entity = Entity(parent, header, base + start, base + end, base + body)
        self._open.append(entity)
        self._position = body
        self._fresh = True
        self._searched = 0
        self._step = self._body
        if header.kind is Kind.MULTIPART:
            self._multiparts.append(entity)
            self._know()
        elif header.kind is Kind.MESSAGE:
            self._step = self._header
        self.visitor.began(entity)

    # --- bodies -----------------------------------------------------------------

    def _body(self, final: bool) -> bool:
        """Pass on what is there up to the next boundary, and go beyond it."""
        stop = len(self._data)
        found = self._boundary(self._position, self._fresh, stop, final)
        if isinstance(found, int):
            self._content(found)
            return False
        self._content(max(self._position, found.line - 2))
        self._pass(found)
        return True

    def _content(self, end: int) -> None:
        octets = self._data[self._position : end]
        if not octets:
            return
        entity = self._open[-1]
        if entity.header.kind is Kind.MULTIPART:
            self.visitor.outside(octets)
        else:
            self.visitor.content(entity, octets)
        self._position = end
        self._fresh = False

    # --- boundaries -------------------------------------------------------------

    def _boundary(
        self, position: int, fresh: bool, stop: int, final: bool
    ) -> _Boundary | int:
        """
        Look for a boundary.

        @param position: where to begin.
        @param fresh: does a line begin there?
        @param stop: before it the line has to begin.
        @param final: is there no more to come?
        @return: the first one; or, where there is none, up to where that is known.
        """
        data = self._data
        while True:
            line = position
            if not fresh:
                found = data.find(b"\r\n--", position) if self._delimiters else -1
                line = found + 2
                if found < 0 or line >= stop:
                    return len(data) if final else self._safe(position)
            end = data.find(b"\r\n", line, line + LINE_OCTETS + 2)
            if end < 0 and len(data) - line <= LINE_OCTETS + 1:
                if not final:
                    # It may become one, perhaps with the LF that is yet to come.
                    return line if fresh else line - 2
                end = len(data)
            if data.startswith(self._delimiters, line):
                known = self._known(data[line:end]) if end >= 0 else None
                if known is not None:
                    return _Boundary(*known, line, min(end + 2, len(data)))
                # RFC 2046 section 5.1.1 lets others compare the beginning only;
                # and what comes behind the last one is a part for some.
                self.doubtful = True
            position, fresh = line, False

    def _known(self, line: bytes) -> tuple[int, bool] | None:
        # Which boundary it is, of those that are still to come.
        known = self._whole.get(line.rstrip(b" \t"))
        if known is None or self._multiparts[known[0]].closed:
            return None
        return known

    def _safe(self, position: int) -> int:
        # The last octets may be the beginning of a CRLF, or of a boundary.
        data = self._data
        most = 3 if self._delimiters else 1
        for held in range(most, 0, -1):
            if data.endswith(b"\r\n-"[:held], position):
                return len(data) - held
        return len(data)

    def _pass(self, found: _Boundary) -> None:
        """Go beyond a boundary, and so out of all that it ends."""
        multipart = self._multiparts[found.level]
        level = self._open.index(multipart) + 1
        self._close(level, self._base + self._position, last=False)
        self._position = found.next
        self._fresh = True
        self._searched = 0
        multipart.closed = found.closing
        self._step = self._body if found.closing else self._header

    def _close(self, level: int, end: int, last: bool) -> None:
        """All entities from C{level} on are at their end."""
        while len(self._open) > level:
            entity = self._open.pop()
            if entity.header.kind is Kind.MULTIPART:
                self._multiparts.pop()
                self._know()
            self.visitor.ended(entity, end, last)

    def _know(self) -> None:
        """The multiparts have changed, and so their boundaries."""
        self._whole = {}
        for level, multipart in enumerate(self._multiparts):
            delimiter = b"--" + multipart.header.boundary
            for whole, closing in (delimiter, False), (delimiter + b"--", True):
                if whole in self._whole:
                    # The inner one's, or the outer one's?
                    self.doubtful = True
                self._whole[whole] = level, closing
        self._delimiters = tuple(
            b"--" + multipart.header.boundary for multipart in self._multiparts
        )
