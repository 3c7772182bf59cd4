"""
The fields of the TXT records of MTA-STS and TLSRPT (RFC 8461 section 3.1, RFC 8460
section 3), which stand behind the version in one form::

    fields      = *(field-delim field) [field-delim]
    field       = name "=" value
    field-delim = *WSP ";" *WSP
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..core.errors import Malformed

_delimiter = re.compile(rb"[ \t]*;[ \t]*")
_field = re.compile(rb"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=(.+)\Z", re.DOTALL).match
_value = re.compile(rb"[\x21-\x3a\x3c\x3e-\x7e]+\Z").match


def isPlain(name: bytes, value: bytes) -> bool:
    """Is a value in the grammar that both records have for what nobody knows yet?"""
    return _value(value) is not None


def txtFields(
    rest: bytes, fits: Callable[[bytes, bytes], bool] = isPlain
) -> list[tuple[bytes, bytes]]:
    """
    The fields of a record, in their order.

    @param rest: what stands behind the version; begins with a delimiter.
    @param fits: is a value, of a name, in the grammar?
    @raise Malformed: one of them is not.
    """
    words = _delimiter.split(rest)[1:]
    if words and not words[-1]:
        words.pop()
    found = []
    for word in words:
        match = _field(word)
        if match is None or not fits(match[1], match[2]):
            raise Malformed("a field is not of the form name=value")
        found.append((match[1], match[2]))
    return found


__all__ = ["isPlain", "txtFields"]
