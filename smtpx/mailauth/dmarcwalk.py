"""
Where the DMARC record for a domain is, and what its organizational domain is.

L{TreeWalk} asks the DNS for both (RFC 9989 section 4.10): records stand at a domain and
at those above it, and one of them may say whose it is (C{psd}).  L{SuffixList} has a
public suffix list for that, as RFC 7489 section 3.2 had it.

The names of a walk are known before it begins, so they are asked for all at once: a
walk takes one round trip and not up to eight.  What is behind the place where it stops
counts for nothing then, and an answer that nobody could give matters only where it is
needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Protocol

from attrs import frozen

from .asking import Asking, Known, Lookup, found, lookUpAll
from .dmarcrecord import RECORD_PREFIX, DMARCRecord, Suffix
from .publicsuffix import PublicSuffixes

#: How many names a walk asks for at most, and how many labels the second of them has
#: where there are more (RFC 9989 section 4.10, step 4).
QUERIES_MOST = 8
_LABELS_AFTER = QUERIES_MOST - 1


class Discovery(Enum):
    """How a record was found, as aggregate reports call it (RFC 9990)."""

    WALK = "treewalk"
    LIST = "psl"


@frozen
class Published:
    """
    A record, and where it is.

    @ivar domain: without C{_dmarc}.
    """

    domain: bytes
    record: DMARCRecord


class IBoundaries(Protocol):
    """
    Tells where domains of one owner end.  An object is for one message: it remembers
    what was answered.
    """

    discovery: Discovery

    def policy(self, author: bytes) -> Asking[Published | None]:
        """
        The record for a domain.

        @return: L{None}: there is none.
        @raise Unanswered: nobody could tell.
        """

    def organization(self, domain: bytes) -> Asking[bytes]:
        """
        The organizational domain of a domain.

        @raise Unanswered: nobody could tell.
        """


class _Records:
    """The records that were asked for."""

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}

    def ask(self, domains: Iterable[bytes]) -> Asking[None]:
        """Ask for the records of some domains, at once, unless they are known."""
        wanted = [each for each in domains if each not in self._known]
        known = yield from lookUpAll(map(_lookup, wanted))
        self._known.update(zip(wanted, known, strict=True))

    def at(self, domain: bytes) -> DMARCRecord | None:
        """
        The record of a domain that was asked for.

        @raise Unanswered: nobody could tell.
        """
        answer = found(_lookup(domain), self._known[domain])
        return DMARCRecord.among(answer.records)


def _lookup(domain: bytes) -> Lookup:
    return Lookup(RECORD_PREFIX + domain, "TXT")


def targets(domain: bytes) -> list[bytes]:
    """The domains whose records a walk asks for, in its order."""
    labels = domain.split(b".")
    behind = labels[1:] if len(labels) <= QUERIES_MOST else labels[-_LABELS_AFTER:]
    return [domain] + [b".".join(behind[at:]) for at in range(len(behind))]


class TreeWalk:
    """See L{IBoundaries}; RFC 9989 section 4.10."""

    discovery = Discovery.WALK

    def __init__(self) -> None:
        self._records = _Records()

    def policy(self, author: bytes) -> Asking[Published | None]:
        """
        RFC 9989 section 4.10.1: the record of the very domain, else that of the
        organizational domain, else that of the public suffix.
        """
        yield from self._records.ask(targets(author))
        own = self._records.at(author)
        if own is not None:
            return Published(author, own)
        walked = self._walked(author)
        organization = _organization(author, walked)
        for each in walked:
            if each.domain == organization or each.record.suffix is Suffix.PUBLIC:
                return each
        return None

    def organization(self, domain: bytes) -> Asking[bytes]:
        """RFC 9989 section 4.10.2."""
        yield from self._records.ask(targets(domain))
        return _organization(domain, self._walked(domain))

    def _walked(self, domain: bytes) -> list[Published]:
        """
        What a walk meets, from the longest name to the shortest.

        @raise Unanswered: nobody could tell.
        """
        walked: list[Published] = []
        for name in targets(domain):
            record = self._records.at(name)
            if record is not None:
                walked.append(Published(name, record))
                if record.suffix is not Suffix.UNSAID:
                    break
        return walked


def _organization(start: bytes, walked: list[Published]) -> bytes:
    """
    The organizational domain, where only the last record that was met can say whose
    it is.
    """
    if not walked:
        return start
    last = walked[-1]
    if last.record.suffix is Suffix.PUBLIC and last.domain != start:
        below = last.domain.count(b".") + 2
        return b".".join(start.split(b".")[-below:])
    return last.domain


class SuffixList:
    """
    See L{IBoundaries}; RFC 7489 sections 3.2 and 6.6.3.  What came after it in records
    (C{np}, C{psd} and C{t}) is unknown here, and so is not heeded.
    """

    discovery = Discovery.LIST

    def __init__(self, suffixes: PublicSuffixes) -> None:
        self._suffixes = suffixes
        self._records = _Records()

    def policy(self, author: bytes) -> Asking[Published | None]:
        """The record of the very domain, else that of the organizational domain."""
        domains = list(dict.fromkeys((author, self._suffixes.organization(author))))
        yield from self._records.ask(domains)
        for domain in domains:
            record = self._records.at(domain)
            if record is not None:
                return Published(domain, record)
        return None

    def organization(self, domain: bytes) -> Asking[bytes]:
        """The suffix with one label more."""
        yield from ()
        return self._suffixes.organization(domain)


__all__ = [
    "QUERIES_MOST",
    "Discovery",
    "IBoundaries",
    "Published",
    "SuffixList",
    "TreeWalk",
    "targets",
]
