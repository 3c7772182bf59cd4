"""
Do aliases lead anywhere?  What would go wrong when mail comes is said when they
are read, with the file and the line.

Each alias for an address is followed to its ends, once.  Of patterns and
catch-alls only so much is known as does not depend on the address: what they
name in full is followed, and an address made up for the purpose shows whether
they lead round in a circle.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv6Address

from attrs import frozen

from ..core.address import Mailbox, domainOf
from ..core.addresstable import domainKey
from ..core.errors import Malformed, Untold
from .aliasentry import AliasProblem, Entry, Refusal, Target, closest, shown
from .aliastable import (
    Address,
    AliasTable,
    Found,
    Objection,
    Pattern,
    loopText,
)
from .ours import POSTMASTER

#: The most problems that are told.
PROBLEMS_MAX = 100

#: How many addresses are made up to find one that only a given pattern is for.
_SAMPLES = 5
_SAMPLE = b"someone"


def _written(local: bytes, domain: bytes) -> bytes:
    """
    An address, as an envelope would have it.

    @param local: a local part, unquoted.
    @param domain: in the form of C{domainKey}.
    """
    if local.isalnum() and local.isascii() and domain[:1] != b"[":
        # Nothing to quote; most are so.
        return local + b"@" + domain
    if domain[:1] == b"[":
        with suppress(ValueError):
            # The form of the key is the address alone.
            domain = b"[IPv6:%b]" % str(IPv6Address(domain[1:-1].decode())).encode()
    return Mailbox(local, domain).render()


class _Enough(Exception):
    """No more problems are wanted."""


@frozen
class _Way:
    """
    What an alias comes to.

    @ivar recipients: how many get the mail, some perhaps counted twice.
    @ivar depth: how many aliases are on the longest way.
    @ivar refused: the entry that refuses the mail; L{None}: none does.
    """

    recipients: int
    depth: int
    refused: Entry | None = None


_NOWHERE = _Way(0, 0)
_MAILBOX = _Way(1, 0)


def _joined(ways: list[_Way]) -> _Way:
    """What comes of all targets together."""
    return _Way(
        sum(way.recipients for way in ways),
        max((way.depth for way in ways), default=0),
        next((way.refused for way in ways if way.refused is not None), None),
    )


def checkAliases(table: AliasTable) -> list[AliasProblem]:
    """
    Everything that is wrong with the aliases of a table, those that are there
    twice among it.

    @return: at most L{PROBLEMS_MAX}.
    """
    check = _Check(table)
    try:
        check.run()
    except _Enough:
        pass
    return check.problems


class _Check:
    """
    Goes through all aliases of a table.

    @ivar problems: what it found.
    """

    def __init__(self, table: AliasTable) -> None:
        self.problems = list(table.problems[:PROBLEMS_MAX])
        self._table = table
        self._ours = table.reach.local
        self._ways: dict[bytes, _Way] = {}
        self._chain: dict[bytes, Entry] = {}
        # Targets that are no alias and were found good, each with the domain
        # that it is at if it has none of its own.
        self._fine: set[tuple[Target, bytes | None]] = set()
        self._domains: dict[bytes | None, bytes] = {}

    def run(self) -> None:
        """
        @raise _Enough: there are more problems than anybody wants to read.
        """
        for entry in self._table.exact.values():
            domain = self._domain(entry)
            if domain is None:
                continue
            if self._isFine(entry, domain):
                continue
            local = entry.left.local
            assert local is not None, "that is a catch-all"
            if local == POSTMASTER and entry.special is not None:
                text = "a postmaster's mail has to go to somebody (RFC 5321 section"
                self._tell(entry, f"{text} 4.5.1)")
                continue
            address = Address(_written(local, domain), local, domain)
            if address.key not in self._ways:
                self._follow(address, Found(entry, (), True, address.key))
        for pattern in self._table.patterns:
            if self._domain(pattern.entry) is not None and self._stays(pattern.entry):
                self._try(pattern.entry, list(self._samples(pattern)))
        for domain, entry in self._table.catchAlls.items():
            if self._domain(entry) is not None:
                locals_ = [_SAMPLE * n for n in range(1, _SAMPLES)]
                self._try(entry, [_written(local, domain) for local in locals_])

    def _tell(self, entry: Entry, why: str, meant: str | None = None) -> None:
        problem = entry.problem(why, meant)
        if problem not in self.problems:
            # More than one way may lead to it.
            self.problems.append(problem)
        if len(self.problems) >= PROBLEMS_MAX:
            raise _Enough

    def _domain(self, entry: Entry) -> bytes | None:
        """
        A domain of ours that an entry is for.

        @return: L{None}: there is none, which was told.
        """
        domain = entry.left.domain
        if domain in self._domains:
            return self._domains[domain]
        found = self._findDomain(entry, domain)
        if found is not None:
            self._domains[domain] = found
        return found

    def _findDomain(self, entry: Entry, domain: bytes | None) -> bytes | None:
        if domain is None:
            if self._ours.plainDomain is None:
                why = "it has no domain, and the server has none of its own"
                self._tell(entry, f'{why} (local, "domains")')
            return self._ours.plainDomain
        if b"*" not in domain and self._ours.domain(domain) is None:
            meant = closest(shown(domain), self._ours.domains)
            self._tell(entry, f"{shown(domain)} is no domain of ours", meant)
            return None
        return domain

    def _isFine(self, entry: Entry, domain: bytes) -> bool:
        """
        Are all targets known to be good?  In large files most are there more than
        once.
        """
        fine = self._fine
        for target in entry.targets:
            if (target, domain if target.domain is None else None) not in fine:
                return False
        return 0 < len(entry.targets) <= self._table.bounds.recipientsMax

    # --- one address -------------------------------------------------------------

    def _follow(self, address: Address, found: Found) -> _Way | None:
        """
        What comes of an alias for one address.

        @return: L{None}: something is wrong behind it, which was told.
        """
        entry, bounds = found.entry, self._table.bounds
        if entry.special is not None:
            refuses = entry.special.refusal is Refusal.FAIL
            return _Way(0, 0, entry) if refuses else _NOWHERE
        if len(self._chain) >= bounds.depthMax:
            first = next(iter(self._chain.values()))
            self._tell(first, f"it is more than {bounds.depthMax} aliases deep")
            return None
        self._chain[address.key] = entry
        ways = [self._target(target, address, found) for target in entry.targets]
        del self._chain[address.key]
        whole = [way for way in ways if way is not None]
        way = _joined(whole) if len(whole) == len(ways) else None
        if way is not None:
            way = self._bounded(way, address, found)
        if found.exact:
            # A broken one is told of once; whatever leads to it is not at fault.
            self._ways[address.key] = _NOWHERE if way is None else way
        return way

    def _bounded(self, way: _Way, address: Address, found: Found) -> _Way | None:
        """Is it within bounds, and does nobody of several refuse?"""
        entry, bounds = found.entry, self._table.bounds
        if way.refused is not None and len(entry.targets) > 1:
            refused = way.refused
            self._tell(entry, f"mail for {refused.left} is refused at {refused.place}")
            return None
        if way.depth >= bounds.depthMax:
            self._tell(entry, f"it is more than {bounds.depthMax} aliases deep")
            return None
        if way.recipients > bounds.recipientsMax:
            # Counted roughly, who is there by two ways is there twice.
            expansion = self._table.expand(address.path)
            if expansion is not None and expansion.problem is not None:
                self._tell(entry, expansion.problem.why)
                return None
            return _Way(bounds.recipientsMax, way.depth)
        return way

    def _target(self, target: Target, address: Address, found: Found) -> _Way | None:
        """What comes of one target of an alias."""
        if (target, address.domain if target.domain is None else None) in self._fine:
            return _MAILBOX
        domain = domainOf(address.path)
        try:
            path = target.resolve(address.local, domain, found.captured)
        except Malformed as error:
            self._tell(found.entry, f"{target}: {error}")
            return None
        there = self._table.address(path)
        key = there.key
        if key in (address.key, found.key):
            return self._end(address, found, found.exact)
        if key in self._chain:
            keys = list(self._chain)
            loop = [*keys[keys.index(key) :], key]
            self._tell(self._chain[key], loopText(loop))
            return None
        way = self._ways.get(key)
        if way is not None:
            return _Way(way.recipients, way.depth + 1, way.refused)
        further = None if target.stops else self._table.find(there)
        if further is None:
            return self._end(there, found, False, target)
        way = self._follow(there, further)
        return None if way is None else _Way(way.recipients, way.depth + 1, way.refused)

    def _end(
        self, address: Address, found: Found, known: bool, target: Target | None = None
    ) -> _Way | None:
        """
        Mail ends here.

        @param known: does an alias of its own say that there is such a mailbox?
        """
        reach = self._table.reach
        try:
            objection = reach.objection(address.path)
            if objection is Objection.NOBODY and known:
                objection = None if reach.goes(address.path) else Objection.NO_ROUTE
        except Untold:
            # A look-up knows; whoever writes there is told.
            objection = None
        if objection is None:
            if target is not None and target.local is not None and not target.captures:
                itself = address.domain if target.domain is None else None
                self._fine.add((target, itself))
            return _MAILBOX
        meant = None
        if objection is Objection.NOBODY and target is not None:
            meant = self._meant(address, target, found.entry)
        self._tell(found.entry, f"{objection.value}: {shown(address.path)}", meant)
        return None

    def _meant(self, address: Address, target: Target, entry: Entry) -> str | None:
        """
        Whom it was probably to be.

        @param entry: who has the target; that is not meant.
        """
        plain = self._ours.plainDomain
        if target.domain is None and plain is not None and plain != address.domain:
            there = address.local + b"@" + plain
            found = self._table.find(self._table.address(there))
            if found is not None or self._table.reach.objection(there) is None:
                return shown(there)
        # Only the local parts are compared: the domain would make all alike.
        ours = self._ours.domain(address.domain)
        suffixes = [b"@" + address.domain]
        if ours is not None and ours.plain:
            suffixes.append(b"@")
        known = [
            key.removesuffix(suffix)
            for suffix in suffixes
            for key in self._table.exact
            if key.endswith(suffix)
        ]
        listed = [self._table.address(each.encode()) for each in self._ours.addresses]
        known += [each.local for each in listed if each.domain == address.domain]
        others = [shown(each) for each in known if each != entry.left.local]
        meant = closest(shown(address.local), others)
        return None if meant is None else f"{meant}@{shown(address.domain)}"

    # --- many addresses ------------------------------------------------------------

    def _stays(self, entry: Entry) -> bool:
        """Is each target at a domain of ours, where whoever sends chooses it?"""
        for target in entry.targets:
            if target.roams and not any(map(target.mayBe, self._ourDomains())):
                why = "it is chosen by whoever sends, and can be no domain of ours"
                self._tell(entry, f"{shown(target.domain or b'')}: {why}")
                return False
        return True

    def _ourDomains(self) -> Iterator[bytes]:
        """Our domains, those with C{*} among them."""
        for name in self._ours.domains:
            star = name[:2] if name.startswith("*.") else ""
            rest = name.removeprefix("*.")
            if rest == "*":
                yield b"*"
            else:
                yield star.encode() + domainKey(domainOf(b"x@" + rest.encode()))
        for address in self._ours.addresses:
            yield domainKey(domainOf(address.encode()))

    def _samples(self, pattern: Pattern) -> Iterator[bytes]:
        """Addresses that a pattern is for."""
        domain: bytes | None = self._ours.plainDomain
        if pattern.domain is not None:
            left = pattern.entry.left.domain
            domain = left if len(pattern.domain) == 1 else self._matching(pattern)
        if domain is None and not any("*" in name for name in self._ours.domains):
            self._tell(pattern.entry, "no domain of ours is like that")
        if domain is not None:
            for length in range(1, _SAMPLES):
                local = (_SAMPLE * length).join(pattern.local)
                yield _written(local, domain)

    def _matching(self, pattern: Pattern) -> bytes | None:
        """A domain of ours that a pattern is for."""
        for name in self._ours.domains:
            if "*" in name:
                continue
            sample = _SAMPLE.join(pattern.local) + b"@" + name.encode("utf-8")
            address = self._table.address(sample)
            if pattern.match(address, False) is not None:
                return address.domain
        return None

    def _try(self, entry: Entry, samples: list[bytes]) -> None:
        """See where a made up address goes."""
        if entry.special is not None:
            return
        for sample in samples:
            address = self._table.address(sample)
            found = self._table.find(address)
            if found is None or found.entry is not entry:
                continue
            before = len(self.problems)
            for target in entry.targets:
                if target.local is not None and not target.captures:
                    self._chain[address.key] = entry
                    self._target(target, address, found)
                    del self._chain[address.key]
            expansion = self._table.expand(address.path)
            if len(self.problems) == before and expansion is not None:
                # Nobody has this address, so no route need go where it leads.
                if expansion.problem is not None and expansion.objection is None:
                    self._tell(entry, expansion.problem.why)
            return


__all__ = ["PROBLEMS_MAX", "checkAliases"]
