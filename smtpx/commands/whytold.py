"""
What happened to a message, and what will happen next, in sentences: values in, text
out.

Past and present stand apart.  Each sentence of the past has its moment, the oldest
first; where the same went wrong again and again, it is told how often.  What comes
next says what the queue goes by, and what somebody can do.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from ..observe.happenings import (
    Arrival,
    Attempted,
    Deed,
    Done,
    Happening,
)
from .whystory import Stay, Story, Trouble, Waiting
from .whytries import attempts
from .whywords import Sentence, Zone, clock, day, listed, moment, span, times


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
    if arrival.source is not None:
        text += f", and was taken over from {arrival.source}"
    elif arrival.user:
        text += f", by the local user {arrival.user}"
    elif arrival.client:
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
    found += attempts(tries, begun, zone)
    found += [Sentence(each.at, _done(each, begun, sender)) for each in done]
    # Of one moment, an attempt is before what came of it, and that before the end.
    order = {each.at: index for index, each in enumerate(happenings)}
    yield from sorted(found, key=lambda each: (each.at or 0.0, order.get(each.at or 0)))


def _done(done: Done, begun: float | None, sender: str | None) -> str:
    """What was done to it as a whole."""
    by = f" by {done.by}" if done.by else ""
    why = f": {done.why}" if done.why else ""
    if done.deed is Deed.REPORTED:
        who = sender or "Its sender"
        return f"{who} was told of it, by the delivery report {done.report}."
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
    if looked.unread:
        # It may be just there.
        text = f"nothing was found of {story.id}, but not all could be looked at"
        return ": ".join([text, "; ".join(looked.unread)])
    text = f"there is no message {story.id}: it is not in the spool ({looked.spool})"
    if looked.logs:
        text += f", and no log names it ({', '.join(looked.logs)})"
    else:
        text += ", and there is no log to look in"
    return text


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


__all__ = ["next_", "past", "rendered", "unknown"]
