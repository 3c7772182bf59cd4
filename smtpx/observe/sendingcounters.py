"""
What leaves for other hosts, counted; and what went wrong with deliveries of late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from attrs import frozen
from prometheus_client import CollectorRegistry
from twisted.logger import LogEvent

from . import metrics
from .series import counter, histogram, series

#: The most problems that are kept to be looked at.
PROBLEMS_MOST = 15

#: There is no TLS.
_NONE = "-"


@frozen
class Problem:
    """
    A delivery that did not work.

    @ivar at: when, in seconds since the epoch.
    @ivar message: the message's id.
    @ivar recipient: for whom it is.
    @ivar outcome: C{deferred} or C{failed}.
    @ivar cause: at what it failed, as in the events.
    @ivar host: the name of the host; L{None}: there was none.
    @ivar text: what the transport says of it.
    """

    at: float
    message: str
    recipient: bytes
    outcome: str
    cause: str
    host: bytes | None
    text: str


class SendingCounters:
    """
    Counts what is told of deliveries.

    @ivar transactions: with other hosts that took something: by whether the
        connection is new, version of TLS, and whether it was resumed.
    @ivar problems: by outcome and cause.
    @ivar last: the last problems, the newest last.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.transactions = series(metrics.TRANSACTIONS, registry)
        self.problems = series(metrics.DELIVERY_PROBLEMS, registry)
        self.last: deque[Problem] = deque(maxlen=PROBLEMS_MOST)
        self._seconds = histogram(metrics.DELIVERY_SECONDS, registry).observe
        self._reports = counter(metrics.REPORTS, registry).inc

    def delivered(self, event: LogEvent) -> None:
        """A recipient has it."""
        if "host" in event and "further" not in event:
            self._seconds(max(0.0, event["took"]))
            self.transactions.count(*_connection(event))

    def brief(self, event: LogEvent) -> Callable[[float], None] | None:
        """
        Who is to be told of further deliveries like one: in how many seconds.

        @return: L{None}: nobody.
        """
        if "host" not in event or "further" in event:
            return None
        counts, seconds = self.transactions.values, self._seconds
        key = self.transactions.begin(*_connection(event))

        def delivered(took: float) -> None:
            counts[key] += 1
            # As it is in the event.
            seconds(max(0.0, round(took * 1e6) / 1e6))

        return delivered

    def problem(self, outcome: str) -> Callable[[LogEvent], None]:
        """
        @param outcome: what is to be noted for each event.
        """

        def note(event: LogEvent) -> None:
            cause = event["cause"]
            self.problems.count(outcome, cause)
            self.last.append(
                Problem(
                    event["log_time"],
                    event["message"],
                    event["recipient"],
                    outcome,
                    cause,
                    event.get("host"),
                    event["text"],
                )
            )

        return note

    def reported(self, event: LogEvent) -> None:
        """A report was put down."""
        self._reports()


def _connection(event: LogEvent) -> tuple[str, str, str]:
    """By what connection it went, as the labels have it."""
    return (
        "reused" if "reused" in event else "new",
        event.get("version", _NONE),
        "yes" if event.get("resumed") else "no",
    )


__all__ = ["PROBLEMS_MOST", "Problem", "SendingCounters"]
