"""
One spooled message as values, and as text: versioned, pure functions.

The text is JSON, one object a message, so that an operator can read it with
any tool::

    {"v": 1, "arrived": 1763780000.25, "from": "a@client.example",
     "octets": 1042, "stamps": {"size": "1000"},
     "to": ["b@server.example",
            {"path": "c@server.example", "stamps": {"dsn.notify": "NEVER"}}],
     "prefix": "Received: from ...\\r\\n"}

Octets stand as the UTF-8 they mostly are; what is none stands as the lone
surrogates of PEP 383, and comes back as it was.  The text is ASCII throughout.
What became of recipients is a text of its own (L{dumpOutcomes}), because it
changes and the message does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from enum import Enum
from json import JSONEncoder, loads
from json.encoder import encode_basestring_ascii as _quote
from typing import Any, NamedTuple

from attrs import evolve, frozen

from ..core.envelope import Envelope, Recipient, Stamp
from ..core.errors import SMTPXError
from ..core.reply import Reply
from ..core.values import value
from .identity import render, secondOf
from .via import Cause, Via

#: The version of the text that is written.  A change that older code would
#: misread raises it, and L{load} goes on to read the versions before.
VERSION = 1

#: What stands behind an outcome whose sender is still to be told.
_UNTOLD = "untold"

#: The note of a message that was on hold until somebody released it.
RELEASED = "released"

_NONE: frozenset[Stamp[Any]] = frozenset()

#: The text of an outcome that was noted, and not written down.
DELIVERED_BEFORE = "delivered before a crash"


class Damaged(SMTPXError):
    """What the spool holds of a message cannot be read; the text says why."""


class UnknownVersion(Damaged):
    """It was written by a newer smtpx than this one."""


class Fate(Enum):
    """What became of one recipient."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@value
class Outcome:
    """
    What became of one recipient in one attempt.

    @ivar index: which recipient, counted from 0 in the envelope as accepted.
    @ivar fate: WAITING: it is to be tried again.
    @ivar text: why, for reports and the operator; never credentials.
    @ivar reply: what the host that has the last word said; L{None}: nothing.  It
        and what follows are not kept in the spool.
    @ivar via: that host; L{None}: there was none.
    @ivar cause: where it is not DELIVERED, at what it failed.
    @ivar notBefore: where it is WAITING, until when there is no use in another
        attempt, in seconds since the epoch; 0: nobody knows.
    @ivar untold: where it is DELIVERED, is the sender still to be told?  Then it is
        not finished with.
    @ivar sender: the sender that the host was told in place of the message's own;
        L{None}: that one.
    """

    index: int
    fate: Fate
    text: str = ""
    reply: Reply | None = None
    via: Via | None = None
    cause: Cause = Cause.OTHER
    notBefore: float = 0.0
    untold: bool = False
    sender: bytes | None = None


@value(eq=False)
class SpooledMessage:
    """
    A message as the spool has it.

    @ivar id: its id.
    @ivar arrived: when, in seconds since the epoch.
    @ivar envelope: sender, all recipients as accepted, stamps, octets.
    @ivar prefix: header fields before the body, with CRLFs.
    @ivar waiting: indices of recipients that are not finished with: they do not have
        the message, or their sender is still to be told that they do.
    @ivar attempts: how often it was tried.
    @ivar held: is it on hold?
    @ivar note: why it is on hold; empty: nobody said.
    @ivar released: was it on hold until somebody released it?  Then routes that hold
        are over for it.
    @ivar due: when it is to be tried; L{None}: at once, it never was.
    @ivar outcomes: the last outcome of each recipient that was tried, by index.
    @ivar octets: the length of its body, without the prefix.
    @ivar filed: is the body in a file of its own?
    @ivar content: the body, where it is not filed and was read along; L{None}
        otherwise.
    @ivar priority: those with a higher one go first; from -9 to 9 (RFC 6710).
    @ivar lane: what it is parked for, as its destination is busy; L{None}: it is
        not parked.
    @ivar told: when its sender was last told of a delay, in seconds since the
        epoch; L{None}: never.
    @ivar key: its id as an integer, if it is known; the spool's own.
    """

    id: str
    arrived: float
    envelope: Envelope
    prefix: bytes
    waiting: tuple[int, ...]
    attempts: int = 0
    held: bool = False
    note: str = ""
    due: float | None = None
    outcomes: tuple[Outcome, ...] = ()
    octets: int = 0
    filed: bool = False
    content: bytes | None = None
    priority: int = 0
    lane: bytes | None = None
    told: float | None = None
    released: bool = False
    key: int | None = None


@frozen(eq=False)
class Report:
    """
    A message of our own, a delivery report, that is put down together with what
    it tells of.

    @ivar envelope: to whom it goes, from the null sender.
    @ivar prefix: header fields to go before the body, each with its CRLF.
    @ivar body: the rest, with CRLF line ends; at most 64 KiB.
    """

    envelope: Envelope
    prefix: bytes
    body: bytes


