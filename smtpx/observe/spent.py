"""
Where the time of a client's session went, and how many round trips it took.

The whole of a session is cut into L{Span}s without a gap: at each moment either the
server owes an answer, and to what is known since replies come in the order of
commands; or the message is going out; or nobody waits for anybody but us.  Of replies
that came at once nobody knows which of them took the time, so a span has the names of
all of them.

A I{round trip} is counted where the client has said all it could and waits: for the
connection, for a TLS handshake, for the greeting, and for each flight of the server's
that answers one of its own.  Two flights that pass each other on the way are not two
round trips.

L{beats} has a session as it is drawn: what came or went at once is one beat, and each
knows what was waited for before it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import pairwise

from attrs import define, evolve, field, frozen

from .journey import Dialled, Journey, LookUp
from .trace import Direction, Flight, HandshakeStep, Remark, SessionTrace

#: Replies of one flight that are further apart than this are seen apart, in seconds.
APART_SECONDS = 0.01

#: Stands between commands whose answers came together, so that nobody knows which of
#: them took the time.
BETWEEN = ", "

#: What is waited for where it is no command.
LOOK_UP = "name look-up"
CONNECT = "connect"
GREETING = "greeting"
HANDSHAKE = "TLS handshake"
MESSAGE = "message"
SENDING = "sending the message"
OURS = "this end"
CLOSING = "closing"

#: What is not the server's answer to anything.
NOT_THEIRS = frozenset((LOOK_UP, CONNECT, HANDSHAKE, SENDING, OURS, CLOSING))

_HELLOS = ("EHLO", "LHLO")
_COUNTED = re.compile(r"\((\d+) octets of a message\)\Z")
_LAST_LINE = re.compile(r"\d{3}(?: |\Z)").match


@frozen
class Span:
    """
    A time in which one thing was waited for.

    @ivar what: a command, or one of the words above.
    @ivar seconds: when it began, in seconds since the connection was made.
    @ivar untilSeconds: when it ended.
    @ivar answered: did it come?
    """

    what: str
    seconds: float
    untilSeconds: float
    answered: bool = True

    @property
    def lasted(self) -> float:
        """How long."""
        return self.untilSeconds - self.seconds


@frozen
class Beat:
    """
    What one side sent at once, or a handshake, or a remark.

    @ivar seconds: when it came or went.
    @ivar step: what it is of.
    @ivar waited: for what, since the beat before; L{None}: nothing.
    @ivar lines: those of C{step} that are of this beat.
    @ivar whole: is it all of the step?
    @ivar trip: which round trip ends here; L{None}: none does.
    @ivar trips: how many end here.
    """

    seconds: float
    step: Flight | HandshakeStep | Remark
    waited: Span | None = None
    lines: tuple[str, ...] = ()
    whole: bool = True
    trip: int | None = None
    trips: int = 0


@frozen
class Answer:
    """
    A reply, with what it answers.

    @ivar what: the command.
    @ivar seconds: when the last of it came.
    @ivar lines: it.
    @ivar secured: did it come inside TLS?
    """

    what: str
    seconds: float
    lines: tuple[str, ...]
    secured: bool

    @property
    def code(self) -> int:
        """The reply code."""
        return int(self.lines[0][:3])


def counted(line: str) -> int | None:
    """How many octets of a message a line stands for; L{None}: it does not."""
    found = _COUNTED.match(line)
    return None if found is None else int(found[1])


@define(eq=False)
class _Walk:
    """
    Goes through a session.

    @ivar spans: the time so far.
    @ivar beats: what came and went so far.
    @ivar answers: each reply, with what it answers.
    """

    spans: list[Span] = field(factory=list)
    beats: list[Beat] = field(factory=list)
    answers: list[Answer] = field(factory=list)
    _pending: deque[str] = field(factory=lambda: deque((GREETING,)))
    #: Was the message answered, or a part of it?
    _answered: bool = False
    _now: float = 0.0
    _trips: int = 0
    #: Does the client wait, having said all it could?
    _asked: bool = True
    _secured: bool = False
    _login: bool = False
    #: The beat of the last trip, until the client says something new.
    _tripped: int | None = None
    _pouring: bool = False
    _reply: list[str] = field(factory=list)

    @property
    def _owed(self) -> str | None:
        """What the server owes an answer to; L{None}: nothing."""
        if not self._pending or (self._answered and len(self._pending) == 1):
            return None
        return self._pending[0]

    def _spend(self, until: float, what: str, answered: bool = True) -> Span | None:
        """Time goes by."""
        began, self._now = self._now, max(self._now, until)
        if self._now <= began:
            return None
        span = Span(what, began, self._now, answered)
        self.spans.append(span)
        return span

    # --- what the client says -----------------------------------------------------

    def client(self, flight: Flight) -> None:
        """The client says something."""
        waited = self._spend(flight.seconds, self._owed or OURS)
        goesOn = bool(flight.lines) and counted(flight.lines[0]) is not None
        if goesOn and self._pouring and self._tripped is not None:
            # What came meanwhile it had not waited for.
            self._trips -= 1
            beat = self.beats[self._tripped]
            self.beats[self._tripped] = evolve(beat, trip=None, trips=0)
        self._tripped = None
        for each in flight.lines:
            self._push(each)
        self._asked = True
        self.beats.append(Beat(flight.seconds, flight, waited, flight.lines))
        self._spend(flight.untilSeconds, SENDING)

    def _push(self, line: str) -> None:
        """One line of the client's."""
        self._pouring = counted(line) is not None
        if self._pouring:
            if MESSAGE not in self._pending:
                self._pending.append(MESSAGE)
            self._answered = False
            return
        if self._answered:
            self._pending.popleft()
            self._answered = False
        self._pending.append(self._named(line))

    def _named(self, line: str) -> str:
        """What a command is called here."""
        verb = line.partition(" ")[0]
        if self._login and verb == "*":
            return "AUTH"
        self._login = verb == "AUTH"
        return f"{verb} inside TLS" if verb in _HELLOS and self._secured else verb

    # --- what the server says -------------------------------------------------------

    def server(self, flight: Flight) -> None:
        """The server says something."""
        moments = flight.moments or (flight.untilSeconds,) * len(flight.lines)
        said = list(zip(moments, flight.lines, strict=True))
        if not said:
            self._beat(flight, (), self._spend(flight.seconds, self._owed or OURS))
        trip = True
        for group in _apart(said):
            owed, names = self._owed or OURS, []
            for moment, each in group:
                names += self._heard(moment, each, flight.secured)
            waited = self._spend(group[-1][0], _joined(names) or owed)
            lines = tuple(each for _, each in group)
            self._beat(flight, lines, waited, len(lines) == len(said), trip)
            trip = False
        self._asked = False

    def _beat(
        self,
        flight: Flight,
        lines: tuple[str, ...],
        waited: Span | None,
        whole: bool = True,
        first: bool = True,
    ) -> None:
        trip: int | None = None
        if first and self._asked:
            self._trips += 1
            trip = self._trips
            self._tripped = len(self.beats)
        trips = 0 if trip is None else 1
        beat = Beat(self._now, flight, waited, lines, whole, trip, trips)
        self.beats.append(beat)

    def _heard(self, moment: float, line: str, secured: bool) -> list[str]:
        """
        One line of the server's.

        @return: what it answers, if it is the last of a reply.
        """
        self._reply.append(line)
        if not _LAST_LINE(line):
            return []
        what = self._pending[0] if self._pending else OURS
        lines, self._reply = tuple(self._reply), []
        self.answers.append(Answer(what, moment, lines, secured))
        if what == MESSAGE:
            self._answered = True
        elif self._pending:
            self._pending.popleft()
        return [what]

    # --- the rest -----------------------------------------------------------------

    def handshake(self, step: HandshakeStep) -> None:
        """TLS is begun."""
        self._spend(step.seconds, OURS)
        waited = self._spend(step.untilSeconds, HANDSHAKE, step.complete)
        trips = 0
        if step.complete:
            trips = 2 if _isLong(step) else 1
            self._trips += trips
        self._secured = step.complete
        # The client's last part of it goes out, and may bring a greeting.
        self._asked = True
        number = self._trips if trips else None
        beat = Beat(self._now, step, waited, trip=number, trips=trips)
        self.beats.append(beat)

    def remark(self, step: Remark) -> None:
        """Something happened beside it."""
        self.beats.append(Beat(step.seconds, step))

    def end(self, seconds: float) -> None:
        """It is over."""
        self._spend(seconds, self._owed or CLOSING, self._owed is None)


