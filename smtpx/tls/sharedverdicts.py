"""
What was found out of clients' certificates, for several processes.

A client may show its certificate to one worker, and come back with a ticket to another
(L{smtpx.tls.verdictmemory} says what a verdict is needed for then).  So the verdicts of
a ring whose keys are shared are in a L{VerdictTable}: memory that is shared since
before the fork, without a lock.  A process may be stopped at any moment, so each entry
has a digest of its own, and one that is half written is none.

An entry is found under the certificate B{and} those who sign for clients as the process
knows them.  So a worker that has heard of other authorities believes nothing that was
found out by one that has not.

The table has buckets of L{WAYS} entries.  One whose session nobody can resume any more
is written over; then bad verdicts are, whose loss costs a client no trust, and nobody
who has but bad certificates can drive good ones out.  Where a bucket is full of good
ones, the B{era} ends, as it does with other authorities: then all entries and all keys
so far are given up, in all processes, and no session is resumed whose verdict is not
known.  (Two processes that do so at the same moment may count it once, which ends it
all the same.)
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import blake2b

from attrs import define, field, frozen
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate

from .clientcertificates import Verdict
from .verdictmemory import judged

#: How many entries a bucket has, and how many buckets there are: the first is full when
#: there are some 10,000 entries.
WAYS, BUCKETS = 32, 512

#: Name, era, until when it holds (seconds since the epoch), when it was noted (seconds
#: of the table's clock), what is wrong (in UTF-8, ended by NUL).
_ENTRY = struct.Struct("=32sQdd56s")
_DIGEST_OCTETS = 16
_SLOT_OCTETS = _ENTRY.size + _DIGEST_OCTETS
_HEADER_OCTETS = 64
_TRUST, _TRUST_OCTETS = 8, 32
_TEXT_OCTETS = 55

_EMPTY = bytes(32)


@frozen
class _Entry:
    """
    What stands in a slot.

    @ivar place: where, in octets.
    @ivar name: what it is found under.
    @ivar ends: until when it holds, in seconds since the epoch.
    @ivar noted: when it was written.
    @ivar problem: empty: it is good.
    """

    place: int
    name: bytes
    era: int
    ends: float
    noted: float
    problem: bytes


@define(eq=False)
class VerdictTable:
    """
    The memory that processes share; to be made before they are forked.

    @ivar now: tells the time in seconds, the same to all processes.
    @ivar keptSeconds: after how long no session can be resumed any more that an entry
        is needed for.
    """

    now: Callable[[], float]
    keptSeconds: float
    buckets: int = BUCKETS
    _salt: bytes = field(init=False, factory=lambda: os.urandom(16), repr=False)
    _memory: mmap.mmap = field(init=False)
    _words: memoryview = field(init=False)

    def __attrs_post_init__(self) -> None:
        """The kernel gives pages when they are first written to."""
        size = _HEADER_OCTETS + self.buckets * WAYS * _SLOT_OCTETS
        self._memory = mmap.mmap(-1, size)
        # So a number is read and written whole.
        self._words = memoryview(self._memory)[:_HEADER_OCTETS].cast("Q")

    @property
    def era(self) -> int:
        """How often everything was given up."""
        era: int = self._words[0]
        return era

    @property
    def endedFor(self) -> bytes:
        """Who signs for clients since the era was last ended for that."""
        return bytes(self._memory[_TRUST : _TRUST + _TRUST_OCTETS])

    def end(self, trust: bytes | None = None) -> None:
        """
        Give everything up.

        @param trust: who signs for clients from now on; L{None}: that is as it was.
        """
        self._words[0] = self.era + 1
        if trust is not None:
            self._memory[_TRUST : _TRUST + _TRUST_OCTETS] = trust

    def note(self, what: bytes, problem: str | None, ends: float) -> None:
        """
        Write an entry, if there is room.

        @param what: what it is about.
        @param problem: L{None}: nothing is wrong.
        @param ends: until when it holds, in seconds since the epoch.
        """
        text = b"" if problem is None else _text(problem)
        era = self.era
        place = self._place(self._name(what, era), bool(text))
        if place is None and text:
            return
        if place is None:
            self.end()
            era += 1
            place = self._start(self._name(what, era))
        name = self._name(what, era)
        body = _ENTRY.pack(name, era, ends, self.now(), text)
        self._memory[place : place + _SLOT_OCTETS] = body + self._digest(body)

    def find(self, what: bytes) -> tuple[str | None, float] | None:
        """
        What was noted in this era.

        @return: what is wrong, or L{None} where nothing is, and until when it holds;
            L{None}: nothing is known.
        """
        name = self._name(what, self.era)
        for entry in self._bucket(name):
            if entry is not None and entry.name == name:
                return entry.problem.decode() or None, entry.ends
        return None

    def _place(self, name: bytes, bad: bool) -> int | None:
        """
        Where an entry is to be written.

        @param bad: is it of a kind whose loss costs nothing?
        @return: L{None}: there is no room.
        """
        era, old = self.era, self.now() - self.keptSeconds
        free: int | None = None
        worst: _Entry | None = None
        for slot, entry in enumerate(self._bucket(name)):
            if entry is None or entry.era != era or entry.noted < old:
                if free is None:
                    free = self._start(name) + slot * _SLOT_OCTETS
            elif entry.name == name:
                return entry.place
            elif entry.problem and (worst is None or entry.noted < worst.noted):
                worst = entry
        if free is None and worst is not None:
            return worst.place
        return free

    def _bucket(self, name: bytes) -> Iterator[_Entry | None]:
        """The entries that may be it; L{None}: nothing, or nothing that is whole."""
        start = self._start(name)
        for place in range(start, start + WAYS * _SLOT_OCTETS, _SLOT_OCTETS):
            octets = self._memory[place : place + _SLOT_OCTETS]
            body, digest = octets[: _ENTRY.size], octets[_ENTRY.size :]
            if body.startswith(_EMPTY) or self._digest(body) != digest:
                yield None
                continue
            found, era, ends, noted, text = _ENTRY.unpack(body)
            yield _Entry(place, found, era, ends, noted, text.rstrip(b"\0"))

    def _start(self, name: bytes) -> int:
        bucket = int.from_bytes(name[:8], "big") % self.buckets
        return _HEADER_OCTETS + bucket * WAYS * _SLOT_OCTETS

    def _name(self, what: bytes, era: int) -> bytes:
        octets = era.to_bytes(8, "big") + what
        return blake2b(octets, digest_size=32, key=self._salt).digest()

    def _digest(self, body: bytes) -> bytes:
        return blake2b(body, digest_size=_DIGEST_OCTETS, key=self._salt).digest()


def _text(problem: str) -> bytes:
    """As much of it as there is room for, and never nothing."""
    octets = problem.encode().replace(b"\0", b"")[:_TEXT_OCTETS]
    return octets.decode(errors="ignore").encode() or b"not good"


@define(eq=False)
class SharedVerdicts:
    """
    The verdicts of a ring whose keys are shared, as one process sees them; otherwise as
    L{smtpx.tls.verdictmemory.VerdictMemory}.

    @ivar table: where they are.
    @ivar trust: tells by a digest of 32 octets who signs for clients, as far as this
        process knows.
    """

    table: VerdictTable
    trust: Callable[[], bytes]
    _used: int = field(init=False, default=-1)

    @property
    def era(self) -> int:
        """How often everything was forgotten, for who begins or ends a handshake."""
        self._used = self.table.era
        return self._used

    def remember(
        self, certificate: Certificate | None, verdict: Verdict, ends: datetime | None
    ) -> None:
        """See L{smtpx.tls.verdictmemory.VerdictMemory}."""
        if certificate is None or not verdict.seen and verdict.problem is None:
            return
        seconds = 0.0 if ends is None else ends.timestamp()
        self.table.note(self._what(certificate), verdict.problem, seconds)

    def recall(self, certificate: Certificate | None, now: datetime) -> Verdict:
        """See L{smtpx.tls.verdictmemory.VerdictMemory}."""
        if certificate is None:
            return Verdict()
        found = self.table.find(self._what(certificate))
        if found is None:
            return Verdict()
        problem, ends = found
        return judged(problem, datetime.fromtimestamp(ends, UTC), now)

    def forget(self) -> None:
        """
        Others sign for clients: forget everything, and give up all keys, in all
        processes.  Where another one has done that, and this one has had no client
        since, it is done.
        """
        trust, table = self.trust(), self.table
        if table.endedFor != trust or self._used >= table.era:
            table.end(trust)

    def _what(self, certificate: Certificate) -> bytes:
        return self.trust() + certificate.fingerprint(SHA256())


__all__ = ["BUCKETS", "WAYS", "SharedVerdicts", "VerdictTable"]
