"""
MT-PRIORITY (RFC 6710): what is urgent goes first.

A message has a priority from -9 to 9; without a word it is 0.  The client says it on
MAIL, the queue gives those with a higher one the first place, the next host is told,
and so is whoever reads the Received field.  A report of the message has its priority
(section 4.6).

Anybody may say that a message is not urgent.  That it is, is believed of clients and
users that the settings name; of others it counts as 0, and the reply to MAIL says so
(section 4.1).  While the settings name nobody, the server does not offer it.

Where room is scarce, the settings may put off what is not urgent enough, and refuse
what is urgent and too long.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from attrs import evolve, field, frozen
from attrs.validators import ge, le, optional
from zope.interface import implementer

from .. import sasl
from ..core.envelope import Bearer, Envelope, Recipient, Stamp
from ..core.errors import Malformed
from ..core.grammar import Grammar
from ..core.hooks import (
    Capability,
    LogFields,
    News,
    Parameter,
    ReportWish,
    Schedule,
    Stage,
    TraceClauses,
    Where,
)
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
)
from ..core.reply import Reply, reply

#: Section 7: priority-profile.
_profile = re.compile(rb"[A-Za-z0-9._-]{1,20}").fullmatch


def _parseProfile(raw: bytes | None) -> bytes:
    # What is no name is as good as none: clients need not know it (section 3 item 3).
    return raw if raw is not None and _profile(raw) else b""


#: The name of the policy; empty: the server does not tell.
CAPABILITY = Capability[bytes](
    b"MT-PRIORITY", Grammar(_parseProfile, lambda name: name or None)
)

#: Section 7: no plus sign, no leading zeros, and no "-0".
_value = re.compile(rb"-?[1-9]|0").fullmatch

_LOWERED = reply(250, "2.3.6", b"0 is the priority of this message")
_TOO_LOW = reply(450, "4.7.15", b"Priority level is too low for now")
_TOO_BIG = reply(552, "5.7.16", b"Message is too big for its priority")


def _parse(raw: bytes | None) -> int:
    if raw is None or _value(raw) is None:
        raise Malformed("wants a number from -9 to 9")
    return int(raw)


def _load(text: str) -> int:
    # A Malformed is a ValueError, as a stamp has it.
    return _parse(text.encode("latin-1", "replace"))


#: The priority of the message.
PRIORITY = Stamp[int]("mt-priority", str, _load)

#: Of this transaction: was it lowered?
_CHANGED = Stamp[bool]("mt-priority-changed", None, bool)

GRAMMAR = Grammar[int](_parse, lambda priority: b"%d" % priority)


def _checkPolicy(instance: object, attribute: Any, name: str) -> None:
    if name and not _profile(name.encode("utf-8")):
        raise ValueError(f'"{name}" is no name of a policy')


@frozen
class MTPrioritySettings:
    """What an operator may set of MT-PRIORITY."""

    hosts: HostList = field(
        default=HostList(),
        metadata={"help": "The clients whose messages may be urgent."},
    )
    users: tuple[str, ...] = field(
        default=(),
        validator=sasl.checkUsers,
        metadata={
            "help": 'The users whose messages may be urgent; "*" is everybody who has'
            " logged in."
        },
    )
    policy: str = field(
        default="",
        validator=_checkPolicy,
        metadata={
            "help": "The name of the policy by which priorities are given, such as"
            " ``MIXER``, as clients are told it; empty: they are not."
        },
    )
    lowest: int = field(
        default=-9,
        validator=[ge(-9), le(9)],
        metadata={
            "least": -9,
            "help": "Messages with a lower priority are put off (450 4.7.15), such as"
            " while a line is scarce.",
        },
    )
    urgentOctets: int | None = field(
        default=None,
        validator=optional(ge(1)),
        metadata={
            "help": "The largest message that may be urgent; larger ones are refused"
            " (552 5.7.16).",
        },
    )


def _send(session: IClientSession, bearer: Bearer) -> int | None:
    # Section 4.2: it "MUST appear", also where it is the default.
    return bearer.stamp(PRIORITY) or 0


class IMTPriority(IServerExtension, IClientExtension, IQueueExtension):
    """MT-PRIORITY (RFC 6710)."""


@implementer(IMTPriority)
class MTPriority:
    """
    The MT-PRIORITY extension.

    @ivar options: the settings.
    """

    name = "MT-PRIORITY"
    requires: tuple[str, ...] = ()
    settings = MTPrioritySettings

    def __init__(self, settings: MTPrioritySettings = MTPrioritySettings()) -> None:
        self.options = settings
        self._trusted = sasl.Trusted(settings.hosts, settings.users)
        #: C{MT-PRIORITY=} on MAIL.
        self.parameter = Parameter(
            b"MT-PRIORITY", Where.MAIL, GRAMMAR, self._receive, _send
        )

    def configured(self, settings: MTPrioritySettings) -> MTPriority:
        """See L{smtpx.core.interfaces.IExtension}."""
        return MTPriority(settings)

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}.  While it is for nobody, it is not there."""
        if self._trusted.nobody:
            return
        policy = self.options.policy.encode("ascii")
        server.capability(CAPABILITY, lambda session: policy)
        server.parameter(self.parameter)
        server.review(Stage.MAIL, self._review)
        if self.options.urgentOctets is not None:
            server.review(Stage.MESSAGE, self._reviewSize)
        server.trace(self._trace)
        server.record(self._record, of=(PRIORITY,))

    def _receive(
        self, session: IServerSession, bearer: Bearer, priority: int
    ) -> Reply | None:
        if priority > 0 and not self._trusted.includes(session):
            bearer.stamps[_CHANGED] = True
            priority = 0
        bearer.stamps[PRIORITY] = priority
        return None

    def _review(
        self, session: IServerSession, recipient: Recipient | None
    ) -> Reply | None:
        envelope = session.envelope
        assert envelope is not None
        if (envelope.stamp(PRIORITY) or 0) < self.options.lowest:
            return _TOO_LOW
        return _LOWERED if envelope.stamp(_CHANGED) else None

    def _reviewSize(
        self, session: IServerSession, recipient: Recipient | None
    ) -> Reply | None:
        envelope, most = session.envelope, self.options.urgentOctets
        assert envelope is not None and most is not None
        urgent = (envelope.stamp(PRIORITY) or 0) > 0
        return _TOO_BIG if urgent and envelope.octets > most else None

    def _trace(self, session: IServerSession) -> TraceClauses:
        priority = _priorityOf(session)
        return () if priority is None else (("PRIORITY", str(priority)),)

    def _record(self, session: IServerSession) -> LogFields:
        priority = _priorityOf(session)
        return () if priority is None else (("priority", priority),)

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.parameter(self.parameter, under=CAPABILITY)

    # --- queue ----------------------------------------------------------------

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """See L{IQueueExtension}."""
        queue.stamp(PRIORITY)
        queue.schedule(self._schedule, of=(PRIORITY,))
        queue.report(self._wish, of=(PRIORITY,))

    def _schedule(self, envelope: Envelope, schedule: Schedule) -> Schedule:
        return evolve(schedule, priority=envelope.stamps[PRIORITY])

    def _wish(
        self, envelope: Envelope, recipient: Recipient, news: News
    ) -> ReportWish | None:
        priority = envelope.stamps[PRIORITY]
        return ReportWish(stampers=(partial(_stamp, priority),))


def _priorityOf(session: IServerSession) -> int | None:
    return None if session.envelope is None else session.envelope.stamp(PRIORITY)


def _stamp(priority: int, report: Envelope) -> None:
    report.stamps[PRIORITY] = priority
