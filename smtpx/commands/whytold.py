"""
What happened to a message, and what will happen next, in sentences: values in, text
out.

Past and present stand apart.  Each sentence of the past has its moment, the oldest
first; where the same went wrong again and again, it is told how often.  What comes
next says what the queue goes by, and what somebody can do.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from attrs import frozen

from ..observe.happenings import (
    Arrival,
    Attempted,
    Deed,
    Done,
    Fate,
    Happening,
)
from ..service.quantities import spellSeconds
from ..spool.via import Cause
from .whystory import Stay, Story, Trouble, Waiting

#: How a moment is on the wall: C{time.localtime}, or in UTC.
Zone = Callable[[float], time.struct_time]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

#: So many failures in a row that are alike are told one by one.
_ALIKE = 3

#: The most recipients that are named at once.
_NAMED = 5


@frozen
class Sentence:
    """
    A sentence, or a few.

    @ivar at: when it happened, in seconds since the epoch; L{None}: it is about now.
    @ivar text: it.
    """

    at: float | None
    text: str


# --- words --------------------------------------------------------------------------


def clock(seconds: float, zone: Zone) -> str:
    """A time of the day."""
    return time.strftime("%H:%M:%S", zone(seconds))


def day(seconds: float, zone: Zone) -> str:
    """A day: C{Sun 22 Nov 2026}."""
    at = zone(seconds)
    return f"{_DAYS[at.tm_wday]} {at.tm_mday} {_MONTHS[at.tm_mon - 1]} {at.tm_year}"


def moment(seconds: float, now: float, zone: Zone) -> str:
    """A moment, as one says it on some day: C{at 03:34:51}."""
    at, today = zone(seconds), zone(now)
    if at[:3] == today[:3]:
        return f"at {clock(seconds, zone)}"
    return f"on {day(seconds, zone).rpartition(' ')[0]} at {clock(seconds, zone)}"


def span(seconds: float) -> str:
    """About how long: at most two units."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        text = f"{seconds:.1f}".removesuffix(".0")
        return f"{text} s"
    words = spellSeconds(seconds).split(" ")
    return " ".join(words[:4])


