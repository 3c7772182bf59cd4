"""
Where messages go by SMTP: which recipients have the same hosts, and want the same of
the connection, so that they go in one transaction.

Many messages for one domain ask for its hosts at once, so they are remembered here
for a moment; and so is all that is the same for each message that goes there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from attrs import define, evolve, field
from twisted.internet.defer import Deferred

from ..core.address import domainOf
from ..core.envelope import Recipient
from ..core.hooks import LookupLevel, RoutePolicy
from ..core.queueprofile import ANY_ROUTE, QueueProfile
from ..core.reply import reply
from ..dns.mailhosts import MailHosts, Unroutable
from ..dns.together import together
from ..net.protection import Protection
from ..net.sending import Way
from ..spool.format import Outcome, SpooledMessage
from .findings import unroutable
from .interfaces import Leg, Located
from .srs import SenderFor
from .whither import Names, Whither, both, laneName, plain

#: Domains, each with the name that it is an alias of.
_Named = tuple[tuple[bytes, bytes], ...]

D = TypeVar("D", bound=dict[Any, Any])

#: How long hosts of a domain are remembered here, in seconds: many messages for one
#: domain ask for them at once.  The DNS room keeps them as long as they are good.
_REMEMBERED_SECONDS = 10.0
_REMEMBERED_MOST = 5000

_UNPROVEN = reply(550, "5.7.10", b"It is not known surely enough where this is to go")


class Finder(Protocol):
    """Finds the hosts that take mail for a domain."""

    def __call__(self, domain: bytes) -> Deferred[MailHosts]:
        """
        @param domain: what stands behind the C{@}, in lower case; empty: that of
            C{<postmaster>}.
        @return: fails with L{Unroutable} where there is no way.
        """


@define(eq=False)
class Locating:
    """
    Finds out where messages go.

    @ivar name: of the transport.
    @ivar find: finds hosts.
    @ivar way: how to talk to them, where a message wants nothing of that.
    @ivar now: seconds since the epoch.
    @ivar profile: what extensions want of the route of a message; L{None}: nothing.
    @ivar manual: did the operator name the hosts?  Then nobody else did.
    @ivar protection: decides how connections have to be; L{None}: the rest of the way
        does.
    @ivar senders: says which sender hosts are told; L{None}: always the message's own.
    """

    name: str
    find: Finder
    way: Way
    now: Callable[[], float]
    profile: QueueProfile | None
    manual: bool
    protection: Protection | None
    senders: SenderFor | None
    #: The hosts of domains, and when they were found out.
    _known: dict[bytes, tuple[float, MailHosts | Unroutable]] = field(
        init=False, factory=dict
    )
    #: Names of lanes, by their hosts and what messages want.
    _lanes: dict[tuple[bytes, RoutePolicy], bytes] = field(init=False, factory=dict)
    #: Where mail goes, by its domains and the sender that hosts are told.
    _whithers: dict[tuple[_Named, bytes | None], Whither] = field(
        init=False, factory=dict
    )
    #: The same of mail for one domain, as recipients spell that: the domain, and the
    #: way of a message for one recipient.
    _usual: dict[bytes, tuple[bytes, Whither, Located]] = field(
        init=False, factory=dict
    )

    def locate(
        self, message: SpooledMessage, indices: Sequence[int]
    ) -> Located | Awaitable[Located]:
        """See L{IRelay}."""
        way = self._wayOf(message)
        if self.senders is None and indices:
            known = self._straight(message.envelope.recipients, indices, way)
            if known is not None:
                return known
        return self._locate(message, indices, way)

    def _straight(
        self, recipients: Sequence[Recipient], indices: Sequence[int], way: Way
    ) -> Located | None:
        """
        The same at once, where all are of one domain, whose hosts were found out for
        another message a moment ago.

        @return: L{None}: it is not so.
        """
        path = recipients[indices[0]].path
        domain = path.partition(b"@")[2]
        known = self._usual.get(domain)
        if known is None or path[:1] == b'"':
            return None
        (name, where, usual), now = known, self.now()
        found = self._known.get(name)
        if found is None or found[1] is not where.hosts or where.way is not way:
            return None
        if not 0.0 <= now - found[0] < _REMEMBERED_SECONDS:
            return None
        if len(indices) == 1 and not indices[0]:
            return usual
        for index in indices:
            path = recipients[index].path
            if path[:1] == b'"' or path.partition(b"@")[2] != domain:
                return None
        return Located((Leg(usual.legs[0].lane, tuple(sorted(indices)), where),))

    async def _locate(
        self, message: SpooledMessage, indices: Sequence[int], way: Way
    ) -> Located:
        recipients = message.envelope.recipients
        senders = self.senders
        domains: dict[tuple[bytes, bytes | None], list[int]] = {}
        for index in indices:
            sender = None if senders is None else senders(message, index)
            key = domainOf(recipients[index].path), sender
            domains.setdefault(key, []).append(index)
        if len(domains) == 1:
            [((domain, sender), some)] = domains.items()
            path = recipients[some[0]].path
            return await self._locateOne(domain, sender, some, way, path)
        # All are asked for at once; cancelled, none is.
        found = await together(self._found(domain, way) for domain, _ in domains)
        legs: dict[
            tuple[bytes, tuple[bool, bool], bytes, bytes | None],
            tuple[MailHosts, Names, list[int]],
        ] = {}
        outcomes: list[Outcome] = []
        for wanted, (hosts, apart) in zip(domains.items(), found, strict=True):
            (domain, sender), some = wanted
            if isinstance(hosts, Unroutable):
                outcomes += [unroutable(index, hosts) for index in some]
                continue
            # The same hosts, but known for sure to be those of one domain only.
            sure = hosts.namesAuthentic, hosts.partial
            name = hosts.key, sure, domain if apart else b"", sender
            _, named, indices = legs.setdefault(name, (hosts, [], []))
            named.append(plain(domain, hosts))
            indices += some
        return Located(
            tuple(
                Leg(
                    self._lane(hosts, way),
                    tuple(sorted(some)),
                    self._whither(hosts, way, tuple(named), sender),
                )
                for (*_, sender), (hosts, named, some) in legs.items()
            ),
            tuple(outcomes),
        )

    async def _locateOne(
        self,
        domain: bytes,
        sender: bytes | None,
        indices: Sequence[int],
        way: Way,
        path: bytes,
    ) -> Located:
        """
        The same for one domain, as it mostly is.

        @param path: one of the recipients.
        """
        hosts, _ = await self._found(domain, way)
        if isinstance(hosts, Unroutable):
            return Located((), tuple([unroutable(each, hosts) for each in indices]))
        where = self._whither(hosts, way, (plain(domain, hosts),), sender)
        lane = self._lane(hosts, way)
        if sender is None and path[:1] != b'"':
            # As it is written, so that the next time it need not be read.
            spelled, first = path.partition(b"@")[2], Leg(lane, (0,), where)
            _bound(self._usual)[spelled] = domain, where, Located((first,))
        return Located((Leg(lane, tuple(sorted(indices)), where),))

    def _whither(
        self,
        hosts: MailHosts,
        way: Way,
        named: _Named,
        sender: bytes | None,
    ) -> Whither:
        """See L{Whither}; it is the same one for all who go there."""
        known = self._whithers.get((named, sender))
        if known is None or known.hosts is not hosts or known.way is not way:
            known = Whither(hosts, way, named, sender)
            _bound(self._whithers)[named, sender] = known
        return known

    async def _found(
        self, domain: bytes, way: Way
    ) -> tuple[MailHosts | Unroutable, bool]:
        """The hosts of a domain, and whether its mail is to go by itself."""
        protection = self.protection
        try:
            hosts = await self._hosts(domain)
            if protection is None:
                self._check(hosts, way)
        except Unroutable as error:
            return error, False
        # What domains publish is nothing to hosts that the operator named, nor to those
        # of a domain that he named.
        if protection is None or self.manual or _ofOperator(hosts):
            return hosts, False
        if way.policy.lookup is not LookupLevel.PLAIN:
            # What proves one domain's hosts says nothing of another's.
            return hosts, True
        return hosts, await protection.apart(domain)

    def _wayOf(self, message: SpooledMessage) -> Way:
        """How this message wants to be sent."""
        way, profile = self.way, self.profile
        if profile is None or not profile.constrainers:
            return way
        wanted = profile.policyFor(message.envelope)
        if wanted is ANY_ROUTE:
            return way
        policy = both(way.policy, wanted)
        return way if policy is way.policy else evolve(way, policy=policy)

    async def _hosts(self, domain: bytes) -> MailHosts:
        now = self.now()
        found = self._known.get(domain)
        if found is None or not 0.0 <= now - found[0] < _REMEMBERED_SECONDS:
            hosts: MailHosts | Unroutable
            try:
                hosts = await self.find(domain)
            except Unroutable as error:
                hosts = error
            found = _bound(self._known)[domain] = now, hosts
        if isinstance(found[1], Unroutable):
            raise Unroutable(found[1].reply, str(found[1]))
        return found[1]

    def _check(self, hosts: MailHosts, way: Way) -> None:
        """
        Is it well enough known that these hosts are the domain's?

        @raise Unroutable: it is not.
        """
        if way.policy.lookup is LookupLevel.PLAIN or way.policy.lenient:
            return
        if not (self.manual or hosts.namesAuthentic):
            raise Unroutable(_UNPROVEN, "the names of its hosts are not proven")

    def _lane(self, hosts: MailHosts, way: Way) -> bytes:
        """
        A name for what goes to these hosts this way.  It stands in the spool, so
        it is the same in another process, and tells an operator what it is.
        """
        wanted = hosts.key, way.policy
        found = self._lanes.get(wanted)
        if found is None:
            name = laneName(self.name, hosts, way, self.way)
            found = _bound(self._lanes)[wanted] = name
        return found


def _bound(known: D) -> D:
    """The same with room for one more: where there is none, all else goes."""
    if len(known) >= _REMEMBERED_MOST:
        known.clear()
    return known


def _ofOperator(hosts: MailHosts) -> bool:
    """Did the operator name all of them, or the domains whose hosts they are?"""
    return all(host.nextHop is not None for host in hosts.hosts)


__all__ = ["Finder", "Locating"]