@frozen(eq=False)
class Recovered:
    """
    A message that somebody had when a process died before it was settled.

    @ivar message: as it is now.  Where nobody waits any more, it is gone.
    @ivar outcomes: of those who had it.
    """

    message: SpooledMessage
    outcomes: tuple[Outcome, ...]


class Row(NamedTuple):
    """
    A message as columns of the spool file, before anybody made sense of it.

    @ivar key: its id, as an integer.
    @ivar filed: 1 where the body is in a file.
    @ivar content: the body, where it is inside and was asked for.
    @ivar hold: why it is on hold since it arrived; L{None}: it was not to be.
    @ivar attempts: L{None}, as all that follows, where nothing was ever written
        down of it since it arrived.
    """

    key: int
    octets: int
    text: str
    filed: int
    content: bytes | None
    hold: str | None
    attempts: int | None
    held: int | None
    due: float | None
    outcomes: str | None
    note: str | None
    priority: int | None
    lane: bytes | None
    told: float | None = None

    @property
    def onHold(self) -> bool:
        """Is it on hold?  What was written down since it arrived goes first."""
        return self.hold is not None if self.held is None else bool(self.held)

    @property
    def isReleased(self) -> bool:
        """Was it on hold, and did somebody release it?"""
        return not self.onHold and self.why == RELEASED

    @property
    def why(self) -> str:
        """Why it is on hold."""
        return (self.hold if self.note is None else self.note) or ""


def inserted(row: tuple[int, int, str, bytes | None, str | None]) -> Row:
    """What has just been put down, as it would be read."""
    key, octets, text, body, hold = row
    nothing = (None, None, None, None, None, None, None)
    return Row(key, octets, text, int(body is None), body, hold, *nothing)


# An encoder made once: json.dumps makes a new one for every call that wants
# other separators, which costs more than the encoding.
_encode = JSONEncoder(separators=(",", ":")).encode


def dump(envelope: Envelope, prefix: bytes) -> str:
    """
    Envelope and prefix as text; L{load} is its inverse.

    It is put together by hand, as it is done for every message: three times as
    fast as making a C{dict} of it and encoding that.
    """
    to = ",".join([_dumpRecipient(one) for one in envelope.recipients])
    stamps = envelope.dumpedStamps()
    return (
        f'{{"v":{VERSION},"arrived":{envelope.arrived!r},'
        f'"from":{_text(envelope.sender)},"octets":{envelope.octets},'
        f'"stamps":{_encode(stamps) if stamps else "{}"},'
        f'"to":[{to}],"prefix":{_text(prefix)}}}'
    )


def _dumpRecipient(recipient: Recipient) -> str:
    """The path alone, unless there are stamps on it."""
    stamps = recipient.dumpedStamps()
    path = _text(recipient.path)
    return f'{{"path":{path},"stamps":{_encode(stamps)}}}' if stamps else path


def _text(octets: bytes) -> str:
    """Octets as a JSON string."""
    return _quote(octets.decode("utf-8", "surrogateescape"))


def load(text: str, known: Mapping[str, Stamp[Any]]) -> tuple[Envelope, bytes]:
    """
    Envelope and prefix from what L{dump} gave.

    @param known: stamps by name, of the extensions that are loaded.
    @raise UnknownVersion: a newer smtpx wrote it.
    @raise Damaged: it cannot be read.
    """
    found = _object(_json(text))
    version = _whole(found.get("v"))
    if version > VERSION:
        raise UnknownVersion(
            f"written in version {version} of the format; "
            f"this smtpx reads up to version {VERSION}"
        )
    arrived = found.get("arrived")
    if type(arrived) is not float and type(arrived) is not int:
        raise Damaged(f"{arrived!r} where a time should be")
    to = found.get("to")
    if type(to) is not list:
        raise Damaged("there is no list of recipients")
    envelope = Envelope(
        _octets(found.get("from")),
        arrived,
        [_loadRecipient(one, known) for one in to],
        _whole(found.get("octets")),
    )
    stamps = _texts(found.get("stamps"))
    if stamps:
        envelope.stamps.load(known, stamps)
    return envelope, _octets(found.get("prefix"))


def _loadRecipient(found: object, known: Mapping[str, Stamp[Any]]) -> Recipient:
    """The inverse of L{_dumpRecipient}."""
    if type(found) is str:
        return Recipient(_octets(found))
    fields = _object(found)
    recipient = Recipient(_octets(fields.get("path")))
    recipient.stamps.load(known, _texts(fields.get("stamps")))
    return recipient


def dumpOutcomes(outcomes: Sequence[Outcome]) -> str:
    """
    Outcomes as text; L{loadOutcomes} is its inverse.  The word C{untold} stands
    behind those whose sender is still to be told.
    """
    return _encode(
        [
            [one.index, one.fate.value, one.text, *([_UNTOLD] if one.untold else ())]
            for one in outcomes
        ]
    )


