"""
A message's header that is held, so that fields can be taken out, changed and put in.

See L{smtpx.policy.edits} for how they are numbered.  What nobody touches stays as it
came, octet by octet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from attrs import define

from ..core.submitted import fieldsOf
from .edits import Change, FieldPlace, HeaderEdit, Insert, Remove
from .fieldtext import fieldOf

#: Says of a field whether it is to be taken out: of its name in lower case, and of what
#: stands behind its colon.
Strips = Callable[[bytes, bytes], bool]

#: A CR or LF that ends no line.
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")

#: What begins a field, to whom a bare CR or LF ends a line.
_HIDDEN = re.compile(rb"([!-9;-~]+)[ \t]*:")


@define(eq=False)
class _Held:
    """
    A field.

    @ivar name: in lower case.
    @ivar octets: all of it.
    @ivar author: who has put it in; L{None}: it came with the message.
    @ivar touched: has somebody changed it?
    @ivar gone: was it taken out?
    """

    name: bytes
    octets: bytes
    author: str | None = None
    touched: bool = False
    gone: bool = False


class EditedHeader:
    """
    A header while it is changed.

    @ivar rest: what came behind its last field without an empty line between: it is
        text.
    """

    def __init__(self, header: bytes) -> None:
        """
        @param header: what stands before the empty line, with its CRLFs.
        """
        fields, self.rest = fieldsOf(header)
        self._fields = [_Held(each.name, each.octets) for each in fields]
        self._above: list[_Held] = []

    @property
    def octets(self) -> bytes:
        """Its fields as they are now."""
        return b"".join(_whole(self._fields))

    @property
    def above(self) -> bytes:
        """Those that were put above all that is ours."""
        return b"".join(_whole(self._above))

    def apply(self, author: str, edit: HeaderEdit) -> None:
        """Change something."""
        if isinstance(edit, Insert):
            octets = fieldOf(edit.name, edit.value, edit.exact)
            self.insert(author, octets, edit.at)
            return
        found = self._nth(author, edit)
        if isinstance(edit, Remove) or not edit.value:
            if found is not None:
                found.gone = found.touched = True
        elif found is None:
            octets = fieldOf(edit.name, edit.value, edit.exact)
            self.insert(author, octets, FieldPlace.AT_END)
        else:
            found.octets = fieldOf(edit.name, edit.value, edit.exact)
            found.touched, found.gone = True, False

    def insert(self, author: str, octets: bytes, at: int | FieldPlace) -> None:
        """
        Put a field in.

        @param octets: all of it, with its CRLFs.
        """
        name = octets.partition(b":")[0].strip().lower()
        made = _Held(name, octets, author)
        if isinstance(at, FieldPlace):
            self._place(made, at)
        else:
            self._number(made, at)

    def strip(self, strips: Strips) -> None:
        """
        Take out of what came, and nobody has changed since, whatever is named; also
        where it is a field only to those for whom a bare CR or LF ends a line.
        """
        for each in self._fields:
            if each.author is None and not each.touched:
                value = each.octets.partition(b":")[2]
                each.gone = strips(each.name, value)
                if not each.gone:
                    each.octets = _withoutHidden(each.octets, strips)

    def counted(self, author: str, edit: HeaderEdit) -> HeaderEdit:
        """
        A change that somebody wants who has read this header as it is now, and so has
        not counted what was taken out of it, as L{apply} counts.

        @param author: under whose name it will be.
        """
        if isinstance(edit, Insert):
            if isinstance(edit.at, FieldPlace) or edit.at <= 0:
                return edit
            at = self._counted(author, self._fields, edit.at - 1) + 1
            return Insert(edit.name, edit.value, at, edit.exact)
        named = [each for each in self._seen(author) if each.name == edit.name.lower()]
        nth = self._counted(author, named, edit.nth)
        if isinstance(edit, Remove):
            return Remove(edit.name, nth)
        return Change(edit.name, nth, edit.value, edit.exact)

    def _counted(self, author: str, fields: list[_Held], there: int) -> int:
        """How many fields it takes for so many that are there."""
        count = 0
        for each in fields:
            if not there:
                break
            if each.author is None or each.author == author:
                count += 1
                there -= not each.gone
        return count + there

    def _seen(self, author: str) -> Iterator[_Held]:
        """The fields as an author counts them."""
        for each in (*self._above, *self._fields):
            if each.author is None or each.author == author:
                yield each

    def _nth(self, author: str, edit: Remove | Change) -> _Held | None:
        name, left = edit.name.lower(), edit.nth
        for each in self._seen(author):
            if each.name == name:
                left -= 1
                if not left:
                    return each
        return None

    def _number(self, made: _Held, at: int) -> None:
        """Put a field below so many others, the first of which is our own."""
        if at <= 0:
            self._above.insert(0, made)
            return
        left, place = at - 1, 0
        for index, each in enumerate(self._fields):
            if not left:
                break
            if each.author is None or each.author == made.author:
                left, place = left - 1, index + 1
        self._fields.insert(place, made)

    def _place(self, made: _Held, place: FieldPlace) -> None:
        if place is FieldPlace.AT_START:
            self._above.insert(0, made)
        elif place is FieldPlace.AFTER_RECEIVED:
            self._fields.insert(0, made)
        elif place is FieldPlace.AT_END:
            self._fields.append(made)
        else:
            self._fields.insert(self._firstThatIsNoTrace(), made)

    def _firstThatIsNoTrace(self) -> int:
        """Where the fields of RFC 5322 section 3.6.7 and 3.6.6 end that came."""
        for index, each in enumerate(self._fields):
            trace = each.name == b"received" or each.name.startswith(b"resent-")
            if each.author is None and not (trace or each.gone):
                return index
        return len(self._fields)


def _withoutHidden(octets: bytes, strips: Strips) -> bytes:
    """A field without those that somebody else may see in it."""
    if not _BARE.search(octets):
        return octets
    parts: list[bytes] = []
    for line in octets.splitlines(keepends=True):
        if parts and line[:1] in (b" ", b"\t"):
            parts[-1] += line
        else:
            parts.append(line)
    kept = parts[:1]
    for part in parts[1:]:
        found = _HIDDEN.match(part)
        if found is None or not strips(found[1].lower(), part[found.end() :]):
            kept.append(part)
    if len(kept) == len(parts):
        return octets
    return b"".join(kept).rstrip(b"\r\n") + b"\r\n"


def _whole(fields: list[_Held]) -> Iterator[bytes]:
    """Those that are there; a message may end without the CRLF of its last field."""
    kept = [each.octets for each in fields if not each.gone]
    for each in kept[:-1]:
        yield each if each.endswith(b"\r\n") else each + b"\r\n"
    yield from kept[-1:]


__all__ = ["EditedHeader", "Strips"]
