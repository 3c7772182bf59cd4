"""
What goes on in a server, for the people who look at it: an observer that keeps the
last day in a bounded number of counts, the peers that talk most, and when each
session that is there began.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define
from twisted.logger import ILogObserver, LogEvent
from zope.interface import implementer

from . import events
from .history import Fold, History
from .talkers import Talkers

ACCEPTED = "accepted"
DELIVERED = "delivered"
REFUSED = "refused"
SESSIONS = "sessions"

#: What is plotted, and how it is folded.
ROWS = {
    ACCEPTED: Fold.SUM,
    DELIVERED: Fold.SUM,
    REFUSED: Fold.SUM,
    SESSIONS: Fold.PEAK,
}


@define
class Visit:
    """
    One session that is there.

    @ivar since: when it began, in seconds since the epoch.
    @ivar messages: how many were accepted in it.
    """

    since: float
    messages: int = 0


@implementer(ILogObserver)
class Activity:
    """
    Looks at events.

    @ivar began: when it began to look, in seconds since the epoch.
    @ivar history: the last hour and day, by L{ROWS}.
    @ivar talkers: the peers.
    @ivar visits: the sessions that are there, by id, the oldest first.
    """

    def __init__(self, now: float) -> None:
        """
        @param now: seconds since the epoch.
        """
        self.began = now
        self.history = History(ROWS, now)
        self.talkers = Talkers()
        self.visits: dict[str, Visit] = {}
        self._on: dict[str, Callable[[LogEvent, float], None]] = {
            events.CONNECTED.name: self._onConnected,
            events.CLOSED.name: self._onClosed,
            events.REFUSED.name: self._onRefused,
            events.ACCEPTED.name: self._onAccepted,
            events.DELIVERED.name: self._onDelivered,
        }

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""
        look = self._on.get(event.get("event", ""))
        if look is not None:
            look(event, event["log_time"])

    def _onConnected(self, event: LogEvent, now: float) -> None:
        self.visits[event["session"]] = Visit(now)
        self.history.level(SESSIONS, now, len(self.visits))
        self.talkers.connected(event["address"], now)

    def _onClosed(self, event: LogEvent, now: float) -> None:
        self.visits.pop(event["session"], None)
        self.history.level(SESSIONS, now, len(self.visits))

    def _onRefused(self, event: LogEvent, now: float) -> None:
        self.history.add(REFUSED, now)
        self.talkers.refused(event["address"], now)

    def _onAccepted(self, event: LogEvent, now: float) -> None:
        visit = self.visits.get(event["session"])
        if visit is not None:
            visit.messages += 1
        self.history.add(ACCEPTED, now)
        self.talkers.sent(event["address"], now)

    def _onDelivered(self, event: LogEvent, now: float) -> None:
        self.history.add(DELIVERED, now)
