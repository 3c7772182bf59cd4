"""
What there is in a spool, counted along: so that it can be told at any time
without a look into the file, which may hold millions of messages.
"""

from __future__ import annotations

from typing import NamedTuple

from attrs import define, frozen


@frozen
class SpoolState:
    """
    How a spool is.

    @ivar messages: how many there are.
    @ivar held: how many of them are on hold.
    @ivar octets: the length of all their bodies.
    @ivar freeOctets: the room that is left on its disk; L{None}: it has none.
    @ivar lowWaterOctets: with less room than that no message is begun.
    @ivar trouble: why it takes no messages now, for the operator; L{None}: it
        does.
    @ivar parked: how many of them are parked and not on hold.
    """

    messages: int
    held: int
    octets: int
    freeOctets: int | None = None
    lowWaterOctets: int = 0
    trouble: str | None = None
    parked: int = 0


class Shift(NamedTuple):
    """
    By how many more or fewer there are because of a transaction, beside what it
    put down and removed.

    @ivar held: on hold.
    @ivar parked: parked and not on hold.
    @ivar missing: how many were not there that were to be removed: an earlier
        transaction was said to have failed, and had not.
    """

    held: int = 0
    parked: int = 0
    missing: int = 0


@define
class Stock:
    """
    A count of messages.

    @ivar messages: how many there are.
    @ivar octets: the length of all their bodies.
    @ivar held: how many of them are on hold.
    @ivar parked: how many of them are parked and not on hold.
    """

    messages: int = 0
    octets: int = 0
    held: int = 0
    parked: int = 0

    def add(self, octets: int, held: bool) -> None:
        """A message is there."""
        self.messages += 1
        self.octets += octets
        self.held += held

    def remove(self, octets: int) -> None:
        """A message is gone."""
        self.messages -= 1
        self.octets -= octets

    def shift(self, by: Shift) -> None:
        """Some were put on hold, or parked, or the opposite."""
        self.held += by.held
        self.parked += by.parked
