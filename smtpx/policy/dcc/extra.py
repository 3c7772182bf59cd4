"""
Header fields that a rule has the daemon see above those of a message.
"""

from __future__ import annotations

import re

from ...core.errors import Malformed

#: The most octets of all of them.
EXTRA_OCTETS = 1 << 14

_FIELD = re.compile(r"[!-9;-~]+[ \t]*:[ \t]*\S")
_LINE_END = re.compile(r"\r?\n|\\n")
_UNFIT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def extraFields(text: str) -> bytes:
    r"""
    Read fields, one a line; what begins with a blank goes on with the one above it.

    @param text: the lines end with LF, with CRLF, or with C{\n}, two characters, as
        they stand in Exim's configuration and in ours.
    @return: each with its CRLF; empty: there are none.
    @raise Malformed: a line is no field, nor the rest of one.
    """
    out: list[bytes] = []
    for line in _LINE_END.split(text):
        if not line.strip():
            continue
        goesOn = line[0] in " \t" and bool(out)
        if _UNFIT.search(line) or not (goesOn or _FIELD.match(line)):
            raise Malformed(f"no header field: {line[:60]!r}")
        out.append(line.rstrip().encode("utf-8", "replace") + b"\r\n")
    found = b"".join(out)
    if len(found) > EXTRA_OCTETS:
        raise Malformed(f"more than {EXTRA_OCTETS} octets of fields")
    return found


__all__ = ["EXTRA_OCTETS", "extraFields"]
