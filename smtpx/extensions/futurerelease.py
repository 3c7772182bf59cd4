"""
FUTURERELEASE (RFC 4865): a message that is to be sent later.

Who submits a message says on MAIL for how long it is to be held, or until when.  It
waits in the queue, and grows old only from its release on.  It does not go before,
whatever the clock did meanwhile and whoever wakes it.

It is for submission alone (section 4.2), so the server side is silent until whoever
makes such a listener asks for it by C{forSubmission}, as
L{smtpx.policy.submission.Submission} does; and while no settings say for how long a
message may wait.

So that nobody fills the queue with what goes next year, each user may have so many
messages waiting (section 6); how many they are, an L{IHeldMail} knows.

A message that waits here is released by us, and the next host never hears of the
wait.  A client that has one whose time has not come passes on what is left of the
wait to a host that offers to hold it, and to others does not send it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import ceil
from typing import Any

from attrs import evolve, field, frozen
from attrs.validators import ge, le
from zope.interface import Interface, implementer

from ..core.envelope import (
    Bearer,
    Envelope,
    Recipient,
    Stamp,
    dumpOctets,
    loadOctets,
)
from ..core.errors import Malformed
from ..core.grammar import Grammar
from ..core.hooks import (
    Capability,
    LogFields,
    Parameter,
    Refusal,
    Schedule,
    Scope,
    Stage,
    Where,
)
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
from ..core.reply import Reply, reply
from ..core.timestamp import parseTimestamp, renderTimestamp
from .deliverby import DEADLINE

#: Section 3: future-release-integer.
_MOST = 999_999_999
_INTEGER = re.compile(rb"[1-9][0-9]{0,8}").fullmatch

# Section 4.2 items 10 and 11.
_TWO = reply(501, "5.5.4", b"A message is held only once")
_TOO_LONG = reply(501, "5.5.4", b"Messages are not held for so long")
_PAST = reply(501, "5.5.4", b"The time of the release has passed")

# Section 5.2.2.
_TOO_LATE = reply(501, "5.5.4", b"It is to be delivered before it is released")

# Section 6 item 4.  Its X.7.16 is somebody else's today (RFC 6710).
_TOO_MANY = reply(552, "5.2.2", b"Too many messages of yours wait to be released")

_NOT_YET = reply(451, "4.3.3", b"Not to be sent yet, and the host does not hold it")


# --- grammars ------------------------------------------------------------------


@frozen
class Most:
    """
    For how long a server holds messages.

    @ivar seconds: at most.
    @ivar until: at the latest, in seconds since the epoch.
    """

    seconds: int
    until: int


def _parseInterval(raw: bytes | None) -> int:
    if raw is None or _INTEGER(raw) is None:
        raise Malformed("wants a number of seconds")
    return int(raw)


def _parseTime(raw: bytes | None) -> int:
    # Section 3 item 4: "normalized to UTC".
    if raw is None or raw[-1:] not in (b"Z", b"z"):
        raise Malformed("wants a date and time in UTC, such as 2027-01-31T08:00:00Z")
    return parseTimestamp(raw)


def _parseMost(raw: bytes | None) -> Most:
    interval, _, until = (raw or b"").partition(b" ")
    return Most(_parseInterval(interval), _parseTime(until))


def _renderMost(most: Most) -> bytes:
    return b"%d %b" % (most.seconds, renderTimestamp(most.until))


#: C{max-future-release-interval SP max-future-release-date-time}.
CAPABILITY = Capability[Most](b"FUTURERELEASE", Grammar(_parseMost, _renderMost))

#: C{future-release-interval}, in seconds.
INTERVAL = Grammar[int](_parseInterval, lambda seconds: b"%d" % seconds)

#: C{future-release-date-time}, in seconds since the epoch.
TIME = Grammar[int](_parseTime, renderTimestamp)


# --- what is noted -------------------------------------------------------------


@frozen
class Hold:
    """
    What a message waits for.

    @ivar release: when it goes, in seconds since the epoch.
    @ivar seconds: for how long it was to be held when it came; L{None}: it was said
        until when.
    """

    release: float
    seconds: int | None = None

    @property
    def asked(self) -> str:
        """What the client asked for, as reports have it (section 5.1.2)."""
        if self.seconds is None:
            return "until;" + renderTimestamp(self.release).decode("ascii")
        return f"for;{self.seconds}"


def _dump(hold: Hold) -> str:
    return f"{hold.release!r} {'' if hold.seconds is None else hold.seconds}"


def _load(text: str) -> Hold:
    release, _, seconds = text.partition(" ")
    return Hold(float(release), int(seconds) if seconds else None)


#: When a message is to be released.  Critical: without this extension nobody knows
#: that it is not to go yet.
HOLD = Stamp[Hold]("futurerelease", _dump, _load, critical=True)

#: Whose message it is that waits: the user's name; empty: nobody's.
HOLDER = Stamp[bytes]("futurerelease-user", dumpOctets, loadOctets)

#: Of a session: what it was told is the latest time (section 4.2 item 8).
_TOLD = Stamp[int]("futurerelease-told", None, int)


@frozen
class FutureReleaseSettings:
    """What an operator may set of FUTURERELEASE."""

    holdMaxSeconds: int = field(
        default=0,
        validator=[ge(0), le(_MOST)],
        metadata={
            "help": "For how long users may have messages held; 0: they may not, and"
            " it is not offered.  Only listeners of the role ``submission`` offer it.",
            "least": 0,
        },
    )
    holdMessages: int = field(
        default=100,
        validator=ge(1),
        metadata={
            "help": "How many messages of one user may wait at a time.",
            "least": 1,
        },
    )


class IHeldMail(Interface):
    """Knows how many messages of users wait to be released."""

    def count(user: bytes) -> int:
        """How many there are of a user now; nobody's name is empty."""

    def add(user: bytes, release: float) -> None:
        """
        There is one more.

        @param release: until when, in seconds since the epoch.
        """


