"""
What a delivery report says of one recipient, as values: the fields of RFC 3464 and
the text for people are both made of them.

Of what the other host said everything is bounded, and nothing that has no shape of
its own, ends a line or turns its direction stays as it is.

Where an alias put another address in the place of the one that the client gave, the
sender reads the one that he knows: RFC 3464 section 2.3.2 wants the address "as it
was when the Reporting MTA accepted the message".  The other is taken out of what
the host said as well (L{smtpx.queue.veil}).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from attrs import frozen

from ..core.envelope import Recipient
from ..core.hooks import Action
from ..core.queueprofile import QueueProfile
from ..core.reply import Reply
from ..observe.harmless import visible
from ..spool.format import Fate, Outcome, SpooledMessage
from ..spool.via import Cause
from .interfaces import CANCELLED, NOT_YET, OUT_OF_TIME, TOO_LONG
from .remote import Remote, remoteOf
from .told import Told
from .veil import Look, Veil, givenOf

#: What is told of a reply: lines, and characters of each.
REPLY_LINES = 10
LINE_CHARACTERS = 200

#: The longest address that is shown, in characters; SMTP's end before (RFC 5321
#: section 4.5.3.1).
ADDRESS_CHARACTERS = 320

#: The longest value of a field of an extension: ORCPT may have 500 characters.
_FIELD_CHARACTERS = 600
_FIELDS_MOST = 10

#: More than anything has that gets here; what is shown is cut afterwards, for an
#: escape is longer than what it stands for.
_MOST = 100_000

_DIAGNOSTIC_CHARACTERS = 900

#: Behind which of our commands a host refused.
_AFTER = {
    Cause.SESSION: " in the initial connection",
    Cause.SENDER: " after MAIL FROM",
    Cause.RECIPIENT: " after RCPT TO",
    Cause.CONTENT: " after the message",
}

Status = tuple[int, int, int]

_FIELD_NAME = re.compile(r"[!-9;-~]{1,70}\Z")

#: What went wrong where no host says so: subject and detail of the status code.
_BY_CAUSE = {
    Cause.LOCAL: (3, 0),
    Cause.DNS: (4, 3),
    Cause.CONNECT: (4, 1),
    Cause.EARLY: (4, 1),
    Cause.LOST: (4, 2),
    Cause.TLS: (7, 5),
    Cause.LOGIN: (7, 8),
    Cause.EXPIRED: (4, 7),
}

#: Where what was said are our own words.
_OURS = (Cause.UNFIT, Cause.LOCAL)

_CLASS = {Action.FAILED: 5, Action.DELAYED: 4}


@frozen
class Account:
    """
    What a report says of a recipient.

    @ivar index: which.
    @ivar address: the one that the client gave.
    @ivar target: where an alias leads from there; L{None}: nowhere else, or the
        sender is not to know.
    @ivar action: see L{Told}.
    @ivar until: see L{Told}.
    @ivar tried: see L{Told}.
    @ivar status: RFC 3463.
    @ivar cause: at what it failed.
    @ivar said: the reply's lines, with their codes, to be shown; empty: nobody said
        anything.
    @ivar remote: the host that was talked to; L{None}: there was none.
    @ivar why: where nobody said anything, what is to be shown of why; empty:
        nothing is.
    @ivar diagnostic: what went wrong and where, on one line; empty: nothing, or it
        is not to be shown.
    @ivar fields: of extensions, by name, for the report.
    """

    index: int
    address: str
    target: str | None
    action: Action
    until: float | None
    tried: bool
    status: Status
    cause: Cause
    said: tuple[str, ...]
    remote: Remote | None
    why: str
    diagnostic: str
    fields: tuple[tuple[str, str], ...]

    @property
    def host(self) -> str:
        """The host that was talked to, for people; empty: there was none."""
        return "" if self.remote is None else self.remote.words


def accountOf(
    message: SpooledMessage,
    told: Told,
    profile: QueueProfile,
    veil: Veil | None,
) -> Account:
    """
    What a report says of a recipient.

    @param veil: hides where aliases lead; L{None}: the sender is to know.
    """
    outcome = told.outcome
    recipient = message.envelope.recipients[outcome.index]
    given = givenOf(recipient)
    look = Look() if veil is None else veil.of(recipient)
    said = () if outcome.reply is None else _lines(outcome.reply, look)
    if outcome.cause is Cause.TLS and outcome.fate is Fate.FAILED:
        # It is we who will not talk to that host; the reply is for the status.
        said = ()
    why = "" if said else _why(outcome, look)
    address = _cut(visible(given, _MOST), ADDRESS_CHARACTERS)
    return Account(
        index=outcome.index,
        address=address,
        target=_target(recipient, given) if veil is None else None,
        action=told.action,
        until=told.until,
        tried=told.tried,
        status=_status(told),
        cause=outcome.cause,
        said=said,
        remote=None if outcome.cause is Cause.UNFIT else remoteOf(outcome.via),
        why=why,
        diagnostic=_diagnostic(told, said, why, address),
        fields=_harmless(profile.fieldsFor(message.envelope, recipient)),
    )


def messageFields(
    message: SpooledMessage, profile: QueueProfile
) -> tuple[tuple[str, str], ...]:
    """What extensions have for the report of the message as a whole."""
    return _harmless(profile.fieldsFor(message.envelope, None))


def _harmless(fields: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """
    Fields that can do nothing to those beside them, whatever an extension gave.
    """
    return tuple(
        (name, _cut(visible(value, _MOST), _FIELD_CHARACTERS))
        for name, value in islice(fields, _FIELDS_MOST)
        if _FIELD_NAME.match(name)
    )


def _target(recipient: Recipient, given: bytes) -> str | None:
    if recipient.path == given:
        return None
    return _cut(visible(recipient.path, _MOST), ADDRESS_CHARACTERS)


def _lines(said: Reply, look: Look) -> tuple[str, ...]:
    """A reply's lines, to be shown."""
    lines = said.octets.split(b"\r\n")[:-1]
    shown = [_shown(line, look) for line in lines[:REPLY_LINES]]
    if len(lines) > REPLY_LINES:
        shown[-1] = f"{said.code} ..."
    return tuple(shown)


