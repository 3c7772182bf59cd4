"""
What there is in a spool, counted along: so that it can be told at any time
without a look into the file, which may hold millions of messages.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field, frozen


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
    """

    messages: int
    held: int
    octets: int
    freeOctets: int | None = None
    lowWaterOctets: int = 0
    trouble: str | None = None


@define
class Stock:
    """
    A count of messages.

    @ivar messages: how many there are.
    @ivar octets: the length of all their bodies.
    """

    messages: int = 0
    octets: int = 0
    # Of those on hold the keys are kept, not the number: to hold one twice is
    # nothing new.
    _held: set[int] = field(factory=set)

    @property
    def held(self) -> int:
        """How many of them are on hold."""
        return len(self._held)

    def add(self, key: int, octets: int, held: bool) -> None:
        """A message is there."""
        self.messages += 1
        self.octets += octets
        if held:
            self._held.add(key)

    def remove(self, key: int, octets: int) -> None:
        """A message is gone."""
        self.messages -= 1
        self.octets -= octets
        self._held.discard(key)

    def hold(self, keys: Iterable[int]) -> None:
        """These are on hold."""
        self._held.update(keys)

    def release(self, keys: Iterable[int]) -> None:
        """These are not."""
        self._held.difference_update(keys)
