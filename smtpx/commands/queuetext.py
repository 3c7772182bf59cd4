"""
What commands say of the queue, to people.

Whatever a peer chose is made harmless for a terminal: no control gets there, and
nothing that turns the direction of what stands beside it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from ..observe.harmless import visible
from ..service.quantities import spellSeconds

Fields = Mapping[str, object]

#: How far in the second and third line of a message stand.
_INDENT = " " * 12

#: How much of an error is shown in a list, in characters.
_ERROR_CHARACTERS = 300

#: More than anything has that is shown whole.
_MOST = 1 << 20

_SIZES = ("K", "M", "G", "T")


def shown(said: object, most: int = _MOST) -> str:
    """What was said, harmless, and cut where it is long."""
    return visible(str(said), most)


def number(said: object) -> float:
    """A number that was said; 0 where it is none."""
    return float(said) if isinstance(said, int | float) else 0.0


def several(count: float, what: str = "message") -> str:
    """So many of something."""
    return f"1 {what}" if count == 1 else f"{count:.0f} {what}s"


def age(seconds: float) -> str:
    """How long it is, in at most four characters for a hundred years: C{25m}."""
    seconds = max(0.0, seconds)
    if seconds < 90:
        return f"{seconds:.0f}s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f}m"
    if seconds < 72 * 3600:
        return f"{seconds / 3600:.0f}h"
    days = seconds / 86400
    return f"{days:.0f}d" if days < 999.5 else f"{days / 365.25:.0f}y"


def size(octets: float) -> str:
    """How much it is, in at most five characters: C{2.9K}."""
    if octets < 1024:
        return f"{octets:.0f}"
    units = iter(_SIZES)
    unit, octets = next(units), octets / 1024
    while octets >= 999.5 and unit != _SIZES[-1]:
        unit, octets = next(units), octets / 1024
    return f"{octets:.1f}{unit}" if octets < 9.95 else f"{octets:.0f}{unit}"


def octets(count: float) -> str:
    """How much it is, with what that is."""
    return f"{several(count, 'octet')}" if count < 1024 else size(count)


def moment(seconds: float, now: float) -> str:
    """When it was, or will be, and how far that is from now."""
    try:
        at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (ValueError, OverflowError, OSError):
        return "at no time"
    away = spellSeconds(abs(now - seconds))
    return f"{at} ({away} ago)" if seconds <= now else f"{at} (in {away})"


# --- a list ---------------------------------------------------------------------------


def listed(entry: Fields, now: float) -> Iterator[str]:
    """A message in a list, in up to three lines, as C{exim -bp} has it."""
    old = age(now - number(entry.get("arrived")))
    head = f"{old:>4} {size(number(entry.get('octets'))):>5}"
    sender = shown(entry.get("sender", ""))
    yield f"{head}  {entry.get('message')} <{sender}> {_state(entry, now)}"
    to = entry.get("to")
    who = [shown(each) for each in to] if isinstance(to, Sequence) else []
    more = number(entry.get("waiting")) - len(who)
    if who:
        rest = f" and {more:.0f} more" if more > 0 else ""
        yield f"{_INDENT}{', '.join(who)}{rest}"
    if entry.get("error"):
        others = number(entry.get("errors")) - 1
        rest = f" (and {several(others, 'other error')})" if others > 0 else ""
        yield f"{_INDENT}{shown(entry['error'], _ERROR_CHARACTERS)}{rest}"


#: States that last until an operator ends them, in words.
_HOLDS: Mapping[object, str] = {"held": "on hold", "quarantined": "in quarantine"}


def _state(entry: Fields, now: float) -> str:
    """How it is, and when it is tried."""
    state = entry.get("state")
    words = str(state)
    if state in _HOLDS:
        note = shown(entry.get("note", ""), _ERROR_CHARACTERS)
        words = f"{_HOLDS[state]}: {note}" if note else _HOLDS[state]
    elif state == "parked":
        words = f"parked for {shown(entry.get('lane'), 80)}"
    elif state == "waiting":
        words = f"due {_due(entry.get('due'), now)}"
    tried = number(entry.get("attempts"))
    return f"{words}, tried {_times(tried)}" if tried else words


def _due(due: object, now: float) -> str:
    seconds = number(due) - now
    return f"in {age(seconds)}" if seconds > 0 else "now"


def _times(count: float) -> str:
    return "once" if count == 1 else f"{count:.0f} times"


# --- one message -------------------------------------------------------------


def described(
    message: Fields, recipients: Sequence[Fields], now: float
) -> Iterator[str]:
    """All of a message but what it says, line by line."""
    yield f"{message.get('message')}"
    sender = shown(message.get("sender", "")) or "<>"
    yield f"  sender: {sender}"
    yield f"  came: {moment(number(message.get('arrived')), now)}"
    yield f"  octets: {number(message.get('octets')):.0f}"
    yield f"  state: {_described(message)}"
    due = message.get("due")
    if due is not None and message.get("state") == "waiting":
        yield f"  due: {moment(number(due), now)}"
    tried = number(message.get("attempts"))
    yield f"  tried: {_times(tried) if tried else 'not yet'}"
    if message.get("priority"):
        yield f"  priority: {shown(message['priority'])}"
    yield "  recipients:"
    for each in recipients:
        yield f"    {_recipient(each)}"
        yield from _stamps(each.get("stamps"), "      ")
    if message.get("stamps"):
        yield "  noted with it:"
        yield from _stamps(message["stamps"], "    ")
    added = str(message.get("added") or "").replace("\r\n", "\n").split("\n")
    if any(added):
        yield "  put before it:"
        yield from (f"    {shown(line)}" for line in _unfolded(added) if line)


def _described(message: Fields) -> str:
    state, note = message.get("state"), shown(message.get("note", ""))
    if state in _HOLDS or message.get("held"):
        words = _HOLDS.get(str(state), "on hold")
        hold = f"{words}: {note}" if note else words
        return hold if state in _HOLDS else f"{state}, then {hold}"
    if state == "parked":
        return f"parked for {shown(message.get('lane'))}"
    # A note where there is no hold is that it cannot be read.
    return f"{state}: {note}" if note else str(state)


def _recipient(recipient: Fields) -> str:
    words = shown(recipient.get("address", ""))
    original = recipient.get("original")
    if original is not None:
        words += f" (for {shown(original)})"
    text = shown(recipient.get("text", ""))
    words += f": {recipient.get('fate')}"
    return f"{words}: {text}" if text else words


def _stamps(stamps: object, indent: str) -> Iterator[str]:
    if isinstance(stamps, Mapping):
        for name, value in stamps.items():
            yield f"{indent}{shown(name)}: {shown(value)}"


def _unfolded(lines: Sequence[str]) -> Iterator[str]:
    """A tab at the beginning of a line is what stands for the fold."""
    for line in lines:
        yield "  " + line.lstrip("\t ") if line[:1] in ("\t", " ") else line


# --- a summary -----------------------------------------------------------------


def summed(groups: Sequence[Fields], title: str, now: float) -> Iterator[str]:
    """A summary, aligned; as exiqsumm has it."""
    yield _row("MESSAGES", "RECIPIENTS", "SIZE", "OLDEST", "NEWEST", title)
    for each in groups:
        oldest = age(now - number(each.get("oldest")))
        newest = age(now - number(each.get("newest")))
        name = each.get("name")
        words = "(all others)" if name is None else shown(name, _ERROR_CHARACTERS)
        messages, recipients = number(each.get("messages")), each.get("recipients")
        yield _row(
            f"{messages:.0f}",
            f"{number(recipients):.0f}",
            size(number(each.get("octets"))),
            oldest,
            newest,
            words or _NONE.get(title, "-"),
        )


def _row(
    messages: str, recipients: str, octets: str, oldest: str, newest: str, name: str
) -> str:
    return f"{messages:>8} {recipients:>10} {octets:>6} {oldest:>6} {newest:>6}  {name}"


#: What an empty name is.
_NONE = {"SENDERS": "<> (reports)", "ERRORS": "(none yet)"}


__all__ = [
    "age",
    "described",
    "listed",
    "moment",
    "number",
    "octets",
    "several",
    "shown",
    "size",
    "summed",
]
