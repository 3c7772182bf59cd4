"""
The lists that conditions have: words, addresses, domains, patterns of text.

All are read like host lists (L{smtpx.core.hostlist}): the first item that matches
decides, one with C{!} in front says no, and where none matches the answer is no, or
yes if the last item has C{!}::

    list = *item
    item = [ "!" ] ( "*" / word / pattern )

So C{["!ann@example.org", "example.org"]} is everybody there but Ann, and
C{["!example.org"]} everybody elsewhere.  The empty list is nobody.

A list of addresses or domains can have look-ups, C{lookup:NAME}: an address is looked
up as such, and then its domain; both in lower case, the domain in ASCII.  Who asks such
a list asks by L{AddressList.weigh} or L{DomainList.weigh}.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import field, frozen

from ...core.address import domainOf, localPartOf
from ...core.addresstable import AddressTable, domainKey
from ...core.asked import lookupIn
from ...core.errors import UsageError
from ..lookups.lists import Weighing
from .faults import bad

#: How the null sender is written, who sends reports.
NULL_SENDER = "<>"


def _parted(item: str) -> tuple[bool, str]:
    """What an item says, and of what."""
    text = item.strip()
    if text.startswith("!"):
        return False, text[1:].lstrip()
    return True, text


def _otherwise(items: Sequence[str]) -> bool:
    """What a list says where no item matches."""
    return bool(items) and not _parted(items[-1])[0]


@frozen
class WordList:
    """
    A list of words out of few.

    @ivar items: as they were given.
    """

    items: tuple[str, ...]
    _chosen: frozenset[str] = field(repr=False, eq=False)

    @classmethod
    def parse(
        cls,
        items: Sequence[str],
        known: Sequence[str],
        aliases: Mapping[str, str] | None = None,
    ) -> WordList:
        """
        Read a list.

        @param known: all the words there are.
        @param aliases: other names of some of them.
        @raise BadRule: an item is none of them.
        """
        left = list(known)
        found: set[str] = set()
        for index, item in enumerate(items):
            says, text = _parted(item)
            word = (aliases or {}).get(text.lower(), text.lower())
            if word != "*" and word not in known:
                raise bad(
                    f'"{text}" is none of {", ".join(known)}',
                    index,
                    word=text,
                    known=known,
                )
            meant = [each for each in left if word in ("*", each)]
            left = [each for each in left if each not in meant]
            found.update(meant if says else ())
        if _otherwise(items):
            found.update(left)
        return cls(tuple(items), frozenset(found))

    def has(self, word: str) -> bool:
        """Is a word in the list?"""
        return word in self._chosen


#: Items of which one after the other says the same: what they say, their patterns,
#: whether the null sender is among them; or one that is a look-up: its name.
_Run = tuple[bool, AddressTable[bool], bool, str | None]


def _runs(items: Sequence[str], domains: bool) -> tuple[_Run, ...]:
    """
    @param domains: are only domains wanted?
    @raise BadRule: an item is no pattern.
    """
    gathered: list[tuple[bool, dict[str, bool], bool, str | None]] = []
    for index, item in enumerate(items):
        says, text = _parted(item)
        lookup = lookupIn(text)
        if lookup is not None:
            if not lookup:
                raise bad("it wants the name of a look-up", index)
            gathered.append((says, {}, False, lookup))
            continue
        null = text in ("*", NULL_SENDER)
        pattern = {} if text == NULL_SENDER and not domains else {text: True}
        if pattern:
            pattern = {_pattern(text, domains, index): True}
        if gathered and gathered[-1][0] is says and gathered[-1][3] is None:
            _, patterns, nulls, _ = gathered.pop()
            pattern, null = patterns | pattern, null or nulls
        gathered.append((says, pattern, null, None))
    try:
        return tuple(
            (says, AddressTable(patterns.items()), null, lookup)
            for says, patterns, null, lookup in gathered
        )
    except UsageError as error:
        # Each by itself is right: two of them mean the same.
        raise bad(str(error)) from None


def _lookups(items: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The look-ups of a list, with their places in it."""
    for index, item in enumerate(items):
        name = lookupIn(_parted(item)[1])
        if name is not None:
            yield index, name


def _pattern(text: str, domains: bool, index: int) -> str:
    """
    An item without C{!} as L{AddressTable} has it.

    @raise BadRule: it is none.
    """
    if domains and "@" in text:
        domain = text.rpartition("@")[2]
        raise bad(f'"{text}" is an address; expected a domain: {domain}', index)
    pattern = text.removeprefix("*@")
    try:
        AddressTable([(pattern, True)])
    except UsageError as error:
        raise bad(str(error), index) from None
    return pattern


