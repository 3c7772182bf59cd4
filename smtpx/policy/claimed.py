"""
Takes out of a header what pretends to be ours (RFC 8601 section 5).

A header of a stranger need not be a header to everybody: somebody behind us may read
on where we have stopped, at a line that is no field, or see a line where we see none.
So whatever looks like the field to anybody is looked at.
"""

from __future__ import annotations

import re

from ..mailauth.resultsclaims import OurNames

_NAME = b"authentication-results"
_FIELD = re.compile(rb"authentication-results[ \t]*:", re.IGNORECASE)


def withoutClaims(header: bytes, ours: OurNames) -> tuple[bytes, int]:
    """
    A header without the results that claim to be ours.

    @param header: what stands before the empty line, with its line ends; it takes
        little time if there are none.
    @return: it, and how many fields were taken out.
    """
    if _NAME not in header.lower():
        return header, 0
    kept: list[bytes] = []
    out = 0
    for field in _fields(header):
        found = _FIELD.match(field)
        if found is not None and ours.claimed(field[found.end() :]) is not None:
            out += 1
        else:
            kept.append(field)
    return (b"".join(kept), out) if out else (header, 0)


def _fields(header: bytes) -> list[bytes]:
    """Lines with those that continue them; a bare LF or CR may be the end of one."""
    found: list[list[bytes]] = []
    for line in header.splitlines(keepends=True):
        if found and line[:1] in (b" ", b"\t"):
            found[-1].append(line)
        else:
            found.append([line])
    return [b"".join(lines) for lines in found]


__all__ = ["withoutClaims"]
