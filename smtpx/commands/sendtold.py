"""
What C{smtpx send} shows: the dialogue as it happens, the drawing, where the time went,
and what became of the message.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence

from attrs import define, frozen

from ..core.clientreplies import NO_LOGIN, NO_TLS
from ..core.reply import Reply
from ..dns.mailhosts import Unroutable
from ..net.probing import NOT_BEGUN
from ..net.receipts import NotSent, Receipt
from ..net.sending import Unreached
from ..observe.drawing import ASCII, UNICODE, Style, drawing, lasting
from ..observe.eyewitness import Sight
from ..observe.harmless import line, word
from ..observe.journey import Dialled, Journey, LookUp
from ..observe.ladder import handshake
from ..observe.recording import Said
from ..observe.savings import savings
from ..observe.spent import BETWEEN, NOT_THEIRS, Share, goodbyes, roundTrips, shares
from ..observe.trace import Direction, HandshakeStep, Remark
from ..spool.via import Cause, Via
from .console import Console

#: How wide a drawing is where nobody knows how wide the terminal is.
_COLUMNS = 80

#: How many characters the longest bar has.
_BAR = 20

#: What a server takes at least before it is said to have taken its time, in seconds.
_THOUGHT_SECONDS = 0.1

#: What took less than this is of no interest, in seconds.
_NOTHING_SECONDS = 0.0005


@define(eq=False)
class Live:
    """
    Writes what is said as it is said.

    @ivar console: where to.
    """

    console: Console
    #: Of a message that is going out: how its line begins, and its octets so far.
    _pouring: tuple[str, int] | None = None

    def __call__(self, sight: Sight) -> None:
        """Something has happened."""
        what, at = sight.what, f"{sight.seconds:9.3f} s  "
        if isinstance(what, Said) and what.counted:
            begin = f"{at}{_arrow(what.direction, what.secured)}"
            begin, octets = self._pouring or (begin, 0)
            self._pouring = begin, octets + what.counted
            return
        self._poured()
        if isinstance(what, Said):
            arrow = _arrow(what.direction, what.secured)
            self._say(f"{at}{arrow} {what.line}")
        elif isinstance(what, HandshakeStep):
            self._say(f"{at}TLS {handshake(what)}")
        elif isinstance(what, Remark):
            self._say(f"{at}*** {what.text}")
        elif isinstance(what, LookUp):
            self._say(f"{at}... {_lookedUp(what)}")
        else:
            self._say(f"{at}... {_dialled(what)}")

    def _poured(self) -> None:
        """A message is out."""
        pouring, self._pouring = self._pouring, None
        if pouring is not None:
            begin, octets = pouring
            self._say(f"{begin} ({octets} octets of a message)")

    def end(self) -> None:
        """There is nothing more to come."""
        self._poured()
        self._say("")

    def _say(self, text: str) -> None:
        self.console.say(text)
        self.console.out.flush()


def _arrow(direction: Direction, secured: bool) -> str:
    dashes = "==" if secured else "--"
    return f"{dashes}>" if direction is Direction.CLIENT else f"<{dashes}"


def _lookedUp(part: LookUp) -> str:
    took = lasting(part.untilSeconds - part.seconds)
    said = part.problem or "; ".join(part.found)
    return f"name look-up of {part.name}, {took}: {said}"


def _dialled(part: Dialled) -> str:
    took = lasting(part.untilSeconds - part.seconds)
    said = part.problem or "connected"
    return f"{part.place}, {took}: {said}"


# --- what became of it --------------------------------------------------------------


@frozen
class Outcome:
    """
    What became of a recipient.

    @ivar recipient: as it was given.
    @ivar reply: what was said; of a probe, what would be.
    @ivar unsure: may the host have it all the same?
    @ivar number: of the message, from 1.
    """

    recipient: str
    reply: Reply
    unsure: bool = False
    number: int = 1

    @property
    def accepted(self) -> bool:
        """Has it arrived?"""
        return not self.reply.refuses

    def asJSON(self) -> dict[str, object]:
        """What C{json} can write."""
        said = self.reply
        status = None if said.status is None else ".".join(map(str, said.status))
        return {
            "message": self.number,
            "recipient": self.recipient,
            "accepted": self.accepted,
            "code": said.code,
            "status": status,
            "reply": line(said.onOneLine),
            "unsure": self.unsure,
        }


def outcomesOf(receipt: Receipt, number: int) -> Iterator[Outcome]:
    """What is known of a message."""
    for name, said in receipt.outcomes:
        yield Outcome(name, said, name in receipt.unsure, number)


def toldOutcomes(
    outcomes: Sequence[Outcome], several: bool, probed: bool
) -> Iterator[str]:
    """
    What became of everybody.

    @param several: was there more than one message?
    @param probed: was nothing sent?
    """
    for each in outcomes:
        which = f"message {each.number}, " if several else ""
        good = "would be accepted" if probed else "accepted"
        bad = "would be refused" if probed else "refused"
        if not each.reply.permanent:
            bad = "not now"
        judged = good if each.accepted else bad
        said = line(each.reply.onOneLine)
        yield f"{which}{line(each.recipient)}: {judged}: {said}"
        if each.unsure:
            yield "  but the host may have it: who sends it again may send it twice"


_CAUSES = {
    Cause.CONNECT: "cannot connect to {host}: {why}",
    Cause.LOST: "{host} does not go on: {why}",
    Cause.TLS: "no TLS with {host}: {why}",
    Cause.LOGIN: "cannot log in at {host}: {why}",
    Cause.SESSION: "{host} turns us away: {why}",
}


#: What is said here in the place of a server, in other words.
_OURS = {
    NO_TLS: "it does not offer TLS, or not as it has to be",
    NO_LOGIN: "it offers no mechanism that may be used here",
    NOT_BEGUN: "it does not offer TLS",
}


def toldError(error: Exception) -> str:
    """Why a message did not get anywhere, in words for whoever sent it."""
    if isinstance(error, NotSent) and error.__cause__ is not None:
        cause = error.__cause__
        if isinstance(cause, Unreached | Unroutable):
            return toldError(cause)
    if isinstance(error, Unreached):
        form = _CAUSES.get(error.cause, "{host}: {why}")
        why = _OURS.get(error.reply) if error.reply is not None else None
        why = why or error.text.removeprefix("TLS handshake failed: ")
        return form.format(host=_spelled(error.via), why=line(why))
    return line(str(error))


def _spelled(via: Via) -> str:
    host = word(via.host)
    if via.host.startswith(b"/"):
        return host
    if via.host.startswith(b"["):
        return f"{host}:{via.port}"
    if not via.address:
        return f"{host}:{via.port}"
    return f"{host} [{word(via.address)}]:{via.port}"


# --- the drawing, and where the time went ---------------------------------------------


def styleOf(console: Console, ascii: bool) -> Style:
    """
    With what to draw.

    @param ascii: is nothing else wanted?
    """
    encoding = (getattr(console.out, "encoding", None) or "ascii").lower()
    unicode = encoding.replace("-", "").startswith("utf")
    return UNICODE if unicode and not ascii else ASCII


def columns() -> int:
    """How wide the terminal is."""
    return shutil.get_terminal_size((_COLUMNS, 24)).columns


def picture(journey: Journey, style: Style, width: int) -> Iterator[str]:
    """The drawing, and where the time went."""
    yield from drawing(journey, style, width)
    yield ""
    yield from _times(journey, style)
    yield from _trips(journey)


def _times(journey: Journey, style: Style) -> Iterator[str]:
    found = [each for each in shares(journey) if each.seconds >= _NOTHING_SECONDS]
    yield f"Where the time went, of {lasting(journey.seconds)}:"
    whole = max([journey.seconds, *(each.seconds for each in found)])
    for each in found:
        bar = style.bar * max(1, round(_BAR * each.seconds / whole))
        percent = f"{100 * each.seconds / whole:.0f} %"
        times = f"{style.times}{each.times}" if each.times > 1 else ""
        row = f"  {each.what:20}{lasting(each.seconds):>8}  {percent:>5}"
        yield f"{row}  {times:5}{bar}"
    yield from _blamed(journey, found)


def _blamed(journey: Journey, found: Sequence[Share]) -> Iterator[str]:
    """Whose fault it is, where that is plain."""
    connected = [
        each.untilSeconds - each.seconds
        for each in journey.parts
        if isinstance(each, Dialled) and each.problem is None
    ]
    if not found or not connected or found[0].what in NOT_THEIRS:
        return
    # A connection is made as fast as the network is: nobody has to think.
    trip, slowest = min(connected), found[0]
    thought = slowest.longest - trip
    if thought < _THOUGHT_SECONDS or thought < 3 * trip:
        return
    yield f"The network takes about {lasting(trip)} for a round trip,"
    # A command is called by its name.
    what = slowest.what if slowest.what[:1].isupper() else f"the {slowest.what}"
    yield f"so it is the server that took its time with {what}."
    if BETWEEN in slowest.what:
        yield "Its answers came together; with --ignore PIPELINING they come apart."


def _trips(journey: Journey) -> Iterator[str]:
    for talk in journey.talks:
        bye = goodbyes(talk.trace)
        trips, saved = roundTrips(talk.trace) + 1 - bye, savings(talk)
        text = "1 round trip" if trips == 1 else f"{trips} round trips"
        text += ", with the connection's" + (", without the goodbye's" if bye else "")
        yield f"{text}; of those could be saved:" if saved else f"{text}."
        for each in saved:
            yield f"  {each.trips} by {each.how}"


def asJSON(
    journey: Journey, outcomes: Iterable[Outcome], problems: Sequence[str]
) -> str:
    """All of it, for programs."""
    told = {
        "outcomes": [each.asJSON() for each in outcomes],
        "problems": list(problems),
        "times": [
            {"what": each.what, "seconds": each.seconds, "times": each.times}
            for each in shares(journey)
        ],
        "sessions": [
            {
                "session": talk.trace.session,
                "roundTrips": roundTrips(talk.trace) + 1,
                "goodbyes": goodbyes(talk.trace),
                "savings": [
                    {"trips": each.trips, "by": each.how} for each in savings(talk)
                ],
            }
            for talk in journey.talks
        ],
        "journey": journey.asJSON(),
    }
    return json.dumps(told, indent=1)


__all__ = [
    "Live",
    "Outcome",
    "asJSON",
    "columns",
    "outcomesOf",
    "picture",
    "styleOf",
    "toldError",
    "toldOutcomes",
]
