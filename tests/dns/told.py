"""What went into the log, for tests."""

from __future__ import annotations

from twisted.logger import ILogObserver, LogEvent
from zope.interface import implementer


@implementer(ILogObserver)
class Told:
    """
    What went into the log.

    @ivar events: its entries.
    """

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        """Take an entry."""
        self.events.append(event)
