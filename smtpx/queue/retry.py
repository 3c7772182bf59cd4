"""
When a message is tried again, and when it is given up.

RFC 5321 section 4.5.4.1 wants two attempts in the first hour and then one every two
or three hours, and that a message is given up after four to five days.  L{USUAL} is
the rule that Exim comes with, which does so.  What kind of error it was makes a
difference (L{DEFAULTS}): who greylists wants us again in minutes, and what local
delivery waits for is our own disk or an operator, so it begins with a minute.

Rules of the operator are for some recipients, some errors, or both.  As everywhere in
the house, the narrowest pattern decides; of two rules for one pattern, the one that
names the error.

Not all messages for a host that was away come back at one moment: up to a tenth is
added to each pause, which a message's id decides, so that the same question has the
same answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

from attrs import frozen
from zope.interface import implementer

from ..core.addresstable import AddressTable
from ..core.errors import Conflict, UsageError
from ..core.hooks import Schedule
from ..spool.format import Outcome, SpooledMessage
from .errorkind import ErrorKind, kindOf
from .interfaces import IRetries
from .pauses import Pauses, Stretch

_MINUTE = 60.0
_HOUR = 3600.0
_DAY = 86400.0

#: Exim's default rule: C{F,2h,15m; G,16h,1h,1.5; F,4d,6h}, without its end.
USUAL = Pauses(
    (
        Stretch(15 * _MINUTE, untilSeconds=2 * _HOUR),
        Stretch(_HOUR, 1.5, 16 * _HOUR),
        Stretch(6 * _HOUR),
    )
)

_SOON = Pauses((Stretch(5 * _MINUTE, untilSeconds=_HOUR / 2), *USUAL.stretches))

#: For the kinds of errors for which L{USUAL} is not used.
DEFAULTS = {
    ErrorKind.LOCAL: Pauses((Stretch(_MINUTE, 2.0, _HOUR), Stretch(_HOUR))),
    ErrorKind.GREYLISTED: _SOON,
    ErrorKind.DNS: _SOON,
    ErrorKind.LOST: _SOON,
    ErrorKind.QUOTA: Pauses((Stretch(_HOUR, 2.0, 16 * _HOUR), Stretch(6 * _HOUR))),
}

#: How much a pause is longer at most than its rule says, as a part of it.
SPREAD = 0.1

_CRC = 1 << 32


@frozen
class RetryRule:
    """
    A rule.

    @ivar match: patterns of L{AddressTable}: whose messages.
    @ivar errors: after which errors; empty: after all for which there is no rule of
        the same pattern that names them.
    @ivar pauses: how long to wait.
    """

    pauses: Pauses
    match: tuple[str, ...] = ("*",)
    errors: tuple[ErrorKind, ...] = ()


@frozen
class Lifetimes:
    """
    The age at which messages are given up, whatever rules say.

    @ivar usualSeconds: of messages.
    @ivar bounceSeconds: of messages from nobody, mostly delivery reports, whose
        recipient often was never there.
    """

    usualSeconds: float = 5 * _DAY
    bounceSeconds: float = 2 * _DAY

    def of(self, sender: bytes) -> float:
        """In seconds, for messages from this sender."""
        return self.usualSeconds if sender else self.bounceSeconds


@implementer(IRetries)
class RetryRules:
    """
    All rules of a server.

    @ivar lifetimes: when to give up.
    """

    def __init__(
        self,
        rules: Iterable[RetryRule] = (),
        lifetimes: Lifetimes | None = None,
        home: bytes = b"localhost",
        separators: bytes = b"",
        spread: float = SPREAD,
    ) -> None:
        """
        @param rules: in any order.
        @param lifetimes: when to give up; L{None}: as usual.
        @param home: the domain of C{<postmaster>}, who may come without one.
        @param separators: what separates a tag in a local part.
        @param spread: see L{SPREAD}.
        @raise UsageError: a rule has a pattern in none of the forms, or none.
        @raise Conflict: two rules are for the same.
        """
        self.lifetimes = lifetimes or Lifetimes()
        self._spread = spread
        named: dict[ErrorKind, dict[str, Pauses]] = {kind: {} for kind in ErrorKind}
        others: dict[str, Pauses] = {}
        for rule in rules:
            if not rule.match:
                raise UsageError("a retry rule needs something to match")
            for table in [named[kind] for kind in rule.errors] or [others]:
                for pattern in rule.match:
                    key = pattern.lower()
                    if key in table:
                        raise Conflict(f'two retry rules are for "{pattern}"')
                    table[key] = rule.pauses
        self._tables = {
            kind: AddressTable((others | table).items(), home, separators)
            for kind, table in named.items()
        }

    def pauses(self, path: bytes, kind: ErrorKind) -> Pauses:
        """
        The plan for a recipient after an error.

        @param path: the recipient's mailbox, as the envelope has it.
        """
        found = self._tables[kind].find(path)
        return found or DEFAULTS.get(kind, USUAL)

    def pause(
        self, path: bytes, outcome: Outcome, seconds: float, failures: int
    ) -> float:
        """
        How long a host is left alone that could not be reached: as long as a message
        that has waited for as long as the host has failed.  See
        L{smtpx.queue.smtp.Pause}.
        """
        return self.pauses(path, kindOf(outcome)).after(seconds, failures)

    def due(
        self,
        message: SpooledMessage,
        outcome: Outcome,
        now: float,
        schedule: Schedule | None = None,
    ) -> float | None:
        """
        When to try again what has just not worked.

        The last attempt is when the message would be given up: it is not given up
        between two attempts.

        @param message: as it was leased: its C{attempts} are those before this one.
        @param outcome: what became of one of its recipients.
        @param now: in seconds since the epoch.
        @param schedule: what extensions have to say of when the message goes
            (L{smtpx.core.queueprofile.QueueProfile.scheduleFor}); L{None}: nothing.
        @return: in seconds since the epoch; L{None}: not again, it is too old.
        """
        pauses, began, end = self._plan(message, outcome, schedule)
        if now >= end:
            return None
        pause = pauses.after(now - began, message.attempts)
        seed = f"{message.id} {message.attempts}".encode("ascii")
        pause += pause * self._spread * crc32(seed) / _CRC
        return min(now + pause, end)

    def until(
        self,
        message: SpooledMessage,
        outcome: Outcome,
        schedule: Schedule | None = None,
    ) -> float:
        """Until when it is tried, in seconds since the epoch; see L{due}."""
        return self._plan(message, outcome, schedule)[2]

    def _plan(
        self, message: SpooledMessage, outcome: Outcome, schedule: Schedule | None
    ) -> tuple[Pauses, float, float]:
        """
        How long to wait, since when a message is tried, and until when; both in
        seconds since the epoch.
        """
        plan = schedule or Schedule()
        # What was to wait (RFC 4865) has not grown old from that.
        began = max(message.arrived, plan.notBefore)
        path = message.envelope.recipients[outcome.index].path
        pauses = self.pauses(path, kindOf(outcome))
        end = began + self.lifetimes.of(message.envelope.sender)
        if pauses.endSeconds is not None:
            end = min(end, began + pauses.endSeconds)
        if plan.deadline is not None:
            end = min(end, plan.deadline)
        return pauses, began, end


__all__ = [
    "DEFAULTS",
    "SPREAD",
    "USUAL",
    "Lifetimes",
    "RetryRule",
    "RetryRules",
]
