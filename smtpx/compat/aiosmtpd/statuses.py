"""
The strings that handlers answer with, as replies.

A status is C{"250 OK"}, or several lines with C{-} behind the code of all but the
last.  What is no reply is a L{BadStatus}: the client is told 451, and the log what
the handler gave.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...core.errors import PeerError, SMTPXError
from ...core.reply import Reply, ReplyReader

_LINES = re.compile(rb"\r\n|\n|\r")


class BadStatus(SMTPXError, ValueError):
    """A handler gave something else than a status; the message says what."""


def octetsOf(status: object) -> bytes:
    """
    A status as octets.

    @raise BadStatus: neither text nor octets.
    """
    if isinstance(status, str):
        return status.encode("utf-8", "surrogateescape")
    if isinstance(status, bytes | bytearray):
        return bytes(status)
    raise BadStatus(f"not a status, but {type(status).__name__}")


def repliesOf(statuses: Iterable[object]) -> list[Reply]:
    """
    Read statuses; lines of one reply may be spread over several.

    @raise BadStatus: they are no replies, or the last has no end.
    """
    reader = ReplyReader()
    found: list[Reply] = []
    for status in statuses:
        octets = octetsOf(status)
        for line in _LINES.split(octets.removesuffix(b"\r\n").removesuffix(b"\n")):
            try:
                reply = reader.line(line)
            except PeerError as error:
                raise BadStatus(f"{status!r} is no status: {error}") from None
            if reply is not None:
                found.append(_closing(reply) if reply.code == 421 else reply)
    if reader.midway:
        raise BadStatus("the last line of a status has a '-' behind its code")
    return found


def oneReply(statuses: Iterable[object]) -> Reply:
    """
    Read statuses of which the last is the answer.

    @raise BadStatus: see L{repliesOf}; or there is none.
    """
    found = repliesOf(statuses)
    if not found:
        raise BadStatus("no status")
    return found[-1]


def helloReply(lines: Iterable[object]) -> Reply:
    """
    Read the lines of an EHLO response as a handler gave them, whichever of them
    have a C{-} behind the code.

    @raise BadStatus: they are no reply.
    """
    octets = [
        line for text in lines for line in _LINES.split(octetsOf(text).rstrip(b"\r\n"))
    ]
    last = len(octets) - 1
    joined = [
        line[:3] + (b" " if index == last else b"-") + line[4:]
        for index, line in enumerate(octets)
    ]
    return oneReply(joined)


def _closing(reply: Reply) -> Reply:
    # RFC 5321 section 3.8: who says 421 closes.
    return Reply(reply.code, reply.status, reply.lines, True)


def closing(reply: Reply, closes: bool) -> Reply:
    """C{reply}, with the end of the connection behind it if C{closes}."""
    return _closing(reply) if closes and not reply.closes else reply
