"""
Whom we are the final host of: domains of ours, and who is known there.

There are two kinds of domains.  At the server's own, a name means the same
person whichever of them it stands at, so an alias without a domain is for all of
them.  A virtual domain has its own people: C{ann} at one and C{ann} at another
are two, and only aliases with a domain are for them.

The postmaster of every domain of ours is always there, whatever the case of the
letters (RFC 5321 section 4.5.1).

C{user%elsewhere@ours} and C{elsewhere!user@ours} were once ways to have a host
pass mail on.  They mean nothing here: unless such an address is listed, nobody
of that name is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from attrs import frozen

from ..core.address import domainOf, localPartOf, withoutTag
from ..core.addresstable import NOBODY, AddressTable, domainKey
from ..core.asked import Asks, lookupIn
from ..core.errors import Untold, UsageError

POSTMASTER = b"postmaster"

# Numbers: to look for octets in octets takes Python ten times as long.
_QUOTE, _PERCENT, _BANG, _AT = b'"%!@'

#: The most domains of which it is remembered that everybody is known there.
_OPEN_MOST = 1024


class OurDomain(NamedTuple):
    """
    What is known of a domain of ours.

    @ivar anybody: is everybody known there, or only who is listed?
    @ivar plain: is it one of the server's own, rather than a virtual one?
    """

    anybody: bool
    plain: bool


@frozen
class VirtualDomains:
    """
    Domains with people of their own.

    @ivar domains: the domains, as patterns of
        L{smtpx.core.addresstable.AddressTable}.
    @ivar addresses: who is known: local parts, which are then known at each of
        these domains, or whole addresses at one of them.
    @ivar anybody: is every other address known as well?
    """

    domains: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    anybody: bool = False

    def listed(self) -> Iterator[str]:
        """
        The addresses, with their domains.

        @raise UsageError: one is no address, or at none of these domains, or a
            local part has no domain that it could be at.
        """
        table = AddressTable([(domain, True) for domain in self.domains])
        for address in self.addresses:
            if "@" not in address:
                for domain in self.domains:
                    if "*" in domain:
                        raise UsageError(
                            f'"{address}" wants a domain: "{domain}" stands for many'
                        )
                    yield f"{address}@{domain}"
                continue
            AddressTable([(address, True)])
            if table.find(address.encode()) is None:
                there = ", ".join(self.domains)
                raise UsageError(f'"{address}" is not at any of {there}')
            yield address


class _Listed(Enum):
    """The type of what stands for an address that is listed."""

    ADDRESS = "address"


class LocalAddresses:
    """
    Whom we are the final host of.

    @ivar home: the domain of C{<postmaster>}, who may come without one: in the
        form of L{domainKey}.
    @ivar separators: what separates a tag (RFC 5233).
    @ivar plainDomain: a domain of the server's own; L{None}: there is none.
    @ivar domains: all patterns of domains, as they were given.
    @ivar addresses: all addresses that are listed, as they were given.
    """

    __slots__ = (
        "_open",
        "_table",
        "addresses",
        "domains",
        "home",
        "plainDomain",
        "separators",
    )

    def __init__(
        self,
        domains: Iterable[str],
        addresses: Sequence[str] = (),
        anybody: bool = True,
        home: bytes = b"localhost",
        virtual: Iterable[VirtualDomains] = (),
        separators: bytes = b"",
        asks: Asks = NOBODY,
    ) -> None:
        """
        @param domains: the server's own domains, as patterns of
            L{smtpx.core.addresstable.AddressTable}.
        @param addresses: addresses that are known, at these domains or others.
        @param anybody: is every other address at C{domains} known as well?
        @param home: the domain of C{<postmaster>}, who may come without one.
        @param virtual: domains with people of their own.
        @param separators: what separates tags; C{user+tag} is known where
            C{user} is listed.
        @param asks: who answers for look-ups among C{domains}.  Where one cannot tell
            now, L{Untold} comes out of what is asked here.
        @raise UsageError: a pattern is none, and the message has it.
        @raise Conflict: two patterns mean the same.
        """
        own = OurDomain(anybody, True)
        entries: list[tuple[str, OurDomain | _Listed]] = []
        entries += [(domain, own) for domain in domains]
        plain = [n for n, _ in entries if "*" not in n and lookupIn(n) is None]
        listed = list(addresses)
        for each in virtual:
            kind = OurDomain(each.anybody, False)
            entries += [(domain, kind) for domain in each.domains]
            listed += each.listed()
        self.domains = tuple(domain for domain, _ in entries)
        self.addresses = tuple(listed)
        entries += [(address, _Listed.ADDRESS) for address in listed]
        table = AddressTable(entries, home, b"", asks)
        # Whoever has an address at a domain has a postmaster there.
        others = [domainOf(address.encode()) for address in listed]
        entries += [
            (domain.decode(), OurDomain(False, False))
            for domain in {domainKey(other): other for other in others}.values()
            if not _has(table, domain)
        ]
        self._table = table = AddressTable(entries, home, separators, asks)
        #: Domains as they were written, where everybody is known.
        self._open: set[bytes] = set()
        self.separators = separators
        names = [domainKey(domainOf(b"x@" + name.encode())) for name in plain]
        self.plainDomain = names[0] if names else None
        # The postmaster of a server whose name is no domain of ours.
        lost = not _has(table, table.home) and self.plainDomain is not None
        self.home = (self.plainDomain if lost else None) or table.home

    def knows(self, path: bytes) -> bool | None:
        """
        Are we the final host of an address, and is it known?

        @param path: a recipient's mailbox, as the envelope has it.
        @return: L{None}: its domain is not ours.
        """
        local, _, domain = path.partition(b"@")
        if domain in self._open and _QUOTE not in path:
            # As below, where it is not of one domain of many that are asked for.
            return not (_PERCENT in local or _BANG in local)
        ours = self._table.find(path)
        if ours is None:
            # RFC 5321 section 4.5.1: <postmaster> alone is always for us.
            return True if path.lower() == POSTMASTER else None
        if isinstance(ours, _Listed):
            return True
        if ours.anybody:
            if self._table.byDomain and _QUOTE not in path:
                if len(self._open) >= _OPEN_MOST:
                    self._open.clear()
                self._open.add(domain)
            return not namesAnother(path)
        return self.isPostmaster(path)

    def lists(self, local: bytes, domain: bytes) -> bool:
        """
        Is this very address listed, tag and all?

        @param local: in lower case.
        @param domain: as L{domainKey} gives it.
        """
        return self._table.address(local, domain) is not None

    def domain(self, domain: bytes) -> OurDomain | None:
        """
        What is known of a domain.

        @param domain: as L{domainKey} gives it.
        @return: L{None}: it is not ours.
        """
        found = self._table.domain(domain)
        return found if isinstance(found, OurDomain) else None

    def isPostmaster(self, path: bytes) -> bool:
        """Is it a postmaster's mailbox, at whatever domain?"""
        local = localPartOf(path).lower()
        return withoutTag(local, self.separators) == POSTMASTER


def _has(table: AddressTable[OurDomain | _Listed], domain: bytes) -> bool:
    """Is a domain ours, as far as that can be told?"""
    try:
        return table.domain(domain) is not None
    except Untold:
        return False


def namesAnother(path: bytes) -> bool:
    """
    Does a mailbox name another host in its local part, as mail was once routed by
    its sender: C{user%host}, C{host!user} or C{"user@host"}?  Hosts that trust us may
    send it on to there.
    """
    local = localPartOf(path)
    return _PERCENT in local or _BANG in local or _AT in local


__all__ = [
    "POSTMASTER",
    "LocalAddresses",
    "OurDomain",
    "VirtualDomains",
    "namesAnother",
]
