"""
What happened to a message, read back from a log: from the events as JSON
(L{smtpx.observe.jsonlines}), or from the main log (L{smtpx.observe.mainlog}), which
has less.

Both give the same values.  What a peer said is text in them: plain ASCII, with escapes
for everything else (L{smtpx.observe.harmless}), so that it can be shown.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum

from attrs import frozen

from ..spool.via import Cause
from . import events
from .harmless import line as plainly
from .shown import demandsOf, shownOf


class Fate(Enum):
    """What came of an attempt."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    FAILED = "failed"


class Deed(Enum):
    """
    What was done to a message as a whole.

    @cvar REPORTED: its sender was told of it, by another message.
    @cvar HELD: it was put on hold.
    @cvar RELEASED: it was taken off hold.
    @cvar CANCELLED: an operator gave it up.
    @cvar REMOVED: an operator had it forgotten.
    @cvar COMPLETED: nobody waited for it any more.
    """

    REPORTED = "reported"
    HELD = "held"
    RELEASED = "released"
    CANCELLED = "cancelled"
    REMOVED = "removed"
    COMPLETED = "completed"


@frozen
class Arrival:
    """
    It came.

    @ivar at: when, in seconds since the epoch.
    @ivar sender: from whom; empty: nobody.
    @ivar recipients: for whom; empty: the log does not say.
    @ivar octets: its size; L{None}: not known, as with all that may be L{None}.
    @ivar client: the client, as C{name (helo) [address]}; empty: it was written here.
    @ivar tls: the version of TLS; L{None}: in the clear.
    @ivar login: as whom the client had logged in; L{None}: it had not.
    @ivar messageID: its Message-ID.
    @ivar seconds: how long it took to come.
    @ivar about: the id of the message that it reports; L{None}: it is no report.
    @ivar user: the user of this machine who gave it; L{None}: it came over a
        connection.
    @ivar source: the files that it was taken from; L{None}: it was not.
    """

    at: float
    sender: str
    recipients: tuple[str, ...] = ()
    octets: int | None = None
    client: str = ""
    tls: str | None = None
    login: str | None = None
    messageID: str | None = None
    seconds: float | None = None
    about: str | None = None
    user: str | None = None
    source: str | None = None


@frozen
class Attempted:
    """
    It was tried to deliver it to somebody.

    @ivar at: when that ended.
    @ivar recipient: to whom.
    @ivar fate: what came of it.
    @ivar cause: at what it failed.
    @ivar text: why, in the words of whoever knows.
    @ivar reply: what the host said; empty: nothing.
    @ivar host: the host's name, or the path of a UNIX socket; empty: there was none.
    @ivar address: its address.
    @ivar original: the address that an alias led from; L{None}: none.
    @ivar transport: by which transport.
    @ivar due: when it is tried again; L{None}: the log does not say.
    @ivar took: how long it took, in seconds; L{None} likewise.
    @ivar proof: whether the host was who it should be, as the main log has it: C{yes},
        C{no} or C{dane}; empty: in the clear, or the log does not say.
    @ivar demands: who asked for what of TLS with the host, and why; empty: nobody did,
        or the log does not say.
    @ivar shown: what certificate it showed then, and what that came to; empty: in the
        clear.
    """

    at: float
    recipient: str
    fate: Fate
    cause: Cause = Cause.OTHER
    text: str = ""
    reply: str = ""
    host: str = ""
    address: str = ""
    original: str | None = None
    transport: str = ""
    due: float | None = None
    took: float | None = None
    proof: str = ""
    demands: tuple[str, ...] = ()
    shown: str = ""


@frozen
class Done:
    """
    Something was done to it.

    @ivar at: when.
    @ivar deed: what.
    @ivar by: by whom; empty: by the server.
    @ivar why: why; empty: nobody said.
    @ivar report: the id of the report; L{None}: there is none.
    """

    at: float
    deed: Deed
    by: str = ""
    why: str = ""
    report: str | None = None


Happening = Arrival | Attempted | Done

# --- events as JSON ------------------------------------------------------------------

_FATES = {
    events.DELIVERED.name: Fate.DELIVERED,
    events.DEFERRED.name: Fate.DEFERRED,
    events.FAILED.name: Fate.FAILED,
}
_DEEDS = {
    events.REPORTED.name: Deed.REPORTED,
    events.HELD.name: Deed.HELD,
    events.STUCK.name: Deed.HELD,
    events.RELEASED.name: Deed.RELEASED,
    events.CANCELLED.name: Deed.CANCELLED,
    events.REMOVED.name: Deed.REMOVED,
    events.COMPLETED.name: Deed.COMPLETED,
}
_CAUSES = {each.value: each for each in Cause}


