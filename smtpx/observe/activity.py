"""
What goes on in a server, for the people who look at it: an observer that keeps the
last day in a bounded number of counts, the peers that talk most, and what came in
each session that is there.
"""

from __future__ import annotations

from collections.abc import Callable

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


@implementer(ILogObserver)
class Activity:
    """
    Looks at events.

    @ivar began: when it began to look, in seconds since the epoch.
    @ivar history: the last hour and day, by L{ROWS}.
    @ivar talkers: the peers.
    @ivar visits: how many messages were accepted in each session that is there, by
        its id.
    """

    def __init__(self, now: float) -> None:
        """
        @param now: seconds since the epoch.
        """
        self.began = now
        self.history = History(ROWS, now)
        self.talkers = Talkers()
        self.visits: dict[str, int] = {}
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
        self.visits[event["session"]] = 0
        self.history.level(SESSIONS, now, len(self.visits))
        self.talkers.connected(event["address"], now)

    def _onClosed(self, event: LogEvent, now: float) -> None:
        self.visits.pop(event["session"], None)
        self.history.level(SESSIONS, now, len(self.visits))

    def _onRefused(self, event: LogEvent, now: float) -> None:
        self.history.add(REFUSED, now)
        self.talkers.refused(event["address"], now)

    def _onAccepted(self, event: LogEvent, now: float) -> None:
        session = event["session"]
        if session in self.visits:
            self.visits[session] += 1
        self.history.add(ACCEPTED, now)
        self.talkers.sent(event["address"], now)

    def _onDelivered(self, event: LogEvent, now: float) -> None:
        self.history.add(DELIVERED, now)
