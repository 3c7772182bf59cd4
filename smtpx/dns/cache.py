"""
What was said, for as long as it is good.

Answers are kept by their time to live, within bounds; that there is nothing, by the
domain's SOA (RFC 2308); and that nobody knows, for a few seconds (RFC 9520), so that a
hundred thousand messages to a dead domain are one question.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from attrs import frozen

V = TypeVar("V")

#: How many octets of an answer count as one answer.
UNIT_OCTETS = 512


@frozen
class CacheBounds:
    """
    How long and how much.

    @ivar most: how many answers are kept; those that are longer than 512 octets count
        as several.
    @ivar minSeconds: the shortest that an answer is good, whatever its time to live.
    @ivar maxSeconds: the longest.
    @ivar nothingSeconds: the longest that it is believed that there is nothing.
    @ivar failureSeconds: how long nobody is asked again what nobody knew.
    """

    most: int = 10_000
    minSeconds: float = 1.0
    maxSeconds: float = 86_400.0
    nothingSeconds: float = 10_800.0
    failureSeconds: float = 5.0

    def lifetime(self, ttlSeconds: float, nothing: bool) -> float:
        """
        How long an answer is good.

        @param nothing: is it that there is nothing?
        """
        most = self.nothingSeconds if nothing else self.maxSeconds
        return max(self.minSeconds, min(ttlSeconds, most))


@frozen
class _Kept(Generic[V]):
    """
    One answer.

    @ivar units: how much of the room it takes.
    """

    value: V
    expires: float
    units: int


class Cache(Generic[V]):
    """
    Keeps the most recently wanted answers.
    """

    def __init__(self, seconds: Callable[[], float], most: int) -> None:
        """
        @param seconds: a clock.
        @param most: how many answers of ordinary length are kept.
        """
        self._seconds = seconds
        self._most = most
        self._units = 0
        self._kept: dict[tuple[bytes, str], _Kept[V]] = {}

    def __len__(self) -> int:
        """How many are kept, expired ones among them."""
        return len(self._kept)

    def get(self, question: tuple[bytes, str]) -> V | None:
        """
        What was said.

        @return: L{None}: nothing that is still good.
        """
        kept = self._kept.get(question)
        if kept is None:
            return None
        # A dictionary keeps the order: whoever is last was wanted last.
        del self._kept[question]
        if kept.expires <= self._seconds():
            self._units -= kept.units
            return None
        self._kept[question] = kept
        return kept.value

    def keep(
        self, question: tuple[bytes, str], value: V, expires: float, octets: int = 0
    ) -> None:
        """
        Keep what was said.

        @param expires: until when it is good, by the clock.
        @param octets: how long it is.
        """
        self._forget(question)
        units = 1 + octets // UNIT_OCTETS
        if units > self._most:
            return
        while self._units + units > self._most:
            self._forget(next(iter(self._kept)))
        self._kept[question] = _Kept(value, expires, units)
        self._units += units

    def _forget(self, question: tuple[bytes, str]) -> None:
        kept = self._kept.pop(question, None)
        if kept is not None:
            self._units -= kept.units


__all__ = ["Cache", "CacheBounds"]
