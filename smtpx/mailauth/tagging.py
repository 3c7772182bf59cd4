"""
Lists of tags and their values, which DKIM, ARC and DMARC write their fields and records
in (RFC 6376 section 3.2)::

    tag-list  = tag-spec *( ";" tag-spec ) [ ";" ]
    tag-spec  = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]
    tag-name  = ALPHA *( ALPHA / DIGIT / "_" )
    tag-value = [ tval *( 1*(WSP / FWS) tval ) ]
    tval      = 1*VALCHAR
    VALCHAR   = %x21-3A / %x3C-7E / UTF8-non-ascii      ; RFC 8616 section 4

A tag that stands twice spoils the whole list; so does what is no tag.  Names are told
apart by their case.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator, Mapping

from attrs import frozen

from ..core.errors import Malformed

#: White space, which may stand around whatever a list is made of.
SPACE = b" \t\r\n"

#: The most tags of a list; nobody has a tenth of it.
TAGS_MOST = 100

_name = re.compile(rb"[A-Za-z][A-Za-z0-9_]*\Z").match
_forbidden = re.compile(rb"[^ \t\r\n!-~\x80-\xff]").search
#: A line end that folds nothing (RFC 5322 section 2.2.3), at the end but for one.
_unfolded = re.compile(rb"\r(?!\n)|(?<!\r)\n|\r\n(?![ \t])").search
_number = re.compile(rb"[0-9]+\Z").match


@frozen
class Tag:
    """
    One tag.

    @ivar value: without the white space around it; folded as it is.
    @ivar start: where, in the list, what stands behind the C{=} begins.
    @ivar end: and where it ends, white space included.
    """

    value: bytes
    start: int
    end: int


@frozen
class TagList:
    """
    A list.

    @ivar octets: as it was read.
    @ivar tags: by name, in their order.
    """

    octets: bytes
    tags: Mapping[bytes, Tag]

    def get(self, name: bytes) -> bytes | None:
        """The value of a tag; L{None}: there is no such tag."""
        tag = self.tags.get(name)
        return None if tag is None else tag.value

    def required(self, name: bytes) -> bytes:
        """
        The value of a tag that has to be there.

        @raise Malformed: it is not.
        """
        tag = self.tags.get(name)
        if tag is None:
            raise Malformed(f"no {name.decode('ascii')}= tag")
        return tag.value

    def emptied(self, name: bytes) -> bytes:
        """
        The list as it would be with the value of a tag deleted, and the white space
        around it: what a signature signs of its own field (RFC 6376 section 3.5).
        """
        tag = self.tags[name]
        return self.octets[: tag.start] + self.octets[tag.end :]


def readTags(octets: bytes) -> TagList:
    """
    Read a list.

    @param octets: a field's value, folded as it is, or a record.
    @raise Malformed: it is none.
    """
    text = octets[:-2] if octets.endswith(b"\r\n") else octets
    if _forbidden(text) is not None or _unfolded(text) is not None:
        raise Malformed("character that no tag can have")
    if octets.count(b";") > TAGS_MOST:
        raise Malformed(f"more than {TAGS_MOST} tags")
    tags: dict[bytes, Tag] = {}
    position = 0
    parts = octets.split(b";")
    for index, part in enumerate(parts):
        start, position = position, position + len(part) + 1
        if index and index == len(parts) - 1 and not part.strip(SPACE):
            # Behind the last semicolon.
            break
        name, equals, value = part.partition(b"=")
        length, name = len(name), name.strip(SPACE)
        if not equals or _name(name) is None:
            raise Malformed("no list of tags")
        if name in tags:
            raise Malformed("a tag stands twice")
        tags[name] = Tag(value.strip(SPACE), start + length + 1, start + len(part))
    return TagList(octets, tags)


def compact(value: bytes) -> bytes:
    """A value without any white space."""
    return value.translate(None, SPACE)


def listed(value: bytes) -> tuple[bytes, ...]:
    """What stands between the colons of a value, without white space around it."""
    return tuple(each.strip(SPACE) for each in value.split(b":"))


def readBase64(value: bytes) -> bytes:
    """
    Decode a value in base64, which white space may stand in anywhere.

    @raise Malformed: it is not in base64, or it is empty.
    """
    try:
        found = binascii.a2b_base64(compact(value), strict_mode=True)
    except binascii.Error:
        raise Malformed("no base64") from None
    if not found:
        raise Malformed("no base64")
    return found


def readNumber(value: bytes, digits: int) -> int:
    """
    Read a decimal number.

    @param digits: how many it may have at the most.
    @raise Malformed: it is none, or has more.
    """
    if _number(value) is None or len(value) > digits:
        raise Malformed("no number")
    return int(value)


#: How long a folded line gets, in characters, where it can be helped (RFC 5322
#: section 2.1.1).
LINE_CHARACTERS = 78


def renderTags(
    name: bytes, tags: Iterable[tuple[bytes, bytes]], last: bytes = b""
) -> bytes:
    """
    Write a field.  Values are broken behind their colons, and nowhere else.

    @param name: the field's.
    @param tags: names and values, none of which has white space.
    @param last: the name of a tag whose value is not known yet; empty: none.
    @return: the field, without its last CRLF.
    """
    words = [b"%b=%b;" % tag for tag in tags]
    if last:
        words.append(last + b"=")
    else:
        words[-1] = words[-1][:-1]
    return fold(name + b":", words)


def fold(start: bytes, words: Iterable[bytes]) -> bytes:
    """
    Put words behind each other with a space or a fold before each.  A word that has
    colons may go on behind one of them in the next line.

    @param start: what the first line begins with.
    """
    lines = [start]
    for word in words:
        if len(lines[-1]) + 1 + len(word) <= LINE_CHARACTERS:
            lines[-1] += b" " + word
            continue
        lines.append(b"\t")
        for piece in _pieces(word):
            if len(lines[-1]) > 1 and len(lines[-1] + piece) > LINE_CHARACTERS:
                lines.append(b"\t")
            lines[-1] += piece
    return b"\r\n".join(lines)


def _pieces(word: bytes) -> Iterator[bytes]:
    """A word, cut behind its colons."""
    parts = word.split(b":")
    yield from (part + b":" for part in parts[:-1])
    yield parts[-1]


def renderBase64(value: bytes, column: int) -> bytes:
    """
    Write octets in base64, folded.

    @param column: how long the line is that it begins on.
    """
    text = binascii.b2a_base64(value, newline=False)
    first = max(LINE_CHARACTERS - column, 0)
    rest = text[first:]
    width = LINE_CHARACTERS - 1
    lines = [text[:first]]
    lines += [rest[at : at + width] for at in range(0, len(rest), width)]
    return b"\r\n\t".join(lines)


__all__ = [
    "SPACE",
    "Tag",
    "TagList",
    "compact",
    "fold",
    "listed",
    "readBase64",
    "readNumber",
    "readTags",
    "renderBase64",
    "renderTags",
]
