"""
A session as it is recorded: octets and lines become flights.

The peer's octets are one stream, and each of its flights is a stretch of that.  A
line is understood later than it came: a command perhaps only when the answer to the
one before was there.  It is noted in the flight that its last octet came with.

The peer is a client, or it is the server that we are the client of.

Who looks on while it happens is told of each line (L{Said}).

A recording is bounded: beyond so many octets of text and flights, what is noted is
only counted, so that it ends with the session and not with our memory.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field, frozen

from ..core.hooks import TLSInfo
from .harmless import line as plainly
from .trace import Direction, Flight, HandshakeStep, Remark, Step

#: The longest line that is shown, in characters.
LINE_CHARACTERS = 1000

#: About what a flight or a remark costs, and a line besides its text, in octets.
_STEP_OCTETS = 512
_LINE_OCTETS = 96


@frozen
class Said:
    """
    A line, as it comes or goes.

    @ivar seconds: when, in seconds since the connection was made.
    @ivar direction: who said it.
    @ivar secured: was it inside TLS?
    @ivar line: without what is secret in it.
    @ivar counted: how many octets stand behind C{line}, where it only counts them; a
        long message is told of piece by piece.
    """

    seconds: float
    direction: Direction
    secured: bool
    line: str
    counted: int = 0


#: What is told to who looks on.
Seen = Said | HandshakeStep | Remark


def _nobody(seen: Seen) -> None:
    """Nobody looks on."""


@define(eq=False)
class _Count:
    """Octets that are not shown."""

    what: str
    octets: int

    def __str__(self) -> str:
        return f"({self.octets} {self.what})"


@define(eq=False)
class _Stretch:
    """
    A flight that may become longer.

    @ivar ends: where it ends in the stream of the peer's octets.
    """

    seconds: float
    untilSeconds: float
    direction: Direction
    octets: int
    secured: bool
    ends: int = 0
    lines: list[str | _Count] = field(factory=list)
    moments: list[float] = field(factory=list)

    def add(self, line: str | _Count, seconds: float) -> None:
        """There is one line more."""
        self.lines.append(line)
        self.moments.append(seconds)

    def finished(self) -> Flight:
        """The flight as it is."""
        return Flight(
            self.seconds,
            self.untilSeconds,
            self.direction,
            self.octets,
            self.secured,
            tuple(map(str, self.lines)),
            tuple(self.moments),
        )


class Recording:
    """
    What has been said in a session so far.

    @ivar heard: how many octets came from the peer.
    @ivar omitted: how many lines were left out.
    """

    __slots__ = (
        "_began",
        "_handshake",
        "_left",
        "_lines",
        "_noted",
        "_ours",
        "_seconds",
        "_steps",
        "_theirs",
        "_told",
        "heard",
        "omitted",
    )

    def __init__(
        self,
        seconds: Callable[[], float],
        octetsMax: int,
        theirs: Direction = Direction.CLIENT,
        told: Callable[[Seen], None] = _nobody,
    ) -> None:
        """
        @param seconds: of a clock that never goes back.
        @param octetsMax: about how much memory it may take.
        @param theirs: who the peer is.
        @param told: told of each line as it comes or goes; must not raise.
        """
        self._told = told
        self._theirs = theirs
        client = theirs is Direction.CLIENT
        self._ours = Direction.SERVER if client else Direction.CLIENT
        self._seconds = seconds
        self._began = seconds()
        self._left = octetsMax
        self._steps: list[_Stretch | HandshakeStep | Remark] = []
        #: Of ours, which leave with the next flight.
        self._lines: list[str | _Count] = []
        self._noted = 0
        self._handshake: float | None = None
        self.heard = 0
        self.omitted = 0

    @property
    def now(self) -> float:
        """Seconds since the connection was made, to the microsecond."""
        return round(self._seconds() - self._began, 6)

    @property
    def full(self) -> bool:
        """Was there something for which there was no room?"""
        return self._left < 0

    def _pays(self, octets: int) -> bool:
        """Is there room for so much more?"""
        self._left -= octets
        return self._left >= 0

    # --- the peer -------------------------------------------------------------------

    def hear(self, octets: int, secured: bool) -> None:
        """So many octets have come."""
        self.heard += octets
        last = self._steps[-1] if self._steps else None
        if (
            isinstance(last, _Stretch)
            and last.direction is self._theirs
            and last.secured is secured
        ):
            last.octets += octets
            last.untilSeconds = self.now
            last.ends = self.heard
        elif self._pays(_STEP_OCTETS):
            now = self.now
            stretch = _Stretch(now, now, self._theirs, octets, secured, self.heard)
            self._steps.append(stretch)

    def _flight(self, taken: int) -> _Stretch | None:
        """The peer's flight in which the octet before C{taken} came."""
        found = None
        for step in reversed(self._steps):
            if isinstance(step, _Stretch) and step.direction is self._theirs:
                if found is not None and step.ends < taken:
                    return found
                found = step
        return found

    def note(self, line: bytes, taken: int) -> None:
        """
        A line was understood.

        @param line: without what is secret in it.
        @param taken: how many octets of the peer's were by then.
        """
        self._noted = taken
        shown = _cut(plainly(line))
        flight = self._flight(taken)
        if flight is None or not self._pays(len(shown) + _LINE_OCTETS):
            self.omitted += 1
        else:
            flight.add(shown, flight.untilSeconds)
        if flight is not None:
            self._told(Said(self.now, self._theirs, flight.secured, shown))

    def count(self, what: str, taken: int) -> None:
        """
        Octets were taken that are not shown.

        @param what: octets of what.
        @param taken: how many of the peer's were taken by then; all that were not
            noted are meant.
        """
        octets, self._noted = taken - self._noted, taken
        flight = self._flight(taken)
        if octets <= 0:
            return
        if flight is None:
            self.omitted += 1
            return
        last = flight.lines[-1] if flight.lines else None
        if isinstance(last, _Count) and last.what == what:
            last.octets += octets
        elif self._pays(_LINE_OCTETS):
            flight.add(_Count(what, octets), flight.untilSeconds)
        else:
            self.omitted += 1

    # --- our side -------------------------------------------------------------------

    def speak(self, lines: list[bytes]) -> None:
        """
        Lines were made, which leave with the next flight.

        @param lines: without their CRLF, and without what is secret.
        """
        for line in lines:
            shown = _cut(plainly(line))
            if self._pays(len(shown) + _LINE_OCTETS):
                self._lines.append(shown)
            else:
                self.omitted += 1

    def pour(self, what: str, octets: int) -> None:
        """
        Octets that are not shown leave with the next flight.

        @param what: octets of what.
        """
        last = self._lines[-1] if self._lines else None
        if isinstance(last, _Count) and last.what == what:
            last.octets += octets
        elif self._goesOn(what) or self._pays(_LINE_OCTETS):
            self._lines.append(_Count(what, octets))
        else:
            self.omitted += 1

    def say(self, octets: int, secured: bool) -> None:
        """So many octets leave, with all lines that were made."""
        lines, self._lines = self._lines, []
        for line in lines:
            counted = line.octets if isinstance(line, _Count) else 0
            self._told(Said(self.now, self._ours, secured, str(line), counted))
        if len(lines) == 1 and isinstance(lines[0], _Count):
            last = self._goesOn(lines[0].what)
            if last is not None and last.secured is secured:
                # The next piece of a long message.
                last.octets += octets
                last.untilSeconds = self.now
                self._counted(last).octets += lines[0].octets
                return
        if not self._pays(_STEP_OCTETS):
            self.omitted += len(lines)
            return
        now = self.now
        stretch = _Stretch(now, now, self._ours, octets, secured)
        for line in lines:
            stretch.add(line, now)
        self._steps.append(stretch)

    def _goesOn(self, what: str) -> _Stretch | None:
        """Our last flight, if it ends in octets of this kind and nothing followed."""
        last = self._steps[-1] if self._steps else None
        if not isinstance(last, _Stretch) or last.direction is not self._ours:
            return None
        end = last.lines[-1] if last.lines else None
        return last if isinstance(end, _Count) and end.what == what else None

    @staticmethod
    def _counted(stretch: _Stretch) -> _Count:
        end = stretch.lines[-1]
        assert isinstance(end, _Count)
        return end

    # --- TLS, and other things -------------------------------------------------------

    def secure(self) -> None:
        """A handshake begins."""
        self._handshake = self.now

    def secured(self, info: TLSInfo) -> None:
        """It is complete; one that nobody saw begin began with the connection."""
        began, self._handshake = self._handshake or 0.0, None
        name = info.serverName
        step = HandshakeStep(
            began,
            self.now,
            info.version,
            plainly(info.cipher),
            info.bits,
            info.resumed,
            None if name is None else _cut(plainly(name)),
            info.verified,
            None if info.subject is None else _cut(plainly(info.subject)),
            None if info.problem is None else _cut(plainly(info.problem)),
        )
        self._told(step)
        if self._pays(_STEP_OCTETS):
            self._steps.append(step)
        else:
            self.omitted += 1

    def remark(self, said: str) -> None:
        """Something happened beside the wire."""
        remark = Remark(self.now, _cut(plainly(said)))
        self._told(remark)
        if self._pays(len(said) + _STEP_OCTETS):
            self._steps.append(remark)
        else:
            self.omitted += 1

    def steps(self, securing: bool) -> tuple[Step, ...]:
        """
        All of it.

        @param securing: has it ended in a handshake?
        """
        steps: list[Step] = [
            step.finished() if isinstance(step, _Stretch) else step
            for step in self._steps
        ]
        if securing:
            steps.append(HandshakeStep(self._handshake or 0.0, self.now))
        return tuple(steps)


def _cut(shown: str) -> str:
    if len(shown) <= LINE_CHARACTERS:
        return shown
    return shown[:LINE_CHARACTERS] + "..."


__all__ = ["LINE_CHARACTERS", "Recording", "Said", "Seen"]
