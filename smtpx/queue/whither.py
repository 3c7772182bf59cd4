"""
Where the recipients of a leg go by SMTP, and what is wanted of the way there.
"""

from __future__ import annotations

from hashlib import sha256

from attrs import define, evolve, field, frozen

from ..core.demands import Demand, Source
from ..core.errors import Malformed
from ..core.hooks import RoutePolicy, TLSLevel
from ..core.queueprofile import ANY_ROUTE
from ..dns.idn import asciiDomain
from ..dns.mailhosts import MailHost, MailHosts
from ..knowledge.names import hostName
from ..net.protection import hopTo
from ..net.sending import Way
from ..tls.rules import Hop
from .interfaces import LANE_OCTETS
from .wanted import particular

#: Domains, each with the name that it is an alias of.
Names = list[tuple[bytes, bytes]]


@define(eq=False)
class Stop:
    """
    One of the hosts of a L{Whither}, with all that is the same for each message that
    goes there.

    @ivar host: the host.
    @ivar hop: the same, with what the DNS said on the way there.
    @ivar way: how to talk to it; L{None}: that is asked for each message.
    @ivar place: its name and port.
    @ivar spelled: likewise, as in a manual route.
    @ivar keys: its addresses, in their order, as the hints have them
        (L{smtpx.knowledge.interfaces.IHostHints}).
    @ivar known: the same in no order.
    """

    host: MailHost
    hop: Hop
    way: Way | None = None
    place: tuple[bytes, int] = field(init=False)
    spelled: bytes = field(init=False)
    keys: dict[bytes, bytes] = field(init=False)
    known: frozenset[bytes] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Spell it out once."""
        host = self.host
        self.place, self.spelled = (self.hop.host, self.hop.port), host.spelled
        self.keys = {
            each: hostName(host.name, each, host.port) for each in host.addresses
        }
        self.known = frozenset(self.keys.values())


@frozen
class Whither:
    """
    What a leg of this transport says.

    @ivar domains: those of the recipients, each with the name that it is an alias of.
    @ivar sender: the sender that the hosts are told; L{None}: the message's own.
    @ivar particular: see L{smtpx.queue.wanted.particular}.
    @ivar ordered: is there but one order to try the hosts in, as no two are equal?
    @ivar stops: the hosts that messages went to, by the identity of each.  They are
        found once, while many messages go the same way.
    """

    hosts: MailHosts
    way: Way
    domains: tuple[tuple[bytes, bytes], ...] = ()
    sender: bytes | None = None
    particular: bool = field(init=False, eq=False, repr=False)
    ordered: bool = field(init=False, eq=False, repr=False)
    stops: dict[int, Stop] = field(factory=dict, init=False, eq=False, repr=False)

    @particular.default
    def _isParticular(self) -> bool:
        return particular(self.way.policy)

    @ordered.default
    def _isOrdered(self) -> bool:
        ranks = [host.preference for host in self.hosts.hosts]
        return len(set(ranks)) == len(ranks)

    def stop(self, host: MailHost, manual: bool) -> Stop:
        """
        One of the hosts, to which nothing went yet.

        @param manual: did the operator name it?  Always the same.
        """
        found = self.stops[id(host)] = Stop(host, self._hopTo(host, manual))
        return found

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
