"""
What rules want changed in the header of a message that came: fields taken out of it,
and fields put in at places within it.

What a rule takes out came with the message; what others have put in meanwhile stays,
and a field that a rule adds is never one of those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from attrs import field, frozen

from ...core.envelope import Bearer, Envelope, Stamp
from ...core.errors import Malformed
from ..editedheader import EditedHeader
from ..edits import FieldPlace
from .effects import addedAt
from .fields import fieldName
from .lists import TextList

#: Who puts fields in that rules want.
RULES = "rules"

_FOLD = re.compile(r"\r\n(?=[ \t])")


@frozen
class RemoveHeader:
    """
    Fields to be taken out.

    @ivar name: their name; C{*} stands for any characters.
    @ivar value: a pattern of their value likewise; with C{!} in front, of those that
        stay; L{None}: whatever it is.
    """

    name: str
    value: str | None = None
    _names: TextList = field(init=False, repr=False, eq=False)
    _values: TextList | None = field(init=False, repr=False, eq=False)

    @_names.default
    def _readNames(self) -> TextList:
        return TextList.parse([self.name])

    @_values.default
    def _readValues(self) -> TextList | None:
        return None if self.value is None else TextList.parse([self.value])

    @classmethod
    def parse(cls, text: str) -> RemoveHeader:
        """
        Read C{X-Spam-*}, or C{X-Spam-Flag: yes*}.

        @raise Malformed: it is neither.
        """
        name, colon, value = map(str.strip, text.partition(":"))
        if not fieldName(name) or name.startswith("!"):
            raise Malformed('expected the name of a field, such as "X-Spam-*"')
        if colon and not value:
            raise Malformed('expected a pattern of its value, such as "X-Spam: yes*"')
        return cls(name, value if colon else None)

    def fits(self, name: bytes, value: bytes) -> bool:
        """
        Is this one of them?

        @param name: in lower case.
        @param value: what stands behind the colon.
        """
        if not self._names.has(name.decode("ascii")):
            return False
        if self._values is None:
            return True
        text = _FOLD.sub("", value.decode("utf-8", "replace"))
        return self._values.has(text.strip())


#: What is to be taken out.
_REMOVED = Stamp[tuple[RemoveHeader, ...]]("policy.removed", None, lambda text: ())


def remove(bearer: Bearer, fields: RemoveHeader) -> None:
    """Note fields to be taken out."""
    bearer.stamps[_REMOVED] = (*(bearer.stamp(_REMOVED) or ()), fields)


@frozen
class HeaderWishes:
    """
    What rules want changed in the header of one message.

    @ivar removed: what is to be taken out.
    @ivar first: fields that go where Exim has C{:at_start_rfc:}.
    @ivar last: those that go to its end.
    """

    removed: Sequence[RemoveHeader]
    first: Sequence[bytes]
    last: Sequence[bytes]

    def grant(self, header: EditedHeader) -> None:
        """Change a header so."""
        if self.removed:
            header.strip(
                lambda name, value: any(each.fits(name, value) for each in self.removed)
            )
        for each in self.first:
            header.insert(RULES, each, FieldPlace.AT_START_RFC)
        for each in self.last:
            header.insert(RULES, each, FieldPlace.AT_END)


#: Places that are within a header that came, or below it.
_WITHIN = (FieldPlace.AT_START_RFC, FieldPlace.AT_END)


def changesWithin(places: Iterable[FieldPlace]) -> bool:
    """Is one of these within a header that came, or below it?"""
    return any(each in _WITHIN for each in places)


def headerWishes(envelope: Envelope) -> HeaderWishes | None:
    """
    What rules want changed in the header of a message; L{None}: nothing.

    @param envelope: as the client gave it.
    """
    bearers: list[Bearer] = [envelope, *envelope.recipients]
    removed = [each for bearer in bearers for each in bearer.stamp(_REMOVED) or ()]
    first = addedAt(bearers, FieldPlace.AT_START_RFC)
    last = addedAt(bearers, FieldPlace.AT_END)
    if not (removed or first or last):
        return None
    return HeaderWishes(list(dict.fromkeys(removed)), first, last)


__all__ = [
    "RULES",
    "HeaderWishes",
    "RemoveHeader",
    "changesWithin",
    "headerWishes",
    "remove",
]
