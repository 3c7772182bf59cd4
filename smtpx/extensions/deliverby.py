"""
DELIVERBY (RFC 2852): by when a message is to be delivered, and what else.

On MAIL stands how many seconds there are for it, and what is to be done when they
are over: in mode C{R} nothing more is tried, and the message is returned; in mode
C{N} its sender is told of the delay, and it is tried on.  The next host is told what
is left of the time, and one that does not know of this extension, or takes no so
urgent messages, gets nothing in mode C{R}.

What counts is when MAIL came; the time itself is noted, and survives in the queue,
which has it as the deadline of the message, or as the time of a notice.

To offer it is to promise all that.  So the settings name the clients to whom it is
offered, and by default that is nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import Enum
from math import floor

from attrs import evolve, field, frozen
from attrs.validators import ge, le
from zope.interface import implementer

from ..core.envelope import Bearer, Envelope, Recipient, Stamp
from ..core.errors import Malformed
from ..core.grammar import Grammar
from ..core.hooks import (
    Action,
    Capability,
    Dialect,
    LogFields,
    News,
    Parameter,
    Refusal,
    ReportWish,
    Schedule,
    Scope,
    Where,
)
from ..core.hostlist import HostList, clientNames
from ..core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IQueueBuilder,
    IQueueExtension,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from ..core.occasion import when
from ..core.reply import UNKNOWN_PARAMETER, Reply, reply
from ..core.timestamp import renderTimestamp
from .dsn import TELL_DELAY

#: Section 4: some 31 years.
_MOST = 999_999_999

_VALUE = re.compile(rb"([+-]?[0-9]{1,9});([NRnr])([Tt]?)").fullmatch
_LEAST = re.compile(rb"([0-9]{0,9})(?:,[!-+\x2d-~]+)*").fullmatch

# Section 3: "a permanent failure (55z) reply code".
_TOO_SOON = reply(555, "5.5.4", b"There is less time than we ask for")

# The next host.
_OVER = reply(554, "5.4.7", b"The time for the delivery of this message is over")
_UNSUPPORTED = reply(554, "5.3.3", b"Host does not promise delivery in time")
_TOO_SLOW = reply(554, "5.4.7", b"Host wants more time than is left")
_GUESSED = reply(451, "4.3.3", b"Delivery in time needs the host's own word")


class Mode(Enum):
    """
    What is done when the time is over.

    @cvar RETURN: it is returned.
    @cvar NOTIFY: its sender is told.
    """

    RETURN = "R"
    NOTIFY = "N"


# --- grammars ------------------------------------------------------------------


@frozen
class By:
    """
    What is asked for.

    @ivar seconds: how much time there is; in mode NOTIFY it may be over.
    @ivar mode: what is done then.
    @ivar trace: is the sender told where it went (C{by-trace})?
    """

    seconds: int
    mode: Mode
    trace: bool = False


def _parse(raw: bytes | None) -> By:
    found = None if raw is None else _VALUE(raw)
    if found is None:
        raise Malformed("wants seconds, a semicolon, and R or N")
    seconds, mode = int(found[1]), Mode(found[2].decode("ascii").upper())
    if mode is Mode.RETURN and seconds <= 0:
        raise Malformed("wants some time")
    return By(seconds, mode, bool(found[3]))


def _render(by: By) -> bytes:
    text = f"{by.seconds};{by.mode.value}{'T' if by.trace else ''}"
    return text.encode("ascii")


#: C{by-value = by-time ";" by-mode [by-trace]} (section 4).
GRAMMAR = Grammar[By](_parse, _render)


def _parseLeast(raw: bytes | None) -> int:
    # Section 2 item 3: other options may follow.
    found = _LEAST(raw or b"")
    if found is None:
        raise Malformed("wants a number of seconds")
    return int(found[1] or 0)


#: C{min-by-time}, in seconds; 0: nothing is said of it.
CAPABILITY = Capability[int](
    b"DELIVERBY", Grammar(_parseLeast, lambda least: b"%d" % least if least else None)
)


# --- what is noted -------------------------------------------------------------


@frozen
class Deadline:
    """
    By when a message is to be delivered.

    @ivar at: the deliver-by-time, in seconds since the epoch.
    @ivar mode: what is done then.
    @ivar trace: is the sender told where it went?
    """

    at: float
    mode: Mode
    trace: bool = False

    def left(self, now: float) -> int:
        """How many whole seconds there are, as they stand on the wire."""
        return max(-_MOST, min(_MOST, floor(self.at - now)))


def _dump(deadline: Deadline) -> str:
    return f"{deadline.at!r} {deadline.mode.value}{'T' if deadline.trace else ''}"


def _load(text: str) -> Deadline:
    at, _, mode = text.partition(" ")
    return Deadline(float(at), Mode(mode[:1]), mode[1:] == "T")


#: By when a message is to be delivered.  Critical: without this extension it would
#: go where it must not, or too late.
DEADLINE = Stamp[Deadline]("deliverby", _dump, _load, critical=True)


@frozen
class DeliverBySettings:
    """What an operator may set of DELIVERBY."""

    hosts: HostList = field(
        default=HostList(),
        metadata={"help": "The clients that it is offered to."},
    )
    minBySeconds: int = field(
        default=0,
        validator=[ge(0), le(_MOST)],
        metadata={
            "help": "How much time a message has to have that is to be returned when"
            " it is over (``BY=...;R``); others are refused.  0: any.",
            "least": 0,
        },
    )


class IDeliverBy(IServerExtension, IClientExtension, IQueueExtension):
    """DELIVERBY (RFC 2852)."""


@implementer(IDeliverBy)
class DeliverBy:
    """
    The DELIVERBY extension.

    @ivar options: the settings.
    """

    name = "DELIVERBY"
    requires: tuple[str, ...] = ()
    settings = DeliverBySettings

    def __init__(self, settings: DeliverBySettings = DeliverBySettings()) -> None:
        self.options = settings
        self._parameter = Parameter[By](
            b"BY", Where.MAIL, GRAMMAR, self._receive, _send, of=(DEADLINE,)
        )

    def configured(self, settings: DeliverBySettings) -> DeliverBy:
        """See L{smtpx.core.interfaces.IExtension}."""
        return DeliverBy(settings)

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}.  While it is for nobody, it is not there."""
        if self.options.hosts == HostList():
            return
        server.capability(CAPABILITY, self._advertise)
        server.parameter(self._parameter)
        server.record(_record, of=(DEADLINE,))

    def _welcome(self, session: IServerSession) -> bool:
        return self.options.hosts.matches(session.peer, clientNames(session))

    def _advertise(self, session: IServerSession) -> int | None:
        return self.options.minBySeconds if self._welcome(session) else None

    def _receive(self, session: IServerSession, bearer: Bearer, by: By) -> Reply | None:
        if not self._welcome(session):
            return UNKNOWN_PARAMETER
        if by.mode is Mode.RETURN and by.seconds < self.options.minBySeconds:
            return _TOO_SOON
        at = session.now() + by.seconds
        bearer.stamps[DEADLINE] = Deadline(at, by.mode, by.trace)
        return None

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.parameter(self._parameter, under=CAPABILITY)
        client.admit(when(_admit, of=(DEADLINE,)))

    # --- queue ----------------------------------------------------------------

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """See L{IQueueExtension}."""
        queue.stamp(DEADLINE)
        queue.schedule(_schedule, of=(DEADLINE,))
        queue.report(_wish, of=(DEADLINE,))
        queue.fields(_fields)


