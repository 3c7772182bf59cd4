"""
What goes on in a server, for the people who look at it: an observer that keeps the
last day in a bounded number of counts, the peers that talk most, and what came in
each session that is there.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import ILogObserver, LogEvent
from zope.interface import implementer

from ..core.envelope import Envelope
from . import events
from .brief import Brief, IBriefed
from .event import Event
from .history import Fold, History
from .publisher import IListening, Listener
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


@implementer(ILogObserver, IListening, IBriefed)
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
        self._on: dict[str, Listener] = {
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
            look(event)

    def listener(self, event: Event) -> Listener | None:
        """See L{IListening}."""
        return self._on.get(event.name)

    def brief(self, event: Event, fields: dict[str, Any]) -> Brief | None:
        """See L{IBriefed}."""
        add = self.history.add
        if event is events.DELIVERED:
            return lambda now, message, path, outcome, took: add(DELIVERED, now)
        if event is not events.ACCEPTED:
            return None
        visits, session = self.visits, fields["session"]
        sent, address = self.talkers.sent, fields["address"]

        def accepted(
            now: float, id: str, envelope: Envelope, messageID: bytes | None
        ) -> None:
            if session in visits:
                visits[session] += 1
            add(ACCEPTED, now)
            sent(address, now)

        return accepted

    def _onConnected(self, event: LogEvent) -> None:
        now = event["log_time"]
        self.visits[event["session"]] = 0
        self.history.level(SESSIONS, now, len(self.visits))
        self.talkers.connected(event["address"], now)

    def _onClosed(self, event: LogEvent) -> None:
        now = event["log_time"]
        self.visits.pop(event["session"], None)
        self.history.level(SESSIONS, now, len(self.visits))

    def _onRefused(self, event: LogEvent) -> None:
        now = event["log_time"]
        self.history.add(REFUSED, now)
        self.talkers.refused(event["address"], now)

    def _onAccepted(self, event: LogEvent) -> None:
        now = event["log_time"]
        session = event["session"]
        if session in self.visits:
            self.visits[session] += 1
        self.history.add(ACCEPTED, now)
        self.talkers.sent(event["address"], now)

    def _onDelivered(self, event: LogEvent) -> None:
        now = event["log_time"]
        self.history.add(DELIVERED, now)
