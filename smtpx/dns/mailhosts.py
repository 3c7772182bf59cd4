"""
Where mail for a domain goes, as values; L{smtpx.dns.router} finds it out.

L{MailHosts} are the hosts of one domain or of one manual route, best first.  Two
domains with the same hosts have the same C{key}, and so can share what waits for
those hosts.  Who delivers takes C{shuffled} once for each use, so that hosts of equal
preference share the load (RFC 5321 section 5.1), in proportion to their weights where
they have some (RFC 2782).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from itertools import groupby
from random import Random

from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..core.domain import checkDomain, lowerDomain
from ..core.errors import Malformed, SMTPXError
from ..core.reply import Reply

SMTP_PORT = 25

#: A longer key is cut, and made one of its kind by a digest; in octets.
KEY_OCTETS = 255

_manual = re.compile(
    r"\s*(\[[^\[\]]*\]|[^\[\]:/\s]+)(?::([0-9]{1,5}))?(/mx)?\s*\Z", re.IGNORECASE
).match


@frozen
class MailHost:
    """
    A host that takes mail.  It is the same host whatever preference it has for
    somebody, so that connections to it can be shared.

    @ivar name: its name, in lower case, as an MX record or the operator has it; an
        address literal (C{[192.0.2.1]}) where it has none.
    @ivar addresses: at least one.  In which order they stand makes no difference
        between two hosts.
    @ivar port: the TCP port; 0: it is at a UNIX socket.
    @ivar preference: hosts of the lowest are tried first.
    @ivar weight: how much of the mail it is to get, among those of its preference
        (RFC 2782).
    @ivar canonical: the name that the addresses stand under, behind all CNAMEs;
        empty: the host's name.
    @ivar authentic: are its addresses, CNAMEs on the way included, proven by DNSSEC?
    @ivar uncertain: could some of its addresses not be looked up?  Then nobody knows
        whether they would have been proven.
    @ivar busy: was that because too many questions of ours were under way?
    @ivar nextHop: the domain that the operator named, one of whose mail hosts this is,
        and the name that it is an alias of, or the same; empty: he named the host;
        L{None}: neither, it is the recipients' domain.
    @ivar named: is it proven by DNSSEC that the first of C{nextHop} has it?  L{None}:
        there is none, and C{MailHosts.namesAuthentic} says it.
    """

    name: bytes
    addresses: tuple[bytes, ...] = field(eq=frozenset)
    port: int = SMTP_PORT
    preference: int = field(default=0, eq=False)
    weight: int = field(default=0, eq=False)
    canonical: bytes = b""
    authentic: bool = False
    uncertain: bool = field(default=False, eq=False)
    busy: bool = field(default=False, eq=False, kw_only=True)
    nextHop: tuple[bytes, ...] | None = field(default=None, eq=False)
    named: bool | None = field(default=None, eq=False)

    @classmethod
    def atSocket(cls, path: bytes) -> MailHost:
        """
        What listens at a UNIX socket: its path is its name, and its one address.

        @param path: absolute.
        """
        return cls(path, (path,), 0)

    @property
    def local(self) -> bool:
        """Is it at a UNIX socket?"""
        return self.name.startswith(b"/")

    @property
    def spelled(self) -> bytes:
        """Name and port, as in a manual route: C{mx.example.org:25}."""
        return self.name if self.local else b"%b:%d" % (self.name, self.port)


@frozen
class MailHosts:
    """
    The hosts that take mail for a domain.

    @ivar hosts: best first; at least one.
    @ivar authentic: was everything on the way to them proven by DNSSEC: MX or SRV,
        all CNAMEs, and the addresses of every host?
    @ivar namesAuthentic: were their names, whatever is with the addresses?  This is
        what RFC 8689 section 4.2.1 and RFC 7672 section 2.2.1 ask for; see also
        C{MailHost.authentic}.
    @ivar partial: are there others besides, whose addresses could not be looked up?
    """

    hosts: tuple[MailHost, ...]
    authentic: bool = False
    namesAuthentic: bool = False
    canonical: bytes = field(default=b"", eq=False, repr=False)
    partial: bool = field(default=False, kw_only=True)
    key: bytes = field(init=False, eq=False, repr=False)
    """
    Names of the hosts, in their order, as text.  It is the same wherever the same
    hosts are tried in the same order; their addresses, which change, and how much
    of it was authentic, do not matter.
    """

    @key.default
    def _makeKey(self) -> bytes:
        return _key(self.hosts)

    def shuffled(self, random: Random) -> MailHosts:
        """
        The same hosts, those of equal preference in an order by chance.

        @param random: makes the choice.
        """
        order: list[MailHost] = []
        for _, equals in groupby(self.hosts, lambda host: host.preference):
            order += _byWeight(list(equals), random)
        return evolve(self, hosts=tuple(order))


def _key(hosts: Iterable[MailHost]) -> bytes:
    ranks = groupby(hosts, lambda host: host.preference)
    text = b";".join(
        b",".join(sorted(_keyOf(host) for host in equals)) for _, equals in ranks
    )
    if len(text) <= KEY_OCTETS:
        return text
    digest = b"#" + sha256(text).hexdigest().encode("ascii")
    return text[: KEY_OCTETS - len(digest)] + digest


def _keyOf(host: MailHost) -> bytes:
    weight = b"*%d" % host.weight if host.weight else b""
    # Of a UNIX socket there is none.
    port = b":%d" % host.port if host.port not in (0, SMTP_PORT) else b""
    return host.name + port + weight


def _byWeight(hosts: list[MailHost], random: Random) -> Iterator[MailHost]:
    """
    Order hosts by chance and weight (RFC 2782, "Usage rules"): again and again one
    is chosen, with a chance in proportion to its weight; those without a weight have
    a very small one, but for the case that no host has any.
    """
    random.shuffle(hosts)
    hosts.sort(key=lambda host: host.weight > 0)
    while hosts:
        chosen = random.randint(0, sum(host.weight for host in hosts))
        for index, host in enumerate(hosts):
            chosen -= host.weight
            if chosen <= 0:
                yield hosts.pop(index)
                break


@frozen
class ManualHost:
    """
    A host that the operator named for a route.

    @ivar name: a name, or an address literal (C{[192.0.2.1]}, C{[IPv6:2001:db8::1]}).
    @ivar port: the TCP port.
    @ivar mx: is it a domain whose mail hosts are meant, rather than a host?
    """

    name: bytes
    port: int = SMTP_PORT
    mx: bool = False

    @classmethod
    def parse(cls, text: str, port: int = SMTP_PORT) -> ManualHost:
        """
        Read a host as it stands in the configuration::

            host = ( name / "[" address "]" ) [ ":" port ] [ "/mx" ]

        @param port: the port that it has if none is given.
        @raise Malformed: it is no such; the message is for the operator.
        """
        found = _manual(text)
        if found is None and _isIPv6(text):
            raise Malformed(f"{text!r} is no host: wants [] around an address")
        if found is None:
            raise Malformed(
                f"{text!r} is no host: wants name, name:port, [address] or"
                " [address]:port, and /mx behind a name whose MX records are meant"
            )
        name = lowerDomain(found[1].encode("utf-8"))
        if name.startswith(b"["):
            literal = literalOf(name)
            if literal is None or found[3]:
                raise Malformed(f"{text!r} is no host: {found[1]} is no address")
            name = literal
        else:
            if name.rpartition(b".")[2].isdigit():
                raise Malformed(f"{text!r} is no host: wants [] around an address")
            checkDomain(name.replace(b"_", b"x"))
        if found[2] is not None:
            port = int(found[2])
            if not 0 < port < 65536:
                raise Malformed(f"{text!r} is no host: there is no port {port}")
        return cls(name, port, found[3] is not None)

    def render(self) -> str:
        """As text; L{ManualHost.parse} reads it."""
        port = f":{self.port}" if self.port != SMTP_PORT else ""
        return self.name.decode("utf-8") + port + ("/mx" if self.mx else "")


def _isIPv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def literalOf(domain: bytes) -> bytes | None:
    """
    An address literal in its one normal form (RFC 5321 section 4.1.3).

    @param domain: what stands behind the C{@}; C{[2001:db8::1]}, as operators write
        it, will do as well.
    @return: L{None}: it is no literal of an IPv4 or IPv6 address.
    """
    inside = domain[1:-1].lower()
    if domain != b"[%b]" % domain[1:-1] or b"%" in inside:
        return None
    text = inside.removeprefix(b"ipv6:").decode("ascii", "replace")
    if b":" not in inside:
        # RFC 5321 allows leading zeros, of which nobody knows what they mean to
        # others: here they mean nothing.
        numbers = text.split(".")
        if not all(number.isdecimal() for number in numbers):
            return None
        text = ".".join(str(int(number)) for number in numbers)
    elif ":" not in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return b"[IPv6:%b]" % str(address).encode("ascii")
        address = address.ipv4_mapped
    return b"[%b]" % str(address).encode("ascii")


def addressIn(literal: bytes) -> bytes:
    """
    The address in a literal.

    @param literal: as L{literalOf} returns it.
    """
    return literal[1:-1].removeprefix(b"IPv6:")


class Unroutable(SMTPXError):
    """
    There is no way to a domain, for now or for good.  The message is for the
    operator.

    @ivar reply: what becomes of the recipient: 4yz, try again later; or 5yz.  Its
        text may be told to anybody.
    """

    def __init__(self, reply: Reply, why: str) -> None:
        SMTPXError.__init__(self, why)
        self.reply = reply


class IMailRouter(Interface):
    """
    Finds the hosts that take mail.  Every method fails with L{Unroutable} where there
    is no way, and may be cancelled.
    """

    def byMX(domain: bytes) -> Deferred[MailHosts]:
        """
        The hosts of a domain, by its MX records or its own address (RFC 5321 section
        5.1), or the host that an address literal names.

        @param domain: what stands behind the C{@}, beyond ASCII too.
        """

    def bySRV(domain: bytes) -> Deferred[MailHosts]:
        """
        The hosts of a domain by its SRV records (C{_smtp._tcp}); without any, as
        C{byMX}.
        """

    def byHosts(
        hosts: Sequence[ManualHost], randomly: bool = False
    ) -> Deferred[MailHosts]:
        """
        The hosts that the operator named.

        @param randomly: are they equal, rather than tried in their order?
        """


__all__ = [
    "IMailRouter",
    "MailHost",
    "MailHosts",
    "ManualHost",
    "SMTP_PORT",
    "Unroutable",
    "addressIn",
    "literalOf",
]
