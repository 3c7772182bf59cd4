"""
Which of a list's answers are meant.

A list answers with addresses of 127.0.0.0/8, which say why (RFC 5782 section 2.1).
Behind its name there can be values, as in Exim::

    values   = [ "!" ] ( "=" / "==" / "&" / "=&" ) value *( "," value )
    value    = part "." part "." part "." part
    part     = number / "[" range *( ";" range ) "]"
    range    = number [ ".." number ]

With C{=} one of the answers has to be one of the values, with C{==} each of them;
with C{&} and C{=&} it has to have all bits of one of the values.  C{!} turns it round.
Ranges are those of Postfix, and mean something without C{&} only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import frozen

from ...core.errors import Malformed

#: A part of an address: the numbers that it may be.
_Part = frozenset[int]

_PATTERN = re.compile(r"(\d+|\[[^\]]*\])(?:\.|\Z)")
_RANGE = re.compile(r"(\d{1,3})(?:\.\.(\d{1,3}))?\Z")

#: The operators, the longer ones first.
OPERATORS = ("!==", "!=&", "!=", "!&", "==", "=&", "=", "&")

#: Where all answers of lists are (RFC 5782 section 2.1).
LISTED = 127


@frozen
class Values:
    """
    Which answers of a list are meant.

    @ivar operator: one of L{OPERATORS}.
    @ivar items: the values, as they were given.
    """

    operator: str
    items: tuple[str, ...]
    _patterns: tuple[tuple[_Part, ...], ...]

    @classmethod
    def parse(cls, operator: str, text: str) -> Values:
        """
        Read values.

        @param operator: one of L{OPERATORS}.
        @param text: what stands behind it.
        @raise Malformed: a value is none.
        """
        bits = "&" in operator
        items = tuple(each.strip() for each in text.split(","))
        return cls(operator, items, tuple(_pattern(each, bits) for each in items))

    def render(self) -> str:
        """As it stands in the configuration."""
        return f"{self.operator}{','.join(self.items)}"

    def match(self, answers: Sequence[bytes]) -> bool:
        """
        Is what a list answers meant?

        @param answers: addresses of IPv4; of none at all nothing is meant.
        """
        if not answers:
            return False
        matched = [self._matches(each) for each in answers]
        plain = self.operator.removeprefix("!")
        every = plain in ("==", "=&")
        found = all(matched) if every else any(matched)
        return found is (plain == self.operator)

    def _matches(self, answer: bytes) -> bool:
        numbers = [int(part) for part in answer.split(b".")]
        if "&" in self.operator:
            # A value of bits is one number a part.
            return any(
                all(
                    number & bits == bits
                    for number, (bits,) in zip(numbers, pattern, strict=True)
                )
                for pattern in self._patterns
            )
        return any(
            all(number in part for number, part in zip(numbers, pattern, strict=True))
            for pattern in self._patterns
        )


def _pattern(text: str, bits: bool) -> tuple[_Part, ...]:
    """
    Read one value.

    @param bits: are they bits to be set?
    @raise Malformed: it is none.
    """
    parts = _PATTERN.findall(text) if _PATTERN.sub("", text) == "" else []
    if len(parts) != 4 or text.endswith("."):
        raise Malformed(f'"{text}" is no value of a list, such as 127.0.0.2')
    read = tuple(_part(each, text) for each in parts)
    if bits and any(len(each) > 1 for each in read):
        raise Malformed(f'"{text}": there are no ranges of bits')
    if not bits and LISTED not in read[0]:
        raise Malformed(f'"{text}": all values of lists are in 127.0.0.0/8')
    return read


def _part(part: str, text: str) -> _Part:
    found: set[int] = set()
    for each in part.strip("[]").split(";"):
        read = _RANGE.match(each)
        if read is None:
            raise Malformed(f'"{text}": "{part}" is no part of an address')
        first = int(read[1])
        last = first if read[2] is None else int(read[2])
        if not first <= last <= 255:
            raise Malformed(f'"{text}": "{part}" is not in 0 to 255')
        found.update(range(first, last + 1))
    return frozenset(found)


__all__ = ["LISTED", "OPERATORS", "Values"]
