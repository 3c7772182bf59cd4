"""
How often sessions with the hosts of a domain were as its policies want them, and how
often not, and why: what reports of TLSRPT (RFC 8460) are made of.

L{Counts} adds up in memory what happens; from there it is written down every now and
then (L{smtpx.queue.tlsreportfile}).  There is an end to all of it: a host that fails in
ever new ways is counted under fewer words after a while.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, field, frozen

from ..tls.tlsrpt import ResultType

#: A day, in seconds; those of reports are days of UTC (RFC 8460 section 4.1).
DAY_SECONDS = 86400

#: How many different failures of a domain are told apart in a day.
FAILURES_MOST = 100

#: How many different things are counted in memory.
COUNTS_MOST = 20_000

#: The longest reason that is kept, in characters, and how much of a policy.
_REASON_MOST = 200
_LINES_MOST, _LINE_MOST = 100, 300


def dayOf(seconds: float) -> int:
    """
    The day in UTC, in days since the epoch.

    @param seconds: since the epoch.
    """
    return int(seconds // DAY_SECONDS)


def _lines(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(line[:_LINE_MOST] for line in lines[:_LINES_MOST])


@frozen
class Applied:
    """
    A policy, as reports show it (RFC 8460 section 4.4).

    @ivar kind: C{sts}, C{tlsa} or C{no-policy-found}.
    @ivar domain: whose it is.
    @ivar lines: what it says.
    @ivar hosts: the mail hosts that it is for, as it has them.
    """

    kind: str
    domain: str
    lines: tuple[str, ...] = field(default=(), converter=_lines)
    hosts: tuple[str, ...] = field(default=(), converter=_lines)


def _plainly(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text[:_REASON_MOST])


@frozen
class Failed:
    """
    In what a session was not as its policy wants it.

    @ivar sender: our address; empty: there was no connection.
    @ivar host: the name of the mail host; empty: it was about the policy itself.
    @ivar address: its address; empty: it was not reached.
    @ivar reason: why, in words; empty: the result says all.
    """

    result: ResultType
    sender: str = ""
    host: str = ""
    address: str = ""
    reason: str = field(default="", converter=_plainly)

    @property
    def roughly(self) -> Failed:
        """The same, without what may be another thing each time."""
        return Failed(self.result)


@frozen
class Event:
    """
    What is counted.

    @ivar day: see L{dayOf}.
    @ivar domain: whom the mail was for: who is told.
    @ivar failed: L{None}: all was well.
    """

    day: int
    domain: str
    policy: Applied
    failed: Failed | None = None

    @property
    def roughly(self) -> Event:
        """The same, in fewer words."""
        if self.failed is None:
            return self
        return evolve(self, failed=self.failed.roughly)


@frozen
class Count:
    """How often something was."""

    event: Event
    sessions: int


class Counts:
    """
    Adds up in memory.

    @ivar lost: how much was not counted, because there is too much of it.
    """

    def __init__(self, most: int = COUNTS_MOST) -> None:
        self._most = most
        self._counts: dict[Event, int] = {}
        self.lost = 0

    def __len__(self) -> int:
        """How many different things were counted."""
        return len(self._counts)

    def add(self, event: Event) -> None:
        """It has happened."""
        if event not in self._counts and 2 * len(self._counts) >= self._most:
            event = event.roughly
            if event not in self._counts and len(self._counts) >= self._most:
                self.lost += 1
                return
        self._counts[event] = self._counts.get(event, 0) + 1

    def taken(self) -> list[Count]:
        """All that was counted, which is forgotten here."""
        counts, self._counts = self._counts, {}
        return [Count(event, sessions) for event, sessions in counts.items()]

    def returned(self, counts: Sequence[Count]) -> None:
        """What was taken could not be written down: keep what there is room for."""
        for each in counts:
            before = self._counts.get(each.event)
            if before is None and len(self._counts) >= self._most:
                self.lost += each.sessions
            else:
                self._counts[each.event] = (before or 0) + each.sessions


__all__ = [
    "COUNTS_MOST",
    "DAY_SECONDS",
    "FAILURES_MOST",
    "Applied",
    "Count",
    "Counts",
    "Event",
    "Failed",
    "dayOf",
]