def _isLong(step: HandshakeStep) -> bool:
    """Does a handshake take two round trips (RFC 5246 section 7.3)?"""
    return step.version != "TLSv1.3" and not step.resumed


def _joined(names: Iterable[str]) -> str:
    """What came together, each once."""
    return BETWEEN.join(dict.fromkeys(names))


def _apart(
    said: Iterable[tuple[float, str]],
) -> Iterator[list[tuple[float, str]]]:
    """Lines in groups that came together."""
    group: list[tuple[float, str]] = []
    for moment, each in said:
        if group and moment - group[-1][0] > APART_SECONDS:
            yield group
            group = []
        group.append((moment, each))
    if group:
        yield group


def _walked(trace: SessionTrace) -> _Walk:
    walk = _Walk()
    for step in trace.steps:
        if isinstance(step, HandshakeStep):
            walk.handshake(step)
        elif isinstance(step, Remark):
            walk.remark(step)
        elif step.direction is Direction.CLIENT:
            walk.client(step)
        else:
            walk.server(step)
    walk.end(trace.seconds)
    return walk


def beats(trace: SessionTrace) -> tuple[Beat, ...]:
    """A session as it is drawn."""
    return tuple(_walked(trace).beats)


def spans(trace: SessionTrace) -> tuple[Span, ...]:
    """The time of a session, without a gap."""
    return tuple(_walked(trace).spans)


