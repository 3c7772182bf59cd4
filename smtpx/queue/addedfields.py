"""
Fields that a route puts above each recipient's copy, with what a scanner found out of
it: C{X-Brightmail-Tracker: $bmi_base64_tracker_verdict}.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

from ..core.envelope import Recipient
from ..core.errors import UsageError
from ..core.fieldline import foldedField
from ..extensions.bmi import VARIABLES, variable

_FIELD = re.compile(r"([!-9;-~]+):[ \t]*(.*)\Z")
_VARIABLE = re.compile(r"\$(\$|\w+|\{\w+\})?")

#: The one variable that may be a field by itself.
_WHOLE = "$bmi_alt_location"


@frozen
class AddedFields:
    """
    Fields of a route.

    @ivar texts: their lines, with variables.
    """

    texts: tuple[str, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> AddedFields:
        """
        @raise UsageError: one is no field, or has a variable that there is not.
        """
        found = tuple(each.strip() for each in texts)
        for text in found:
            if text != _WHOLE and not (_FIELD.match(text) and text.isprintable()):
                raise UsageError(
                    f'expected a field such as "X-Seen: yes", got "{text}"'
                )
            for each in _VARIABLE.finditer(text):
                if _name(each) not in (*VARIABLES, "$"):
                    known = ", ".join(f"${one}" for one in VARIABLES)
                    raise UsageError(f'"{text}": "{each[0]}" is none of {known}')
        return cls(found)

    def render(self, recipient: Recipient) -> bytes:
        """The fields of a recipient's copy, each with its CRLF."""
        if not self.texts:
            return b""

        def value(found: re.Match[str]) -> str:
            name = _name(found)
            return "$" if name == "$" else variable(recipient, name)

        lines = (_VARIABLE.sub(value, text) for text in self.texts)
        return b"".join(_field(each) for each in lines)


def _name(found: re.Match[str]) -> str:
    """Of a variable, without its braces; empty: there is none behind the dollar."""
    return (found[1] or "").strip("{}")


def _field(line: str) -> bytes:
    """A line as a field; empty: it is none, or has nothing but its name."""
    found = _FIELD.match(line)
    if found is None:
        return b""
    text = " ".join(found[2].split())
    if not text:
        return b""
    return foldedField(found[1], text)


#: There are none.
NONE = AddedFields()

__all__ = ["NONE", "AddedFields"]
