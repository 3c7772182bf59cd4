"""
The transports C{smtp} and C{lmtp}: messages to other hosts, over the connections of a
pool; by LMTP (RFC 2033) to whoever delivers them, perhaps at a UNIX socket.

Where a domain's mail goes is found out first (L{smtpx.queue.locating}); recipients
whose hosts are the same, and who want the same of the connection, go in one
transaction.  Then the hosts are tried in their order: one that cannot be reached, or
that turns the message away for a reason of its own, makes room for the next; one that
is known to be in trouble is left out until its time comes (L{smtpx.queue.repute}).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from zope.interface import implementer

from ..core.demands import spoken
from ..core.envelope import Recipient
from ..core.hooks import Action, Dialect
from ..core.queueprofile import QueueProfile
from ..core.repeatable import ERRAND, Errand
from ..core.reply import Reply
from ..dns.mailhosts import MailHost
from ..knowledge.interfaces import IHostHints
from ..net.protection import Protection
from ..net.sending import Heard, IClientPool, Sent, Unreached, Way
from ..spool.format import Outcome
from ..spool.via import Via
from ..tls.rules import Hop
from .findings import Findings, delivered, unreached
from .interfaces import Attempt, IKeeping, IRelay
from .locating import Finder, Locating
from .prefixed import PrefixedBody
from .repute import Pause, Repute
from .srs import SenderFor
from .unfinished import Unfinished
from .wanted import HOSTS_SEARCHED, certain
from .whither import Stop, Whither

#: The most hosts that are tried in one attempt, and that are talked to: RFC 5321
#: section 5.1 wants two at least, and no more than is reasonable.
HOSTS_TRIED = 5
HOSTS_HEARD = 2

#: Both, of usual mail and of mail that searches for a host.
_MOST, _MOST_SEARCHED = (HOSTS_TRIED, HOSTS_HEARD), (HOSTS_SEARCHED, HOSTS_SEARCHED)

# A member of an enumeration takes time to look up.
_LMTP = Dialect.LMTP


@implementer(IRelay, IKeeping)
class SMTPTransport:
    """
    Sends to other hosts.

    @ivar name: its name.
    @ivar width: the most connections to the hosts of one destination.
    @ivar pauseSeconds: the least time between two messages for one destination.
    @ivar locate: see L{Locating}.
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
        self._pool = pool
        self._way = way
        if way.dialect is Dialect.LMTP:
            # RFC 2033 section 1: it is for those who deliver, and queue nothing.
            self.reports = Action.DELIVERED
        self._now = now
        self._manual = manual
        self._random = random or Random()
        self._wayTo = wayTo
        self._steady = steady
        self._repute = Repute(hints, now, lively, pause)
        self._protection = protection = None if local else protection
        self._locating = Locating(
            name,
            find,
            way,
            now,
            None if local else profile,
            manual,
            protection,
            senders,
        )
        self.locate = self._locating.locate
        self._unfinished = Unfinished()

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


__all__ = ["HOSTS_HEARD", "HOSTS_TRIED", "SMTPTransport"]
