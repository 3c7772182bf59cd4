"""
The message that C{sendmail} reads: its header is looked at and made whole, its text
goes through piece by piece, however long it is.

Programs write it with LF, CRLF or both; it leaves here with CRLF.  Octets are
otherwise left as they are, those above 127 and NUL among them.
"""

from __future__ import annotations

import pwd
import re
from collections.abc import Callable, Iterator
from email.utils import formataddr

from attrs import evolve, field, frozen

from ..core.addresslist import findAddresses, qualify
from ..core.submitted import Field, fieldsOf
from ..core.transparency import LineEnds
from .console import CommandFailed
from .sendmailoptions import DATA

#: The longest header, in octets; the server takes no longer one.
HEADER_OCTETS = 1 << 18

_PIECE = 1 << 16

#: What ends a message, behind the end of a line.
_DOT = b"\r\n.\r\n"

#: The line with which a message in a mailbox begins.
_FROM_LINE = re.compile(rb">?From [^\r\n]*\r\n")

_ADDRESSES = frozenset(
    prefix + name
    for name in (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")
    for prefix in (b"", b"resent-")
)
_RECIPIENTS = (b"to", b"cc", b"bcc")
_RESENT = (b"resent-to", b"resent-cc", b"resent-bcc")


class BadMessage(CommandFailed):
    """A message cannot be sent as it is."""

    status = DATA


def pieces(read: Callable[[int], bytes], dots: bool) -> Iterator[bytes]:
    """
    A message with CRLF line ends, piece by piece; none is empty.

    @param read: gives at most so many octets; none at the end.
    @param dots: is a line with a single dot part of it?
    """
    ends = LineEnds()
    dot = None if dots else _Dot()
    while dot is None or not dot.found:
        piece = read(_PIECE)
        text = ends.write(piece) if piece else ends.end()
        if dot is not None:
            text = dot.before(text)
            if not piece:
                text += dot.rest()
        if text:
            yield text
        if not piece:
            return


class _Dot:
    """
    Looks for the line that ends a message.

    @ivar found: was it there?
    """

    def __init__(self) -> None:
        self.found = False
        # As if a line had ended before the first; these octets are not given out.
        self._held = b"\r\n"
        self._extra = 2

    def before(self, text: bytes) -> bytes:
        """
        Take the next piece.

        @return: what is known to stand before the line.
        """
        data = self._held + text
        at = data.find(_DOT)
        self.found = at >= 0
        end = at + 2 if self.found else len(data) - _beginningOfDot(data)
        self._held = data[end:]
        return self._given(data[:end])

    def rest(self) -> bytes:
        """Nothing more comes: what was held back, unless the line was there."""
        return b"" if self.found else self._given(self._held)

    def _given(self, data: bytes) -> bytes:
        extra, self._extra = self._extra, max(0, self._extra - len(data))
        return data[extra:]


def _beginningOfDot(data: bytes) -> int:
    """How many octets at the end may be the beginning of the end."""
    for length in range(len(_DOT) - 1, 0, -1):
        if data.endswith(_DOT[:length]):
            return length
    return 0


@frozen
class Author:
    """
    Who submits a message.

    @ivar address: the user's.
    @ivar fullName: the user's; empty: not known.
    """

    address: bytes
    fullName: str

    def field(self) -> bytes:
        """The field From for a message that has none."""
        text = self.address.decode("utf-8", "replace")
        name = " ".join(self.fullName.split())
        if self.address.isascii():
            text = formataddr((name, text))
        return b"From: " + text.encode("utf-8") + b"\r\n"


def fullNameOf(user: pwd.struct_passwd) -> str:
    """What the system says that a user is called; C{&} is the login."""
    name = user.pw_gecos.partition(",")[0]
    return name.replace("&", user.pw_name.capitalize())


@frozen
class Header:
    """
    The header of a message, and what came along with it.

    @ivar fields: its fields.
    @ivar rest: what was read of the text behind it, with the empty line.
    """

    fields: tuple[Field, ...]
    rest: bytes = field(repr=False)

    def recipients(self) -> list[bytes]:
        """The addresses that it goes to, by the header."""
        names = {each.name for each in self.fields}
        # RFC 5322 section 3.6.6: it is sent again, to those.
        wanted = _RESENT if names.intersection(_RESENT) else _RECIPIENTS
        return [
            found.address
            for each in self.fields
            if each.name in wanted
            for found in findAddresses(each.value)
        ]

    def completed(self, author: Author, domain: bytes) -> Header:
        """
        The same with whole addresses, with From, and without Bcc.

        @param domain: for addresses that have none.
        """
        kept = [
            _qualified(each, domain) if each.name in _ADDRESSES else each
            for each in self.fields
            if each.name not in (b"bcc", b"resent-bcc")
        ]
        if all(each.name != b"from" for each in kept):
            kept.insert(0, Field(b"from", author.field()))
        return evolve(self, fields=tuple(kept))

    def octets(self) -> bytes:
        """All of it."""
        return b"".join([each.octets for each in self.fields]) + self.rest


def _qualified(each: Field, domain: bytes) -> Field:
    name, colon, value = each.octets.partition(b":")
    return Field(each.name, name + colon + qualify(value, domain))


def readHeader(message: Iterator[bytes]) -> Header:
    """
    Read the header of a message.

    @param message: pieces; what is left of it is the rest of the text.
    @raise BadMessage: it is too long.
    """
    held = bytearray()
    for piece in message:
        start = max(len(held) - 3, 0)
        held += piece
        if held.startswith(b"\r\n") or held.find(b"\r\n\r\n", start) >= 0:
            break
        if len(held) > HEADER_OCTETS:
            raise BadMessage(f"the header is longer than {HEADER_OCTETS} octets")
    beginning = bytes(held)
    line = _FROM_LINE.match(beginning)
    if line is not None:
        beginning = beginning[line.end() :]
    end = (b"\r\n" + beginning).find(b"\r\n\r\n")
    header, text = (beginning, b"") if end < 0 else (beginning[:end], beginning[end:])
    if header and not header.endswith(b"\r\n"):
        header += b"\r\n"
    fields, rest = fieldsOf(header)
    # Where the header ended at a line that is no field, there was no empty one.
    return Header(tuple(fields), b"\r\n" + rest + text if rest else text or b"\r\n")


__all__ = [
    "Author",
    "BadMessage",
    "HEADER_OCTETS",
    "Header",
    "fullNameOf",
    "pieces",
    "readHeader",
]
