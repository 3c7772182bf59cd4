"""
A header as those see it who look at it behind us.

A header of a stranger need not be one to everybody.  What comes by BDAT may have a bare
LF in it, which ends a line as soon as the message is in a mailbox; behind a line that
is no field some read on, and some do not.  So no signature counts in such a header; and
in whose name the message is is asked of every C{From} that anybody may see.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import frozen

from ..core.body import bare, normalised
from ..core.submitted import Field, fieldsOf

#: The most fields of a header: each takes far more memory than it has octets.
FIELDS_MOST = 10_000

_FROM = re.compile(rb"^from[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.I | re.M)


@frozen
class SeenHeader:
    """
    A header.

    @ivar fields: as far as it is one.
    @ivar whole: is that all of it, to everybody?
    @ivar authors: what stands behind the colon of each C{From} that anybody may see.
    """

    fields: tuple[Field, ...]
    whole: bool
    authors: Sequence[bytes]

    @classmethod
    def of(cls, octets: bytes) -> SeenHeader:
        """
        Look at a header.

        @param octets: what stands before the empty line, with its CRLFs.
        """
        fields, rest = fieldsOf(octets)
        if not rest and not bare(octets):
            authors = [each.value for each in fields if each.name == b"from"]
            return cls(tuple(fields), True, authors)
        # Every line end is a CRLF now, and the last CR is of the last line.
        authors = [each.rstrip(b"\r") for each in _FROM.findall(normalised(octets))]
        return cls(tuple(fields), False, authors)


def hasTooMany(header: bytes) -> bool:
    """Has a header more fields than L{FIELDS_MOST}?"""
    lines = header.count(b"\n")
    if lines <= FIELDS_MOST:
        return False
    return lines - header.count(b"\n ") - header.count(b"\n\t") > FIELDS_MOST


__all__ = ["FIELDS_MOST", "SeenHeader", "hasTooMany"]
