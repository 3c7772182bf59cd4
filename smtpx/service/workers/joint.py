"""
What the workers of a server count together (L{smtpx.joint}).
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from ...joint import Count, Counts, JointCount, JointCounts, JointPlaces, Places

#: Of how many destinations at a time a worker counts its connections: each has an
#: attempt under way, or has had one a moment ago.
_PLACES_LEAST = 1024


@frozen
class Columns:
    """
    What one worker has of it.

    @ivar connections: counts connections of clients, all together.
    @ivar clients: counts them by who the client is.
    @ivar places: connections to destinations.
    """

    connections: Count
    clients: Counts
    places: Places


@frozen
class Joint:
    """
    What is counted together, before the workers are forked.

    @ivar connections: see L{Columns}.
    @ivar clients: likewise.
    @ivar places: likewise.
    """

    connections: JointCount
    clients: JointCounts
    places: JointPlaces

    @classmethod
    def make(cls, workers: int, connectionsMax: int, deliveriesMax: int) -> Joint:
        """
        Make it.

        @param workers: how many there are.
        @param connectionsMax: the most connections of clients, of all workers: one of
            them may have them all.
        @param deliveriesMax: the most attempts to deliver, likewise.
        @raise OSError: there is not so much memory.
        """
        return cls(
            JointCount(workers),
            # Each client counts as an address and as a network.
            JointCounts(workers, 2 * connectionsMax),
            # A destination with a pace counts twice, and some have just ended.
            JointPlaces(workers, max(_PLACES_LEAST, 4 * deliveriesMax)),
        )

    def columns(self, number: int, seconds: Callable[[], float]) -> Columns:
        """
        What a worker has, from nothing.

        @param number: of the worker.
        @param seconds: a clock that goes on steadily.
        """
        return Columns(
            self.connections.column(number),
            self.clients.column(number),
            self.places.column(number, seconds),
        )

    def clear(self, number: int) -> None:
        """A worker is no more: what it had is free at once."""
        self.connections.clear(number)
        self.clients.clear(number)
        self.places.clear(number)


__all__ = ["Columns", "Joint"]
