"""
A DNS for tests that is nowhere but in the test::

    resolver = StaticResolver('''
        example.org       MX     10 mx1.example.org
        mx1.example.org   A      192.0.2.1
        _smtp._tcp.b.test SRV    0 0 26 alias.b.test
        alias.b.test      CNAME  mx1.example.org
    ''')

Everything else does not exist.  A test may also let a question fail, or wait:
L{StaticResolver.fail}, L{StaticResolver.hold}.
"""

from __future__ import annotations

from collections.abc import Iterator

from dns.name import root
from dns.rdata import Rdata, from_text
from dns.rdataclass import RdataClass
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from ..dns.interfaces import Answer, IResolver, LookupFailed, LookupPutOff, NoSuchDomain
from ..dns.records import KINDS, checkKind, plainName, plainRecord, wireName

#: How many CNAMEs are followed, as by L{smtpx.dns.resolver.Resolver}.
_CHAIN_MOST = 16


@implementer(IResolver)
class StaticResolver:
    """
    A resolver that knows what a test wrote down.

    @ivar asked: the questions so far, in their order.
    @ivar authentic: does DNSSEC prove everything it says?
    """

    def __init__(self, zone: str = "", authentic: bool = False) -> None:
        """
        @param zone: a record a line: name, kind, and what zone files have behind
            that; names are absolute, with or without a dot at the end.
        @raise ValueError: a line is no record.
        """
        self.asked: list[tuple[bytes, str]] = []
        self.authentic = authentic
        self._records: dict[tuple[bytes, str], list[Rdata]] = {}
        self._names: set[bytes] = set()
        self._failing: dict[tuple[bytes, str], LookupFailed] = {}
        self._held: dict[tuple[bytes, str], list[Deferred[Answer]] | None] = {}
        self._forged: set[bytes] = set()
        for line in zone.splitlines():
            if line.strip():
                self.add(line)

    def add(self, line: str) -> None:
        """
        Take one record more.

        @raise ValueError: it is none.
        """
        parts = line.split(None, 2)
        if len(parts) != 3 or parts[1] not in KINDS:
            raise ValueError(f"not a record: {line.strip()!r}")
        name = plainName(wireName(parts[0].encode("ascii")))
        kind = KINDS[parts[1]]
        rdata = from_text(RdataClass.IN, kind, parts[2], origin=root, relativize=False)
        self._records.setdefault((name, parts[1]), []).append(rdata)
        while name:
            self._names.add(name)
            name = name.partition(b".")[2]

    def remove(self, name: bytes, kind: str) -> None:
        """Forget the records of a kind that a name has; the name stays."""
        self._records.pop((name, kind), None)

    def fail(self, name: bytes, kind: str, text: str = "SERVFAIL") -> None:
        """Let a question fail for now."""
        self._failing[name, kind] = LookupFailed(text)

    def putOff(self, name: bytes, kind: str) -> None:
        """Let a question not even be asked, for too many are under way."""
        self._failing[name, kind] = LookupPutOff("too many questions wait")

    def recover(self, name: bytes, kind: str) -> None:
        """Let it fail no more."""
        self._failing.pop((name, kind), None)

    def insecure(self, *names: bytes) -> None:
        """Let nothing under these names be proven, whatever C{authentic} says."""
        self._forged.update(names)

    def hold(self, name: bytes, kind: str) -> None:
        """Let a question wait for its answer, until C{release}."""
        self._held.setdefault((name, kind), [])

    def release(self, name: bytes, kind: str) -> None:
        """Answer those who wait, and hold the question no more."""
        for waiting in self._held.pop((name, kind), None) or ():
            self._answer(name, kind).chainDeferred(waiting)

    def lookUp(self, name: bytes, kind: str) -> Deferred[Answer]:
        """See L{IResolver}."""
        checkKind(kind)
        name = name.lower().removesuffix(b".")
        self.asked.append((name, kind))
        held = self._held.get((name, kind))
        if held is None:
            return self._answer(name, kind)
        waiting: Deferred[Answer] = Deferred(held.remove)
        held.append(waiting)
        return waiting

    def _answer(self, name: bytes, kind: str) -> Deferred[Answer]:
        try:
            return succeed(self._find(plainName(wireName(name)), kind))
        except (NoSuchDomain, LookupFailed) as error:
            return fail(error)

    def _find(self, name: bytes, kind: str) -> Answer:
        chain = [name]
        while True:
            authentic = self.authentic and not self._forged.intersection(chain)
            if (name, kind) in self._failing:
                raise self._failing[name, kind]
            records = self._records.get((name, kind), [])
            alias = self._records.get((name, "CNAME"), [])
            if records or not alias:
                break
            target = plainRecord(alias[0])
            assert isinstance(target, bytes), target
            name = target
            if name in chain or len(chain) > _CHAIN_MOST:
                raise LookupFailed("CNAME loop")
            chain.append(name)
        if name not in self._names:
            raise NoSuchDomain(name, authentic)
        return Answer(tuple(map(plainRecord, records)), authentic, name=name)

    def questions(self, kind: str) -> Iterator[bytes]:
        """The names for which records of a kind were asked."""
        return (name for name, asked in self.asked if asked == kind)


__all__ = ["StaticResolver"]
