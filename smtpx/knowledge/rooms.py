"""
How much is kept, and what goes first where there is no more room.

Most of what is known makes things faster, and may go at any time: what was not asked
for the longest goes first.  Policies of domains (MTA-STS) are more than that: who could
have them forgotten would have mail sent without the protection that a domain asks for
(RFC 8461 section 10.2).  So they have a L{Room} of their own, where no other knowledge
takes their place, and there is an order (as do the networks of clients that were
offered PIPECONNECT, of which strangers make as many as they like):

  - what expired goes first;
  - then what protects nothing, a policy in mode C{testing} or C{none}, before one in
    mode C{enforce}; one that protects nothing never takes the place of one that does;
  - of these, where there are too many of one zone, the others of that zone, and in it
    those of whom there are the most below one name; where they are too long, the
    longest; else what was not asked for the longest.

So whoever has thousands of names cannot push out others' policies with as many of his
own, nor with long ones; not even those of his neighbours, where the zone is one in
which anybody may have a name (C{co.uk}).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import NamedTuple

from attrs import define, field, frozen

from .interfaces import Record
from .kinds import OFFER, POLICY
from .names import NAME_OCTETS

#: How a policy in mode C{enforce} has that in its value, which is JSON without spaces;
#: inside of a text there, quotes have a backslash before them.
ENFORCED = b'"mode":"enforce"'

#: How often it is looked for what expired where there is no room, in seconds.
_SWEEP_SECONDS = 60.0


@frozen
class Room:
    """
    How much is kept.

    @ivar records: how many records at most.
    @ivar octets: how long they are together at most, with their names.
    @ivar recordOctets: how long a record is at most; the longest policy of a domain
        that is read (RFC 8461 section 3.3) has room.
    @ivar zoneRecords: how many of them may be of one zone (L{zoneOf}), and the longest
        goes where they are too long together; L{None}: neither matters.
    @ivar apart: kinds that have room of their own, of which this is not a part.
    """

    records: int = 20_000
    octets: int = 16 << 20
    recordOctets: int = 80 << 10
    zoneRecords: int | None = None
    apart: Mapping[str, Room] = field(factory=dict)

    def holds(self, name: bytes, record: Record) -> bool:
        """Is it not too long?"""
        return len(name) <= NAME_OCTETS and len(record.value) <= self.recordOctets

    def of(self, kind: str) -> Room:
        """Where records of this kind are."""
        return self.apart.get(kind, self)


#: How much is kept where nobody says anything else.
ROOM = Room(
    apart={POLICY.name: Room(zoneRecords=5000), OFFER.name: Room(octets=4 << 20)}
)


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

    @property
    def protects(self) -> bool:
        """Does mail go unprotected without it?"""
        return any(ENFORCED in record.value for record in self.records)

    def counts(self, now: float) -> bool:
        """Is any of it to be believed?"""
        return any(record.counts(now) for record in self.records)


def zoneOf(name: bytes) -> bytes:
    """
    Whose a domain is, roughly: its last two labels.  Where these are a public suffix
    (C{co.uk}), many share what one may have; see L{shareOf}.
    """
    return b".".join(name.rsplit(b".", 2)[-2:])


def shareOf(name: bytes) -> bytes:
    """
    Whose a domain is within its zone, should that be a public suffix: its last three
    labels.
    """
    return b".".join(name.rsplit(b".", 3)[-3:])


class Compartment:
    """
    Entries that share a L{Room}.

    @ivar octets: how long they are together, with their names.
    """

    def __init__(self, room: Room) -> None:
        self.octets = 0
        self._room = room
        #: Those that protect nothing, and those that do; what was asked for last is
        #: last.
        self._plain: dict[Name, Entry] = {}
        self._protecting: dict[Name, Entry] = {}
        #: The names of each kind.
        self._held: dict[str, set[bytes]] = {}
        #: How many there are of each zone, and of each share of one.
        self._zones: Counter[bytes] = Counter()
        self._shares: Counter[bytes] = Counter()
        #: When it was looked for what expired, in seconds since the epoch.
        self._swept = 0.0

    def __len__(self) -> int:
        """How many there are."""
        return len(self._plain) + len(self._protecting)

    def __iter__(self) -> Iterator[tuple[Name, Entry]]:
        """All of them, in the order in which they would go."""
        yield from self._plain.items()
        yield from self._protecting.items()

    def get(self, place: Name) -> Entry | None:
        """An entry; L{None}: there is none."""
        return self._plain.get(place) or self._protecting.get(place)

    def held(self, kind: str) -> Set[bytes]:
        """The names of a kind; what is given changes as they do."""
        return self._held.setdefault(kind, set())

    def use(self, place: Name, now: float) -> None:
        """It was asked for."""
        for entries in (self._plain, self._protecting):
            entry = entries.pop(place, None)
            if entry is not None:
                entry.used = now
                # Behind all others.
                entries[place] = entry

    def add(self, place: Name, entry: Entry) -> None:
        """Have one more, which is not there yet."""
        (self._protecting if entry.protects else self._plain)[place] = entry
        self._held.setdefault(place.kind, set()).add(place.name)
        self.octets += len(place.name) + entry.octets
        self._count(place.name, 1)

    def take(self, place: Name) -> Entry | None:
        """Have one no more."""
        entry = self._plain.pop(place, None) or self._protecting.pop(place, None)
        if entry is not None:
            self._held[place.kind].discard(place.name)
            self.octets -= len(place.name) + entry.octets
            self._count(place.name, -1)
        return entry

    def _count(self, name: bytes, more: int) -> None:
        if self._room.zoneRecords is None:
            return
        for counts, whose in (
            (self._zones, zoneOf(name)),
            (self._shares, shareOf(name)),
        ):
            counts[whose] += more
            if not counts[whose]:
                del counts[whose]

    def shrink(self, place: Name, now: float) -> None:
        """
        Let go of what there is no room for.

        @param place: what was added last, which stays if it can.
        @param now: seconds since the epoch.
        """
        if self._isFull(place) and now - self._swept >= _SWEEP_SECONDS:
            self._swept = now
            for each, entry in list(self):
                if not entry.counts(now):
                    self.take(each)
        while self._isFull(place):
            self.take(self._first(place))

    def _isFull(self, newest: Name) -> bool:
        room = self._room
        if len(self) > room.records or self.octets > room.octets:
            return bool(self)
        return self._isCrowded(newest)

    def _isCrowded(self, newest: Name) -> bool:
        """Are there too many of the same zone?"""
        most = self._room.zoneRecords
        return most is not None and self._zones[zoneOf(newest.name)] > most

    def _first(self, newest: Name) -> Name:
        """What goes first."""
        for entries in (self._plain, self._protecting):
            others: Iterable[Name] = (each for each in entries if each != newest)
            found: Name | None
            # Of those that are alike, the first.
            if self._isCrowded(newest):
                zone = zoneOf(newest.name)
                others = (each for each in others if zoneOf(each.name) == zone)
                found = max(others, key=self._sharing, default=None)
            elif self.octets > self._room.octets and self._room.zoneRecords is not None:
                found = max(others, key=lambda each: entries[each].octets, default=None)
            else:
                found = next(iter(others), None)
            if found is not None:
                return found
            if newest in entries:
                break
        return newest

    def _sharing(self, place: Name) -> int:
        """How many there are in the same share of a zone."""
        return self._shares[shareOf(place.name)]


__all__ = [
    "ENFORCED",
    "ROOM",
    "Compartment",
    "Entry",
    "Name",
    "Room",
    "shareOf",
    "zoneOf",
]
