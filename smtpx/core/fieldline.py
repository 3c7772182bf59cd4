"""
Header fields that we write from texts, on lines of a good length (RFC 5322).
"""

from __future__ import annotations

import textwrap
from email.header import Header

#: How long a line ought to be, and has to be, in octets (RFC 5322 section 2.1.1).
_LINE_OCTETS, _LINE_MOST = 78, 998


def foldedField(name: str, value: str) -> bytes:
    """
    A field, with its CRLF.

    A value beyond ASCII is written in encoded words (RFC 2047): an old next host may
    have no UTF-8 in a header.  It is folded at blanks; only where it has so few that a
    line would be one that nobody takes, anywhere.

    @param name: in ASCII.
    @param value: not empty, with single blanks and no line ends.
    """
    if not value.isascii():
        value = " ".join(Header(value, "utf-8", header_name=name).encode().split())
    whole = f"{name}: {value}"
    lines = _wrapped(whole, False)
    if any(len(each) > _LINE_MOST for each in lines):
        lines = _wrapped(whole, True)
    return "\r\n".join(lines).encode("ascii") + b"\r\n"


def _wrapped(text: str, anywhere: bool) -> list[str]:
    return textwrap.wrap(
        text,
        _LINE_OCTETS - 1,
        subsequent_indent=" ",
        break_long_words=anywhere,
        break_on_hyphens=False,
    )


__all__ = ["foldedField"]