class IFutureRelease(IServerExtension, IClientExtension, IQueueExtension):
    """FUTURERELEASE (RFC 4865)."""


@implementer(IFutureRelease)
class FutureRelease:
    """
    The FUTURERELEASE extension.

    @ivar options: the settings.
    @ivar submission: is it for a listener where messages are submitted?
    @ivar held: knows what waits; L{None}: nobody does, and anybody may have as many
        messages waiting as there is room for.
    """

    name = "FUTURERELEASE"
    requires: tuple[str, ...] = ()
    settings = FutureReleaseSettings

    def __init__(
        self,
        settings: FutureReleaseSettings = FutureReleaseSettings(),
        *,
        submission: bool = False,
        held: IHeldMail | None = None,
    ) -> None:
        self.options = settings
        self.submission = submission
        self.held = held
        self._parameters: tuple[Parameter[Any], ...] = (
            Parameter(
                b"HOLDFOR",
                Where.MAIL,
                INTERVAL,
                self._holdFor,
                _sendInterval,
                of=(HOLD,),
            ),
            Parameter(
                b"HOLDUNTIL",
                Where.MAIL,
                TIME,
                self._holdUntil,
                _sendTime,
                of=(HOLD,),
            ),
        )

    def configured(self, settings: FutureReleaseSettings) -> FutureRelease:
        """See L{smtpx.core.interfaces.IExtension}."""
        return FutureRelease(settings, submission=self.submission, held=self.held)

    def forSubmission(self) -> FutureRelease:
        """
        The same for a listener where messages are submitted, and what it takes goes
        to a spool that asks for schedules.
        """
        return FutureRelease(self.options, submission=True, held=self.held)

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}.  Elsewhere than for submission, it is not there."""
        if not self.submission or not self.options.holdMaxSeconds:
            return
        server.capability(CAPABILITY, self._advertise)
        for parameter in self._parameters:
            server.parameter(parameter)
        server.review(Stage.MAIL, self._review)
        if self.held is not None:
            server.review(Stage.MESSAGE, self._count)
        server.record(_record, of=(HOLD,))

    def _advertise(self, session: IServerSession) -> Most:
        most = self.options.holdMaxSeconds
        until = session.stamps[_TOLD] = int(session.now()) + most
        return Most(most, until)

    def _holdFor(
        self, session: IServerSession, bearer: Bearer, seconds: int
    ) -> Reply | None:
        if HOLD in bearer.stamps:
            return _TWO
        if seconds > self.options.holdMaxSeconds:
            return _TOO_LONG
        bearer.stamps[HOLD] = Hold(session.now() + seconds, seconds)
        return None

    def _holdUntil(
        self, session: IServerSession, bearer: Bearer, release: int
    ) -> Reply | None:
        if HOLD in bearer.stamps:
            return _TWO
        if release > session.stamps[_TOLD]:
            return _TOO_LONG
        if release <= session.now():
            # Not "at once": what has been sent cannot be taken back.
            return _PAST
        bearer.stamps[HOLD] = Hold(release)
        return None

    def _review(
        self, session: IServerSession, recipient: Recipient | None
    ) -> Reply | None:
        """
        It cannot be late before it goes (section 5.2.2), and there is a bound on what
        one user has waiting (section 6 item 3).
        """
        envelope = session.envelope
        assert envelope is not None
        hold, deadline = envelope.stamp(HOLD), envelope.stamp(DEADLINE)
        if hold is None:
            return None
        if deadline is not None and hold.release > deadline.at:
            return _TOO_LATE
        user = envelope.stamps[HOLDER] = session.identity or b""
        held, most = self.held, self.options.holdMessages
        return _TOO_MANY if held is not None and held.count(user) >= most else None

    def _count(
        self, session: IServerSession, recipient: Recipient | None
    ) -> Reply | None:
        """It is about to be taken."""
        envelope, held = session.envelope, self.held
        assert envelope is not None and held is not None
        hold, user = envelope.stamp(HOLD), envelope.stamp(HOLDER)
        if hold is not None and user is not None:
            held.add(user, hold.release)
        return None

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        for parameter in self._parameters:
            client.parameter(parameter, under=CAPABILITY)
        client.admit(when(_admit, of=(HOLD,)))

    # --- queue ----------------------------------------------------------------

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """See L{IQueueExtension}."""
        queue.stamp(HOLD)
        queue.stamp(HOLDER)
        queue.schedule(_schedule, of=(HOLD,))
        queue.fields(_fields)


def _record(session: IServerSession) -> LogFields:
    hold = None if session.envelope is None else session.envelope.stamp(HOLD)
    if hold is None:
        return ()
    return (("release", renderTimestamp(ceil(hold.release)).decode("ascii")),)


def _left(session: IClientSession, bearer: Bearer) -> Hold | None:
    """What a message waits for; L{None}: for nothing any more."""
    hold = bearer.stamp(HOLD)
    if hold is None or hold.release <= session.now():
        return None
    return hold


def _sendInterval(session: IClientSession, bearer: Bearer) -> int | None:
    hold = _left(session, bearer)
    if hold is None or hold.seconds is None:
        return None
    return ceil(hold.release - session.now())


def _sendTime(session: IClientSession, bearer: Bearer) -> int | None:
    hold = _left(session, bearer)
    if hold is None or hold.seconds is not None:
        return None
    return ceil(hold.release)


def _admit(session: IClientSession, envelope: Envelope) -> Refusal | None:
    hold = _left(session, envelope)
    if hold is None:
        return None
    most = session.offered(CAPABILITY)
    # Section 5.1.1: a report is not held for release.
    if most is not None and envelope.sender:
        if hold.seconds is None:
            fits = hold.release <= most.until
        else:
            fits = hold.release - session.now() <= most.seconds
        if fits:
            return None
    return Refusal(_NOT_YET, Scope.HOST)


def _schedule(envelope: Envelope, schedule: Schedule) -> Schedule:
    hold = envelope.stamps[HOLD]
    return evolve(schedule, notBefore=max(schedule.notBefore, hold.release))


def _fields(
    envelope: Envelope, recipient: Recipient | None
) -> Iterable[tuple[str, str]]:
    hold = envelope.stamp(HOLD)
    if recipient is None and hold is not None:
        yield "Future-Release-Request", hold.asked
