"""
Which messages somebody means: by id, by who is to have them, by age, by what went
wrong.

A L{Selection} is a value, and what it does not say it does not care about: the empty
one is all there is.  What stands in a field with several values is one of them, and
all fields together have to fit.

Patterns are for whole addresses, domains or lanes; C{*} stands for anything, C{?} for
any character, and capitals are like small letters.  The sender C{<>}, or an empty
pattern, is the null sender.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import Enum
from fnmatch import translate
from functools import lru_cache

from attrs import field, frozen

from ..core.address import domainOf
from ..core.queueprofile import QUARANTINED
from .format import Row, SpooledMessage
from .identity import secondOf

#: A message comes a moment after its id was made, or a long one if it is slow to
#: come; in seconds.
_COMING_SECONDS = 86400.0


class State(Enum):
    """
    How a message is.

    @cvar WAITING: for its time, which may be now.
    @cvar PARKED: for its destination, which is busy.
    @cvar HELD: for an operator: it is on hold.
    @cvar QUARANTINED: likewise, since it may do harm.
    @cvar UNDER_WAY: it is being delivered, or is in memory for that.
    """

    WAITING = "waiting"
    PARKED = "parked"
    HELD = "held"
    QUARANTINED = "quarantined"
    UNDER_WAY = "under way"


def stateOf(message: SpooledMessage | Row, leased: bool) -> State:
    """
    How a message is.

    @param message: of a row, what it would take to read its envelope is not told: it
        is L{State.HELD} where it may be L{State.QUARANTINED}.
    @param leased: has somebody taken it, to deliver it?
    """
    if leased:
        return State.UNDER_WAY
    if message.onHold if isinstance(message, Row) else message.held:
        if isinstance(message, SpooledMessage) and message.envelope.stamp(QUARANTINED):
            return State.QUARANTINED
        return State.HELD
    return State.WAITING if message.lane is None else State.PARKED


@frozen(eq=False)
class Entry:
    """
    A message in a list, without its body.

    @ivar message: the message.
    @ivar state: how it was at that moment.
    """

    message: SpooledMessage
    state: State


@frozen(eq=False)
class Page:
    """
    A page of a search.

    @ivar entries: those that fit; there may be none although there are more.
    @ivar after: behind which id to go on; L{None}: that was all.
    @ivar looked: how many messages were looked at for it.
    """

    entries: Sequence[Entry]
    after: str | None
    looked: int = 0


def _tuple(given: Iterable[str]) -> tuple[str, ...]:
    """
    @raise TypeError: it is one pattern, which would be taken for its letters.
    """
    if isinstance(given, str):
        raise TypeError(f"a tuple of texts, not {given!r}")
    return tuple(given)


def _set(given: Iterable[State]) -> frozenset[State]:
    return frozenset(given)


@frozen
class Selection:
    """
    Which messages are meant.

    @ivar ids: one of these.
    @ivar senders: patterns of the sender's address.
    @ivar recipients: patterns of the address of somebody who waits for it.
    @ivar domains: patterns of the domain of somebody who waits for it.
    @ivar olderSeconds: it came so long ago, or longer; L{None}: any.
    @ivar youngerSeconds: it came less long ago; L{None}: any.
    @ivar largerOctets: its body has so many octets or more; L{None}: any.
    @ivar smallerOctets: it has fewer; L{None}: any.
    @ivar text: what is in the last error of somebody who waits for it, or in the
        note why it is on hold, in small letters or capitals; empty: anything.
    @ivar states: one of these.
    @ivar lanes: patterns of the lane for which it is parked.
    @ivar until: it came before that time, in seconds since the epoch, so that what
        comes meanwhile is not meant; L{None}: any.
    """

    ids: tuple[str, ...] = field(default=(), converter=_tuple)
    senders: tuple[str, ...] = field(default=(), converter=_tuple)
    recipients: tuple[str, ...] = field(default=(), converter=_tuple)
    domains: tuple[str, ...] = field(default=(), converter=_tuple)
    olderSeconds: float | None = None
    youngerSeconds: float | None = None
    largerOctets: int | None = None
    smallerOctets: int | None = None
    text: str = ""
    states: frozenset[State] = field(default=frozenset(), converter=_set)
    lanes: tuple[str, ...] = field(default=(), converter=_tuple)
    until: float | None = None

    @property
    def meansQuarantined(self) -> bool:
        """Does it say that messages in quarantine are meant, or name its own?"""
        return bool(self.ids) or State.QUARANTINED in self.states

    def mayFit(self, row: Row, leased: bool, now: float) -> bool:
        """
        Is it worth making sense of a row?  What costs nothing to see is looked at.

        @param leased: has somebody taken the message?
        """
        if self.states:
            state = stateOf(row, leased)
            held = state is State.HELD and State.QUARANTINED in self.states
            if state not in self.states and not held:
                return False
        if self.lanes and row.lane is None:
            return False
        # It cannot have come before its id was made.
        if not self._isYoung(float(secondOf(row.key)) + _COMING_SECONDS, now):
            return False
        return self._hasSize(row.octets)

    def fits(self, entry: Entry, now: float) -> bool:
        """
        Is a message meant?

        @param now: seconds since the epoch.
        """
        message = entry.message
        if self.ids and message.id not in self.ids:
            return False
        if self.states and entry.state not in self.states:
            return False
        return (
            self._hasSize(message.octets)
            and self._isYoung(message.arrived, now)
            and self._isOld(message.arrived, now)
            and self._isFor(message)
            and (not self.text or self._says(message))
        )

    def _hasSize(self, octets: int) -> bool:
        if self.largerOctets is not None and octets < self.largerOctets:
            return False
        return self.smallerOctets is None or octets < self.smallerOctets

    def _isYoung(self, arrived: float, now: float) -> bool:
        return self.youngerSeconds is None or now - arrived < self.youngerSeconds

    def _isOld(self, arrived: float, now: float) -> bool:
        if self.until is not None and arrived >= self.until:
            return False
        return self.olderSeconds is None or now - arrived >= self.olderSeconds

    def _isFor(self, message: SpooledMessage) -> bool:
        """Do the patterns fit?"""
        envelope = message.envelope
        if self.senders and not _matches(self.senders, envelope.sender):
            return False
        lane = message.lane
        if self.lanes and (lane is None or not _matches(self.lanes, lane)):
            return False
        if not self.recipients and not self.domains:
            return True
        paths = [envelope.recipients[index].path for index in message.waiting]
        return any(
            (not self.recipients or _matches(self.recipients, path))
            and (not self.domains or _matches(self.domains, domainOf(path)))
            for path in paths
        )

    def _says(self, message: SpooledMessage) -> bool:
        """Is the text in the last errors, or in the note?"""
        wanted = self.text.casefold()
        if message.held and wanted in message.note.casefold():
            return True
        left = set(message.waiting)
        return any(
            each.index in left and wanted in each.text.casefold()
            for each in message.outcomes
        )


@lru_cache(256)
def _compiled(pattern: str) -> re.Pattern[str]:
    # A bracket is one, as in "[192.0.2.1]".
    plain = "" if pattern == "<>" else pattern.replace("[", "[[]")
    return re.compile(translate(plain), re.IGNORECASE)


def _matches(patterns: Iterable[str], octets: bytes) -> bool:
    text = octets.decode("utf-8", "surrogateescape")
    return any(_compiled(each).match(text) for each in patterns)


__all__ = ["Entry", "Page", "Selection", "State", "stateOf"]