def loadOutcomes(text: str) -> tuple[Outcome, ...]:
    """
    Outcomes from what L{dumpOutcomes} gave.

    @raise Damaged: they cannot be read.
    """
    found = _json(text)
    if type(found) is not list:
        raise Damaged("there is no list of outcomes")
    outcomes = []
    for item in found:
        if type(item) is not list or len(item) < 3 or type(item[2]) is not str:
            raise Damaged(f"{item!r} where an outcome should be")
        if item[3:] not in ([], [_UNTOLD]):
            raise Damaged(f"{item!r} where an outcome should be")
        try:
            fate = Fate(item[1])
        except ValueError as error:
            raise Damaged(f"{item[1]!r} is no fate of a recipient") from error
        untold = len(item) > 3
        outcomes.append(Outcome(_whole(item[0]), fate, item[2], untold=untold))
    return tuple(outcomes)


def merged(before: Sequence[Outcome], after: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """The last outcome of each recipient, by index."""
    last: dict[int, Outcome] = {}
    for one in (*before, *after):
        last[one.index] = one
    return tuple([last[index] for index in sorted(last)])


def waiting(recipients: int, outcomes: Sequence[Outcome]) -> tuple[int, ...]:
    """
    Indices of the recipients that are not finished with.

    @param recipients: how many there are in all.
    """
    left = dict.fromkeys(range(recipients))
    for one in outcomes:
        if one.fate is not Fate.WAITING and not one.untold:
            left.pop(one.index, None)
    return tuple(left)


def recovered(
    message: SpooledMessage, had: Set[int], untold: Set[int] = frozenset()
) -> Recovered | None:
    """
    What becomes of a message of which it was noted who has it.

    @param had: their indices.
    @param untold: those of them of whom the sender is still to be told.
    @return: L{None}: that is known already.
    """
    known = {each.index for each in message.outcomes if each.untold}
    outcomes = tuple(
        [
            Outcome(index, Fate.DELIVERED, DELIVERED_BEFORE, untold=index in untold)
            for index in message.waiting
            if index in had and index not in known
        ]
    )
    if not outcomes:
        return None
    now = merged(message.outcomes, outcomes)
    left = waiting(len(message.envelope.recipients), now)
    return Recovered(evolve(message, waiting=left, outcomes=now), outcomes)


def message(row: Row, known: Mapping[str, Stamp[Any]]) -> SpooledMessage:
    """
    Make sense of a row.

    @raise Damaged: that cannot be done.
    """
    envelope, prefix = load(row.text, known)
    outcomes = () if row.outcomes is None else loadOutcomes(row.outcomes)
    return SpooledMessage(
        id=render(row.key),
        arrived=envelope.arrived,
        envelope=envelope,
        prefix=prefix,
        waiting=waiting(len(envelope.recipients), outcomes),
        attempts=row.attempts or 0,
        held=row.onHold,
        note="" if row.isReleased else row.why,
        released=row.isReleased,
        due=row.due,
        outcomes=outcomes,
        octets=row.octets,
        filed=bool(row.filed),
        content=row.content,
        priority=row.priority or 0,
        lane=row.lane,
        told=row.told,
        key=row.key,
    )


def unreadable(row: Row, error: Exception) -> SpooledMessage:
    """An entry for a message that cannot be read, for lists."""
    arrived = float(secondOf(row.key))
    return SpooledMessage(
        id=render(row.key),
        arrived=arrived,
        envelope=Envelope(b"", arrived),
        prefix=b"",
        waiting=(),
        attempts=row.attempts or 0,
        held=row.onHold,
        note=f"cannot be read: {error}",
        due=row.due,
        octets=row.octets,
        filed=bool(row.filed),
        content=row.content,
        priority=row.priority or 0,
        lane=row.lane,
        told=row.told,
        key=row.key,
    )


def critical(message: SpooledMessage) -> str:
    """
    Names of critical stamps on the envelope or a waiting recipient that no
    loaded extension knows; empty: none, so it may be sent on.
    """
    envelope = message.envelope
    if envelope.isPlain(_NONE, _NONE):
        # So it mostly is.
        return ""
    names = [*envelope.stamps.holding()]
    for index in message.waiting:
        names += envelope.recipients[index].stamps.holding()
    return ", ".join(dict.fromkeys(names))


# --- reading what may be damaged ------------------------------------------


def _json(text: str) -> object:
    """Read JSON; whatever is wrong with it is L{Damaged}."""
    try:
        found: object = loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise Damaged(f"no JSON: {error}") from error
    return found


def _object(found: object) -> dict[str, object]:
    """C{found}, if it is a JSON object."""
    if type(found) is not dict:
        raise Damaged(f"{found!r:.60} where an object should be")
    return found


def _whole(found: object) -> int:
    """C{found}, if it is a whole number from 0 up."""
    if type(found) is not int or found < 0:
        raise Damaged(f"{found!r:.60} where a number should be")
    return found


def _octets(found: object) -> bytes:
    """The octets that stand as text."""
    if type(found) is not str:
        raise Damaged(f"{found!r:.60} where text should be")
    try:
        return found.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise Damaged(f"text that stands for no octets: {error}") from error


def _texts(found: object) -> dict[str, str]:
    """Texts by name."""
    texts: dict[str, str] = {}
    for name, text in _object(found).items():
        if type(text) is not str:
            raise Damaged(f"{text!r:.60} where the text of {name!r} should be")
        texts[name] = text
    return texts
