"""
Everything that watches a server, in one hand: what counts its events, and what can
be asked of it now.

In a program of one's own::

    watch = Watch(time.time)
    journal = Journal(Publisher(watch.observers))
    factory = SMTPServerFactory(reactor, receiver, journal=journal)
    watch.enter(House("mx.example.org", sessions=lambda: sessionsOf([factory])))
    site = StatusSite(StatusResource(watch), reactor)

L{smtpx.observe.web.site} has the last line's names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import nlargest

from attrs import frozen
from prometheus_client import CollectorRegistry
from twisted.logger import ILogObserver

from ..spool.stock import SpoolState
from ..tls.states import CertificateState
from .activity import ROWS, Activity
from .counters import Counters
from .gauges import Gauges
from .history import DAY, HOUR, Stretch
from .sendingcounters import Problem
from .status import (
    DestinationState,
    House,
    ListenerState,
    SessionState,
    ownPort,
    sessionState,
)
from .talkers import Talker
from .trace import TraceStore
from .version import ownVersion

#: The most sessions that are told of one by one.
SESSIONS_MOST = 50

#: The most peers, and reasons for refusals, that are told of.
ROWS_MOST = 15


@frozen
class SessionRow:
    """
    A session.

    @ivar messages: how many were accepted in it.
    @ivar worker: whose it is; L{None}: the server is one process.
    """

    state: SessionState
    messages: int
    worker: int | None = None


@frozen
class Count:
    """
    How often something was.

    @ivar labels: what, by the labels of its metric in their order.
    """

    labels: tuple[str, ...]
    count: int


@frozen
class WorkerState:
    """
    One of several workers.

    @ivar answered: has it told in time what is told of it here?  Otherwise it stands
        as it told it last.
    @ivar pid: of its process; L{None}: it was never heard of.
    @ivar began: when that began, in seconds since the epoch; L{None}: likewise.
    @ivar starts: how often it was started, the first time included.
    @ivar sessions: how many it has.
    @ivar messages: how many are in its spool; L{None}: nobody knows.
    @ivar unready: why it takes no messages; empty: it does.
    """

    number: int
    answered: bool
    pid: int | None
    began: float | None
    starts: int
    sessions: int
    messages: int | None
    unready: tuple[str, ...]


@frozen
class Status:
    """
    A server at one moment.

    @ivar name: what it calls itself.
    @ivar version: of smtpx.
    @ivar now: the moment, in seconds since the epoch.
    @ivar began: when it was begun to watch.
    @ivar unready: why it takes no messages; empty: it does.
    @ivar listeners: where it listens, each with its sessions.
    @ivar sessionCount: how many sessions there are.
    @ivar sessions: the newest of them, newest first.
    @ivar hour: the last hour, by the names of L{ROWS}.
    @ivar day: the last day, likewise.
    @ivar refusals: verb, code and enhanced status; the most frequent first.
    @ivar handshakes: version and whether resumed, since it began.
    @ivar logins: mechanism and outcome.
    @ivar protocols: of accepted messages.
    @ivar deliveries: transport and outcome.
    @ivar traces: how many sessions that were traced can be looked at.
    @ivar turnedAway: connections that were refused, by the bound.
    @ivar destinations: where messages under way go, the fullest first.
    @ivar destinationCount: how many destinations there are.
    @ivar connections: how many connections to other hosts there are; L{None}: it
        sends to none.
    @ivar transactions: with other hosts: connection, version of TLS and whether
        resumed.
    @ivar problems: of deliveries: outcome and cause; the most frequent first.
    @ivar lastProblems: the newest first.
    @ivar workers: all of them; empty: the server is one process.
    """

    name: str
    version: str
    now: float
    began: float
    unready: tuple[str, ...]
    listeners: tuple[tuple[ListenerState, int], ...]
    sessionCount: int
    sessions: tuple[SessionRow, ...]
    hour: Mapping[str, Stretch]
    day: Mapping[str, Stretch]
    refusals: tuple[Count, ...]
    handshakes: tuple[Count, ...]
    logins: tuple[Count, ...]
    protocols: tuple[Count, ...]
    deliveries: tuple[Count, ...]
    turnedAway: tuple[Count, ...]
    spool: SpoolState | None
    oldest: float | None
    senders: tuple[Talker, ...]
    refused: tuple[Talker, ...]
    certificates: tuple[CertificateState, ...]
    traces: int
    destinations: tuple[DestinationState, ...]
    destinationCount: int
    connections: int | None
    transactions: tuple[Count, ...]
    problems: tuple[Count, ...]
    lastProblems: tuple[Problem, ...]
    workers: tuple[WorkerState, ...] = ()


def topCounts(
    counts: Mapping[tuple[str, ...], int], most: int = ROWS_MOST
) -> tuple[Count, ...]:
    """
    The greatest of some counts, the greatest first; those that are 0 are not.

    @param counts: by the labels.
    """
    found = [Count(labels, count) for labels, count in counts.items() if count]
    found.sort(key=lambda each: (-each.count, each.labels))
    return tuple(found[:most])


class Watch:
    """
    Watches a server.

    @ivar clock: seconds since the epoch.
    @ivar registry: where the metrics are.
    @ivar counters: what counts them.
    @ivar activity: what keeps the last day.
    @ivar traces: sessions that were traced.
    @ivar house: what can be asked.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        registry: CollectorRegistry | None = None,
        traces: TraceStore | None = None,
    ) -> None:
        """
        @param clock: seconds since the epoch.
        @param registry: where the metrics go; L{None}: into one of their own.
        @param traces: sessions that are traced; L{None}: none are.
        """
        self.clock = clock
        self.registry = CollectorRegistry() if registry is None else registry
        self.traces = TraceStore() if traces is None else traces
        self.counters = Counters(self.registry)
        self.activity = Activity(clock())
        self.house = House("", unready=lambda: ("It is starting.",))
        Gauges(lambda: self.house, self.registry)

    @property
    def observers(self) -> Sequence[ILogObserver]:
        """Who is to be told of events."""
        return (self.counters, self.activity)

    def enter(self, house: House) -> None:
        """From now on, this can be asked."""
        self.house = house

    def look(self, most: int = ROWS_MOST) -> Status:
        """
        How it is now.

        @param most: the most peers and destinations that are told of.
        """
        house, activity, counters = self.house, self.activity, self.counters
        now = self.clock()
        protocols = list(house.sessions())
        ports: dict[int, int] = {}
        for each in protocols:
            port = ownPort(each)
            ports[port] = ports.get(port, 0) + 1
        history = activity.history
        destinations, sending = house.destinations(), counters.sending
        return Status(
            name=house.name,
            version=ownVersion(),
            now=now,
            began=activity.began,
            unready=tuple(house.unready()),
            listeners=tuple(
                (each, ports.get(each.port, 0)) for each in house.listeners()
            ),
            sessionCount=len(protocols),
            sessions=tuple(self._newest()),
            hour={row: history.stretch(row, HOUR, now) for row in ROWS},
            day={row: history.stretch(row, DAY, now) for row in ROWS},
            refusals=topCounts(counters.refused.counts()),
            handshakes=topCounts(counters.handshakes.counts()),
            logins=topCounts(counters.logins.counts()),
            protocols=topCounts(counters.messages.counts()),
            deliveries=topCounts(counters.deliveries.counts()),
            turnedAway=topCounts(counters.refusals.counts()),
            spool=house.spool(),
            oldest=house.oldest(),
            senders=tuple(activity.talkers.byMessages(now, most)),
            refused=tuple(activity.talkers.byRefusals(now, most)),
            certificates=tuple(house.certificates()),
            traces=len(self.traces.recent()),
            destinations=tuple(destinations[:most]),
            destinationCount=len(destinations),
            connections=house.connections(),
            transactions=topCounts(sending.transactions.counts()),
            problems=topCounts(sending.problems.counts()),
            lastProblems=tuple(reversed(sending.last)),
        )

    def _newest(self) -> list[SessionRow]:
        """The newest sessions, newest first."""
        newest = nlargest(
            SESSIONS_MOST, self.house.sessions(), key=lambda each: each.core.began
        )
        visits = self.activity.visits
        return [
            SessionRow(sessionState(each), visits.get(each.core.id, 0))
            for each in newest
        ]
