"""
Fields of a line of the main log: functions that are called one behind the other, in
Exim's order.

Of most messages there is nothing to tell in most fields.  A field that is about one
thing says so (L{about}), and is only called of an event that has it.  And most fields
are the same of one message after the other: those of the client, of the host, of their
TLS.  One that is made of nothing else says that as well (L{lasting}), so that it can be
made once (L{LineFields.settled}).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.logger import LogEvent

#: Gives a field, with the space before it; empty: there is none.  Of the fields
#: of extensions, the second argument, it takes out those that it shows.
FieldOf = Callable[[LogEvent, dict[str, Any]], str]


def about(name: str) -> Callable[[FieldOf], FieldOf]:
    """
    Marks a field that is empty where there is nothing of this name in the event.
    """

    def mark(field: FieldOf) -> FieldOf:
        field.about = name  # type: ignore[attr-defined]  # read by LineFields
        return field

    return mark


def lasting(field: FieldOf) -> FieldOf:
    """
    Marks a field that is made only of what lasts (L{smtpx.observe.brief}).  Those of
    extensions do.
    """
    field.lasting = True  # type: ignore[attr-defined]  # read by LineFields
    return field


class LineFields:
    """Fields one behind the other."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[FieldOf]) -> None:
        self._fields = tuple([(getattr(each, "about", None), each) for each in fields])

    def of(self, event: LogEvent, fields: dict[str, Any]) -> str:
        """
        The fields of an event.

        @param fields: those of extensions; those that are shown are taken out.
        """
        out = ""
        for about, field in self._fields:
            if about is None or about in event:
                out += field(event, fields)
        return out

    def settled(self, event: LogEvent) -> tuple[list[tuple[str, FieldOf]], str]:
        """
        Make what lasts of an event.

        @return: each other field that there is, behind the text that stands before it;
            and the text behind the last.
        """
        text, found = "", []
        fields = dict(event.get("fields", ()))
        for about, field in self._fields:
            if about is None or about in event:
                if getattr(field, "lasting", False):
                    text += field(event, fields)
                else:
                    found.append((text, field))
                    text = ""
        return found, text


__all__ = ["FieldOf", "LineFields", "about", "lasting"]
