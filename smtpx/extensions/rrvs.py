"""
RRVS (RFC 7293): only to who had the mailbox then.

Addresses are given to others when they are given up.  Whoever sends a message that is
for one person alone says on RCPT since when he knows the address as that person's; a
server where the mailbox has had another owner since then refuses it.  The question,
L{KeptSince}, is answered by somebody who knows our mailboxes.  Who is not at home
here is no matter of ours: what was asked for is passed on, and a host that does not
do it gets nothing, unless the sender would rather have it go on (C{;C}).

What was asked and answered with yes has been done, and is not passed on; nor is it to
whom an alias leads, of whom its sender knew nothing (section 8.2).

A header field says the same where a host on the way does not have the extension
(section 5.2).  It counts for a recipient of whom RCPT said nothing; changing it is in
L{smtpx.extensions.rrvsfield}.

The server side is silent unless there is somebody to ask, by C{asked}.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from enum import Enum
from typing import Any

from attrs import field, frozen
from zope.interface import implementer

from ..core.address import localPartOf
from ..core.dialogue import Question, Verdict, ask
from ..core.envelope import Bearer, Envelope, Recipient, Stamp
from ..core.errors import Malformed
from ..core.grammar import KEYWORD, Grammar
from ..core.hooks import Capability, Parameter, Refusal, Scope, Stage, Where
from ..core.hostlist import HostList
from ..core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IQueueBuilder,
    IQueueExtension,
    IServerBuilder,
    IServerExtension,
    IServerSession,
    Transform,
)
from ..core.occasion import when
from ..core.reply import Reply, reply
from ..core.timestamp import parseTimestamp, renderTimestamp
from .rrvsfield import FIELD, FieldNote, adding, readField, removing

#: The keyword has no parameters (section 3.1).
CAPABILITY = Capability[bool](b"RRVS", KEYWORD)

#: How many header fields of a message are looked at; more is an attack.
_FIELDS_MOST = 100

#: RFC 2142: mailboxes of those who do a job, whoever that is (section 5.1 item 1).
_ROLES = frozenset(
    b"info marketing sales support abuse noc security postmaster hostmaster usenet"
    b" news webmaster www uucp ftp".split()
)

_CHANGED = reply(550, "5.7.17", b"Mailbox owner has changed")
_DOMAIN_CHANGED = reply(550, "5.7.18", b"Domain owner has changed")
_UNKNOWN = reply(550, "5.7.19", b"RRVS test cannot be completed")
_LATER = reply(451, "4.3.0", b"RRVS test cannot be completed now")

# The next host.
_UNSUPPORTED = reply(550, "5.7.19", b"Next host does not test who has a mailbox")
_GUESSED = reply(451, "4.7.19", b"RRVS needs the host's own word")


class Ownership(Enum):
    """
    Has a mailbox had the same owner since then (section 9)?

    @cvar ELSEWHERE: it is no mailbox of ours.
    @cvar KEPT: it has; or it never had another one.
    @cvar CHANGED: it has not.
    @cvar DOMAIN_CHANGED: its whole domain has not, and that may be told.
    @cvar UNKNOWN: nobody knows, nor will.
    @cvar LATER: nobody can tell now.
    """

    ELSEWHERE = "elsewhere"
    KEPT = "kept"
    CHANGED = "changed"
    DOMAIN_CHANGED = "domain_changed"
    UNKNOWN = "unknown"
    LATER = "later"


_REFUSALS = {
    Ownership.CHANGED: _CHANGED,
    Ownership.DOMAIN_CHANGED: _DOMAIN_CHANGED,
    Ownership.UNKNOWN: _UNKNOWN,
    Ownership.LATER: _LATER,
}


@frozen
class KeptSince(Question[Ownership]):
    """
    Has a mailbox had the same owner since then?

    @ivar path: the mailbox.
    @ivar since: in seconds since the epoch.
    @ivar session: who asks.
    """

    path: bytes
    since: int
    session: IServerSession = field(eq=False, repr=False)


# --- the parameter -------------------------------------------------------------


class NoSupport(Enum):
    """
    What is done where a host does not have the extension (section 3.1).

    @cvar REJECT: it does not get the message.
    @cvar CONTINUE: it does.
    """

    REJECT = "R"
    CONTINUE = "C"


@frozen
class Since:
    """
    What is asked for.

    @ivar at: since when the mailbox is to be the same person's, in seconds since the
        epoch.
    @ivar action: what is done where a host does not have the extension; L{None}: it
        was not said, and so REJECT.
    """

    at: int
    action: NoSupport | None = None


_VALUE = re.compile(rb"([^;.]+)(?:;([CRcr]))?").fullmatch


def _parse(raw: bytes | None) -> Since:
    # Section 3.1: without fractions of seconds.
    found = None if raw is None else _VALUE(raw)
    if found is None:
        raise Malformed(
            "wants a date and time such as 2027-01-31T08:00:00Z, perhaps ;C or ;R"
        )
    letter = found[2]
    action = None if letter is None else NoSupport(letter.decode("ascii").upper())
    return Since(parseTimestamp(found[1]), action)


def _render(since: Since) -> bytes:
    text = renderTimestamp(since.at)
    if since.action is None:
        return text
    return text + b";" + since.action.value.encode("ascii")


#: C{date-time [ ";" ( "C" / "R" ) ]} (section 3.1).
GRAMMAR = Grammar[Since](_parse, _render)


def _load(text: str) -> Since:
    return _parse(text.encode("latin-1", "replace"))


#: Since when a recipient's mailbox is to be the same person's.  Critical: without this
#: extension it would be anybody's.
SINCE = Stamp[Since](
    "rrvs", lambda since: _render(since).decode("ascii"), _load, critical=True
)

#: The same as L{SINCE}, but a header field said so, which is best effort: a host that
#: does not have the extension gets the field as it is.
FIELD_SINCE = Stamp[Since](
    "rrvs-field", lambda since: _render(since).decode("ascii"), _load
)

#: Of this transaction: did RCPT say so of this recipient, whatever became of it?
_SAID = Stamp[bool]("rrvs-said", None, bool)

#: Of this transaction: what stands in the header.
_FIELDS = Stamp[list[FieldNote]]("rrvs-fields", None, lambda text: [])


@frozen
class RRVSSettings:
    """What an operator may set of RRVS."""

    fieldHosts: HostList = field(
        default=HostList(),
        metadata={
            "help": "Next hosts without the extension behind which the header field is"
            " heeded: it is added for them where the sender would rather have the"
            " message go on (``;C``).  Others learn nothing of what was asked."
        },
    )


class IRRVS(IServerExtension, IClientExtension, IQueueExtension):
    """RRVS (RFC 7293)."""


@implementer(IRRVS)
class RRVS:
    """
    The RRVS extension.

    @ivar options: the settings.
    @ivar asked: is there somebody who answers L{KeptSince}?
    """

    name = "RRVS"
    requires: tuple[str, ...] = ()
    settings = RRVSSettings

    def __init__(
        self, settings: RRVSSettings = RRVSSettings(), *, asked: bool = False
    ) -> None:
        self.options = settings
        self.asked = asked
        self._parameter = Parameter[Since](
            b"RRVS",
            Where.RCPT,
            GRAMMAR,
            _receive,
            _send,
            of=(SINCE, FIELD_SINCE),
        )

    def configured(self, settings: RRVSSettings) -> RRVS:
        """See L{smtpx.core.interfaces.IExtension}."""
        return RRVS(settings, asked=self.asked)

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        if not self.asked:
            return
        server.capability(CAPABILITY, lambda session: True)
        server.parameter(self._parameter)
        server.review(Stage.RCPT, _reviewRecipient, of=(SINCE,))
        server.header(FIELD, _noteField)
        server.review(Stage.MESSAGE, _reviewFields)

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.parameter(self._parameter, under=CAPABILITY)
        client.admit(when(_admit, lacks=CAPABILITY, of=(SINCE,)))
        client.transform(when(self._transform, of=(SINCE, FIELD_SINCE)))

    def _transform(
        self, session: IClientSession, envelope: Envelope
    ) -> Transform | None:
        """
        The header field for a host without the extension, and the parameter in its
        place for one that has it (section 6.1).
        """
        recipients = envelope.recipients
        if session.offered(CAPABILITY):
            named = [each.path for each in recipients if each.stamp(FIELD_SINCE)]
            return removing(named) if named else None
        since = recipients[0].stamp(SINCE) if len(recipients) == 1 else None
        # Section 7: never for several recipients, who would learn of each other.
        if since is None or not self._heeds(session):
            return None
        return adding(recipients[0].path, since.at)

    def _heeds(self, session: IClientSession) -> bool:
        target = session.target
        return self.options.fieldHosts.matches(target.address, (target.host.lower(),))

    # --- queue ----------------------------------------------------------------

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """See L{IQueueExtension}."""
        queue.stamp(SINCE)
        queue.stamp(FIELD_SINCE)
        queue.redirect(_redirect)


# --- on receipt ----------------------------------------------------------------


def _receive(session: IServerSession, bearer: Bearer, since: Since) -> Reply | None:
    bearer.stamps[SINCE] = since
    bearer.stamps[_SAID] = True
    return None


def _reviewRecipient(
    session: IServerSession, recipient: Recipient | None
) -> Verdict | None:
    assert recipient is not None
    since = recipient.stamp(SINCE)
    return None if since is None else _judge(session, recipient, since)


def _judge(session: IServerSession, recipient: Recipient, since: Since) -> Verdict:
    ownership = yield from _whose(session, recipient.path, since.at)
    if ownership is not Ownership.ELSEWHERE:
        # It has been done here, and nobody else is to do it again.
        del recipient.stamps[SINCE]
    return _REFUSALS.get(ownership)


def _whose(
    session: IServerSession, path: bytes, since: int
) -> Generator[Any, Any, Ownership]:
    ownership = yield from ask(KeptSince(path, since, session))
    if ownership is not Ownership.ELSEWHERE and localPartOf(path).lower() in _ROLES:
        return Ownership.KEPT
    return ownership


def _noteField(session: IServerSession, value: bytes) -> None:
    envelope = session.envelope
    assert envelope is not None
    note = readField(value)
    if note is None:
        return
    fields = envelope.stamp(_FIELDS)
    if fields is None:
        fields = envelope.stamps[_FIELDS] = []
    if len(fields) < _FIELDS_MOST:
        fields.append(note)


def _reviewFields(
    session: IServerSession, recipient: Recipient | None
) -> Verdict | None:
    envelope = session.envelope
    assert envelope is not None
    fields = envelope.stamp(_FIELDS)
    return None if fields is None else _judgeFields(session, envelope, fields)


def _judgeFields(
    session: IServerSession, envelope: Envelope, fields: list[FieldNote]
) -> Verdict:
    """What the header says of recipients of whom RCPT said nothing (section 5.2)."""
    for recipient in envelope.recipients:
        if recipient.stamp(_SAID):
            continue
        for note in fields:
            if not note.names(recipient.path):
                continue
            ownership = yield from _whose(session, recipient.path, note.since)
            if ownership in _REFUSALS:
                return _REFUSALS[ownership]
            if ownership is Ownership.ELSEWHERE:
                since = Since(note.since, NoSupport.CONTINUE)
                recipient.stamps[FIELD_SINCE] = since
    return None


# --- on the way ----------------------------------------------------------------


def _send(session: IClientSession, bearer: Bearer) -> Since | None:
    return bearer.stamp(SINCE) or bearer.stamp(FIELD_SINCE)


def _admit(session: IClientSession, envelope: Envelope) -> Refusal | None:
    """It is declined (section 6), unless the sender would rather have it go on."""
    bound = tuple(each for each in envelope.recipients if _isBound(each))
    if not bound:
        return None
    if session.guessed:
        return Refusal(_GUESSED, Scope.SESSION)
    return Refusal(_UNSUPPORTED, Scope.HOST, bound)


def _isBound(recipient: Recipient) -> bool:
    since = recipient.stamp(SINCE)
    return since is not None and since.action is not NoSupport.CONTINUE


def _redirect(recipient: Recipient, other: Recipient, several: bool) -> None:
    """Section 8.2: of whom an alias leads to, nothing was said."""
    if other.path == recipient.path:
        return
    for stamp in (SINCE, FIELD_SINCE):
        if stamp in other.stamps:
            del other.stamps[stamp]
