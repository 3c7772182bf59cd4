"""
Knowledge in memory: for tests, for programs that keep no files, and as what
L{smtpx.knowledge.shared} answers from.

It is bounded in number and in octets; what goes first is in L{smtpx.knowledge.rooms}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set

from attrs import frozen
from zope.interface import implementer

from .interfaces import IPeerKnowledge, Record
from .rooms import ROOM, Compartment, Entry, Name, Room


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
    """Keeps records in memory."""

    def __init__(self, now: Callable[[], float], room: Room = ROOM) -> None:
        """
        @param now: seconds since the epoch.
        @param room: how much is kept.
        """
        self._now = now
        self._room = room
        self._common = Compartment(room)
        self._apart: Mapping[str, Compartment] = {
            kind: Compartment(own) for kind, own in room.apart.items()
        }
        self._all = (self._common, *self._apart.values())

    def __len__(self) -> int:
        """By how many names something is kept."""
        return sum(map(len, self._all))

    def __iter__(self) -> Iterator[tuple[Name, Entry]]:
        """What is kept, also what does not count any more."""
        for each in self._all:
            yield from each

    @property
    def octets(self) -> int:
        """How long the records are together, with their names."""
        return sum(each.octets for each in self._all)

    def recall(self, kind: str, name: bytes, version: int) -> Record | None:
        """See L{IPeerKnowledge}."""
        place, entries = Name(kind, name), self._of(kind)
        entry = entries.get(place)
        if entry is None:
            return None
        now = self._now()
        for record in entry.records:
            if record.version <= version and record.counts(now):
                entries.use(place, now)
                return record
        return None

    def remember(self, kind: str, name: bytes, record: Record) -> None:
        """See L{IPeerKnowledge}."""
        self.put(Name(kind, name), record, self._now())

    def forget(self, kind: str, name: bytes) -> None:
        """See L{IPeerKnowledge}."""
        self._of(kind).take(Name(kind, name))

    def names(self, kind: str) -> list[bytes]:
        """See L{IPeerKnowledge}."""
        return [place.name for place, _ in self._of(kind) if place.kind == kind]

    def held(self, kind: str) -> Set[bytes]:
        """See L{IPeerKnowledge}."""
        return self._of(kind).held(kind)

    def state(self) -> KnowledgeState:
        """How it is."""
        return KnowledgeState(len(self), self.octets)

    def put(self, place: Name, record: Record, used: float) -> bool:
        """
        Keep a record.

        @param used: when it was last asked for, in seconds since the epoch.
        @return: was there room for it?
        """
        entries = self._of(place.kind)
        before = entries.take(place)
        records = [
            each
            for each in (before.records if before else ())
            if each.version != record.version
        ]
        if self._room.of(place.kind).holds(place.name, record):
            records.append(record)
            records.sort(key=lambda each: each.version, reverse=True)
        if records:
            entries.add(place, Entry(tuple(records), used))
        entries.shrink(place, self._now())
        entry = entries.get(place)
        return entry is not None and record in entry.records

    def drop(self, place: Name, version: int) -> None:
        """Keep no record of this version."""
        entries = self._of(place.kind)
        entry = entries.take(place)
        if entry is not None:
            left = tuple(each for each in entry.records if each.version != version)
            if left:
                entries.add(place, Entry(left, entry.used))

    def clear(self) -> None:
        """Keep nothing."""
        for place, _ in list(self):
            self.forget(*place)

    def tidy(self) -> None:
        """Let go of what does not count any more."""
        now = self._now()
        for place, entry in list(self):
            for record in entry.records:
                if not record.counts(now):
                    self.drop(place, record.version)

    def _of(self, kind: str) -> Compartment:
        return self._apart.get(kind, self._common)
