"""
SASLprep (RFC 4013): names and passwords as they are compared.

Two people who type the same name on different keyboards send different octets;
SASLprep makes them the same, and refuses what nobody can type.  It is made of
the tables of stringprep (RFC 3454), which Python has, and of normalisation form
KC of Unicode 3.2, which Python has too.
"""

from __future__ import annotations

import re
import stringprep
from unicodedata import ucd_3_2_0

from ..core.errors import Malformed

# Of ASCII, SASLprep forbids the controls and leaves the rest alone.
_ascii = re.compile(rb"[ -~]*+\Z").match

# RFC 4013 section 2.3.
_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def prepare(octets: bytes, stored: bool = False) -> bytes:
    """
    Prepare a name or a password (RFC 4013 section 2).

    @param octets: UTF-8.
    @param stored: is it to be kept, and not only compared?  Then characters
        that Unicode 3.2 did not have are refused (RFC 3454 section 7).
    @return: UTF-8; empty where nothing is left, which RFC 4616 section 2 and RFC
        5802 section 5.1 want treated as a failure.
    @raise Malformed: not UTF-8, or not to be prepared.
    """
    if _ascii(octets):
        return octets
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8") from error
    # Section 2.1: spaces become one kind, what is commonly mapped to nothing
    # goes; section 2.2: normalise.
    mapped = "".join(
        " " if stringprep.in_table_c12(c) else c
        for c in text
        if not stringprep.in_table_b1(c)
    )
    text = ucd_3_2_0.normalize("NFKC", mapped)
    if any(table(c) for c in text for table in _PROHIBITED):
        raise Malformed("prohibited character")
    if stored and any(stringprep.in_table_a1(c) for c in text):
        raise Malformed("unassigned character")
    _checkDirections(text)
    return text.encode("utf-8")


def _checkDirections(text: str) -> None:
    # RFC 3454 section 6: where one character is written from right to left, so
    # are the first and the last, and none is from left to right.
    if not any(stringprep.in_table_d1(c) for c in text):
        return
    if any(stringprep.in_table_d2(c) for c in text):
        raise Malformed("characters of both directions")
    if not (stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])):
        raise Malformed("right-to-left text that does not begin and end so")
