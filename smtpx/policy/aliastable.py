"""
Aliases, looked up and followed to their ends.

For an address there may be several entries.  The first of these is taken:

 1. an alias for the very address, tag and all; one with a domain before one
    without, which is for the server's own domains only;
 2. an alias for the address without its tag (RFC 5233);
 3. the first pattern that matches, in the order of the files;
 4. a catch-all of its domain.

An address that is listed as ours (L{smtpx.policy.ours}) goes before the patterns
and catch-alls, and one that is listed with its tag before an alias without.  Only
addresses of ours have aliases: mail for elsewhere is never redirected.

Where what a C{*} stood for is part of a target's domain, that has to be ours too:
whoever sends chooses it, and would have mail relayed to wherever he likes.

What an alias leads to is looked up again, to the end.  Where it leads to itself
directly (C{ann: ann, ann@elsewhere.example}), the mailbox of that name is meant;
where it does through others, nothing is delivered: see L{Expansion.problem}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from attrs import frozen

from ..core.address import domainOf, localPartOf, withoutTag
from ..core.addresstable import domainKey
from ..core.errors import Malformed
from ..core.reply import Reply, reply
from .aliasentry import AliasProblem, Entry, shown
from .ours import LocalAddresses

#: RFC 3463 section 3.2, X.1.1.
UNKNOWN = reply(550, "5.1.1", b"No such recipient here")
#: RFC 3463 section 3.4, X.3.5: the fault is ours, and may be put right.
MISCONFIGURED = reply(451, "4.3.5", b"Mail for that recipient cannot be taken now")


@frozen
class AliasBounds:
    """
    How far aliases are followed.

    @ivar depthMax: how often one alias may lead to the next.
    @ivar recipientsMax: how many recipients one address may have.
    """

    depthMax: int = 50
    recipientsMax: int = 10_000


class Objection(Enum):
    """What keeps mail from an address; the values are for the operator."""

    NOBODY = "there is no such recipient here"
    NO_ROUTE = "no route goes there"


@frozen
class Reach:
    """
    Whom mail can be delivered to.

    @ivar local: whom we are the final host of.
    @ivar goes: is there a way for messages to a recipient?
    """

    local: LocalAddresses
    goes: Callable[[bytes], bool]

    def objection(self, path: bytes) -> Objection | None:
        """What keeps mail from an address; L{None}: nothing."""
        if self.local.knows(path) is False:
            return Objection.NOBODY
        return None if self.goes(path) else Objection.NO_ROUTE


class Address(NamedTuple):
    """
    An address, taken apart to be looked up.

    @ivar path: the mailbox, as an envelope has it.
    @ivar local: the local part, in lower case where the domain is ours.
    @ivar domain: in the form of L{domainKey}.
    """

    path: bytes
    local: bytes
    domain: bytes

    @property
    def key(self) -> bytes:
        """What makes it this address and no other."""
        return self.local + b"@" + self.domain


class Found(NamedTuple):
    """
    The entry for an address.

    @ivar entry: the entry.
    @ivar captured: what each C{*} of it stands for.
    @ivar exact: is it for this very address, with or without its tag?
    @ivar key: of the address that it is for, if it is C{exact}.
    """

    entry: Entry
    captured: tuple[bytes, ...]
    exact: bool
    key: bytes


class Step(NamedTuple):
    """
    One alias on the way.

    @ivar depth: how many were before it.
    @ivar path: the address.
    @ivar entry: its alias.
    """

    depth: int
    path: bytes
    entry: Entry


@frozen
class Expansion:
    """
    What became of an address that has an alias.

    @ivar paths: who gets the mail; none, and no C{reply}: it is thrown away.
    @ivar reply: what the client is told, where nobody gets it; L{None}: that it
        was taken.
    @ivar problem: what is wrong with the alias; L{None}: nothing.
    @ivar objection: what keeps mail from one of the ends; L{None}: nothing, or
        none was reached.
    """

    paths: tuple[bytes, ...] = ()
    reply: Reply | None = None
    problem: AliasProblem | None = None
    objection: Objection | None = None


class _Ended(Exception):
    """
    There is no need to look further.

    @ivar expansion: what becomes of the address.
    """

    def __init__(
        self,
        reply: Reply,
        problem: AliasProblem | None = None,
        objection: Objection | None = None,
    ) -> None:
        Exception.__init__(self)
        self.expansion = Expansion((), reply, problem, objection)


class Pattern(NamedTuple):
    """
    An entry with C{*} on the left, taken apart.

    @ivar local: what stands between the C{*}, in lower case.
    @ivar domain: the same of the domain; C{None}: the server's own domains.
    @ivar entry: the entry.
    """

    local: tuple[bytes, ...]
    domain: tuple[bytes, ...] | None
    entry: Entry

    def match(self, address: Address, plain: bool) -> tuple[bytes, ...] | None:
        """
        @param plain: is the address at a domain of the server's own?
        @return: what each C{*} stands for; L{None}: it is another address.
        """
        host: tuple[bytes, ...] | None = ()
        if self.domain is None:
            if not plain:
                return None
        else:
            host = _captured(self.domain, address.domain, address.domain)
        if host is None:
            return None
        name = _captured(self.local, address.local, localPartOf(address.path))
        return None if name is None else name + host


def _captured(
    pieces: Sequence[bytes], text: bytes, original: bytes
) -> tuple[bytes, ...] | None:
    """
    What stands between pieces of a text: the least for the first, and so on.
    This takes time in proportion to the text for each piece.

    @param original: the text, in the case it came in.
    @return: L{None}: the text is not made of them.
    """
    if len(pieces) == 1:
        return () if text == pieces[0] else None
    first, *middle, last = pieces
    if not text.startswith(first):
        return None
    captured = []
    at = len(first)
    for piece in middle:
        following = text.find(piece, at)
        if following < 0:
            return None
        captured.append(original[at:following])
        at = following + len(piece)
    end = len(text) - len(last)
    if end < at or not text.endswith(last):
        return None
    return (*captured, original[at:end])


class AliasTable:
    """
    The aliases of a server.

    Nobody has looked yet whether they lead anywhere:
    L{smtpx.policy.aliascheck.checkAliases} does.

    @ivar reach: whom mail can be delivered to.
    @ivar bounds: how far they are followed.
    @ivar patterns: those with C{*}, in order.
    @ivar catchAlls: by domain.
    @ivar exact: all others, by address, which has nothing behind the C{@} where
        it is for the server's own domains.
    @ivar problems: entries that are there twice.
    """

    __slots__ = ("bounds", "catchAlls", "exact", "patterns", "problems", "reach")

    def __init__(
        self,
        entries: Iterable[Entry],
        reach: Reach,
        bounds: AliasBounds | None = None,
    ) -> None:
        self.reach = reach
        self.bounds = bounds or AliasBounds()
        self.exact: dict[bytes, Entry] = {}
        self.catchAlls: dict[bytes, Entry] = {}
        self.patterns: list[Pattern] = []
        self.problems: list[AliasProblem] = []
        others: dict[bytes, Entry] = {}
        for entry in entries:
            local, domain, pattern = entry.left
            if pattern:
                assert local is not None, "a pattern has a local part"
                table, key = others, entry.left.render()
                host = None if domain is None else tuple(domain.split(b"*"))
                self.patterns.append(Pattern(tuple(local.split(b"*")), host, entry))
            elif local is None:
                assert domain is not None, "a catch-all has a domain"
                table, key = self.catchAlls, domain
            elif domain is None:
                table, key = self.exact, local + b"@"
            else:
                table, key = self.exact, local + b"@" + domain
            before = table.setdefault(key, entry)
            if before is not entry:
                self.problems.append(
                    entry.problem(f"it stands at {before.place} already")
                )

    def __len__(self) -> int:
        return len(self.exact) + len(self.catchAlls) + len(self.patterns)

    def address(self, path: bytes) -> Address:
        """Take an address apart."""
        ours = self.reach.local
        domain = domainKey(domainOf(path)) or ours.home
        local = localPartOf(path)
        # RFC 5321 section 2.4: elsewhere, the case of a local part may matter.
        return Address(
            path, local if ours.domain(domain) is None else local.lower(), domain
        )

    def find(self, address: Address) -> Found | None:
        """
        The entry for an address.

        @return: L{None}: there is none.
        """
        ours = self.reach.local
        domain = ours.domain(address.domain)
        if domain is None:
            return None
        plain = domain.plain
        local = address.local
        found = self._exact(local, address.domain, plain)
        if found is not None or ours.lists(local, address.domain):
            return found
        if ours.separators:
            user = withoutTag(local, ours.separators)
            if user != local:
                found = self._exact(user, address.domain, plain)
                if found is not None or ours.lists(user, address.domain):
                    return found
        for pattern in self.patterns:
            captured = pattern.match(address, plain)
            if captured is not None:
                return Found(pattern.entry, captured, False, address.key)
        entry = self.catchAlls.get(address.domain)
        return None if entry is None else Found(entry, (), False, address.key)

    def _exact(self, local: bytes, domain: bytes, plain: bool) -> Found | None:
        key = local + b"@" + domain
        entry = self.exact.get(key)
        if entry is None and plain:
            entry = self.exact.get(local + b"@")
        return None if entry is None else Found(entry, (), True, key)

    def expand(self, path: bytes, steps: list[Step] | None = None) -> Expansion | None:
        """
        Follow the aliases of an address to their ends.

        @param path: a recipient's mailbox, as the envelope has it.
        @param steps: each alias on the way is added to it.
        @return: L{None}: it has none, and mail for it goes to itself.
        """
        address = self.address(path)
        found = self.find(address)
        if found is None:
            return None
        walk = _Walk(self, steps)
        try:
            walk.follow(address, found)
        except _Ended as ended:
            return ended.expansion
        return Expansion(tuple(walk.paths.values()))


class _Walk:
    """
    One way from an address to its ends.

    @ivar paths: who gets the mail, by the key of the address.
    """

    def __init__(self, table: AliasTable, steps: list[Step] | None) -> None:
        self.paths: dict[bytes, bytes] = {}
        self._table = table
        self._steps = steps
        self._seen: set[bytes] = set()
        # Where we are: from the first alias to this one.
        self._chain: dict[bytes, Entry] = {}

    def follow(self, address: Address, found: Found) -> None:
        """
        Go on behind an alias.

        @raise _Ended: nobody gets the mail.
        """
        entry, key = found.entry, address.key
        if self._steps is not None:
            self._steps.append(Step(len(self._chain), address.path, entry))
        if entry.special is not None:
            if entry.special.reply is not None:
                raise _Ended(entry.special.reply)
            return
        if len(self._chain) >= self._table.bounds.depthMax:
            raise self._broken(f"it is more than {len(self._chain)} aliases deep")
        self._seen.add(key)
        self._chain[key] = entry
        for target in entry.targets:
            local = localPartOf(address.path)
            domain = domainOf(address.path) or address.domain
            try:
                path = target.resolve(local, domain, found.captured)
            except Malformed:
                # An address that nobody can have.
                raise _Ended(UNKNOWN) from None
            there = self._table.address(path)
            if target.roams and self._table.reach.local.domain(there.domain) is None:
                # Whoever sends would say where: an open relay.
                raise _Ended(UNKNOWN)
            self._visit(there, target.stops, address, found)
        del self._chain[key]

    def _visit(
        self, target: Address, stops: bool, before: Address, found: Found
    ) -> None:
        """
        Look what a target is.

        @param before: whose alias has it.
        """
        key = target.key
        if key in (before.key, found.key):
            # Itself: the mailbox is meant, and an alias of its own says it exists.
            self._deliver(before, found.exact)
            return
        if key in self._chain:
            raise self._broken(loopText([*self._chain, key]))
        further = None if stops else self._table.find(target)
        if further is None:
            self._deliver(target, False)
        elif key not in self._seen:
            self.follow(target, further)

    def _deliver(self, address: Address, known: bool) -> None:
        """
        @param known: is it known that there is such a mailbox?
        """
        if address.key in self.paths:
            return
        objection = self._table.reach.objection(address.path)
        if objection is Objection.NOBODY:
            if not known:
                raise _Ended(UNKNOWN)
            objection = None
            if not self._table.reach.goes(address.path):
                objection = Objection.NO_ROUTE
        if objection is not None:
            why = f"{objection.value}: {shown(address.path)}"
            raise self._broken(why, objection)
        self.paths[address.key] = address.path
        if len(self.paths) > self._table.bounds.recipientsMax:
            raise self._broken(
                f"it has more than {self._table.bounds.recipientsMax} recipients"
            )

    def _broken(self, why: str, objection: Objection | None = None) -> _Ended:
        first = next(iter(self._chain.values()))
        return _Ended(MISCONFIGURED, first.problem(why), objection)


def loopText(keys: Iterable[bytes]) -> str:
    """A loop, for the operator: each address leads to the next."""
    return "it leads to itself: " + ": ".join(map(shown, keys))


__all__ = [
    "MISCONFIGURED",
    "UNKNOWN",
    "Address",
    "AliasBounds",
    "AliasTable",
    "Expansion",
    "Found",
    "Objection",
    "Pattern",
    "Reach",
    "Step",
    "loopText",
]
