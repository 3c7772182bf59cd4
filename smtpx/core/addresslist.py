"""
The addresses in a header field (RFC 5322 section 3.4), where they stand and what
they are::

    address-list = address *("," address)
    address      = mailbox / group
    mailbox      = [display-name] "<" addr-spec ">" / addr-spec
    group        = display-name ":" [address-list] ";"

People and programs write all kinds of things there, so nothing is an error: comments,
obsolete routes (section 4.4) and whatever stands around an address are read over.

Everything here takes time in proportion to its input.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import frozen

#: The parts that matter: pairs, literals, blanks, specials, all else.
_PART = re.compile(
    rb'\\.|\[[^\[\]]*\]|[ \t\r\n]+|["()<>,;:]|[^\\"()<>,;: \t\r\n\[]+|.', re.DOTALL
)


@frozen
class Found:
    """
    An address in a field.

    @ivar address: without comments and blanks.
    @ivar end: the offset behind it in the field.
    """

    address: bytes
    end: int

    @property
    def qualified(self) -> bool:
        """Has it a domain?"""
        return _AT.search(self.address) is not None


#: What ends the local part: an C{@} that is not between quotes.
_AT = re.compile(rb'\A(?:"(?:[^"\\]|\\.)*"|[^"@])*@', re.DOTALL)


def findAddresses(value: bytes) -> Iterator[Found]:
    """
    Each address of a list, in order.

    @param value: a field's value, or what somebody wrote on a command line.
    """
    reader = _Reader()
    for match in _PART.finditer(value):
        if reader.take(match[0], match.end()):
            yield from reader.finish()
    yield from reader.finish()


def qualify(value: bytes, domain: bytes) -> bytes:
    """
    Add a domain to each address that has none.

    @param value: a field's value.
    """
    parts: list[bytes] = []
    start = 0
    for found in findAddresses(value):
        if not found.qualified:
            parts += [value[start : found.end], b"@", domain]
            start = found.end
    return b"".join([*parts, value[start:]])


class _Reader:
    """Reads one address after the other, part by part."""

    __slots__ = ("_angled", "_depth", "_end", "_inside", "_outside", "_quoted")

    def __init__(self) -> None:
        self._depth = 0
        self._quoted = False
        self._begin()

    def _begin(self) -> None:
        self._angled = False
        #: Between angle brackets; L{None}: there were none.
        self._inside: list[bytes] | None = None
        self._outside: list[bytes] = []
        self._end = 0

    def take(self, part: bytes, end: int) -> bool:
        """
        Take a part.

        @param end: the offset behind it.
        @return: does it end an address?
        """
        if self._quoted:
            self._quoted = part != b'"'
            self._add(part, end)
        elif part == b"(":
            self._depth += 1
        elif self._depth:
            self._depth -= part == b")"
        elif part == b'"':
            self._quoted = True
            self._add(part, end)
        elif part == b"<":
            self._angled, self._inside = True, []
        elif part == b">":
            self._angled = False
        elif part == b":":
            # What stood before is the name of a group, or a route.
            if self._inside is None:
                self._outside = []
            else:
                self._inside = []
        elif part in (b",", b";") and not self._angled:
            return True
        elif part.strip(b" \t\r\n"):
            self._add(part, end)
        return False

    def _add(self, part: bytes, end: int) -> None:
        if self._angled and self._inside is not None:
            self._inside.append(part)
            self._end = end
        elif self._inside is None:
            self._outside.append(part)
            self._end = end

    def finish(self) -> Iterator[Found]:
        """The address has ended, if there is one at all."""
        found = self._outside if self._inside is None else self._inside
        end = self._end
        self._begin()
        address = b"".join(found)
        if address:
            yield Found(address, end)


__all__ = ["Found", "findAddresses", "qualify"]