def listed(names: Sequence[str]) -> str:
    """Several, as one says it."""
    if len(names) > _NAMED:
        return f"{', '.join(names[: _NAMED - 1])} and {len(names) - _NAMED + 1} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def times(count: int) -> str:
    """How often."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _sized(octets: int) -> str:
    return f"{octets} octets"


def _whose(sender: str) -> str:
    return sender or "the null sender"


# --- the past -----------------------------------------------------------------------


def past(story: Story, zone: Zone = time.localtime) -> Iterator[Sentence]:
    """What happened, the oldest first."""
    happenings = sorted(story.happenings, key=lambda each: each.at)
    arrival = next((each for each in happenings if isinstance(each, Arrival)), None)
    if arrival is not None:
        yield Sentence(arrival.at, _arrived(arrival))
    elif story.stay is not None:
        yield Sentence(story.stay.arrived, _found(story.stay))
    sender = _senderOf(story, arrival)
    rest = [each for each in happenings if not isinstance(each, Arrival)]
    begun = arrival.at if arrival is not None else None
    yield from _events(rest, begun, sender, zone)


def _senderOf(story: Story, arrival: Arrival | None) -> str | None:
    """From whom it is; L{None}: nobody knows."""
    if arrival is not None:
        return arrival.sender
    return None if story.stay is None else story.stay.sender


def _arrived(arrival: Arrival) -> str:
    """How it came."""
    to = f" for {listed(arrival.recipients)}" if arrival.recipients else ""
    size = "" if arrival.octets is None else f"; {_sized(arrival.octets)}"
    if arrival.about is not None:
        text = f"It was written here, as the delivery report about {arrival.about},"
        return f"{text}{to or ' for the sender of that'}{size}."
    text = f"It came from {_whose(arrival.sender)}{to}"
    if arrival.client:
        text += f", by {arrival.client}"
    if arrival.tls:
        text += f" under {arrival.tls.replace('v', ' ')}"
    elif arrival.client:
        text += " in the clear"
    if arrival.login:
        text += f", logged in as {arrival.login}"
    text += size
    if arrival.seconds is not None:
        text += f", which took {span(arrival.seconds)}"
    if arrival.messageID:
        text += f".  Its Message-ID is <{arrival.messageID}>"
    return f"{text}."


def _found(stay: Stay) -> str:
    """How it came, as far as the spool knows."""
    to = f" for {listed(stay.recipients)}" if stay.recipients else ""
    return f"It came from {_whose(stay.sender)}{to}; {_sized(stay.octets)}."


def _events(
    happenings: Sequence[Happening],
    begun: float | None,
    sender: str | None,
    zone: Zone,
) -> Iterator[Sentence]:
    """All but how it came."""
    found: list[Sentence] = []
    done = [each for each in happenings if isinstance(each, Done)]
    tries = [each for each in happenings if isinstance(each, Attempted)]
    named: set[str] = set()
    for _, some in groupby(sorted(tries, key=_whoFirst), lambda each: each.recipient):
        found += _attempts(list(some), begun, named, zone)
    found += [Sentence(each.at, _done(each, begun, sender)) for each in done]
    # Of one moment, an attempt is before what came of it, and that before the end.
    order = {each.at: index for index, each in enumerate(happenings)}
    yield from sorted(found, key=lambda each: (each.at or 0.0, order.get(each.at or 0)))


def _whoFirst(attempt: Attempted) -> tuple[str, float]:
    return attempt.recipient, attempt.at


def _attempts(
    tries: Sequence[Attempted], begun: float | None, named: set[str], zone: Zone
) -> Iterator[Sentence]:
    """What became of one recipient, attempt by attempt."""
    number, before, problem = 0, begun, ""
    for same, some in groupby(tries, _sameness):
        alike = list(some)
        shown = alike if len(alike) <= _ALIKE else [alike[0], alike[-1]]
        for each in shown:
            skipped = len(alike) - len(shown) if each is alike[-1] else 0
            if skipped and each is not alike[0]:
                yield Sentence(
                    alike[-2].at,
                    f"{each.recipient}: {times(skipped)} more the same, until now.",
                )
                number, before = number + skipped, alike[-2].at
            number += 1
            again = number > 1 and problem == same and each is not tries[0]
            text = _attempted(each, number, before, again, each.recipient in named)
            if each.due is not None and each.fate is Fate.DEFERRED:
                later = span(max(0.0, each.due - each.at))
                when = moment(each.due, each.at, zone)
                text += f"  It was to be tried again {when}, {later} later."
            yield Sentence(each.at, text)
            named.add(each.recipient)
            before, problem = each.at, same


def _sameness(attempt: Attempted) -> str:
    """What two attempts have in common that came to the same."""
    return f"{attempt.fate} {attempt.cause} {attempt.host} {_problem(attempt)}"


def _attempted(
    attempt: Attempted, number: int, before: float | None, again: bool, known: bool
) -> str:
    """What came of an attempt."""
    who = attempt.recipient
    if attempt.original and not known:
        who += f" (whom the alias {attempt.original} led to)"
    took = "" if attempt.took is None else f" after {span(attempt.took)}"
    later = ""
    if number > 1 and before is not None:
        later = f", {span(attempt.at - before)} later"
    if attempt.fate is Fate.DELIVERED:
        return f"{who} has it{later}: {_receipt(attempt, took)}."
    problem = "the same" if again else f"{_problem(attempt)}{took}"
    if attempt.fate is Fate.FAILED:
        return f"{who} will not have it{later}: {problem}."
    if attempt.cause is Cause.EARLY:
        return f"{who}{later}: {problem}, so it was not tried."
    tried = f", tried again{later.removeprefix(',')}" if later else ""
    return f"{who}{tried}: {problem}, so it waits."


def _receipt(attempt: Attempted, took: str) -> str:
    """Who has it now."""
    if not attempt.host:
        by = f" by {attempt.transport}" if attempt.transport else ""
        said = f" ({attempt.text})" if attempt.text else ""
        return f"it was delivered here{by}{said}{took}"
    said = f', and said "{attempt.reply}"' if attempt.reply else ""
    return f"{_host(attempt)} took it{took}{said}"


def _host(attempt: Attempted) -> str:
    name = attempt.host.strip("[]")
    literal = name.removeprefix("IPv6:") == attempt.address
    if not attempt.address or literal:
        return f"[{name}]" if literal else name
    return f"{name} [{attempt.address}]"


#: What went wrong, with C{host} and C{why}.
_PROBLEMS = {
    Cause.CONNECT: "{host} could not be connected to{why}",
    Cause.LOST: "the connection with {host} was lost{why}",
    Cause.DNS: "the DNS did not say where it goes{why}",
    Cause.TLS: "{host} could not be talked to under TLS as it has to be{why}",
    Cause.LOGIN: "{host} did not take our login{why}",
    Cause.SESSION: "{host} turned us away{why}",
    Cause.SENDER: "{host} did not take the sender{why}",
    Cause.RECIPIENT: "{host} did not take the recipient{why}",
    Cause.CONTENT: "{host} did not take the message{why}",
    Cause.EARLY: "{host} was known to be in trouble{why}",
    Cause.EXPIRED: "it had waited for too long{why}",
    Cause.OPERATOR: "an operator gave it up{why}",
    Cause.LOCAL: "something was wrong here{why}",
}
_GREY = re.compile(r"\bgr[ae]y.?list|^4\d\d 4\.7\.1 |^4\d\d 4\.2\.0 ", re.IGNORECASE)


def _problem(attempt: Attempted) -> str:
    """What went wrong."""
    host = _host(attempt) if attempt.host else "the host"
    said = f': it said "{attempt.reply}"' if attempt.reply else ""
    why = said or (f": {attempt.text}" if attempt.text else "")
    form = _PROBLEMS.get(attempt.cause)
    if form is None or (not attempt.host and "{host}" in form and not why):
        where = f"{host}: " if attempt.host else ""
        return f"{where}{why.removeprefix(': ')}" if why else "it did not work"
    told = form.format(host=host, why=why)
    if attempt.fate is Fate.DEFERRED and _GREY.search(attempt.reply):
        told += ", which is greylisting: it wants us to come again"
    return told


def _done(done: Done, begun: float | None, sender: str | None) -> str:
    """What was done to it as a whole."""
    by = f" by {done.by}" if done.by else ""
    why = f": {done.why}" if done.why else ""
    if done.deed is Deed.REPORTED:
        who = sender or "Its sender"
        return f"{who} was told so, by the delivery report {done.report}."
    if done.deed is Deed.COMPLETED:
        after = "" if begun is None else f", {span(done.at - begun)} after it came"
        return f"Nobody waited for it any more{after}, and it left the spool."
    words = {
        Deed.HELD: f"It was put on hold{by}{why}.",
        Deed.RELEASED: f"It was taken off hold{by}.",
        Deed.CANCELLED: f"It was given up{by}{why}.",
        Deed.REMOVED: f"It was removed{by}, and nobody was told.",
    }
    return words[done.deed]


# --- what comes next ------------------------------------------------------------------


def next_(story: Story, zone: Zone = time.localtime) -> Iterator[Sentence]:
    """How it stands, and what will happen."""
    for text in _next(story, zone):
        yield Sentence(None, text)


def _next(story: Story, zone: Zone) -> Iterator[str]:
    stay = story.stay
    if stay is None:
        yield _gone(story)
        return
    if stay.damage is not None:
        yield f"What the spool has of it cannot be read: {stay.damage}."
    for word, said in (("delivered", "has it"), ("failed", "will not have it")):
        names = [name for name, fate in stay.settled if fate == word]
        if names and not story.happenings:
            yield f"{listed(names)} {said if len(names) == 1 else _plural(said)}."
    if stay.waiting:
        yield _waiting(stay)
    yield from _when(story, stay, zone)
    if stay.held is None:
        yield from _rules(stay, story.now, zone)
    for each in story.troubles:
        yield _trouble(each, story.now, zone)
    if stay.told is not None:
        yield f"Its sender was told of the delay {moment(stay.told, story.now, zone)}."
    if story.running is False:
        yield "No server runs, and nothing happens to it until one does."


def _plural(said: str) -> str:
    return {"has it": "have it"}.get(said, said)


def _gone(story: Story) -> str:
    done = [each for each in story.happenings if isinstance(each, Done)]
    if any(each.deed in (Deed.COMPLETED, Deed.REMOVED) for each in done):
        return "It is not in the spool any more, and nothing more will happen to it."
    return (
        "It is not in the spool, and the log does not say how it ended: it may be in"
        " a part of the log that is not there any more, or in another server's spool."
    )


def _waiting(stay: Stay) -> str:
    """Who waits."""
    names = [each.recipient for each in stay.waiting]
    verb = "waits" if len(names) == 1 else "wait"
    tried = "it was never tried" if not stay.attempts else ""
    if stay.attempts:
        tried = f"it was tried {times(stay.attempts)}"
    return f"{listed(names)} {verb} for it; {tried}."


def _when(story: Story, stay: Stay, zone: Zone) -> Iterator[str]:
    """When it is tried, or why it is not."""
    now = story.now
    if stay.underWay:
        yield "It is being delivered at this moment."
        return
    if stay.held is not None:
        why = f": {stay.held}" if stay.held else ""
        yield (
            f"It is on hold{why}.  It is tried again when somebody releases it:"
            f' "smtpx queue release {story.id}".'
        )
        return
    if stay.notBefore is not None and stay.notBefore > now:
        when, left = moment(stay.notBefore, now, zone), span(stay.notBefore - now)
        yield f"Its sender wants it to go no earlier than {when[3:]}, in {left}."
        return
    if stay.lane is not None:
        yield f"Its destination is busy, and it waits there for its turn ({stay.lane})."
        return
    if stay.due is not None and stay.due > now:
        when, left = moment(stay.due, now, zone), span(stay.due - now)
        yield (
            f"It is tried again {when}, in {left}; or now, with"
            f' "smtpx queue retry {story.id}".'
        )
        return
    yield "It is due, and tried as soon as a delivery has time for it."


def _rules(stay: Stay, now: float, zone: Zone) -> Iterator[str]:
    """By which rule it is tried again, and when it is given up."""
    told = "nobody is told, as it is from the null sender"
    if stay.sender:
        told = f"{stay.sender} is told"
    for (error, rule, until), some in groupby(sorted(stay.waiting, key=_ruled), _ruled):
        names = [each.recipient for each in some]
        who = f" for {listed(names)}" if len(names) < len(stay.waiting) else ""
        if rule:
            after = f", where {error}," if error else ""
            yield f"The pauses between attempts{who}{after} are {rule}."
        if until:
            age = span(until - stay.arrived)
            left = f"in {span(until - now)}" if until > now else "which is over"
            when = moment(until, now, zone)
            yield (
                f"If nothing changes it is given up{who} {when}, {left}: {age} after it"
                f" came.  Then {told}."
            )


def _ruled(waiting: Waiting) -> tuple[str, str, float]:
    return waiting.error, waiting.rule, waiting.until or 0.0


def _trouble(trouble: Trouble, now: float, zone: Zone) -> str:
    """A host that is left alone."""
    where = trouble.host if trouble.host.startswith("[") else ""
    where = where or f"{trouble.host} [{trouble.address}]"
    since = moment(trouble.first, now, zone)
    failed = f"failed {times(trouble.failures)} since {since.removeprefix('at ')}"
    why = f" ({trouble.text})" if trouble.text else ""
    if trouble.due <= now:
        return f"{where} {failed}{why}; it may be tried again now."
    return (
        f"{where} {failed}{why}, and is left alone until"
        f" {moment(trouble.due, now, zone).removeprefix('at ')}; have that forgotten"
        f' with "smtpx peer forget {trouble.host.strip("[]")}".'
    )


def unknown(story: Story) -> str:
    """There is no such message."""
    looked = story.looked
    text = f"there is no message {story.id}: it is not in the spool ({looked.spool})"
    if looked.logs:
        text += f", and no log names it ({', '.join(looked.logs)})"
    else:
        text += ", and there is no log to look in"
    return "; ".join([text, *looked.unread])


def rendered(
    sentences: Iterable[Sentence], zone: Zone = time.localtime
) -> Iterator[tuple[str, str]]:
    """
    Sentences as lines, each with what stands before it: a day has a line of its own.

    @return: what stands before a text, and the text; before a day there is nothing.
    """
    today = ""
    for each in sentences:
        if each.at is None:
            yield "", each.text
            continue
        if day(each.at, zone) != today:
            today = day(each.at, zone)
            yield "", today
        yield f"  {clock(each.at, zone)}  ", each.text


__all__ = ["Sentence", "Zone", "next_", "past", "rendered", "unknown"]