def _shown(octets: bytes, look: Look) -> str:
    shown = visible(look.at(octets[:_MOST]), _MOST)
    return _cut(" ".join(shown.split()), LINE_CHARACTERS)


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 3] + "..."


def _why(outcome: Outcome, look: Look) -> str:
    """
    What may be shown of why, where no host said anything.

    Only what is about a connection: all else tells of our inside.
    """
    about = (Cause.CONNECT, Cause.LOST, Cause.TLS, Cause.EARLY, Cause.EXPIRED)
    text = outcome.text.removesuffix(TOO_LONG).removesuffix(OUT_OF_TIME)
    if outcome.cause is Cause.OPERATOR:
        # Written for the sender; where nothing was, it says no more than the cause.
        text = text.removeprefix(CANCELLED).removeprefix(": ")
        return _shown(text.encode("utf-8", "replace"), Look())
    if outcome.cause not in about:
        return ""
    if text.startswith(NOT_YET):
        # What went wrong the last time that one of the hosts was tried.
        text = text.removeprefix(NOT_YET).removeprefix(": ")
    elif outcome.via is None:
        return ""
    return _shown(text.encode("utf-8", "replace"), look)


def _diagnostic(told: Told, said: tuple[str, ...], why: str, address: str) -> str:
    """
    What went wrong and where: C{SMTP error from remote mail server after RCPT
    TO:<bob@example.net>: 550 5.1.1 No such user}, in the words of Exim.
    """
    if told.action not in _CLASS:
        return ""
    if not said:
        return why
    after = _AFTER.get(told.outcome.cause, "")
    if told.outcome.cause is Cause.RECIPIENT:
        after += f":<{address}>"
    lines = [said[0], *[line[4:] for line in said[1:]]]
    if told.outcome.cause in _OURS:
        words = " ".join(lines)
        return _cut(f"not sent to the host: {words}", _DIAGNOSTIC_CHARACTERS)
    via = told.outcome.via
    here = via is not None and via.local
    where = "LMTP error" if here else "SMTP error from remote mail server"
    return _cut(f"{where}{after}: " + " ".join(lines), _DIAGNOSTIC_CHARACTERS)


def _status(told: Told) -> Status:
    """
    The status of RFC 3463; C{X.0.0} where there is nothing better (RFC 3461 section
    6.3 (g)).
    """
    outcome, action = told.outcome, told.action
    expected = _CLASS.get(action, 2)
    if action is Action.FAILED and outcome.cause is Cause.EXPIRED:
        # RFC 2852 section 4.1.4 for the sender's own deadline.
        return (5, 4, 7) if told.late else (4, 4, 7)
    if action is Action.DELAYED and told.late:
        # RFC 2852 section 4.1.3.
        return (4, 4, 7)
    said = outcome.reply
    if said is not None and said.status is not None:
        # What has failed may do so for a reason of the moment (RFC 3464, 2.3.3).
        if said.status[0] == expected or action is Action.FAILED and said.refuses:
            return said.status
    if expected == 2 or said is not None:
        return (expected, 0, 0)
    return (expected, *_BY_CAUSE.get(outcome.cause, (0, 0)))


__all__ = ["Account", "Status", "accountOf", "messageFields"]
