"""
Making a message fit for a host that takes less of it: RFC 6152 section 3 and RFC 3030
section 3.

It is part of L{smtpx.extensions.eightbitmime} and L{smtpx.extensions.binarymime},
which have the words of the wire; how a message is taken apart is L{smtpx.mime}.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

from ..core.body import LineMeter
from ..core.dialogue import ClientNeed, Transformation, flow
from ..core.envelope import Stamp, dumpFlag, loadFlag
from ..core.hooks import Refusal, Scope
from ..core.interfaces import IBody
from ..core.reply import reply
from ..core.transparency import canonical
from ..mime import ChangedBody, Obstacle, Survey, Wire

#: The sender declared octets above 127.
EIGHTBIT = Stamp[bool]("8bitmime", dumpFlag, loadFlag)

#: The sender declared that the body is octets, not lines.
BINARY = Stamp[bool]("binarymime", dumpFlag, loadFlag, critical=True)

#: The longest line of a text, in octets with CRLF (RFC 5321 section 4.5.3.1.6).
LINE_OCTETS = 1000


def cannot(lacks: bytes, why: bytes = b"conversion is not done") -> Refusal:
    """
    Another host of the domain may do; if none does, the sender is told.

    @param lacks: the keyword that this one has not.
    """
    text = b"Next host lacks %b, and %b" % (lacks, why)
    return Refusal(reply(554, "5.6.3", text), Scope.HOST)


def toSeven(lacks: bytes, body: IBody) -> Transformation:
    """
    A body of lines for a host that takes no octets above 127.  It stays as it is
    where it has none, and no line that is too long.

    @param lacks: the keyword that this host has not.
    """
    eight, long = yield from _glance(body)
    if not eight and not long:
        return body
    found = yield from _converted(body, _lines(body), Wire(eightBit=False))
    if not isinstance(found, Obstacle):
        return found
    # Too long a line is taken by most; eight bits may be broken by any.
    return cannot(lacks, found.value) if eight else body


def toLines(body: IBody) -> Transformation:
    """
    A body of lines for a host to which none may be too long.  It stays as it is
    where none is, or where nothing can be done about it.
    """
    _, long = yield from _glance(body)
    if not long:
        return body
    found = yield from _converted(body, _lines(body), Wire(eightBit=True))
    return body if isinstance(found, Obstacle) else found


def fitsSeven(whole: bytes) -> bool:
    """Is this a body that L{toSeven} leaves as it is?"""
    return whole.isascii() and fitsLines(whole)


def fitsLines(whole: bytes) -> bool:
    """Is this a body that L{toLines} leaves as it is?"""
    start, end = 0, len(whole)
    while end - start > LINE_OCTETS:
        start = whole.rfind(b"\n", start, start + LINE_OCTETS) + 1
        if not start:
            return False
    return True


def fromBinary(lacks: bytes, body: IBody, eightBit: bool) -> Transformation:
    """
    A body that need not be lines, for a host that takes only those.

    @param lacks: the keyword that this host has not.
    @param eightBit: does it take octets above 127?
    """
    found = yield from _converted(body, body.pieces, Wire(eightBit))
    return cannot(lacks, found.value) if isinstance(found, Obstacle) else found


def _lines(body: IBody) -> Callable[[], Iterable[bytes]]:
    # As they would go over the wire.
    return lambda: canonical(body.pieces())


def _glance(body: IBody) -> Generator[ClientNeed, Any, tuple[bool, bool]]:
    """Has it octets above 127?  And has it a line that is too long?"""
    eight = long = begun = False
    meter = LineMeter(LINE_OCTETS)
    for piece in body.pieces():
        if begun:
            yield from flow()
        begun = True
        eight = eight or not piece.isascii()
        long = long or meter.tooLong(piece)
    return eight, long


def _converted(
    body: IBody, source: Callable[[], Iterable[bytes]], wire: Wire
) -> Generator[ClientNeed, Any, IBody | Obstacle]:
    """
    C{body}, fit for C{wire}.

    @param source: gives its pieces, anew each time.
    """
    survey = Survey(wire)
    for piece in source():
        survey.feed(piece)
        yield from flow()
    found = survey.end()
    if isinstance(found, Obstacle):
        return found
    return ChangedBody(source, found.edits, found.octets) if found.edits else body