def timeOfEvent(line: bytes) -> float | None:
    """When an event happened; L{None}: it is none."""
    if not line.startswith(b'{"time":"'):
        return None
    text = line[9:33].decode("ascii", "replace").removesuffix("Z") + "+00:00"
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def happeningOfEvent(line: bytes, id: str) -> Happening | None:
    """
    What an event tells of a message.

    @param id: the message's; an event of another one may name it, too.
    @return: L{None}: nothing, or nothing that matters here.
    """
    at = timeOfEvent(line)
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if at is None or not isinstance(found, dict):
        return None
    name = found.get("event")
    if found.get("report") == id and name == events.REPORTED.name:
        return _written(found, at)
    if found.get("message") != id:
        return None
    if name in (events.ACCEPTED.name, events.COMPOSED.name):
        return _accepted(found, at)
    if name == events.IMPORTED.name:
        return _imported(found, at)
    if name in _FATES:
        return _attempted(found, at, _FATES[name])
    if name not in _DEEDS:
        return None
    report = _text(found, "report") or None
    return Done(at, _DEEDS[name], _text(found, "by"), _text(found, "reason"), report)


def _text(found: Mapping[str, object], name: str) -> str:
    value = found.get(name, "")
    return plainly(value) if isinstance(value, str) else ""


def _number(found: Mapping[str, object], name: str) -> float | None:
    value = found.get(name)
    return float(value) if isinstance(value, int | float) else None


def _size(found: Mapping[str, object]) -> int | None:
    value = _number(found, "octets")
    return None if value is None else int(value)


def _accepted(found: Mapping[str, object], at: float) -> Arrival:
    name, helo, address = (_text(found, each) for each in ("name", "helo", "address"))
    words = [name] if name else []
    if helo and helo.lower() != name.lower():
        words.append(f"({helo})")
    if address:
        words.append(f"[{address}]")
    recipients = found.get("recipients")
    return Arrival(
        at,
        _text(found, "sender"),
        tuple(plainly(str(each)) for each in recipients)
        if isinstance(recipients, list)
        else (),
        _size(found),
        " ".join(words),
        _text(found, "version") or None,
        _text(found, "identity") or None,
        _text(found, "messageID") or None,
        _number(found, "seconds"),
        user=_text(found, "user") or None,
    )


def _imported(found: Mapping[str, object], at: float) -> Arrival:
    """It was on another server's queue before."""
    recipients = found.get("recipients")
    return Arrival(
        at,
        _text(found, "sender"),
        tuple(map(str, recipients)) if isinstance(recipients, list) else (),
        _size(found),
        source=_text(found, "source"),
    )


def _written(found: Mapping[str, object], at: float) -> Arrival:
    """A report, of which the message that it is about tells."""
    return Arrival(
        at,
        "",
        (_text(found, "recipient"),),
        _size(found),
        messageID=_text(found, "messageID") or None,
        about=_text(found, "message"),
    )


def _attempted(found: Mapping[str, object], at: float, fate: Fate) -> Attempted:
    return Attempted(
        at,
        _text(found, "recipient"),
        fate,
        _CAUSES.get(_text(found, "cause"), Cause.OTHER),
        _text(found, "text"),
        _text(found, "reply").replace("\\x0d\\x0a", " / "),
        _text(found, "host") or _text(found, "socket"),
        _text(found, "address"),
        _text(found, "original") or None,
        _text(found, "transport"),
        _number(found, "due"),
        _number(found, "took"),
        _proof(found),
        demandsOf(found),
        shownOf(found),
    )


def _proof(found: Mapping[str, object]) -> str:
    if "verified" not in found:
        return ""
    if not found["verified"]:
        return "no"
    return "dane" if found.get("dane") else "yes"


# --- the main log --------------------------------------------------------------------

_LINE = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{3}))? (?:\[\d+\] )?(\S{16}) (.*)"
)
_STAMP = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_ARROWS = {
    "=>": Fate.DELIVERED,
    "->": Fate.DELIVERED,
    "==": Fate.DEFERRED,
    "**": Fate.FAILED,
}
_FIELD = re.compile(r" (R|T|X|CV|A|S|P|U|id\*?|DT|RT)=(\S+)")
_HOST = re.compile(r" H=(\S+) \[([^\]]*)\](?::\d+)?")
_CLIENT = re.compile(r" H=((?:[^\s(=]+ )?(?:\(\S+\) )?(?:\[[^\]]*\])?)(?::\d+)?")
_SAID = re.compile(r' C="((?:[^"\\]|\\.)*)"')
_DEFER = re.compile(r" defer \((-?\d{1,5})\)(.*)")
#: Stands behind why somebody will not have it.
_TOOK = re.compile(r" DT=[\d.]+s\Z")
_AFTER = re.compile(
    r"(?:SMTP error from remote mail server|LMTP error) after"
    r" (initial connection|MAIL FROM|RCPT TO|end of data)(?::<[^ ]*>)?: (.*)"
)
_STAGES = {
    "initial connection": Cause.SESSION,
    "MAIL FROM": Cause.SENDER,
    "RCPT TO": Cause.RECIPIENT,
    "end of data": Cause.CONTENT,
}
#: Exim's numbers for what went wrong; of the system where they are positive.
_NUMBERS = {
    -1: Cause.DNS,
    -18: Cause.LOST,
    -37: Cause.TLS,
    -42: Cause.LOGIN,
    -44: Cause.RECIPIENT,
    -45: Cause.SENDER,
    -46: Cause.CONTENT,
    -54: Cause.EARLY,
}
_OPERATED = re.compile(
    r"(frozen|unfrozen|cancelled|removed) by (\S+)(?: \((.*)\))?|Frozen(?: \((.*)\))?"
)
_WORDS = {
    "frozen": Deed.HELD,
    "unfrozen": Deed.RELEASED,
    "cancelled": Deed.CANCELLED,
    "removed": Deed.REMOVED,
}


