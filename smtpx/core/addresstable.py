"""
A table from addresses and domains to values: what is ours, what goes where.

Patterns, the narrowest first, which is the order in which they are tried::

    user@example.org    one address, with any tag
    example.org         every address at a domain
    [192.0.2.1]         every address at an address literal
    *.example.org       every address at any domain below it, not at itself
    lookup:NAME         every address at a domain that is in a look-up
    *                   everything

A look-up (L{smtpx.core.asked}) has domains in lower case, in ASCII, and is asked in the
order in which it was given.

C{user+tag@example.org} is found as such first, then without the tag, where the
table knows what separates tags (RFC 5233).

Local parts are compared without regard to case: RFC 5321 section 2.4 leaves it
to the final host what its local parts mean, and whoever lists an address here
speaks for that host.  Domains are compared as the DNS does (RFC 5321 section
2.4), in Unicode and in ASCII form alike (RFC 5890 section 2.3.2.4), and address
literals by the address they spell.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Generic, TypeVar

from .address import Mailbox, domainOf, localPartOf, parseMailbox, withoutTag
from .asked import Ask, Asks, asked, lookupIn
from .errors import Conflict, Malformed, UsageError

T = TypeVar("T")

_zeros = re.compile(r"(?<![0-9A-Fa-f])0+(?=[0-9A-Fa-f])")


def domainKey(domain: bytes) -> bytes:
    """
    What makes it this domain and no other.

    @param domain: a domain or address literal in lower case, as
        L{smtpx.core.address.domainOf} gives it.
    @return: labels beyond ASCII in their ASCII form; a literal of an IPv4 or
        IPv6 address in the shortest form, other literals as they are.
    """
    if domain[:1] == b"[":
        return _literalKey(domain)
    if domain.isascii():
        return domain
    return b".".join(
        label if label.isascii() else b"xn--" + label.decode().encode("punycode")
        for label in domain.split(b".")
    )


def _literalKey(literal: bytes) -> bytes:
    inside = literal[1:-1].decode("ascii")
    text = inside.removeprefix("ipv6:")
    if ":" in inside and text == inside:
        # A literal of a kind that we know nothing of.
        return literal
    # RFC 5321 section 4.1.3 allows leading zeros, which ipaddress does not.
    text = _zeros.sub("", text)
    address = ipaddress.ip_address(text)
    return b"[%b]" % str(address).encode("ascii")


#: Nobody answers for look-ups.
NOBODY: Asks = MappingProxyType({})


class AddressTable(Generic[T]):
    """
    Values by patterns.

    A look-up takes a dictionary or two, and one more for each label of the
    domain only where there are patterns with C{*.}.

    @ivar home: the domain of C{<postmaster>}, as L{domainKey} gives it.
    @ivar separators: what separates tags.
    """

    __slots__ = (
        "_addresses",
        "_asked",
        "_asks",
        "_default",
        "_domains",
        "_suffixes",
        "home",
        "separators",
    )

    def __init__(
        self,
        entries: Iterable[tuple[str, T]],
        home: bytes = b"localhost",
        separators: bytes = b"",
        asks: Asks = NOBODY,
    ) -> None:
        """
        @param entries: patterns and their values, in any order.
        @param home: the domain of C{<postmaster>}, who may come without one
            (RFC 5321 section 4.5.1).
        @param separators: what separates tags, as in
            L{smtpx.core.address.withoutTag}.
        @param asks: who answers for look-ups.
        @raise UsageError: a pattern is in none of the forms, and the message
            says which; or nobody answers for a look-up.
        @raise Conflict: two patterns mean the same.
        """
        self._addresses: dict[bytes, T] = {}
        self._domains: dict[bytes, T] = {}
        self._suffixes: dict[bytes, T] = {}
        self._default: T | None = None
        self._asks = asks
        self._asked: dict[str, tuple[Ask, T]] = {}
        self.home = domainKey(_domain(home.decode(), home.decode()))
        self.separators = separators
        for pattern, value in entries:
            self._add(pattern, value)

    @property
    def constant(self) -> bool:
        """Does it say the same whenever it is asked, as no look-up is in it?"""
        return not self._asked

    def _add(self, pattern: str, value: T) -> None:
        if pattern == "*":
            if self._default is not None:
                raise Conflict('"*" stands in the table twice')
            self._default = value
            return
        lookup = lookupIn(pattern)
        if lookup is not None:
            if lookup in self._asked:
                raise Conflict(f'"{pattern}" stands in the table twice')
            if self._asks is NOBODY:
                raise UsageError(f'"{pattern}": no look-up can stand here')
            self._asked[lookup] = asked(lookup, self._asks), value
            return
        if "@" in pattern:
            table, key = self._addresses, _addressKey(pattern)
        elif pattern.startswith("*."):
            table = self._suffixes
            key = domainKey(_domain(pattern[2:], pattern))
        else:
            table, key = self._domains, domainKey(_domain(pattern, pattern))
        if key in table:
            raise Conflict(f'"{pattern}" stands in the table twice')
        table[key] = value

    @property
    def byDomain(self) -> bool:
        """Does nothing but the domain count, and is that the same at all times?"""
        return not (self._addresses or self._asked)

    def find(self, path: bytes) -> T | None:
        """
        The value of the narrowest pattern that matches.

        @param path: a recipient's mailbox, as L{smtpx.core.envelope.Recipient}
            has it.
        @return: L{None}: no pattern matches.
        @raise Untold: a look-up cannot tell now.
        """
        domain = domainKey(domainOf(path)) or self.home
        if self._addresses:
            local = localPartOf(path).lower()
            found = self.address(local, domain)
            if found is None and self.separators:
                found = self.address(withoutTag(local, self.separators), domain)
            if found is not None:
                return found
        return self.domain(domain)

    def matching(self, path: bytes) -> Iterator[T]:
        """
        The values of all patterns that match, the narrowest first, for whoever has
        reasons to go on to the next.

        @param path: as for L{find}.
        @raise Untold: a look-up cannot tell now.
        """
        domain = domainKey(domainOf(path)) or self.home
        local = localPartOf(path).lower()
        names = [local]
        if self.separators:
            names.append(withoutTag(local, self.separators))
        for each in dict.fromkeys(names):
            if (found := self.address(each, domain)) is not None:
                yield found
        if (found := self._domains.get(domain)) is not None:
            yield found
        rest = domain if domain[:1] != b"[" else b""
        while rest:
            rest = rest.partition(b".")[2]
            if (found := self._suffixes.get(rest)) is not None:
                yield found
        for ask, value in self._asked.values():
            if ask(domain):
                yield value
        if self._default is not None:
            yield self._default

    def address(self, local: bytes, domain: bytes) -> T | None:
        """
        The value of the pattern that is this very address.

        @param local: a local part in lower case.
        @param domain: as L{domainKey} gives it.
        @return: L{None}: there is none.
        """
        return self._addresses.get(local + b"@" + domain)

    def domain(self, domain: bytes) -> T | None:
        """
        The value of the narrowest pattern for all addresses at a domain.

        @param domain: as L{domainKey} gives it.
        @return: L{None}: no pattern matches.
        @raise Untold: a look-up cannot tell now.
        """
        found = self._domains.get(domain)
        if found is not None:
            return found
        if self._suffixes and domain[:1] != b"[":
            rest = domain
            while rest:
                rest = rest.partition(b".")[2]
                found = self._suffixes.get(rest)
                if found is not None:
                    return found
        for ask, value in self._asked.values():
            if ask(domain):
                return value
        return self._default


def _domain(text: str, pattern: str) -> bytes:
    """
    @raise UsageError: it is no domain.
    """
    try:
        return domainOf(Mailbox(b"x", text.encode()).render())
    except (Malformed, UnicodeEncodeError) as error:
        raise UsageError(f'"{pattern}": {error}') from None


def _addressKey(pattern: str) -> bytes:
    """
    @raise UsageError: it is no address.
    """
    try:
        mailbox = parseMailbox(pattern.encode(), utf8=True)
    except (Malformed, UnicodeEncodeError) as error:
        raise UsageError(f'"{pattern}": {error}') from None
    # Through the path, so that it is lower-cased exactly as one is in find.
    return mailbox.local.lower() + b"@" + domainKey(domainOf(mailbox.render()))


__all__ = ["NOBODY", "AddressTable", "domainKey"]