def _record(session: IServerSession) -> LogFields:
    found = None if session.envelope is None else session.envelope.stamp(DEADLINE)
    if found is None:
        return ()
    return (("deliver_by", renderTimestamp(found.at).decode("ascii")),)


def _send(session: IClientSession, bearer: Bearer) -> By | None:
    deadline = bearer.stamp(DEADLINE)
    assert deadline is not None, "it is not asked without"
    return By(deadline.left(session.now()), deadline.mode, deadline.trace)


def _admit(session: IClientSession, envelope: Envelope) -> Refusal | None:
    deadline = envelope.stamp(DEADLINE)
    assert deadline is not None, "it is not asked without"
    least = session.offered(CAPABILITY)
    notifies = deadline.mode is Mode.NOTIFY
    # Section 4.1.4.2: who does not know of the time is asked to tell of any delay.
    final = session.target.dialect is Dialect.LMTP
    tells = notifies and least is None and not final
    for each in envelope.recipients:
        each.stamps[TELL_DELAY] = tells
    if notifies:
        return None
    # Section 4.1.4.1.
    left = deadline.left(session.now())
    if left <= 0:
        return Refusal(_OVER, Scope.MESSAGE)
    if final or (least is not None and left >= least):
        # Who speaks LMTP delivers it, and relays nothing.
        return None
    if session.guessed:
        return Refusal(_GUESSED, Scope.SESSION)
    # Another host of the domain may do (section 6; section 7 would not look for it).
    return Refusal(_UNSUPPORTED if least is None else _TOO_SLOW, Scope.HOST)


def _schedule(envelope: Envelope, schedule: Schedule) -> Schedule:
    found = envelope.stamps[DEADLINE]
    if found.mode is Mode.NOTIFY:
        return evolve(schedule, noticeAt=_earlier(schedule.noticeAt, found.at))
    return evolve(schedule, deadline=_earlier(schedule.deadline, found.at))


def _earlier(one: float | None, other: float) -> float:
    return other if one is None else min(one, other)


def _wish(envelope: Envelope, recipient: Recipient, news: News) -> ReportWish | None:
    """
    Whom a host has that does not know of the time, and all who are traced, their
    sender is told of, unless he does not want to hear anything (section 4.1.4).
    """
    found = envelope.stamp(DEADLINE)
    if found is None or news.action is not Action.RELAYED:
        return None
    lost = found.mode is Mode.NOTIFY and CAPABILITY.keyword not in news.offers
    return ReportWish(send=True) if found.trace or lost else None


def _fields(
    envelope: Envelope, recipient: Recipient | None
) -> Iterable[tuple[str, str]]:
    found = envelope.stamp(DEADLINE)
    if recipient is None and found is not None:
        when = datetime.fromtimestamp(found.at, UTC)
        yield "Deliver-By-Date", format_datetime(when)
