"""
A message made fit for a peer that takes less: fewer bits, or lines only.

L{Survey} reads a message once and says what has to be changed in it, so that it can
be written in a second reading, whatever its size::

    survey = Survey(Wire(eightBit=False))
    for piece in body.pieces():
        survey.feed(piece)
    found = survey.end()

Only what has to be is changed: the bodies that do not fit are encoded, in
quoted-printable if they are text and it is the shorter, else in base64, and headers
say so.  What they decode to is what was there, octet for octet.  Where nothing has
to be, nothing is.

A message that is not MIME becomes MIME by that (RFC 1428): its text is said to be
UTF-8 if it is, else of the charset C{unknown-8bit}.

Some messages cannot be changed without taking something from them, or without
taking sides in what they are: L{Obstacle}.
"""

from __future__ import annotations

import codecs

from attrs import define, frozen

from ..core.body import LineMeter, bare
from .encoders import QuotedPrintable, base64Octets
from .header import Kind, Obstacle
from .plan import Edit, Encode, Splice
from .structure import Entity, Walk

#: How many entities a message may have that is converted.
ENTITIES_MAX = 10_000


@frozen
class Wire:
    """
    What a peer takes, besides lines of seven bits.

    @ivar eightBit: octets above 127?
    @ivar lineOctets: the longest line of a body, CRLF included; L{None}: any.
    """

    eightBit: bool
    lineOctets: int | None = 1000


@define(eq=False)
class _Look:
    """
    What is seen of a body.

    @ivar eight: has it octets above 127?
    @ivar broken: has it a NUL, or a CR or LF that stands alone (RFC 2045 section
        2.8)?
    @ivar long: has it a line that is too long?
    @ivar octets: how long it is.
    @ivar quoted: how long it is in quoted-printable, but for what is still in
        the encoder.
    """

    meter: LineMeter | None
    encoder: QuotedPrintable | None
    decoder: codecs.IncrementalDecoder | None
    eight: bool = False
    broken: bool = False
    long: bool = False
    octets: int = 0
    quoted: int = 0

    def take(self, octets: bytes) -> None:
        """Look at a piece; it is not cut between CR and LF."""
        self.octets += len(octets)
        self.eight = self.eight or not octets.isascii()
        self.broken = self.broken or b"\0" in octets or bare(octets)
        if self.meter is not None and not self.long:
            self.long = self.meter.tooLong(octets)
        if self.encoder is not None:
            self.quoted += len(self.encoder.write(octets))
        if self.decoder is not None:
            try:
                self.decoder.decode(octets)
            except UnicodeDecodeError:
                self.decoder = None

    @property
    def charset(self) -> bytes:
        """In what it seems to be written, if it is text."""
        try:
            if self.decoder is not None:
                self.decoder.decode(b"", True)
                return b"utf-8"
        except UnicodeDecodeError:
            pass
        return b"unknown-8bit"


@frozen
class Plan:
    """
    How a message is to be changed.

    @ivar edits: in order; none: it is fit as it is.
    @ivar octets: how long it will be.
    """

    edits: tuple[Edit, ...]
    octets: int


_utf8 = codecs.getincrementaldecoder("utf-8")

_LABELS = (b"8bit", b"binary")


