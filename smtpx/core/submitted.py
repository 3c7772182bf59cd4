"""
The header of a submitted message (RFC 6409): made whole, and looked at.

A mail program may leave to the server what is the server's to know: C{Date} and
C{Message-ID} are added where they are missing (sections 8.2 and 8.3).  C{Bcc} is
taken out, for whoever gets the message would see in it who else does (RFC 5322
section 3.6.3).  All else stays as it is, in its order.

Who changes a header has to see that the addresses in it have whole domains (RFC 6409
sections 4.2 and 5.1): L{unqualified} finds the one that has not.

Everything here takes time in proportion to its input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from attrs import frozen

from .addresslist import findAddresses

#: A field or more of its lines (RFC 5322 section 2.2), and what is no such line.
_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:")

#: RFC 5322 section 3.6.2 and 3.6.3, and 3.6.6 for the second half.
_ADDRESSES = frozenset(
    prefix + name
    for name in (b"from", b"sender", b"reply-to", b"to", b"cc")
    for prefix in (b"", b"resent-")
)
_BLIND = frozenset({b"bcc", b"resent-bcc"})


@frozen
class Field:
    """
    One field.

    @ivar name: in lower case.
    @ivar octets: all of it, with its CRLFs.
    """

    name: bytes
    octets: bytes

    @property
    def value(self) -> bytes:
        """What stands behind the colon, folded as it is."""
        return self.octets.partition(b":")[2]


def fieldsOf(header: bytes) -> tuple[list[Field], bytes]:
    """
    Take a header apart.

    @param header: what stands before the empty line, with its CRLFs.
    @return: its fields; and the rest from the first line on that is none, which
        belongs to the text, whatever stood behind it.
    """
    fields: list[Field] = []
    lines = header.split(b"\r\n")
    # Behind the last CRLF stands nothing, or a line that has none.
    lines = [line + b"\r\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    begun: list[bytes] = []
    name = b""
    for index, line in enumerate(lines):
        if begun and line[:1] in (b" ", b"\t"):
            begun.append(line)
            continue
        if begun:
            fields.append(Field(name, b"".join(begun)))
        match = _NAME.match(line)
        if match is None:
            return fields, b"".join(lines[index:])
        name = match[1].lower()
        begun = [line]
    if begun:
        fields.append(Field(name, b"".join(begun)))
    return fields, b""


def headerEnd(held: bytearray, piece: bytes) -> int | None:
    """
    Take the next piece of a message whose header is not whole yet.

    @param held: the message so far, in which there was no end; it grows by the piece.
    @return: how long the header is, behind which stands an empty line; L{None}: there
        is more of it.
    """
    # The empty line may lie across pieces.
    start = max(len(held) - 3, 0)
    held += piece
    if held.startswith(b"\r\n"):
        return 0
    found = held.find(b"\r\n\r\n", start)
    return None if found < 0 else found + 2


@frozen
class Completed:
    """
    The beginning of a message whose header is whole.

    @ivar octets: it.
    @ivar messageID: the one that was made, in angle brackets; L{None}: it had one.
    @ivar fields: those of its header.
    """

    octets: bytes
    messageID: bytes | None
    fields: tuple[Field, ...]


def complete(
    beginning: bytes, date: bytes, messageID: bytes, sender: bytes | None = None
) -> Completed:
    """
    Add what is missing in a header, and take out what is nobody's business.

    @param beginning: of the message, as far as the empty line behind its header at
        least, or all of it.
    @param date: a date (RFC 5322 section 3.3), if it is needed.
    @param messageID: a new one, in angle brackets, if it is needed.
    @param sender: the address of who sends it, to be named in C{Sender} unless it is
        the one in C{From} (RFC 5322 section 3.6.2), whatever the message says of it;
        L{None}: the message is right.
    """
    # The first line may be the empty one.
    end = (b"\r\n" + beginning).find(b"\r\n\r\n")
    header, text = (beginning, b"") if end < 0 else (beginning[:end], beginning[end:])
    fields, rest = fieldsOf(header)
    kept = [field for field in fields if field.name not in _BLIND]
    names = {field.name for field in kept}
    added: list[Field] = []
    if b"date" not in names:
        added.append(Field(b"date", b"Date: %b\r\n" % date))
    made = None
    if b"message-id" not in names:
        made = messageID
        added.append(Field(b"message-id", b"Message-ID: %b\r\n" % messageID))
    if sender is not None:
        kept = [field for field in kept if field.name != b"sender"]
        if _authors(kept) != [sender.lower()]:
            added.append(Field(b"sender", b"Sender: %b\r\n" % sender))
    whole = (*added, *kept)
    octets = b"".join(field.octets for field in whole)
    if not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    # Where the header ended at a line that is no field, there was no empty one.
    octets += b"\r\n" + rest + text if rest else text or b"\r\n"
    return Completed(octets, made, whole)


def _authors(fields: list[Field]) -> list[bytes]:
    """The addresses of From, in lower case."""
    values = [field.value for field in fields if field.name == b"from"]
    return [each.address.lower() for value in values for each in findAddresses(value)]


def unqualified(
    fields: tuple[Field, ...], whole: Callable[[bytes], bool]
) -> Field | None:
    """
    The first field with an address that has no domain, or not the whole of it.

    @param whole: is a domain (or literal) whole?
    @return: L{None}: there is none.
    """
    for field in fields:
        if field.name in _ADDRESSES:
            for domain in domainsOf(field.value):
                if domain is None or not whole(domain):
                    return field
    return None


def domainsOf(value: bytes) -> Iterator[bytes | None]:
    """
    The domain of each address in an address list (L{smtpx.core.addresslist}).

    @return: without blanks, in lower case; L{None}: an address without a domain.
    """
    for found in findAddresses(value):
        yield found.address.rpartition(b"@")[2].lower() if found.qualified else None


__all__ = [
    "Completed",
    "Field",
    "complete",
    "domainsOf",
    "fieldsOf",
    "headerEnd",
    "unqualified",
]
