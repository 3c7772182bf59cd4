"""
Knowledge in memory: for tests, for programs that keep no files, and as what
L{smtpx.knowledge.shared} answers from.

It is bounded in number and in octets; what was not asked for the longest goes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from attrs import define, frozen
from zope.interface import implementer

from .interfaces import IPeerKnowledge, Record
from .names import NAME_OCTETS


@frozen
class Room:
    """
    How much is kept.

    @ivar records: how many records at most.
    @ivar octets: how long they are together at most, with their names.
    @ivar recordOctets: how long a record is at most; the longest policy of a domain
        that is read (RFC 8461 section 3.3) has room.
    """

    records: int = 20_000
    octets: int = 16 << 20
    recordOctets: int = 80 << 10

    def holds(self, name: bytes, record: Record) -> bool:
        """Is it not too long?"""
        return len(name) <= NAME_OCTETS and len(record.value) <= self.recordOctets


#: How much is kept where nobody says anything else.
ROOM = Room()


class Name(NamedTuple):
    """A kind, and a name in it."""

    kind: str
    name: bytes


@define
class Entry:
    """
    What is known by one name.

    @ivar records: of different versions, the highest first.
    @ivar used: when it was last asked for, in seconds since the epoch.
    """

    records: tuple[Record, ...]
    used: float

    @property
    def octets(self) -> int:
        """How long the values are together."""
        return sum(len(record.value) for record in self.records)


@frozen
class KnowledgeState:
    """
    How peer knowledge is.

    @ivar names: by how many names something is known.
    @ivar octets: how long that is together.
    @ivar trouble: why its file cannot be used; L{None}: it can, or there is none.
    """

    names: int
    octets: int
    trouble: str | None = None


@implementer(IPeerKnowledge)
class MemoryKnowledge:
    """
    Keeps records in memory.

    @ivar octets: how long they are together, with their names.
    """

    def __init__(self, now: Callable[[], float], room: Room = ROOM) -> None:
        """
        @param now: seconds since the epoch.
        @param room: how much is kept.
        """
        self.octets = 0
        self._now = now
        self._room = room
        #: What was asked for last is last.
        self._entries: dict[Name, Entry] = {}

    def __len__(self) -> int:
        """By how many names something is kept."""
        return len(self._entries)

    def __iter__(self) -> Iterator[tuple[Name, Entry]]:
        """What is kept, also what does not count any more."""
        return iter(self._entries.items())

    def recall(self, kind: str, name: bytes, version: int) -> Record | None:
        """See L{IPeerKnowledge}."""
        place = Name(kind, name)
        entry = self._entries.get(place)
        if entry is None:
            return None
        now = self._now()
        for record in entry.records:
            if record.version <= version and record.counts(now):
                entry.used = now
                # Behind all others.
                self._entries[place] = self._entries.pop(place)
                return record
        return None

    def remember(self, kind: str, name: bytes, record: Record) -> None:
        """See L{IPeerKnowledge}."""
        self.put(Name(kind, name), record, self._now())

    def forget(self, kind: str, name: bytes) -> None:
        """See L{IPeerKnowledge}."""
        self._take(Name(kind, name))

    def names(self, kind: str) -> list[bytes]:
        """See L{IPeerKnowledge}."""
        return [place.name for place in self._entries if place.kind == kind]

    def state(self) -> KnowledgeState:
        """How it is."""
        return KnowledgeState(len(self), self.octets)

    def put(self, place: Name, record: Record, used: float) -> bool:
        """
        Keep a record.

        @param used: when it was last asked for, in seconds since the epoch.
        @return: was there room for it?
        """
        before = self._take(place)
        records = [
            each
            for each in (before.records if before else ())
            if each.version != record.version
        ]
        if self._room.holds(place.name, record):
            records.append(record)
            records.sort(key=lambda each: each.version, reverse=True)
        if records:
            self._add(place, Entry(tuple(records), used))
        while self._entries and self._full:
            self._take(next(iter(self._entries)))
        entry = self._entries.get(place)
        return entry is not None and record in entry.records

    def drop(self, place: Name, version: int) -> None:
        """Keep no record of this version."""
        entry = self._take(place)
        if entry is not None:
            left = tuple(each for each in entry.records if each.version != version)
            if left:
                self._add(place, Entry(left, entry.used))

    def clear(self) -> None:
        """Keep nothing."""
        self._entries.clear()
        self.octets = 0

    def tidy(self) -> None:
        """Let go of what does not count any more."""
        now = self._now()
        for place, entry in list(self._entries.items()):
            for record in entry.records:
                if not record.counts(now):
                    self.drop(place, record.version)

    @property
    def _full(self) -> bool:
        room = self._room
        return len(self._entries) > room.records or self.octets > room.octets

    def _add(self, place: Name, entry: Entry) -> None:
        self._entries[place] = entry
        self.octets += len(place.name) + entry.octets

    def _take(self, place: Name) -> Entry | None:
        entry = self._entries.pop(place, None)
        if entry is not None:
            self.octets -= len(place.name) + entry.octets
        return entry
