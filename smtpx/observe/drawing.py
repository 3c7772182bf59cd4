"""
A journey as a drawing: the client on the left, the server on the right, and an arrow
for each flight, so that one sees each round trip and each wait::

              client                                           server
                |                                                |
       0.000 s  |--- connect to [192.0.2.25]:25 ---------------->|
                :  waited 51 ms                                  :
       0.051 s  |<-- connected ----------------------------------|   1
                :  waited 51 ms for the greeting                 :
       0.102 s  |<-- 220 mx.example.org ESMTP -- 33 octets ------|   2

Double lines are inside TLS.  The number on the right is that of the round trip that
ends there.  The longer a wait is, the more rows it has: one up to a tenth of a second,
two up to a second, three up to ten, and four above.
"""

from __future__ import annotations

from itertools import groupby

from attrs import define, field, frozen

from .journey import Dialled, Journey, LookUp, Talk
from .ladder import handshake
from .spent import (
    BETWEEN,
    CLOSING,
    GREETING,
    HANDSHAKE,
    MESSAGE,
    OURS,
    SENDING,
    Beat,
    Span,
    beats,
    counted,
)
from .trace import Direction, Flight, HandshakeStep, Remark

#: A wait that is shorter than this is not drawn, in seconds.
SEEN_SECONDS = 0.005

#: Above how many seconds a wait has one row more.
_ROWS_SECONDS = (0.1, 1.0, 10.0)

#: How wide a drawing is at least and at most, in characters, and what of that is not
#: between client and server.
WIDTH_LEAST, WIDTH_MOST = 60, 100
_TIME, _TRIP = 13, 6

_WAITS = {
    GREETING: "for the greeting",
    HANDSHAKE: "for the TLS handshake",
    MESSAGE: "for the answer to the message",
    CLOSING: "for the end of the connection",
}


@frozen
class Style:
    """
    What it is drawn with.

    @ivar side: the line of a side.
    @ivar gap: the same, while nothing happens.
    @ivar clear: an arrow in the clear.
    @ivar secured: an arrow inside TLS.
    @ivar right: its point.
    @ivar left: the point of an arrow to the left.
    @ivar times: stands before a count.
    @ivar bar: a piece of a bar.
    """

    side: str
    gap: str
    clear: str
    secured: str
    right: str
    left: str
    times: str
    bar: str


ASCII = Style("|", ":", "-", "=", ">", "<", "x", "#")
UNICODE = Style("│", "┊", "─", "═", "▶", "◀", "×", "█")


def lasting(seconds: float) -> str:
    """How long something took, as one says it."""
    if seconds < 0.00095:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s"


@define(eq=False)
class _Sheet:
    """
    What is drawn on.

    @ivar style: with what.
    @ivar inside: how wide it is between client and server, in characters.
    @ivar trips: how many round trips there were.
    @ivar last: when the last thing happened.
    """

    style: Style
    inside: int
    rows: list[str] = field(factory=list)
    trips: int = 0
    last: float = 0.0

    def head(self) -> None:
        """Client and server, by name."""
        space = " " * (_TIME - 3)
        self.rows.append(f"{space}client{' ' * (self.inside - 4)}server")
        self.row("", self.style.side, "")

    def row(self, time: str, side: str, text: str, trip: str = "") -> None:
        """One row."""
        line = f"{time:>{_TIME - 2}}  {side}{text:{self.inside}}{side}{trip:>4}"
        self.rows.append(line.rstrip())

    def wait(self, seconds: float, what: str) -> None:
        """Nothing happens."""
        if seconds < SEEN_SECONDS:
            return
        told = f"  {lasting(seconds)} at this end"
        if what == SENDING:
            told = f"  sending took {lasting(seconds)}"
        elif what != OURS:
            told = f"  waited {lasting(seconds)} {what}".rstrip()
        rows = 1 + sum(1 for each in _ROWS_SECONDS if round(seconds, 3) > each)
        self.row("", self.style.gap, self.cut(told))
        for _ in range(rows - 1):
            self.row("", self.style.gap, "")

    def note(self, at: float, text: str) -> None:
        """Something that is no arrow."""
        self.row(f"{at:.3f} s", self.style.side, self.cut(f"  {text}"))

    def more(self, text: str) -> None:
        """Something more to that."""
        self.row("", self.style.side, self.cut(f"  {text}"))

    def arrow(
        self, at: float, right: bool, label: str, secured: bool, trips: int = 0
    ) -> None:
        """Somebody says something."""
        style = self.style
        line = style.secured if secured else style.clear
        label = self.cut(f" {label} ", 6)
        if right:
            text = f"{line * 3}{label}".ljust(self.inside - 1, line) + style.right
        else:
            text = f"{style.left}{line * 2}{label}".ljust(self.inside, line)
        self.row(f"{at:.3f} s", style.side, text, self.count(trips))

    def count(self, trips: int) -> str:
        """So many round trips end here."""
        if not trips:
            return ""
        first, self.trips = self.trips + 1, self.trips + trips
        return str(first) if trips == 1 else f"{first}-{self.trips}"

    def cut(self, text: str, less: int = 0) -> str:
        """As much of a text as there is room for."""
        room = self.inside - less
        return text if len(text) <= room else text[: room - 4] + "... "