class Survey:
    """
    The first reading of a message.  It is a L{smtpx.mime.structure.Visitor} of
    its parts.

    @ivar obstacle: why it cannot be converted, as far as is known; L{None}: it
        can.
    """

    def __init__(self, wire: Wire) -> None:
        self.obstacle: Obstacle | None = None
        self._wire = wire
        self._walk = Walk(self)
        self._entities = 0
        #: What is seen of the body that is going by; bodies with a look of their
        #: own are never inside of each other.
        self._look = _Look(None, None, None)
        self._edits: list[Edit] = []
        #: Is there a body that does not fit?
        self._needed = False

    def feed(self, octets: bytes) -> None:
        """Take the next octets, cut anywhere."""
        if self.obstacle is None:
            self._walk.feed(octets)

    def end(self) -> Plan | Obstacle:
        """There are no more."""
        if self.obstacle is None:
            self._walk.end()
        if self._needed and self._walk.doubtful:
            self._refuse(Obstacle.MALFORMED)
        if self.obstacle is not None:
            return self.obstacle
        edits = self._edits if self._needed else []
        edits.sort(key=lambda edit: (edit.start, edit.end))
        growth = sum(edit.growth for edit in edits)
        return Plan(tuple(edits), self._walk.octets + growth)

    # --- what the walk tells ----------------------------------------------------

    def began(self, entity: Entity) -> None:
        """See L{smtpx.mime.structure.Visitor}."""
        self._entities += 1
        if self._entities > ENTITIES_MAX:
            self._refuse(Obstacle.PARTS)
        header, limit = entity.header, self._wire.lineOctets
        leaf = header.kind is Kind.LEAF
        guess = leaf and entity.isMessage and not header.typed
        self._look = _Look(
            LineMeter(limit) if leaf and limit is not None else None,
            QuotedPrintable() if leaf and header.text else None,
            _utf8() if guess else None,
        )

    def content(self, entity: Entity, octets: bytes) -> None:
        """See L{smtpx.mime.structure.Visitor}."""
        self._look.take(octets)

    def header(self, octets: bytes) -> None:
        """See L{smtpx.mime.structure.Visitor}."""
        self._neither(octets, Obstacle.HEADER)

    def outside(self, octets: bytes) -> None:
        """See L{smtpx.mime.structure.Visitor}."""
        self._neither(octets, Obstacle.OUTSIDE)

    def ended(self, entity: Entity, end: int, last: bool) -> None:
        """See L{smtpx.mime.structure.Visitor}."""
        header, look = entity.header, self._look
        unfit = look.broken or (look.eight and not self._wire.eightBit)
        if header.kind is Kind.SEALED:
            # A line that is too long goes as it is: nobody could mend it.
            if unfit:
                self._refuse(header.obstacle)
            return
        if header.kind is Kind.LEAF and (unfit or look.long):
            self._encode(entity, end, last)
        else:
            self._pass(entity)
        if entity.touched and entity.parent is not None:
            entity.parent.touched = True

    # --- what comes of it -------------------------------------------------------

    def _refuse(self, why: Obstacle | None) -> None:
        self.obstacle = self.obstacle or why

    def _neither(self, octets: bytes, eight: Obstacle) -> None:
        # Octets that could be in no encoding.
        if b"\0" in octets or bare(octets):
            self._refuse(Obstacle.MALFORMED)
        if not self._wire.eightBit and not octets.isascii():
            self._refuse(eight)

    def _encode(self, entity: Entity, end: int, last: bool) -> None:
        """Give a leaf an encoding, and its header what has to be said of it."""
        look = self._look
        encoding, octets = b"base64", base64Octets(look.octets, last)
        if look.encoder is not None and not look.broken:
            quoted = look.quoted + len(look.encoder.end(last))
            if quoted <= octets:
                encoding, octets = b"quoted-printable", quoted
        self._needed = entity.touched = True
        added = self._label(entity, encoding)
        if entity.isMessage:
            added += _versioned(entity)
            if look.eight and not entity.header.typed:
                added += b"Content-Type: text/plain; charset=%b\r\n" % look.charset
        self._add(entity, added)
        self._edits.append(Encode(entity.bodyStart, end, encoding, last, octets))

    def _pass(self, entity: Entity) -> None:
        """Say of a body that stays as it is, but for what is inside, how it is."""
        if entity.header.label in _LABELS:
            # A body of lines is never binary (RFC 2045 section 2.9).
            self._needed = self._needed or entity.header.label == b"binary"
            self._label(entity, b"8bit" if self._wire.eightBit else b"7bit")
        if entity.touched and entity.isMessage:
            self._add(entity, _versioned(entity))

    def _label(self, entity: Entity, encoding: bytes) -> bytes:
        """
        Name the encoding of a body.

        @return: the field, where there is none in whose place it stands.
        """
        line = b"Content-Transfer-Encoding: %b\r\n" % encoding
        header = entity.header
        if header.label is None:
            return line
        if header.label != encoding:
            start, end = header.labelSpan
            self._edits.append(Splice(entity.start + start, entity.start + end, line))
        return b""

    def _add(self, entity: Entity, fields: bytes) -> None:
        if fields:
            self._edits.append(Splice(entity.headerEnd, entity.headerEnd, fields))


def _versioned(entity: Entity) -> bytes:
    """The field by which a message is MIME, if it has none."""
    return b"" if entity.header.versioned else b"MIME-Version: 1.0\r\n"