@frozen
class AddressList:
    """
    A list of addresses: C{user@example.org}, C{example.org} and C{*@example.org} (all
    at a domain), C{*.example.org} (all below one), C{*}, and C{<>} for the null sender.

    @ivar items: as they were given.
    """

    items: tuple[str, ...]
    _runs: tuple[_Run, ...] = field(repr=False, eq=False)
    _otherwise: bool = field(repr=False, eq=False)

    @classmethod
    def parse(cls, items: Sequence[str]) -> AddressList:
        """
        Read a list.

        @raise BadRule: an item is no pattern.
        """
        return cls(tuple(items), _runs(items, False), _otherwise(items))

    def has(self, path: bytes) -> bool:
        """
        Is a mailbox in the list?

        @param path: as an envelope has it; empty: the null sender.
        """
        for says, table, null, _ in self._runs:
            if table.find(path) if path else null:
                return says
        return self._otherwise

    @property
    def lookups(self) -> Iterator[tuple[int, str]]:
        """The look-ups in it, by name, with their places."""
        return _lookups(self.items)

    def weigh(self, path: bytes) -> Weighing:
        """The same as L{has}, where there are look-ups; the null sender is in none."""
        for says, table, null, lookup in self._runs:
            if lookup is not None:
                for key in _keys(path):
                    if (yield lookup, key):
                        return says
            elif table.find(path) if path else null:
                return says
        return self._otherwise


@frozen
class DomainList:
    """
    A list of domains: C{example.org}, C{*.example.org} (any below it), C{[192.0.2.1]},
    C{*}.

    @ivar items: as they were given.
    """

    items: tuple[str, ...]
    _runs: tuple[_Run, ...] = field(repr=False, eq=False)
    _otherwise: bool = field(repr=False, eq=False)

    @classmethod
    def parse(cls, items: Sequence[str]) -> DomainList:
        """
        Read a list.

        @raise BadRule: an item is no domain.
        """
        return cls(tuple(items), _runs(items, True), _otherwise(items))

    def has(self, domain: bytes) -> bool:
        """
        Is a domain in the list?

        @param domain: in any case; empty: there is none, which C{*} matches.
        """
        key = _key(domain)
        for says, table, whole, _ in self._runs:
            if table.domain(key) if key else whole:
                return says
        return self._otherwise

    @property
    def lookups(self) -> Iterator[tuple[int, str]]:
        """The look-ups in it, by name, with their places."""
        return _lookups(self.items)

    def weigh(self, domain: bytes) -> Weighing:
        """The same as L{has}, where there are look-ups; no domain is in none."""
        key = _key(domain)
        for says, table, whole, lookup in self._runs:
            if lookup is not None:
                if key and (yield lookup, key):
                    return says
            elif table.domain(key) if key else whole:
                return says
        return self._otherwise

    def weighThatOf(self, path: bytes) -> Weighing:
        """The same as L{hasThatOf}, where there are look-ups."""
        return self.weigh(domainOf(path))

    def weighAny(self, domains: Iterable[bytes]) -> Weighing:
        """The same as L{hasAny}, where there are look-ups."""
        several = list(domains)
        for each in several:
            if (yield from self.weigh(each)):
                return True
        return self._otherwise and not several

    def hasThatOf(self, path: bytes) -> bool:
        """Is the domain of a mailbox in the list?"""
        return self.has(domainOf(path))

    def hasAny(self, domains: Iterable[bytes]) -> bool:
        """Is one of these in the list?  Of none at all that is so after a C{!}."""
        several = list(domains)
        return any(map(self.has, several)) if several else self._otherwise


def _keys(path: bytes) -> tuple[bytes, ...]:
    """Under what a mailbox is looked up."""
    if not path:
        return ()
    domain = _key(domainOf(path))
    local = localPartOf(path).lower()
    return (local + b"@" + domain, domain) if domain else (local,)


def _key(domain: bytes) -> bytes:
    lowered = domain.lower().removesuffix(b".")
    try:
        return domainKey(lowered)
    except ValueError:
        # What a client calls itself may look like a literal, and be none.
        return lowered


@frozen
class TextList:
    """
    A list of patterns of text: C{*} stands for any characters, everything else for
    itself, without regard to case.

    Of what a peer says so much is looked at as there is; how long that takes grows with
    its length and no faster.

    @ivar items: as they were given.
    """

    items: tuple[str, ...]
    _rules: tuple[tuple[bool, tuple[str, ...]], ...] = field(repr=False, eq=False)
    _otherwise: bool = field(repr=False, eq=False)

    @classmethod
    def parse(cls, items: Sequence[str]) -> TextList:
        """Read a list."""
        parted = [_parted(item) for item in items]
        rules = tuple((says, tuple(text.lower().split("*"))) for says, text in parted)
        return cls(tuple(items), rules, _otherwise(items))

    def has(self, text: str) -> bool:
        """Is a text in the list?"""
        lowered = text.lower()
        for says, pieces in self._rules:
            if _matches(pieces, lowered):
                return says
        return self._otherwise

    def hasAny(self, texts: Iterable[str]) -> bool:
        """Is one of these in the list?  Of none at all that is so after a C{!}."""
        several = list(texts)
        return any(map(self.has, several)) if several else self._otherwise


def _matches(pieces: tuple[str, ...], text: str) -> bool:
    """
    Do these pieces stand in a text in their order, the first at its beginning and the
    last at its end?  To take each as early as it comes is never wrong.
    """
    if len(pieces) == 1:
        return text == pieces[0]
    first, *middle, last = pieces
    if not text.startswith(first):
        return False
    at = len(first)
    for piece in middle:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(text) - at >= len(last) and text.endswith(last)


__all__ = ["NULL_SENDER", "AddressList", "DomainList", "TextList", "WordList"]
