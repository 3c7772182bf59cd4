"""
What a header says of the body behind it (RFC 2045, RFC 2046), where it says so
beyond doubt.

Programs differ in what they make of a header that is not well formed.  Whoever
changes a message must not take sides in that; so what can be read in two ways is
not read at all, and its body is L{Kind.SEALED}: to be left as it is.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from attrs import frozen

from ..core.submitted import Field, fieldsOf

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SPACE = rb"[ \t\r\n]*"

_mediaType = re.compile(
    _SPACE + rb"(" + _TOKEN + rb")/(" + _TOKEN + rb")" + _SPACE + rb"(;|\Z)"
).match
_parameter = re.compile(
    _SPACE
    + rb"("
    + _TOKEN
    + rb")"
    + _SPACE
    + rb"="
    + _SPACE
    # "=" stands unquoted in many a boundary, against RFC 2045 section 5.1.
    + rb'(?:"((?:[^"\\\r\n]|\\[^\r\n])*)"|([^"\\;()<>@,:\[\]\s]+))'
    + _SPACE
    + rb"(;|\Z)"
).match
_label = re.compile(_SPACE + rb"(" + _TOKEN + rb")" + _SPACE + rb"\Z").match
_boundary = re.compile(rb"[ -~]{0,199}[!-~]\Z").match
_escaped = re.compile(rb"\\(.)")

#: Encodings that are none (RFC 2045 section 6.2).
IDENTITIES = frozenset({b"7bit", b"8bit", b"binary"})
_ENCODED = frozenset({b"quoted-printable", b"base64"})


class Kind(Enum):
    """
    What a body is.

    @cvar LEAF: content, in no encoding: it may be given one.
    @cvar MULTIPART: parts between boundaries.
    @cvar MESSAGE: a message, with a header of its own.
    @cvar SEALED: not to be changed.
    """

    LEAF = auto()
    MULTIPART = auto()
    MESSAGE = auto()
    SEALED = auto()


class Obstacle(Enum):
    """
    Why a body, or a whole message, is not to be changed, in words for its sender.
    """

    SIGNED = b"a part is signed or encrypted"
    TYPE = b"a part has a type that cannot be encoded"
    ENCODING = b"a part is not encoded as it says"
    HEADER = b"a header field has 8-bit octets"
    MALFORMED = b"its MIME structure is broken"
    OUTSIDE = b"there are 8-bit octets outside of its parts"
    PARTS = b"it has too many parts"


@frozen
class Header:
    """
    A header, as far as it is about the body behind it.

    @ivar kind: what the body is.
    @ivar obstacle: why it is not to be changed; L{None}: it may be.
    @ivar boundary: of a multipart, what stands between its parts.
    @ivar digest: are its parts messages, if they do not say otherwise (RFC 2046
        section 5.1.5)?
    @ivar text: is it a text, whose lines are lines?
    @ivar international: is it a header or message in UTF-8 (RFC 6532 section 3.7),
        taken as a whole?
    @ivar typed: does it have a Content-Type?
    @ivar versioned: does it have a MIME-Version?
    @ivar label: its Content-Transfer-Encoding, in lower case; L{None}: it has none.
    @ivar labelSpan: where that field stands, in octets from the header's start.
    """

    kind: Kind
    obstacle: Obstacle | None = None
    boundary: bytes = b""
    digest: bool = False
    text: bool = True
    international: bool = False
    typed: bool = False
    versioned: bool = False
    label: bytes | None = None
    labelSpan: tuple[int, int] = (0, 0)


def sealed(why: Obstacle) -> Header:
    """A header behind which nothing is to be changed."""
    return Header(Kind.SEALED, why)


def readHeader(octets: bytes, inDigest: bool) -> Header:
    """
    Read a header.

    @param octets: what stands before the empty line, with its CRLFs.
    @param inDigest: is it that of a part of a multipart/digest?
    """
    fields, rest = fieldsOf(octets)
    if rest:
        # A line that is no field: for some the body begins there.
        return sealed(Obstacle.MALFORMED)
    found: dict[bytes, Field] = {}
    spans: dict[bytes, tuple[int, int]] = {}
    position = 0
    for field in fields:
        start, position = position, position + len(field.octets)
        if field.octets[len(field.name) : len(field.name) + 1] != b":":
            # For some, white space there makes it no field.
            return sealed(Obstacle.MALFORMED)
        if field.name in _OURS:
            if field.name in found:
                # Some take the first one, some the last.
                return sealed(Obstacle.MALFORMED)
            found[field.name] = field
            spans[field.name] = (start, position)
    label = _encodingOf(found.get(_ENCODING))
    media = _mediaOf(found.get(_TYPE), inDigest)
    header = _read(media, label)
    return Header(
        header.kind,
        header.obstacle,
        header.boundary,
        header.digest,
        header.text,
        header.international,
        _TYPE in found,
        _VERSION in found,
        label,
        spans.get(_ENCODING, (0, 0)),
    )


_TYPE = b"content-type"
_ENCODING = b"content-transfer-encoding"
_VERSION = b"mime-version"
_OURS = frozenset({_TYPE, _ENCODING, _VERSION})


@frozen
class _Media:
    """
    A media type, in lower case.

    @ivar boundary: L{None}: none, or none beyond doubt.
    """

    main: bytes
    sub: bytes
    boundary: bytes | None = None


def _mediaOf(field: Field | None, inDigest: bool) -> _Media | None:
    # None: a type nobody can read.
    if field is None:
        return _Media(b"message", b"rfc822") if inDigest else _Media(b"text", b"plain")
    match = _mediaType(field.value)
    if match is None:
        return None
    main, sub = match[1].lower(), match[2].lower()
    if main != b"multipart":
        return _Media(main, sub)
    return _Media(main, sub, _boundaryOf(field.value, match.end()))


def _boundaryOf(value: bytes, position: int) -> bytes | None:
    # The boundary among the parameters that begin at position.
    found: bytes | None = None
    while value[position:].strip(b" \t\r\n"):
        match = _parameter(value, position)
        if match is None:
            return None
        position = match.end()
        name = match[1].lower()
        if name.startswith(b"boundary*"):
            # RFC 2231, which many do not know.
            return None
        if name == b"boundary":
            if found is not None:
                return None
            quoted, bare = match[2], match[3]
            found = bare if quoted is None else _escaped.sub(rb"\1", quoted)
    return found if found is not None and _boundary(found) else None


def _encodingOf(field: Field | None) -> bytes | None:
    # Empty: an encoding nobody can read.
    if field is None:
        return None
    match = _label(field.value)
    return b"" if match is None else match[1].lower()


def _read(media: _Media | None, label: bytes | None) -> Header:
    if media is None:
        # RFC 2045 section 5.2 would have it plain text; for others it may be what
        # its first word says.
        return sealed(Obstacle.MALFORMED)
    identity = label is None or label in IDENTITIES
    if media.main == b"multipart":
        if media.sub in (b"signed", b"encrypted"):
            # RFC 1847 section 2.1: "MUST NOT be altered".
            return sealed(Obstacle.SIGNED)
        if media.boundary is None or not identity:
            return sealed(Obstacle.MALFORMED)
        digest = media.sub == b"digest"
        return Header(Kind.MULTIPART, boundary=media.boundary, digest=digest)
    if not identity:
        return sealed(Obstacle.ENCODING)
    if media.main != b"message":
        return Header(Kind.LEAF, text=media.main == b"text")
    if media.sub == b"rfc822":
        return Header(Kind.MESSAGE)
    if media.sub.partition(b"-")[0] == b"global":
        # RFC 6532 section 3.7 and RFC 6533: any encoding, other than the rest of
        # message/*, of which RFC 2045 section 6.4 forbids any.
        return Header(Kind.LEAF, international=True)
    return sealed(Obstacle.TYPE)
