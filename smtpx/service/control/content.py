"""
What a message says, in pieces: all of it, its header, or what stands behind that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import chain

from ...core.interfaces import IBody

#: The most octets of a piece.
PIECE_OCTETS = 48 << 10

#: A header ends here at the latest, in octets.
_HEADER_OCTETS = 1 << 20

#: The empty line behind a header, which itself may be empty.
_EMPTY = re.compile(rb"(?:\A|(?<=\r\n))\r\n")


class What(Enum):
    """
    What of a message.

    @cvar HEADER: its header, with what was put before it here.
    @cvar BODY: what stands behind the empty line.
    @cvar WHOLE: all of it.
    """

    HEADER = "header"
    BODY = "body"
    WHOLE = "whole"


def pieces(prefix: bytes, body: IBody, what: What) -> Iterator[bytes]:
    """
    Some of a message, in pieces of at most C{PIECE_OCTETS}.

    @param prefix: header fields before the body.
    @param body: the message as it came.
    """
    if what is What.WHOLE:
        return _cut(chain([prefix], body.pieces()))
    header, rest = _split(body)
    return _cut(rest if what is What.BODY else [prefix, header])


def _split(body: IBody) -> tuple[bytes, Iterator[bytes]]:
    """Header, and what stands behind it."""
    seen = b""
    source = body.pieces()
    for piece in source:
        seen += piece
        found = _EMPTY.search(seen)
        if found is not None:
            return seen[: found.start()], chain([seen[found.end() :]], source)
        if len(seen) > _HEADER_OCTETS:
            break
    return seen, source


def _cut(found: Iterable[bytes]) -> Iterator[bytes]:
    for each in found:
        for start in range(0, len(each), PIECE_OCTETS):
            yield each[start : start + PIECE_OCTETS]


__all__ = ["PIECE_OCTETS", "What", "pieces"]
