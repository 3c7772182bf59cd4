"""
Host lists, as in Exim: which clients an option is for.

A list is a sequence of items, read from the first on; the first that matches a
client decides::

    list   = *item
    item   = [ "!" ] [ "*" / name / "*." name / address / address "/" prefix
                     / "lookup:" word ]

C{*} is anybody, C{*.example.org} any host with a name below C{example.org}, a
network is written as C{192.0.2.0/24} or C{2001:db8::/32}.  An item with C{!}
says no for the clients it matches.  A client that no item matches is not in the
list; but where the last item has C{!}, it is, so that C{["!192.0.2.1"]} is
everybody else.  The empty list is nobody.

C{lookup:NAME} is a client whose address, or one of whose names, is in a look-up of that
name (L{smtpx.core.asked}); the names as far as they are known, for what looks only like
an address is nobody's reason to look names up.  Addresses are looked up as they are
written in short.

The empty item is, as in Exim, a client without an address: one of this machine,
that came over a UNIX socket.

A plain name stands for the addresses of that host, which somebody above has to
look up (L{HostList.names}, L{HostList.resolved}), or for a client whose own,
verified name it is.

In one thing this is not Exim: where a client's name is needed and not known, its
whole list does not match in Exim; here only that item does not.  Whether it could
have, had the name been looked up, is what L{HostList.verdict} tells.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from attrs import evolve, field, frozen

from .asked import PREFIX, Ask, Asks, asked, lookupIn
from .domain import checkDomain
from .errors import Malformed, Untold
from .interfaces import IServerSession

#: A network as numbers: version, address, mask.
_Numbers = tuple[int, int, int]
_MAPPED = IPv6Network("::ffff:0:0/96")

#: An item, ready to be asked: what it says, whether it is C{*}, what it matches,
#: whether it may match more, and who else is asked.
_Rule = tuple[
    bool, bool, tuple[_Numbers, ...], bytes | None, bytes | None, bool, Ask | None
]

#: What stands for having no address, and matches nothing else.
_NO_ADDRESS: _Numbers = (0, 0, 0)


@frozen
class HostItem:
    """
    One item of a host list.

    @ivar text: the item without C{!}, in its one normal form.
    @ivar negated: does it say no?
    @ivar networks: what addresses it matches; of a plain name, those that it
        was resolved to.
    @ivar unknown: is it a plain name whose addresses could not be looked up?
    @ivar ask: of a look-up: who answers; L{None}: nobody yet, so that it has nobody.
    """

    text: str
    negated: bool = False
    networks: tuple[_Numbers, ...] = ()
    unknown: bool = False
    ask: Ask | None = field(default=None, eq=False, repr=False)

    @property
    def lookup(self) -> str | None:
        """The name of the look-up that it is; L{None}: it is something else."""
        return lookupIn(self.text)

    @property
    def anybody(self) -> bool:
        """Is it C{*}?"""
        return self.text == "*"

    @property
    def suffix(self) -> bytes | None:
        """What a name has to end with; L{None}: names do not matter so."""
        return self.text[1:].encode() if self.text.startswith("*.") else None

    @property
    def name(self) -> bytes | None:
        """The plain name it is; L{None}: it is something else."""
        if not self.text or self.text.startswith("*") or _isNumeric(self.text):
            # A look-up has a colon, too.
            return None
        return self.text.encode()

    def render(self) -> str:
        """The item as text; L{HostList.parse} reads it."""
        return "!" + self.text if self.negated else self.text


@frozen
class HostList:
    """
    A host list, ready to be asked.

    @ivar items: its items in order.
    @ivar needsNames: can the client's own host name matter?  If not, there is
        no need to look it up.
    @ivar names: the plain names in the list, in lower case, whose addresses
        L{resolved} wants.
    @ivar lookups: the names of look-ups in the list, for which L{asking} wants somebody
        who answers.
    """

    items: tuple[HostItem, ...] = ()
    needsNames: bool = field(init=False, eq=False, repr=False)
    names: tuple[bytes, ...] = field(init=False, eq=False, repr=False)
    lookups: tuple[str, ...] = field(init=False, eq=False, repr=False)
    _certain: bool | None = field(init=False, eq=False, repr=False)
    _otherwise: bool = field(init=False, eq=False, repr=False)
    _rules: tuple[_Rule, ...] = field(init=False, eq=False, repr=False)

    @needsNames.default
    def _whetherNamesMatter(self) -> bool:
        return any(
            item.suffix is not None or (item.name is not None and not item.networks)
            for item in self._reached()
        )

    @names.default
    def _plainNames(self) -> tuple[bytes, ...]:
        found = (item.name for item in self._reached())
        return tuple(dict.fromkeys(name for name in found if name is not None))

    @lookups.default
    def _namedLookups(self) -> tuple[str, ...]:
        found = (item.lookup for item in self.items)
        return tuple(dict.fromkeys(name for name in found if name is not None))

    @_certain.default
    def _answerWithoutLooking(self) -> bool | None:
        if not self.items:
            return False
        first = self.items[0]
        return not first.negated if first.anybody else None

    @_otherwise.default
    def _answerForTheRest(self) -> bool:
        return bool(self.items) and self.items[-1].negated

    @_rules.default
    def _plainRules(self) -> tuple[_Rule, ...]:
        return tuple(
            (
                not item.negated,
                item.anybody,
                item.networks,
                item.name,
                item.suffix,
                item.unknown,
                item.ask,
            )
            for item in self.items
        )

    def _reached(self) -> Iterator[HostItem]:
        """The items that can decide: none behind a C{*}."""
        for item in self.items:
            yield item
            if item.anybody:
                return

    @classmethod
    def parse(cls, items: Sequence[str]) -> HostList:
        """
        Read the items of a list, as the configuration has them.

        @raise Malformed: an item is none; the message has it.
        """
        return cls(tuple(_parseItem(item) for item in items))

    def render(self) -> tuple[str, ...]:
        """The items as text, without what they were resolved to."""
        return tuple(item.render() for item in self.items)

    def matches(self, address: bytes, names: Sequence[bytes] = ()) -> bool:
        """
        Is a client in the list?

        @param address: its address.  One of IPv4 in IPv6 (C{::ffff:192.0.2.1})
            is one of IPv4.  None (a UNIX socket) matches C{*} and the empty item
            only, and what is no address (it is not known) C{*} only.
        @param names: its host names, as far as they are known and verified.
        """
        if self._certain is not None:
            return self._certain
        return next(self._verdicts(address, names))

    def verdict(
        self, address: bytes, names: Sequence[bytes] = (), named: bool = True
    ) -> bool | None:
        """
        Is a client in the list, and can that be told?

        @param address: see C{matches}.
        @param names: see C{matches}.
        @param named: are these all its names?  If not, they could not be looked up.
        @return: L{None}: it depends on what could not be looked up.
        """
        if self._certain is not None:
            return self._certain
        possible = set(self._verdicts(address, names, named, True))
        return possible.pop() if len(possible) == 1 else None

    def _verdicts(
        self,
        address: bytes,
        names: Sequence[bytes],
        named: bool = True,
        doubted: bool = False,
    ) -> Iterator[bool]:
        """
        What may be the answer; the last is the one if nothing is as it could be.

        @param doubted: are items to be counted that only could match?
        """
        version, number = _numbersOf(address)
        lowered = [name.lower().removesuffix(b".") for name in names]
        for wanted, anybody, networks, plain, suffix, unknown, ask in self._rules:
            if anybody:
                yield wanted
                return
            if ask is not None:
                try:
                    if any(map(ask, lookupKeys(address, names))):
                        yield wanted
                        return
                except Untold:
                    if doubted:
                        yield wanted
                continue
            for kind, network, mask in networks:
                if kind == version and number & mask == network:
                    yield wanted
                    return
            for name in lowered:
                if name == plain or (suffix is not None and name.endswith(suffix)):
                    yield wanted
                    return
            byName = suffix is not None or (plain is not None and not networks)
            if doubted and (unknown or (byName and not named)):
                yield wanted
        yield self._otherwise

    def asking(self, asks: Asks) -> HostList:
        """
        The same list, with who answers for its look-ups.

        @raise UsageError: nobody answers for one.
        """
        if not self.lookups:
            return self
        return HostList(
            tuple(
                item
                if item.lookup is None
                else evolve(item, ask=asked(item.lookup, asks))
                for item in self.items
            )
        )

    def resolved(
        self,
        addresses: Mapping[bytes, Iterable[bytes]],
        unknown: Container[bytes] = (),
    ) -> HostList:
        """
        The same list, knowing the addresses of its plain names.

        @param addresses: by name, as in L{names}.  A name that is not there, or
            has no address, is still matched against the client's own name.
        @param unknown: the names that could not be looked up, but may have addresses.
        @raise ValueError: what should be an address is none.
        """
        return HostList(
            tuple(
                evolve(
                    item,
                    networks=tuple(
                        _networkNumbers(_unmapped(ip_network(address.decode("ascii"))))
                        for address in addresses.get(item.name, ())
                    ),
                    unknown=item.name in unknown,
                )
                if item.name is not None
                else item
                for item in self.items
            )
        )


def lookupKeys(address: bytes, names: Sequence[bytes]) -> tuple[bytes, ...]:
    """
    Under what a client is looked up: its address in short, one of IPv4 in IPv6 as one
    of IPv4, if it has one, and then its names.
    """
    plain = tuple(name.lower().removesuffix(b".") for name in names)
    shortened = _short(address)
    return plain if shortened is None else (shortened, *plain)


@lru_cache(1000)
def _short(address: bytes) -> bytes | None:
    """An address in short; L{None}: it is none."""
    version, number = _numbersOf(address)
    if version < 1:
        return None
    short = IPv4Address(number) if version == 4 else IPv6Address(number)
    return str(short).encode("ascii")


@lru_cache(1000)
def _numbersOf(address: bytes) -> tuple[int, int]:
    """
    An address as version and number; version 0 is none, and -1 one that is not
    known, which is nobody's.  The same few are asked for again and again.
    """
    if not address:
        return 0, 0
    try:
        found: IPv4Address | IPv6Address = ip_address(address.decode("ascii"))
    except ValueError:
        return -1, 0
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.version, int(found)


def _parseItem(item: str) -> HostItem:
    """
    Read one item.

    @raise Malformed: it is none.
    """
    text = item.strip()
    negated = text.startswith("!")
    text = text.removeprefix("!").lstrip()
    lookup = lookupIn(text)
    if lookup is not None:
        if not lookup:
            raise Malformed(f"{item!r} wants the name of a look-up")
        # Their names are as the operator writes them.
        return HostItem(PREFIX + lookup, negated)
    text = text.lower()
    if text == "*":
        return HostItem(text, negated)
    if not text:
        return HostItem(text, negated, (_NO_ADDRESS,))
    if _isNumeric(text):
        network = _parseNetwork(item, text)
        return HostItem(_networkText(network), negated, (_networkNumbers(network),))
    try:
        # PTR records in the field have "_" in names.
        name = text.removeprefix("*.").replace("_", "x").replace("[", " ")
        checkDomain(name.encode("ascii"))
    except ValueError:
        raise Malformed(
            f"{item!r} is no host list item:"
            " wants a name, *.suffix, an address, a network or *"
        ) from None
    return HostItem(text, negated)


def _isNumeric(text: str) -> bool:
    """
    Does it want to be an address or network, however badly?  The last label of
    a name is never a number (RFC 3696 section 2).
    """
    return "/" in text or ":" in text or text.rpartition(".")[2].isdigit()


def _instead(text: str) -> str:
    """What is to be said besides of something that is no network, nor an address."""
    before, colon, behind = text.rpartition(":")
    if colon and behind.isdigit() and before.strip("[]") and "::" not in text:
        return ": a port has no place in a host list"
    return ""


def _parseNetwork(item: str, text: str) -> IPv4Network | IPv6Network:
    """
    Read an address or network.

    @param item: the whole item, for the message.
    @raise Malformed: it is neither.
    """
    try:
        loose = ip_network(text, strict=False)
    except ValueError:
        raise Malformed(
            f"{item!r} is neither an address nor a network{_instead(text)}"
        ) from None
    try:
        network = ip_network(text)
    except ValueError:
        raise Malformed(
            f"{item!r} has bits beyond its prefix: is {loose} meant?"
        ) from None
    return _unmapped(network)


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """A network of IPv4 addresses inside IPv6 as one of IPv4."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        return ip_network((str(mapped), network.prefixlen - 96))
    return network


def _networkText(network: IPv4Network | IPv6Network) -> str:
    """A network as text, a single address without a prefix."""
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    return str(network)


def _networkNumbers(network: IPv4Network | IPv6Network) -> _Numbers:
    """A network as numbers."""
    return network.version, int(network.network_address), int(network.netmask)


def clientNames(session: IServerSession) -> tuple[bytes, ...]:
    """
    The verified names of a client, as a list is asked with them.
    """
    name = session.peerName
    return () if name is None else (name,)


__all__ = ["HostItem", "HostList", "clientNames", "lookupKeys"]
