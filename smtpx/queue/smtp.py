"""
The transports C{smtp} and C{lmtp}: messages to other hosts, over the connections of a
pool; by LMTP (RFC 2033) to whoever delivers them, perhaps at a UNIX socket.

Where a domain's mail goes is found out first (C{locate}); recipients whose hosts are
the same, and who want the same of the connection, go in one transaction.  Then the
hosts are tried in their order: one that cannot be reached, or that turns the message
away for a reason of its own, makes room for the next; one that is known to be in
trouble is left out until its time comes (L{smtpx.knowledge.interfaces.IHostHints}).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from zope.interface import implementer

from ..core.address import domainOf
from ..core.demands import spoken
from ..core.envelope import Recipient
from ..core.hooks import Action, Dialect, LookupLevel, RoutePolicy
from ..core.queueprofile import QueueProfile
from ..core.repeatable import ERRAND, Errand
from ..core.reply import Reply, reply
from ..dns.mailhosts import MailHost, MailHosts, Unroutable
from ..dns.together import together
from ..knowledge.interfaces import IHostHints
from ..net.protection import Protection
from ..net.sending import Heard, IClientPool, Sent, Unreached, Way
from ..spool.format import Outcome, SpooledMessage
from ..spool.via import Via
from ..tls.rules import Hop
from .findings import Findings, delivered, unreached, unroutable
from .interfaces import Attempt, IKeeping, IRelay, Leg, Located
from .prefixed import PrefixedBody
from .repute import Pause, Repute
from .srs import SenderFor
from .unfinished import Unfinished
from .wanted import HOSTS_SEARCHED, certain
from .whither import Names, Stop, Whither, both, laneName, plain

#: The most hosts that are tried in one attempt, and that are talked to: RFC 5321
#: section 5.1 wants two at least, and no more than is reasonable.
HOSTS_TRIED = 5
HOSTS_HEARD = 2

#: How long hosts of a domain are remembered here, in seconds: many messages for one
#: domain ask for them at once.  The DNS room keeps them as long as they are good.
_REMEMBERED_SECONDS = 10.0
_REMEMBERED_MOST = 5000

#: Both, of usual mail and of mail that searches for a host.
_MOST, _MOST_SEARCHED = (HOSTS_TRIED, HOSTS_HEARD), (HOSTS_SEARCHED, HOSTS_SEARCHED)

# A member of an enumeration takes time to look up.
_LMTP = Dialect.LMTP

_UNPROVEN = reply(550, "5.7.10", b"It is not known surely enough where this is to go")


class Finder(Protocol):
    """Finds the hosts that take mail for a domain."""

    def __call__(self, domain: bytes) -> Deferred[MailHosts]:
        """
        @param domain: what stands behind the C{@}, in lower case; empty: that of
            C{<postmaster>}.
        @return: fails with L{Unroutable} where there is no way.
        """


@implementer(IRelay, IKeeping)
class SMTPTransport:
    """
    Sends to other hosts.

    @ivar name: its name.
    @ivar width: the most connections to the hosts of one destination.
    @ivar pauseSeconds: the least time between two messages for one destination.
    """

    holds = False
    reports: Action | None = Action.RELAYED
    gathers = True

    def __init__(
        self,
        name: str,
        find: Finder,
        pool: IClientPool,
        way: Way,
        hints: IHostHints,
        now: Callable[[], float],
        profile: QueueProfile | None = None,
        width: int = 20,
        pauseSeconds: float = 0.0,
        manual: bool = False,
        local: bool = False,
        random: Random | None = None,
        lively: float = 30.0,
        wayTo: Callable[[MailHost, Way], Way] | None = None,
        pause: Pause | None = None,
        protection: Protection | None = None,
        senders: SenderFor | None = None,
        steady: bool = False,
    ) -> None:
        """
        @param find: finds hosts.
        @param way: how to talk to them.
        @param hints: which of them are in trouble.
        @param now: seconds since the epoch.
        @param profile: what extensions want of the route of a message; L{None}:
            nothing.
        @param local: do they stay on this machine, at a UNIX socket?  Then messages
            want nothing of the connection.
        @param manual: did the operator name the hosts?  Then nobody else did.
        @param random: shuffles hosts of equal preference; L{None}: by the system's
            chance.
        @param lively: a host that took something so many seconds ago is not in
            trouble because it turns down a further connection.
        @param wayTo: what a host makes of the way that a message wants; L{None}:
            the same.
        @param pause: how long hosts are left alone; L{None}: as C{hints} has it.
        @param protection: decides how connections have to be; L{None}: the rest of the
            way does.
        @param senders: says which sender hosts are told; L{None}: always the message's
            own.
        @param steady: does C{wayTo} always say the same of one host and way?
        """
        self.name = name
        self.width = width
        self.pauseSeconds = pauseSeconds
        self._find = find
        self._pool = pool
        self._way = way
        if way.dialect is Dialect.LMTP:
            # RFC 2033 section 1: it is for those who deliver, and queue nothing.
            self.reports = Action.DELIVERED
        self._now = now
        self._profile = profile
        self._manual = manual
        self._local = local
        self._random = random or Random()
        self._wayTo = wayTo
        self._steady = steady
        self._repute = Repute(hints, now, lively, pause)
        self._protection = None if local else protection
        self._senders = senders
        self._known: dict[bytes, tuple[float, MailHosts | Unroutable]] = {}
        #: Names of lanes, by their hosts and what messages want.
        self._lanes: dict[tuple[bytes, RoutePolicy], bytes] = {}
        #: Where mail for one domain goes, by that and the sender that hosts are told.
        self._whithers: dict[tuple[bytes, bytes | None], Whither] = {}
        self._unfinished = Unfinished()

    # --- where it goes ------------------------------------------------------------

    async def locate(self, message: SpooledMessage, indices: Sequence[int]) -> Located:
        """See L{IRelay}."""
        way = self._wayOf(message)
        recipients = message.envelope.recipients
        senders = self._senders
        domains: dict[tuple[bytes, bytes | None], list[int]] = {}
        for index in indices:
            sender = None if senders is None else senders(message, index)
            key = domainOf(recipients[index].path), sender
            domains.setdefault(key, []).append(index)
        if len(domains) == 1:
            [((domain, sender), some)] = domains.items()
            return await self._locateOne(domain, sender, some, way)
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
                    Whither(hosts, way, tuple(named), sender),
                )
                for (*_, sender), (hosts, named, some) in legs.items()
            ),
            tuple(outcomes),
        )

    async def _locateOne(
        self, domain: bytes, sender: bytes | None, indices: Sequence[int], way: Way
    ) -> Located:
        """The same for one domain, as it mostly is."""
        hosts, _ = await self._found(domain, way)
        if isinstance(hosts, Unroutable):
            return Located((), tuple([unroutable(each, hosts) for each in indices]))
        known = self._whithers.get((domain, sender))
        if known is None or known.hosts is not hosts or known.way is not way:
            known = Whither(hosts, way, (plain(domain, hosts),), sender)
            if len(self._whithers) >= _REMEMBERED_MOST:
                self._whithers.clear()
            self._whithers[domain, sender] = known
        return Located((Leg(self._lane(hosts, way), tuple(sorted(indices)), known),))

    async def _found(
        self, domain: bytes, way: Way
    ) -> tuple[MailHosts | Unroutable, bool]:
        """The hosts of a domain, and whether its mail is to go by itself."""
        protection = self._protection
        try:
            hosts = await self._hosts(domain)
            if protection is None:
                self._check(hosts, way)
        except Unroutable as error:
            return error, False
        # What domains publish is nothing to hosts that the operator named, nor to those
        # of a domain that he named.
        if protection is None or self._manual or _ofOperator(hosts):
            return hosts, False
        if way.policy.lookup is not LookupLevel.PLAIN:
            # What proves one domain's hosts says nothing of another's.
            return hosts, True
        return hosts, await protection.apart(domain)

    def _wayOf(self, message: SpooledMessage) -> Way:
        """How this message wants to be sent."""
        way, profile = self._way, self._profile
        if profile is None or not profile.constrainers or self._local:
            return way
        policy = both(way.policy, profile.policyFor(message.envelope))
        return way if policy is way.policy else evolve(way, policy=policy)

    async def _hosts(self, domain: bytes) -> MailHosts:
        now = self._now()
        found = self._known.get(domain)
        if found is None or not 0.0 <= now - found[0] < _REMEMBERED_SECONDS:
            hosts: MailHosts | Unroutable
            try:
                hosts = await self._find(domain)
            except Unroutable as error:
                hosts = error
            if len(self._known) >= _REMEMBERED_MOST:
                self._known.clear()
            found = self._known[domain] = now, hosts
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
        if not (self._manual or hosts.namesAuthentic):
            raise Unroutable(_UNPROVEN, "the names of its hosts are not proven")

    def _lane(self, hosts: MailHosts, way: Way) -> bytes:
        """
        A name for what goes to these hosts this way.  It stands in the spool, so
        it is the same in another process, and tells an operator what it is.
        """
        wanted = hosts.key, way.policy
        found = self._lanes.get(wanted)
        if found is None:
            if len(self._lanes) >= _REMEMBERED_MOST:
                self._lanes.clear()
            found = self._lanes[wanted] = laneName(self.name, hosts, way, self._way)
        return found

    def retire(self, where: object, most: int) -> Deferred[None]:
        """See L{IKeeping}."""
        assert isinstance(where, Whither), "it is from locate"
        return self._pool.retire(where.hosts.hosts, most)

    # --- an attempt ---------------------------------------------------------------

    async def deliver(self, attempt: Attempt) -> Sequence[Outcome]:
        """See L{smtpx.queue.interfaces.ITransport}."""
        where = attempt.where
        assert isinstance(where, Whither), "it is from locate"
        known = Findings(attempt.indices, where.hosts.partial)
        try:
            await self._offer(attempt, where, known)
            if known.left and where.way.policy.waived and not known.hopeful:
                await self._offer(attempt, evolve(where, way=self._way), known)
        except (CancelledError, Exception) as error:
            # Who has it does not get it again because of what came then.
            if not known.served:
                raise
            known.cutOff(error)
        outcomes = known.outcomes()
        if where.sender is None:
            return outcomes
        return [evolve(each, sender=where.sender) for each in outcomes]

    async def _offer(self, attempt: Attempt, where: Whither, known: Findings) -> None:
        """
        Offer it to one host after the other.

        Mostly the first one takes it, nothing is known against that, and how it is
        talked to was found out for another message: then this is one straight line.
        """
        message, repute = attempt.message, self._repute
        envelope, guard = message.envelope, self._protection
        body = PrefixedBody.over(message.prefix, attempt.body)
        errand = Errand(message.id, attempt.again)
        tried = heard = 0
        most = _MOST_SEARCHED if where.particular else _MOST
        for host in self._order(where, message.id):
            stop = where.stops.get(id(host)) or self._stop(where, host)
            if not stop.known.isdisjoint(repute.known):
                due = repute.dueAt(stop, attempt.asked)
                if due > self._now():
                    known.early.append((due, repute.troubleOf(stop)))
                    continue
            if tried >= most[0] or heard >= most[1]:
                return
            way = stop.way
            if way is None or guard is not None and stop.place in guard.barred:
                try:
                    way = await self._wayFor(where, stop)
                except Unreached as unfit:
                    known.passedOver(certain(unfit, where.way.policy))
                    continue
            tried += 1
            some = list(map(envelope.recipients.__getitem__, known.left))
            copy = envelope.noting(ERRAND, errand, some, body.octets)
            if where.sender is not None:
                copy.sender = where.sender
            try:
                noting = _noting(attempt) if way.dialect is _LMTP else None
                sent = await self._pool.send(host, way, copy, body, noting)
            except Unreached as cause:
                self._unreached(attempt, stop, way, cause, known)
                heard += cause.reply is not None
                continue
            heard += 1
            via = sent.via
            if way.policy.demands and not via.demands:
                sent = _explained(sent, way)
            repute.praise(stop, via)
            if guard is not None and (not via.again or stop.place in guard.barred):
                guard.reached(stop.hop, way, sent.via)
            known.sent(sent)
            if errand.names:
                self._unfinished.note(errand, host, sent)
            if not known.left:
                return
            # Others take their time.
            attempt.note(known.served)

    def _stop(self, where: Whither, host: MailHost) -> Stop:
        """A host to which nothing went yet, and how to talk to it, if that stays so."""
        stop, guard = where.stop(host, self._manual), self._protection
        if self._steady or self._wayTo is None:
            way = where.way if self._wayTo is None else self._wayTo(host, where.way)
            if guard is None or guard.isSettled(stop.hop, way):
                stop.way = way
        return stop

    async def _wayFor(self, where: Whither, stop: Stop) -> Way:
        """
        How to talk to a host now.

        @raise Unreached: it is not to be tried.
        """
        way = where.way if self._wayTo is None else self._wayTo(stop.host, where.way)
        guard = self._protection
        return way if guard is None else await guard.wayTo(stop.hop, way)

    def _unreached(
        self,
        attempt: Attempt,
        stop: Stop,
        way: Way,
        cause: Unreached,
        known: Findings,
    ) -> None:
        """No session with a host came about."""
        error = self._told(stop.hop, way, cause)
        index, notBefore = known.left[0], 0.0
        # For mail that wants less of it, a host without protection may do.
        if error.flaw is None or way.policy == self._way.policy:
            path = attempt.message.envelope.recipients[index].path
            notBefore = self._repute.fault(stop, error, unreached(index, error), path)
        known.unreached(certain(error, way.policy), notBefore)

    def _told(self, hop: Hop, way: Way, error: Unreached) -> Unreached:
        """The same, with who demanded what was not to be had."""
        protection = self._protection
        return error if protection is None else protection.unreached(hop, way, error)

    def _order(self, where: Whither, id: str) -> Sequence[MailHost]:
        """
        In which order to try hosts.

        @param id: the message's.
        """
        hosts = where.hosts
        order = hosts if where.ordered else hosts.shuffled(self._random)
        unfinished = self._unfinished
        return unfinished.first(id, order.hosts) if unfinished.hosts else order.hosts


def _ofOperator(hosts: MailHosts) -> bool:
    """Did the operator name all of them, or the domains whose hosts they are?"""
    return all(host.nextHop is not None for host in hosts.hosts)


def _explained(sent: Sent, way: Way) -> Sent:
    """The same, and who asked for what of TLS."""
    return evolve(sent, via=evolve(sent.via, demands=spoken(way.policy)))


def _noting(attempt: Attempt) -> Heard:
    """What notes who has the message, while others are still to be answered for."""
    recipients = attempt.message.envelope.recipients
    places = {id(recipients[index]): index for index in attempt.indices}

    def heard(recipient: Recipient, said: Reply, via: Via) -> None:
        attempt.note((delivered(places[id(recipient)], said, via),))

    return heard


__all__ = ["Finder", "HOSTS_HEARD", "HOSTS_TRIED", "SMTPTransport"]
