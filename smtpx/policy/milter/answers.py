"""
What a milter says to the server, as values: what it thinks (L{Answer}), what it wants
changed (values of L{smtpx.policy.edits}, and L{NewBody}), and that it is still at work
(L{PROGRESS}).

Whatever is not in this grammar is L{Malformed}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum

from attrs import frozen

from ...core.errors import Malformed
from ...core.reply import Reply
from ..edits import (
    AddRecipient,
    Change,
    ChangeSender,
    Edit,
    FieldPlace,
    Insert,
    Quarantine,
    RemoveRecipient,
)
from .negotiation import Action
from .packets import strings

_NUMBER_OCTETS = 4

#: The most lines, and octets of a line, of a reply that a milter words.  Sendmail
#: takes 32 lines of 980 octets.
_LINES_MOST = 32
_LINE_OCTETS = 980

#: A line of such a reply.  Sendmail wants a percent sign doubled.
_LINE = re.compile(
    rb"([45])([0-5][0-9])"
    rb"(?:[ -](?:([45])\.([0-9]{1,3})\.([0-9]{1,3})(?: |\Z))?(.*))?\Z",
    re.DOTALL,
)

#: RFC 5321 section 3.8: the connection ends.
_CLOSING = 421


class Verdict(Enum):
    """
    What a milter thinks.

    @cvar CONTINUE: go on.
    @cvar ACCEPT: go on, and don't ask it any more.
    @cvar DISCARD: take the message, and throw it away.
    @cvar REFUSE: refuse, by the reply.
    @cvar SKIP: go on with the end of the message: it has seen enough of the body.
    """

    __hash__ = object.__hash__

    CONTINUE = "continue"
    ACCEPT = "accept"
    DISCARD = "discard"
    REFUSE = "refuse"
    SKIP = "skip"


#: Sendmail's and Postfix's words, for milters that have none of their own.
REJECTED = Reply(550, (5, 7, 1), (b"Command rejected",))
DEFERRED = Reply(451, (4, 7, 1), (b"Service unavailable - try again later",))
CLOSING = Reply(_CLOSING, (4, 7, 0), (b"Service unavailable - closing",), closes=True)


@frozen
class Answer:
    """
    What a milter answers to a command.

    @ivar reply: what the client is told; L{None} where the verdict is no refusal.
    """

    verdict: Verdict
    reply: Reply | None = None


#: What is answered for milters that do not answer, or were not asked.
CONTINUE = Answer(Verdict.CONTINUE)


class Progress(Enum):
    """The type of L{PROGRESS}."""

    PROGRESS = "progress"


#: It is still at work: wait some more.
PROGRESS = Progress.PROGRESS


@frozen
class NewBody:
    """
    A piece of the body that is to take the place of the one that came.
    """

    octets: bytes


Wish = Edit | NewBody

_VERDICTS: Mapping[bytes, Answer] = {
    b"c": CONTINUE,
    b"a": Answer(Verdict.ACCEPT),
    b"d": Answer(Verdict.DISCARD),
    b"r": Answer(Verdict.REFUSE, REJECTED),
    b"t": Answer(Verdict.REFUSE, DEFERRED),
    b"s": Answer(Verdict.SKIP),
    b"4": Answer(Verdict.REFUSE, CLOSING),
    b"f": Answer(Verdict.REFUSE, CLOSING),
}


def _worded(said: bytes) -> Reply:
    """
    @raise Malformed: it is no 4yz or 5yz reply.
    """
    lines = said.removesuffix(b"\0").replace(b"\r\n", b"\n").split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    if not 0 < len(lines) <= _LINES_MOST or len(max(lines, key=len)) > _LINE_OCTETS:
        raise Malformed("a reply that is too long")
    status: tuple[int, int, int] | None = None
    texts: list[bytes] = []
    code = 0
    for line in lines:
        match = _LINE.match(line)
        if match is None or code not in (0, int(match[1] + match[2])):
            raise Malformed("no 4yz or 5yz reply")
        code = int(match[1] + match[2])
        if match[3] is not None and match[3] == match[1]:
            status = (int(match[3]), int(match[4]), int(match[5]))
        texts.append((match[6] or b"").replace(b"%%", b"%"))
    # RFC 2034 section 4: each has one.
    usual = (code // 100, 7, 1)
    return Reply(code, status or usual, tuple(texts), closes=code == _CLOSING)


def _path(text: bytes) -> bytes:
    """What stands between angle brackets, if there are any."""
    if text.startswith(b"<") and text.endswith(b">"):
        return text[1:-1]
    return text


def _first(said: bytes) -> bytes:
    """
    @raise Malformed: there is no string.
    """
    found = strings(said)
    if not found:
        raise Malformed("an argument is missing")
    return found[0]


def _number(said: bytes) -> tuple[int, bytes]:
    if len(said) < _NUMBER_OCTETS:
        raise Malformed("a number is missing")
    return int.from_bytes(said[:_NUMBER_OCTETS]), said[_NUMBER_OCTETS:]


def _field(said: bytes) -> tuple[bytes, bytes]:
    """
    @raise Malformed: it is no name and value.
    """
    found = strings(said)
    if len(found) != 2:
        raise Malformed("no name and value of a field")
    return found[0], found[1]


def _add(said: bytes, exact: bool) -> Edit:
    name, value = _field(said)
    return Insert(name, value, FieldPlace.AT_END, exact)


def _insert(said: bytes, exact: bool) -> Edit:
    at, rest = _number(said)
    name, value = _field(rest)
    return Insert(name, value, at, exact)


def _change(said: bytes, exact: bool) -> Edit:
    nth, rest = _number(said)
    name, value = _field(rest)
    return Change(name, nth, value, exact)


#: What can be wished, and what had to be agreed on for it.
_WISHES: Mapping[bytes, tuple[Action, Callable[[bytes, bool], Wish]]] = {
    b"h": (Action.ADD_HEADER, _add),
    b"i": (Action.ADD_HEADER, _insert),
    b"m": (Action.CHANGE_HEADER, _change),
    b"b": (Action.CHANGE_BODY, lambda said, exact: NewBody(said)),
    b"+": (
        Action.ADD_RECIPIENT,
        lambda said, exact: AddRecipient(_path(_first(said))),
    ),
    b"2": (
        Action.ADD_RECIPIENT_WITH,
        lambda said, exact: AddRecipient(_path(_first(said))),
    ),
    b"-": (
        Action.REMOVE_RECIPIENT,
        lambda said, exact: RemoveRecipient(_path(_first(said))),
    ),
    b"e": (
        Action.CHANGE_SENDER,
        lambda said, exact: ChangeSender(_path(_first(said))),
    ),
    b"q": (
        Action.QUARANTINE,
        lambda said, exact: Quarantine(_shown(_first(said))),
    ),
}


def _shown(text: bytes) -> str:
    """A reason, for the operator: one line, and not too long."""
    read = text[:_LINE_OCTETS].decode("utf-8", "backslashreplace")
    return " ".join("".join(c if c.isprintable() else " " for c in read).split())


def answer(code: bytes, said: bytes) -> Answer | Progress:
    """
    Read what answers a command.

    @raise Malformed: it is nothing that a milter says.
    """
    if code == b"y":
        return Answer(Verdict.REFUSE, _worded(said))
    if code == b"p":
        return PROGRESS
    found = _VERDICTS.get(code)
    if found is not None:
        return found
    raise Malformed(f"{code!r} is nothing that a milter says")


def wish(code: bytes, said: bytes, allowed: Action, exact: bool) -> Wish | None:
    """
    Read something that a milter wants changed.

    @param allowed: what was agreed on.
    @param exact: do values have the blank behind the colon?
    @return: L{None}: it is something else.
    @raise Malformed: it is no good, or was not agreed on.
    """
    found = _WISHES.get(code)
    if found is None:
        return None
    action, read = found
    if action not in allowed:
        raise Malformed(f"{action.name} was not agreed on")
    return read(said, exact)


__all__ = [
    "CLOSING",
    "CONTINUE",
    "DEFERRED",
    "PROGRESS",
    "REJECTED",
    "Answer",
    "NewBody",
    "Progress",
    "Verdict",
    "Wish",
    "answer",
    "wish",
]
