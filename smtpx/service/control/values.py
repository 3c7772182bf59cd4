"""
Messages and selections as they go over the control socket.

What a client sends is read strictly: each field has its kind and its bounds, and what
is not known is refused by its name, so that a misspelt filter does not mean every
message.  What is sent to it has times as seconds since the epoch, addresses as text
(an octet that is no UTF-8 as C{\\xNN}), and is cut where it could be long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from attrs import fields as fieldsOf

from ...core.envelope import Recipient
from ...core.errors import Malformed
from ...core.queueprofile import ORIGIN
from ...queue.interfaces import Done, Entry, Group, Grouping, Selection, State
from ...spool.format import Outcome, SpooledMessage
from ...spool.identity import parse as parseID

#: The most ids and patterns of a selection, and the most characters of a text in it.
IDS, PATTERNS, CHARACTERS = 10_000, 100, 1000

#: How many recipients a list has of a message.
_SHOWN = 10

#: How much of an error a list has, in characters.
_ERROR_CHARACTERS = 1000

#: How many recipients go into one part.
RECIPIENTS = 100

Fields = Mapping[str, object]


# --- what a client wants ------------------------------------------------------------


def selectionOf(found: object) -> Selection:
    """
    Which messages are meant.

    @param found: C{selection} of a request; L{None}: all.
    @raise Malformed: it makes no sense.
    """
    if found is None:
        return Selection()
    if not isinstance(found, Mapping):
        raise Malformed("selection: expected an object")
    values: dict[str, object] = {}
    for name, value in found.items():
        read = _READERS.get(name)
        if read is None:
            known = ", ".join(sorted(_READERS))
            raise Malformed(f"selection: there is no {name!r:.80}: {known}")
        values[_SPELLED[name]] = read(f"selection.{name}", value)
    return Selection(**values)  # type: ignore[arg-type]  # each reader has its kind


def selectionFields(selection: Selection) -> Fields:
    """The inverse of L{selectionOf}."""
    said: dict[str, object] = {}
    for name, spelled in _SPELLED.items():
        value = getattr(selection, spelled)
        if value == getattr(_ALL, spelled):
            continue
        if isinstance(value, frozenset):
            value = sorted(state.value for state in value)
        elif isinstance(value, tuple):
            value = [*value]
        said[name] = value
    return said


def textOf(name: str, found: object) -> str:
    """
    A text of a request.

    @param name: what it is called.
    @raise Malformed: it is none, or too long.
    """
    if not isinstance(found, str) or len(found) > CHARACTERS:
        raise Malformed(f"{name}: expected a text of at most {CHARACTERS} characters")
    return found


def lineOf(name: str, found: object) -> str:
    """
    A text of one line, for logs and senders.

    @raise Malformed: it is none, or too long, or has controls in it.
    """
    text = textOf(name, found)
    if any(ord(each) < 0x20 or ord(each) == 0x7F for each in text):
        raise Malformed(f"{name}: expected one line of text")
    return text


def idOf(name: str, found: object) -> str:
    """
    The id of a message.

    @raise Malformed: it is none.
    """
    try:
        text = textOf(name, found)
        parseID(text)
    except ValueError as error:
        raise Malformed(f"{name}: {error}") from None
    return text


def countOf(name: str, found: object, most: int) -> int:
    """
    A number of things, from 1 on.

    @raise Malformed: it is none, or more than C{most}.
    """
    if isinstance(found, bool) or not isinstance(found, int) or not 1 <= found <= most:
        raise Malformed(f"{name}: expected a whole number from 1 to {most}")
    return found


def groupingOf(found: object) -> Grouping:
    """
    By what is to be counted.

    @raise Malformed: that is not known.
    """
    try:
        return Grouping(found)
    except ValueError:
        known = ", ".join(each.value for each in Grouping)
        raise Malformed(f"by: expected one of {known}") from None


def _listed(
    most: int, read: Callable[[str, object], str]
) -> Callable[[str, object], tuple[str, ...]]:
    def listed(name: str, found: object) -> tuple[str, ...]:
        if not isinstance(found, list) or len(found) > most:
            raise Malformed(f"{name}: expected a list of at most {most}")
        if not found:
            # What is not said is not looked at, so this would be all there is; and who
            # has found nobody, and asks for those to be removed, means nobody.
            raise Malformed(f"{name}: expected one at least")
        return tuple(read(name, each) for each in found)

    return listed


def _someText(name: str, found: object) -> str:
    if not textOf(name, found):
        raise Malformed(f"{name}: expected some text")
    return textOf(name, found)


def _states(name: str, found: object) -> frozenset[State]:
    if found == []:
        raise Malformed(f"{name}: expected one at least")
    try:
        return frozenset(map(State, found if isinstance(found, list) else [found]))
    except (TypeError, ValueError):
        known = ", ".join(each.value for each in State)
        raise Malformed(f"{name}: expected some of {known}") from None


def _seconds(name: str, found: object) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise Malformed(f"{name}: expected a number")
    if not 0 <= found < 1e12:
        raise Malformed(f"{name}: expected a number from 0 on")
    return float(found)


def _octets(name: str, found: object) -> int:
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise Malformed(f"{name}: expected a whole number from 0 on")
    return found


_ALL = Selection()

#: What fields are called, here and there.
_SPELLED = {
    "ids": "ids",
    "senders": "senders",
    "recipients": "recipients",
    "domains": "domains",
    "older": "olderSeconds",
    "younger": "youngerSeconds",
    "larger": "largerOctets",
    "smaller": "smallerOctets",
    "text": "text",
    "states": "states",
    "lanes": "lanes",
    "until": "until",
}
assert {*_SPELLED.values()} == {each.name for each in fieldsOf(Selection)}

_READERS: Mapping[str, Callable[[str, object], object]] = {
    "ids": _listed(IDS, idOf),
    "senders": _listed(PATTERNS, textOf),
    "recipients": _listed(PATTERNS, textOf),
    "domains": _listed(PATTERNS, textOf),
    "older": _seconds,
    "younger": _seconds,
    "larger": _octets,
    "smaller": _octets,
    "text": _someText,
    "states": _states,
    "lanes": _listed(PATTERNS, textOf),
    "until": _seconds,
}


# --- what it is told ----------------------------------------------------------------


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")


def entryFields(entry: Entry) -> Fields:
    """A message in a list."""
    message = entry.message
    envelope = message.envelope
    waiting = [_text(envelope.recipients[index].path) for index in message.waiting]
    return {
        "message": message.id,
        "state": entry.state.value,
        "held": message.held,
        "arrived": message.arrived,
        "octets": message.octets,
        "sender": _text(envelope.sender),
        "recipients": len(envelope.recipients),
        "waiting": len(waiting),
        "to": waiting[:_SHOWN],
        "attempts": message.attempts,
        "due": message.due,
        "priority": message.priority,
        "lane": None if message.lane is None else _text(message.lane),
        "error": _lastError(message)[:_ERROR_CHARACTERS],
        "errors": len(_errors(message)),
        "note": message.note[:_ERROR_CHARACTERS],
    }


def _errors(message: SpooledMessage) -> list[str]:
    """What was said last of those who wait, each once."""
    left = set(message.waiting)
    said = [each.text for each in message.outcomes if each.index in left]
    return [*dict.fromkeys(text for text in said if text)]


def _lastError(message: SpooledMessage) -> str:
    """The first of them; empty: there is none."""
    return next(iter(_errors(message)), "")


def messageFields(entry: Entry) -> Fields:
    """All of a message but its recipients."""
    message = entry.message
    return {
        **entryFields(entry),
        "error": _lastError(message),
        "note": message.note,
        "stamps": message.envelope.dumpedStamps(),
        "added": _text(message.prefix),
    }


def recipientFields(entry: Entry) -> Iterator[list[Fields]]:
    """The recipients of a message, in parts, with what became of them."""
    message = entry.message
    outcomes = {each.index: each for each in message.outcomes}
    found = [
        _recipient(each, outcomes.get(index))
        for index, each in enumerate(message.envelope.recipients)
    ]
    for start in range(0, len(found), RECIPIENTS):
        yield found[start : start + RECIPIENTS]


def _recipient(recipient: Recipient, outcome: Outcome | None) -> Fields:
    given = recipient.stamp(ORIGIN)
    return {
        "address": _text(recipient.path),
        "original": None if given is None else _text(given),
        "fate": "waiting" if outcome is None else outcome.fate.value,
        "text": "" if outcome is None else outcome.text,
        "stamps": recipient.dumpedStamps(),
    }


def groupFields(group: Group) -> Fields:
    """A line of a summary."""
    return {
        "name": group.name,
        "messages": group.messages,
        "recipients": group.recipients,
        "octets": group.octets,
        "oldest": group.oldest,
        "newest": group.newest,
    }


def doneFields(done: Done) -> Fields:
    """What came of what an operator wanted."""
    return {"done": done.done, "later": done.later, "kept": done.kept}


__all__ = [
    "countOf",
    "doneFields",
    "entryFields",
    "groupFields",
    "groupingOf",
    "idOf",
    "lineOf",
    "messageFields",
    "recipientFields",
    "selectionFields",
    "selectionOf",
    "textOf",
]
