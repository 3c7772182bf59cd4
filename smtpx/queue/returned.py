"""
What a delivery report returns of the message that it is about (RFC 3461 section
6.2, RFC 6522 section 3 and section 4, RFC 6533 section 4).

It is the whole message only if it is wished, small enough, and can be in a report as
it is; the header otherwise, and of a very long one the beginning.  A header with
octets that cannot be in the report is encoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.errors import HeaderParseError
from email.header import decode_header, make_header

from attrs import frozen

from ..core.interfaces import IBody
from ..core.submitted import Field, fieldsOf
from ..mime import Obstacle, Survey, Wire
from ..observe.harmless import visible
from .multipart import Part, fits, plain

#: What the part is called.
MESSAGE = b"Message"
HEADER = b"Header of the message"

_END = b"\r\n\r\n"

_LIST = frozenset({b"list-id", b"list-post", b"list-subscribe"})
_PRECEDENCE = re.compile(rb"bulk|list|junk")
_AUTOMATIC = re.compile(rb"auto-generated|auto-replied")

#: The most characters of a subject that are shown.
_SUBJECT_CHARACTERS = 200
#: The longest C{Message-ID} that is repeated, in octets.
_ID_OCTETS = 300


@frozen
class Message:
    """
    What was read of a message.

    @ivar fields: its header, or the beginning of it.
    @ivar whole: the message; L{None}: it is too long.
    """

    fields: tuple[Field, ...]
    whole: bytes | None

    @property
    def header(self) -> bytes:
        """Its header, or the beginning of it."""
        return b"".join(field.octets for field in self.fields)

    @property
    def subject(self) -> str:
        """Its subject, for people; empty: it has none."""
        value = self._value(b"subject").decode("utf-8", "backslashreplace")
        try:
            words = str(make_header(decode_header(value)))
        except (HeaderParseError, LookupError, ValueError):
            # It is no encoded word, or in a charset that nobody knows.
            words = value
        words = " ".join(visible(words, len(words)).split())
        if len(words) > _SUBJECT_CHARACTERS:
            return words[: _SUBJECT_CHARACTERS - 3] + "..."
        return words

    @property
    def messageID(self) -> bytes | None:
        """Its C{Message-ID}; L{None}: it has none that can be repeated."""
        value = self._value(b"message-id")
        good = value[:1] == b"<" and value[-1:] == b">" and b" " not in value
        good = good and value.isascii() and value.decode("ascii").isprintable()
        return value if good and len(value) <= _ID_OCTETS else None

    def _value(self, name: bytes) -> bytes:
        for field in self.fields:
            if field.name == name:
                return field.value.replace(b"\r\n", b"").strip()
        return b""


def readMessage(prefix: bytes, body: IBody, most: int) -> Message:
    """
    Read of a message what a report may return.

    @param prefix: fields before the body.
    @param most: how many octets.
    """
    small = len(prefix) + body.octets <= most
    read, length = [prefix], len(prefix)
    for piece in body.pieces():
        read.append(piece)
        length += len(piece)
        if length > most:
            break
    octets = b"".join(read)
    # The body may begin with its empty line.
    end = (b"\r\n" + octets[:most]).find(_END)
    fields, _ = fieldsOf(octets[:most] if end < 0 else octets[:end])
    if end < 0 and length > most and fields:
        # The last one is cut short.
        fields.pop()
    return Message(tuple(fields), octets if small else None)


def isBulk(fields: Iterable[Field]) -> bool:
    """
    Was a message sent by a program, or to a list (RFC 2369, RFC 2919, RFC 3834)?
    The conditions are those of Exim's C{delay_warning_condition}.
    """
    for field in fields:
        value = field.value.strip().lower()
        if field.name in _LIST and value:
            return True
        if field.name == b"precedence" and _PRECEDENCE.search(value):
            return True
        if field.name == b"auto-submitted" and _AUTOMATIC.search(value):
            return True
    return False


def returned(message: Message, full: bool, utf8: bool, global_: bool) -> Part:
    """
    The part.

    @param full: is the whole message wished?
    @param utf8: may the report have UTF-8 in its header?
    @param global_: was the message sent with SMTPUTF8?
    """
    header, whole = message.header, message.whole
    if full and whole is not None and fits(whole):
        if header.isascii() and _goesAnywhere(whole):
            # RFC 2045 section 6.4: what is not encoded cannot be so here.
            return plain(b"message/rfc822", whole, MESSAGE, eight=True)
        if global_ and not header.isascii():
            return plain(b"message/global", whole, MESSAGE, eight=utf8)
    if header.isascii() or not global_:
        kind = b"text/rfc822-headers"
        if not header.isascii():
            # RFC 1428: nobody said in which charset it is.
            kind += b"; charset=" + (b"utf-8" if _isUTF8(header) else b"unknown-8bit")
        return plain(kind, header, HEADER)
    return plain(b"message/global-headers", header, HEADER, utf8)


def _goesAnywhere(octets: bytes) -> bool:
    """
    Can it be converted for hosts without 8BITMIME?  A report that cannot be sent is
    lost, for there is none about it.
    """
    if octets.isascii():
        return True
    survey = Survey(Wire(eightBit=False))
    survey.feed(octets)
    return not isinstance(survey.end(), Obstacle)


def _isUTF8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


__all__ = ["HEADER", "MESSAGE", "Message", "readMessage", "returned"]
