"""
What several workers tell of themselves, as one L{Status} of the whole server.

What each of them counts is not added up here: that is the L{Ledger}'s, which knows of
those that are no more, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest

from attrs import evolve, frozen

from ..spool.stock import SpoolState
from ..tls.states import CertificateState
from . import metrics
from .families import Families, countsOf
from .history import Stretch
from .status import DestinationState, ListenerState
from .talkers import Talker
from .watch import (
    ROWS_MOST,
    SESSIONS_MOST,
    Count,
    SessionRow,
    Status,
    WorkerState,
    topCounts,
)


@frozen
class Plots:
    """
    What of a server is plotted.

    @ivar hour: the last hour, by the names of L{smtpx.observe.activity.ROWS}.
    @ivar day: the last day, likewise.
    """

    hour: Mapping[str, Stretch]
    day: Mapping[str, Stretch]

    @classmethod
    def of(cls, status: Status) -> Plots:
        """Those of a worker."""
        return cls(status.hour, status.day)


def _addedUp(several: Sequence[Stretch]) -> Stretch:
    """
    Numbers of the same intervals, added up, as far back as the newest goes.

    Intervals begin at the same moments in all processes, but some may not have begun
    the last one yet.
    """
    newest = max(several, key=lambda each: each.begins)
    values = [0.0] * len(newest.values)
    for each in several:
        shift = round((newest.begins - each.begins) / newest.step)
        for place, value in enumerate(each.values[max(0, shift) :]):
            values[place] += value
    return Stretch(newest.begins, newest.step, tuple(values))


def plotted(several: Sequence[Plots]) -> Plots:
    """
    The plots of several workers, or of several of their lives, as one.

    Of what has a peak, such as sessions, the peaks are added up: at one moment there
    may have been fewer.

    @param several: at least one.
    """
    first = several[0]
    return Plots(
        {row: _addedUp([each.hour[row] for each in several]) for row in first.hour},
        {row: _addedUp([each.day[row] for each in several]) for row in first.day},
    )


@frozen
class Told:
    """
    What is known of a worker.

    @ivar status: what it told last; L{None}: it was never heard of.
    @ivar answered: has it told that in time?
    @ivar pid: of its process; L{None}: not known.
    @ivar starts: how often it was started.
    """

    number: int
    status: Status | None
    answered: bool
    pid: int | None
    starts: int

    @property
    def unready(self) -> tuple[str, ...]:
        """Why it takes no messages; empty: it does."""
        if self.status is None or not self.answered:
            return ("It does not answer.",)
        return self.status.unready

    def state(self) -> WorkerState:
        """The same, for people."""
        status = self.status
        spool = None if status is None else status.spool
        return WorkerState(
            number=self.number,
            answered=self.answered,
            pid=self.pid,
            began=None if status is None else status.began,
            starts=self.starts,
            sessions=status.sessionCount if status and self.answered else 0,
            messages=None if spool is None else spool.messages,
            unready=self.unready,
        )


def unreadyOf(workers: Mapping[int, Sequence[str]]) -> tuple[str, ...]:
    """
    Why nobody takes messages, worker by worker; what holds for all is said once.

    @param workers: why each does not, by its number.
    @return: empty: at least one does.
    """
    if not all(workers.values()):
        return ()
    reasons = set(map(tuple, workers.values()))
    if len(reasons) == 1:
        return reasons.pop()
    return remarksOf(workers)


def remarksOf(workers: Mapping[int, Sequence[str]]) -> tuple[str, ...]:
    """What there is to say of those that take no messages, each with its number."""
    return tuple(
        f"Worker {number}: {reason}"
        for number, reasons in sorted(workers.items())
        for reason in reasons
    )


def together(
    workers: Sequence[Told], families: Families, departed: Plots | None
) -> Status:
    """
    One status of all.

    @param workers: all of them, by their numbers; the first one is who asks.
    @param families: what they have counted.
    @param departed: the plots of processes that are no more; L{None}: there are none.
    """
    own = workers[0].status
    assert own is not None, "it is here"
    known = [each.status for each in workers if each.status is not None]
    here = [each.status for each in workers if each.status and each.answered]
    plots = [Plots.of(each) for each in known]
    plots += [] if departed is None else [departed]
    drawn = plotted(plots)
    destinations, count = _destinations(here)
    connections = [each.connections for each in here if each.connections is not None]
    oldest = [each.oldest for each in known if each.oldest is not None]
    problems = [problem for each in known for problem in each.lastProblems]

    def counted(metric: metrics.Metric) -> tuple[Count, ...]:
        return topCounts(countsOf(families, metric))

    return evolve(
        own,
        began=min(each.began for each in known),
        unready=unreadyOf({each.number: each.unready for each in workers}),
        listeners=_listeners(here),
        sessionCount=sum(each.sessionCount for each in here),
        sessions=_sessions(workers),
        hour=drawn.hour,
        day=drawn.day,
        refusals=counted(metrics.COMMANDS_REFUSED),
        handshakes=counted(metrics.HANDSHAKES),
        logins=counted(metrics.LOGINS),
        protocols=counted(metrics.MESSAGES),
        deliveries=counted(metrics.DELIVERIES),
        turnedAway=counted(metrics.CONNECTIONS_REFUSED),
        transactions=counted(metrics.TRANSACTIONS),
        problems=counted(metrics.DELIVERY_PROBLEMS),
        spool=_spool(workers),
        oldest=min(oldest, default=None),
        senders=_talkers(each.senders for each in known),
        refused=_talkers(each.refused for each in known),
        certificates=_certificates(here),
        traces=sum(each.traces for each in here),
        destinations=destinations,
        destinationCount=count,
        connections=sum(connections) if connections else None,
        lastProblems=tuple(nlargest(ROWS_MOST, problems, key=lambda each: each.at)),
        workers=tuple(each.state() for each in workers),
    )


def _listeners(
    several: Sequence[Status],
) -> tuple[tuple[ListenerState, int], ...]:
    """Doors are the same in all workers: it is open if one lets in clients there."""
    found: dict[ListenerState, tuple[bool, int]] = {}
    for status in several:
        for listener, sessions in status.listeners:
            door = evolve(listener, open=True)
            isOpen, count = found.get(door, (False, 0))
            found[door] = isOpen or listener.open, count + sessions
    return tuple(
        (evolve(door, open=isOpen), count) for door, (isOpen, count) in found.items()
    )


def _sessions(workers: Sequence[Told]) -> tuple[SessionRow, ...]:
    rows = [
        evolve(row, worker=each.number)
        for each in workers
        if each.status is not None and each.answered
        for row in each.status.sessions
    ]
    return tuple(nlargest(SESSIONS_MOST, rows, key=lambda row: row.state.began))


def _spool(workers: Sequence[Told]) -> SpoolState | None:
    """All spools; what was in that of one that does not answer is there still."""
    states = [
        (each.number, each.status.spool)
        for each in workers
        if each.status is not None and each.status.spool is not None
    ]
    if not states:
        return None
    free = [each.freeOctets for _, each in states if each.freeOctets is not None]
    troubles = [
        f"Worker {number}: {each.trouble}"
        for number, each in states
        if each.trouble is not None
    ]
    return SpoolState(
        messages=sum(each.messages for _, each in states),
        held=sum(each.held for _, each in states),
        octets=sum(each.octets for _, each in states),
        freeOctets=min(free, default=None),
        lowWaterOctets=max(each.lowWaterOctets for _, each in states),
        trouble="; ".join(troubles) or None,
        parked=sum(each.parked for _, each in states),
    )


def _talkers(several: Iterable[Sequence[Talker]]) -> tuple[Talker, ...]:
    """The peers of all workers, whoever did most of late first."""
    found: dict[bytes, Talker] = {}
    for talkers in several:
        for each in talkers:
            before = found.get(each.address)
            found[each.address] = each if before is None else _both(before, each)
    rows = sorted(found.values(), key=lambda each: (-each.weight, each.address))
    return tuple(rows[:ROWS_MOST])


def _both(one: Talker, other: Talker) -> Talker:
    return Talker(
        one.address,
        one.sessions + other.sessions,
        one.messages + other.messages,
        one.refusals + other.refusals,
        max(one.seen, other.seen),
        one.weight + other.weight,
    )


def _certificates(several: Sequence[Status]) -> tuple[CertificateState, ...]:
    """Those of all; of one that not all have anew yet, the one that ends first."""
    found: dict[object, CertificateState] = {}
    for status in several:
        for each in status.certificates:
            before = found.setdefault(each.file, each)
            if (each.ends, each.problem is None) < (
                before.ends,
                before.problem is None,
            ):
                found[each.file] = each
    return tuple(found.values())


def _destinations(
    several: Sequence[Status],
) -> tuple[tuple[DestinationState, ...], int]:
    """
    Where messages of all workers go, the fullest first, and how many that are.

    Of those that a worker does not name, because it has so many, nobody knows whether
    they are another's, too: these count once for each.
    """
    found: dict[bytes, DestinationState] = {}
    unnamed = 0
    for status in several:
        unnamed += status.destinationCount - len(status.destinations)
        for each in status.destinations:
            before = found.get(each.name, DestinationState(each.name, 0, 0, False))
            found[each.name] = DestinationState(
                each.name,
                before.active + each.active,
                before.waiting + each.waiting,
                before.parked or each.parked,
            )
    rows = nlargest(
        ROWS_MOST, found.values(), key=lambda each: each.active + each.waiting
    )
    return tuple(rows), len(found) + unnamed


__all__ = ["Plots", "Told", "plotted", "remarksOf", "together", "unreadyOf"]
