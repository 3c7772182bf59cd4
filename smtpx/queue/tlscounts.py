"""
How often sessions with the hosts of a domain were as its policies want them, and how
often not, and why: what reports of TLSRPT (RFC 8460) are made of.

L{Counts} adds up in memory what happens; from there it is written down every now and
then (L{smtpx.queue.tlsreportfile}).  There is an end to all of it: a host that fails in
ever new ways is counted under fewer words after a while, and so is a domain that has
ever new policies.
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

#: How many different policies are told apart: of a domain in a day, and in memory.
POLICIES_MOST = 20
_POLICIES_HELD = 2000

#: The longest reason that is kept, in characters, and how much of a policy: how many
#: lines, how long each, and how long all of them are.
_REASON_MOST = 200
_LINES_MOST, _LINE_MOST, _TEXT_MOST = 100, 300, 4000


def dayOf(seconds: float) -> int:
    """
    The day in UTC, in days since the epoch.

    @param seconds: since the epoch.
    """
    return int(seconds // DAY_SECONDS)


def _lines(lines: Sequence[str]) -> tuple[str, ...]:
    kept, left = [], _TEXT_MOST
    for line in lines[:_LINES_MOST]:
        short = line[:_LINE_MOST]
        left -= len(short)
        if left < 0:
            break
        kept.append(short)
    return tuple(kept)


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
        """The same, in fewer words on what failed."""
        if self.failed is None:
            return self
        return evolve(self, failed=self.failed.roughly)

    @property
    def bare(self) -> Event:
        """The same, without what the policy says and which host's it is."""
        return evolve(self.roughly, policy=Applied(self.policy.kind, self.domain))


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
        #: Each policy once, however many events tell of it.
        self._policies: dict[Applied, Applied] = {}
        self.lost = 0

    def __len__(self) -> int:
        """How many different things were counted."""
        return len(self._counts)

    def add(self, event: Event) -> None:
        """It has happened."""
        before = self._counts.get(event)
        if before is None:
            event = self._fitting(event)
            before = self._counts.get(event, 0)
            if not before and len(self._counts) >= self._most:
                self.lost += 1
                return
        self._counts[event] = before + 1

    def _fitting(self, event: Event) -> Event:
        """An event that is new, in as many words as there is room for."""
        if 2 * len(self._counts) >= self._most:
            event = event.roughly
        if event.policy not in self._policies and (
            len(self._policies) >= _POLICIES_HELD
        ):
            event = event.bare
        policy = self._policies.setdefault(event.policy, event.policy)
        return evolve(event, policy=policy)

    def taken(self) -> list[Count]:
        """All that was counted, which is forgotten here."""
        counts, self._counts = self._counts, {}
        self._policies.clear()
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
    "POLICIES_MOST",
    "Applied",
    "Count",
    "Counts",
    "Event",
    "Failed",
    "dayOf",
]