def drawing(journey: Journey, style: Style = UNICODE, width: int = 80) -> list[str]:
    """
    Draw it.

    @param width: how wide it may be, in characters.
    @return: the rows, without line ends.
    """
    wide = max(WIDTH_LEAST, min(width, WIDTH_MOST))
    sheet = _Sheet(style, wide - _TIME - _TRIP)
    sheet.head()
    for part in journey.parts:
        if isinstance(part, LookUp):
            _drawLookUp(sheet, part)
        elif isinstance(part, Dialled):
            _drawDialled(sheet, part)
        else:
            _drawTalk(sheet, part)
    return sheet.rows


def _drawLookUp(sheet: _Sheet, part: LookUp) -> None:
    sheet.note(part.seconds, f"name look-up: {part.name}")
    sheet.wait(part.untilSeconds - part.seconds, "for names")
    if part.problem is not None:
        sheet.note(part.untilSeconds, part.problem)
    for each in part.found:
        sheet.more(each)


def _drawDialled(sheet: _Sheet, part: Dialled) -> None:
    label = f"connect to {part.place}"
    sheet.arrow(part.seconds, True, label, False)
    took = part.untilSeconds - part.seconds
    sheet.wait(took, "")
    if part.problem is None:
        sheet.arrow(part.untilSeconds, False, "connected", False, 1)
    else:
        sheet.note(part.untilSeconds, part.problem)


def _drawTalk(sheet: _Sheet, part: Talk) -> None:
    for beat in beats(part.trace):
        at = part.seconds + beat.seconds
        step = beat.step
        if isinstance(step, Remark):
            sheet.note(at, step.text)
        elif isinstance(step, HandshakeStep):
            _drawHandshake(sheet, at, step, beat)
        else:
            _drawFlight(sheet, at, step, beat)
    trace = part.trace
    if trace.omitted:
        sheet.more(f"({trace.omitted} more lines are left out)")
    sheet.note(part.untilSeconds, f"end of the session: {trace.end}")


def _drawHandshake(sheet: _Sheet, at: float, step: HandshakeStep, beat: Beat) -> None:
    line = sheet.style.secured
    _drawWait(sheet, beat.waited)
    if not step.complete:
        sheet.note(at, "the TLS handshake was not complete")
        return
    label = sheet.cut(
        f" TLS handshake, {lasting(step.untilSeconds - step.seconds)} ", 6
    )
    text = f"{line * 3}{label}".ljust(sheet.inside, line)
    trips = sheet.count(beat.trips)
    sheet.row(f"{at:.3f} s", sheet.style.side, text, trips)
    for each in handshake(step).split(", "):
        sheet.more(each)


def _drawFlight(sheet: _Sheet, at: float, step: Flight, beat: Beat) -> None:
    _drawWait(sheet, beat.waited)
    right = step.direction is Direction.CLIENT
    label = _commands(sheet.style, beat) if right else _replies(sheet.style, beat)
    counting = len(beat.lines) == 1 and counted(beat.lines[0]) is not None
    if beat.whole and not counting:
        octets = "1 octet" if step.octets == 1 else f"{step.octets} octets"
        dash = (sheet.style.secured if step.secured else sheet.style.clear) * 2
        room = sheet.inside - len(octets) - 12
        label = label if len(label) <= room else label[: room - 3] + "..."
        label = f"{label} {dash} {octets}" if label else octets
    sheet.arrow(at, right, label, step.secured, beat.trips)
    if right:
        sheet.wait(step.untilSeconds - step.seconds, SENDING)


def _drawWait(sheet: _Sheet, waited: Span | None) -> None:
    if waited is None:
        return
    what = waited.what
    if what not in (OURS, SENDING):
        reply = "replies" if BETWEEN in what else "reply"
        what = _WAITS.get(what, f"for the {reply} to {what}")
    sheet.wait(waited.lasted, what)


def _commands(style: Style, beat: Beat) -> str:
    """What is in a flight of the client's."""
    words = []
    for each in beat.lines:
        octets = counted(each)
        verb = each if each.startswith("AUTH ") else each.partition(" ")[0]
        words.append(verb if octets is None else f"message of {octets} octets")
    return _told(style, words) if len(words) > 1 or not words else _only(beat, words)


def _only(beat: Beat, words: list[str]) -> str:
    """A single command is shown as it is."""
    [line] = beat.lines
    return line if counted(line) is None else words[0]


def _replies(style: Style, beat: Beat) -> str:
    """What is in a flight of the server's."""
    replies: list[str] = []
    lines = 0
    for each in beat.lines:
        lines += 1
        if each[3:4] != "-":
            text = each if lines == 1 else f"{each[:3]} in {lines} lines"
            replies.append(text)
            lines = 0
    if lines:
        replies.append("part of a reply")
    if len(replies) > 1:
        replies = [each if each[:1] in "45" else each[:3] for each in replies]
    return _told(style, replies)


def _told(style: Style, words: list[str]) -> str:
    found = []
    for word, same in groupby(words):
        count = sum(1 for _ in same)
        found.append(word if count == 1 else f"{word} {style.times}{count}")
    return ", ".join(found)


__all__ = [
    "ASCII",
    "SEEN_SECONDS",
    "Style",
    "UNICODE",
    "WIDTH_LEAST",
    "WIDTH_MOST",
    "drawing",
    "lasting",
]