def answers(trace: SessionTrace) -> tuple[Answer, ...]:
    """All replies of a session, each with what it answers."""
    return tuple(_walked(trace).answers)


def roundTrips(trace: SessionTrace) -> int:
    """How many round trips there were, without that of the connection."""
    return sum(beat.trips for beat in beats(trace))


def goodbyes(trace: SessionTrace) -> int:
    """How many of the round trips were for the answer to QUIT."""
    found = beats(trace)
    return sum(
        after.trips
        for before, after in pairwise(found)
        if isinstance(before.step, Flight)
        and before.step.direction is Direction.CLIENT
        and before.lines == ("QUIT",)
    )


@frozen
class Share:
    """
    How much time something took.

    @ivar what: see L{Span}.
    @ivar seconds: all of it together.
    @ivar times: how often.
    @ivar longest: the longest single time, in seconds.
    """

    what: str
    seconds: float
    times: int
    longest: float


def shares(journey: Journey) -> tuple[Share, ...]:
    """
    Where the time of a journey went, the longest first.  What was done at the same
    time, such as trying two addresses, counts for each.
    """
    found: dict[str, list[float]] = {}
    for part in journey.parts:
        if isinstance(part, LookUp):
            found.setdefault(LOOK_UP, []).append(part.untilSeconds - part.seconds)
        elif isinstance(part, Dialled):
            found.setdefault(CONNECT, []).append(part.untilSeconds - part.seconds)
        else:
            for span in spans(part.trace):
                found.setdefault(span.what, []).append(span.lasted)
    told = [
        Share(what, round(sum(each), 6), len(each), round(max(each), 6))
        for what, each in found.items()
    ]
    return tuple(sorted(told, key=lambda share: -share.seconds))


__all__ = [
    "APART_SECONDS",
    "Answer",
    "BETWEEN",
    "Beat",
    "CLOSING",
    "CONNECT",
    "GREETING",
    "HANDSHAKE",
    "LOOK_UP",
    "MESSAGE",
    "NOT_THEIRS",
    "OURS",
    "SENDING",
    "Share",
    "Span",
    "answers",
    "beats",
    "counted",
    "goodbyes",
    "roundTrips",
    "shares",
    "spans",
]
