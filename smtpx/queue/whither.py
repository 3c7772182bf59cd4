"""
Where the recipients of a leg go by SMTP, and what is wanted of the way there.
"""

from __future__ import annotations

from hashlib import sha256

from attrs import evolve, field, frozen

from ..core.demands import Demand, Source
from ..core.errors import Malformed
from ..core.hooks import RoutePolicy, TLSLevel
from ..core.queueprofile import ANY_ROUTE
from ..dns.idn import asciiDomain
from ..dns.mailhosts import MailHost, MailHosts
from ..net.protection import hopTo
from ..net.sending import Way
from ..tls.rules import Hop
from .interfaces import LANE_OCTETS

#: Domains, each with the name that it is an alias of.
Names = list[tuple[bytes, bytes]]


@frozen
class Whither:
    """
    What a leg of this transport says.

    @ivar domains: those of the recipients, each with the name that it is an alias of.
    @ivar sender: the sender that the hosts are told; L{None}: the message's own.
    """

    hosts: MailHosts
    way: Way
    domains: tuple[tuple[bytes, bytes], ...] = ()
    sender: bytes | None = None
    #: Found once, while many messages go the same way; each with its host, by whose
    #: identity it is looked up.
    _hops: dict[int, tuple[MailHost, Hop]] = field(
        factory=dict, init=False, eq=False, repr=False
    )

    def hop(self, host: MailHost, manual: bool) -> Hop:
        """
        One of the hosts.

        @param manual: did the operator name it?  Always the same.
        """
        found = self._hops.get(id(host))
        if found is None:
            found = self._hops[id(host)] = host, self._hopTo(host, manual)
        return found[1]

    def _hopTo(self, host: MailHost, manual: bool) -> Hop:
        names = tuple(name for name, _ in self.domains)
        expanded = tuple(name for _, name in self.domains)
        return hopTo(host, self.hosts, names, manual, expanded)


def plain(domain: bytes, hosts: MailHosts) -> tuple[bytes, bytes]:
    """A domain in ASCII, and the name that it is an alias of."""
    try:
        plain = asciiDomain(domain)
    except Malformed:
        # The operator named the hosts, so nobody has looked it up.
        plain = domain
    return plain, hosts.canonical or plain


def laneName(transport: str, hosts: MailHosts, way: Way, usual: Way) -> bytes:
    """
    A name for what goes to C{hosts} by C{way}.  It stands in the spool, so it is the
    same in another process, and tells an operator what it is.

    @param transport: its name.
    @param usual: the way of what wants nothing of it.
    """
    words = [transport.encode("utf-8")]
    policy = way.policy
    if policy != usual.policy:
        words.append(b"tls%d,%d%b" % (policy.tls, policy.lookup, b"-" * policy.lenient))
    text = b" ".join([*words, hosts.key])
    if len(text) <= LANE_OCTETS:
        return text
    digest = b"#" + sha256(text).hexdigest().encode("ascii")
    return text[: LANE_OCTETS - len(digest)] + digest


def both(route: RoutePolicy, wanted: RoutePolicy) -> RoutePolicy:
    """
    What the operator and a message want of a route.  A message cannot give away
    what the operator wants, and one that does not care takes no part.
    """
    if wanted is ANY_ROUTE or wanted == ANY_ROUTE:
        return route
    cares = wanted.tls > TLSLevel.OPPORTUNISTIC
    demands = route.demands
    if cares or wanted.lenient:
        why = "the message wants it" if cares else "the message would rather arrive"
        demands += (Demand("message", why, wanted.tls, by=Source.SENDER),)
    return evolve(
        route,
        tls=max(route.tls, wanted.tls) if cares else route.tls,
        lookup=max(route.lookup, wanted.lookup),
        lenient=wanted.lenient and route.tls < TLSLevel.ENCRYPTED,
        demands=demands,
        waived=wanted.waived,
    )


__all__ = ["Names", "Whither", "both", "laneName", "plain"]
