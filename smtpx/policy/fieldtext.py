"""
Header fields as octets, of names and values that come from anywhere: whatever stands in
a value, it makes one field, and none of its lines is longer than RFC 5322 section 2.1.1
allows.
"""

from __future__ import annotations

import re

from ..core.errors import Malformed

#: The most octets of a line, without its CRLF (RFC 5322 section 2.1.1).
LINE_OCTETS = 998

#: The most octets of a name, so that there is room for a value on its line.
NAME_OCTETS = 256

_NAME = re.compile(rb"[!-9;-~]+\Z")
_ENDS = re.compile(rb"\r\n|\r|\n")
#: What no field has (RFC 5322 section 2.2), but for tabs; line ends are seen before.
_CONTROLS = bytes([*range(9), *range(10, 32), 127])
_BLANKS = b" \t"


def checkedName(name: bytes) -> bytes:
    """
    The name of a field.

    @raise Malformed: it is none, or too long a one.
    """
    if _NAME.match(name) is None or len(name) > NAME_OCTETS:
        raise Malformed(f"{name[:80]!r} is no name of a header field")
    return name


def fieldOf(name: bytes, value: bytes, exact: bool = False) -> bytes:
    """
    A field, with its CRLFs.

    @param name: a good one (L{checkedName}).
    @param value: what stands behind the colon.  It may be folded, with line ends of any
        kind, and blanks behind them or not; what is too long for a line is folded.
        Lines without text and controls are left out.  Octets above 127 stay.
    @param exact: is there to be no blank behind the colon but those in the value?
    """
    first, *rest = [each.translate(None, _CONTROLS) for each in _ENDS.split(value)]
    if not exact and first and first[:1] not in (b" ", b"\t"):
        first = b" " + first
    if not first.strip(_BLANKS) and not exact:
        first = b""
    lines = _within(b"%b:%b" % (name, first), len(name) + 2)
    for each in rest:
        lines += _within(each if each[:1] in (b" ", b"\t") else b" " + each, 1)
    # A line of blanks alone would be the end of the header to some.
    kept = [lines[0], *(each for each in lines[1:] if each.strip(_BLANKS))]
    return b"\r\n".join(kept) + b"\r\n"


def _within(line: bytes, least: int) -> list[bytes]:
    """
    A line as lines that are not too long.

    @param least: so much of it is never a line alone.
    """
    found: list[bytes] = []
    while len(line) > LINE_OCTETS:
        cut = max(line.rfind(each, least, LINE_OCTETS) for each in (b" ", b"\t"))
        if cut <= 0 or not line[least:cut].strip(_BLANKS):
            cut = _hardCut(line)
        found.append(line[:cut])
        line = line[cut:]
        if line[:1] not in (b" ", b"\t"):
            line = b" " + line
        least = 1
    found.append(line)
    return found


def _hardCut(line: bytes) -> int:
    """Where to cut a line without blanks: not within a character."""
    cut = LINE_OCTETS
    while cut > LINE_OCTETS - 4 and line[cut] & 0xC0 == 0x80:
        cut -= 1
    return cut


__all__ = ["LINE_OCTETS", "NAME_OCTETS", "checkedName", "fieldOf"]