def localTime(text: str) -> float:
    """A time on the wall, C{2026-11-22 03:19:48}, in seconds since the epoch."""
    return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%S"))


def timeOfLine(line: bytes, zone: Callable[[str], float] = localTime) -> float | None:
    """
    When a line of the main log was written; L{None}: it does not say.

    @param zone: makes seconds since the epoch of a time on the wall.
    """
    found = _STAMP.match(line)
    if found is None:
        return None
    try:
        return zone(found[0].decode("ascii"))
    except (ValueError, OverflowError):
        return None


def happeningOfLine(
    line: bytes, id: str, zone: Callable[[str], float] = localTime
) -> Happening | None:
    """
    What a line of the main log tells of a message.

    @param id: the message's.
    @param zone: see L{timeOfLine}.
    @return: L{None}: nothing, or nothing that matters here.
    """
    found = _LINE.fullmatch(line.decode("ascii", "backslashreplace"))
    seconds = timeOfLine(line, zone)
    if found is None or seconds is None:
        return None
    at = seconds + int(found[2] or 0) / 1000
    whose, rest = found[3], found[4]
    if whose != id:
        # Of another message, it matters only if that is the report of this one.
        report = rest.startswith("<= ") and f" R={id} " in f"{rest} "
        return Done(at, Deed.REPORTED, report=whose) if report else None
    word, _, rest = rest.partition(" ")
    if word == "<=":
        return _arrival(rest, at)
    if word in _ARROWS:
        return _attempt(rest, at, _ARROWS[word])
    if word == "Completed":
        return Done(at, Deed.COMPLETED)
    operated = _OPERATED.fullmatch(f"{word} {rest}".rstrip())
    if operated is None:
        return None
    if operated[1] is None:
        return Done(at, Deed.HELD, why=operated[4] or "")
    return Done(at, _WORDS[operated[1]], operated[2], operated[3] or "")


def _arrival(rest: str, at: float) -> Arrival:
    sender, _, _ = rest.partition(" ")
    fields = dict(_FIELD.findall(rest))
    client = _CLIENT.search(rest)
    size = fields.get("S", "")
    about = fields.get("R")
    return Arrival(
        at,
        "" if sender == "<>" else sender,
        octets=int(size) if size.isdecimal() else None,
        client="" if client is None else client[1].rstrip(),
        tls=fields["X"].partition(":")[0].replace("TLS", "TLSv", 1)
        if "X" in fields
        else None,
        login=fields["A"].partition(":")[2] or None if "A" in fields else None,
        messageID=fields.get("id") or fields.get("id*"),
        about=about,
        user=None if client is not None or about else fields.get("U"),
    )


def _attempt(rest: str, at: float, fate: Fate) -> Attempted:
    first, _, more = rest.partition(" ")
    recipient, original = first, None
    if more.startswith("<"):
        inside, _, more = more[1:].partition(">")
        more = f" {more.lstrip()}"
        # A local one begins with the user alone.
        recipient, original = (first, inside) if "@" in first else (inside, None)
    more = f" {more.lstrip()}"
    head, why, cause = more, "", Cause.OTHER
    host = _HOST.search(more)
    if fate is Fate.DEFERRED and (deferred := _DEFER.search(more)) is not None:
        number, said = int(deferred[1]), deferred[2]
        cause = _NUMBERS.get(number, Cause.CONNECT if number > 0 else Cause.OTHER)
        if number > 0:
            said = said.removeprefix(f": {os.strerror(number)}")
        head, _, why = said.partition(": ")
        host = _HOST.search(head)
    elif fate is Fate.FAILED:
        head, _, why = more.partition(": ")
        why = _TOOK.sub("", why)
        host = _HOST.search(head)
    after = _AFTER.match(why)
    reply = ""
    if after is not None:
        cause, reply = _STAGES[after[1]], after[2].replace("\\n", " / ")
    elif fate is Fate.DELIVERED and (receipt := _SAID.search(more)) is not None:
        reply = receipt[1].replace("\\n", " / ")
    fields = dict(_FIELD.findall(more))
    took = fields.get("DT", "").removesuffix("s")
    return Attempted(
        at,
        recipient,
        fate,
        cause,
        "" if reply else why,
        reply,
        "" if host is None else host[1],
        "" if host is None else host[2],
        original,
        fields.get("T", ""),
        None,
        float(took) if re.fullmatch(r"\d+(?:\.\d+)?", took) else None,
        fields.get("CV", ""),
    )


__all__ = [
    "Arrival",
    "Attempted",
    "Deed",
    "Done",
    "Fate",
    "Happening",
    "happeningOfEvent",
    "happeningOfLine",
    "localTime",
    "timeOfEvent",
    "timeOfLine",
]
