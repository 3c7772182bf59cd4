"""
Taking one message to all of its recipients: over a given host, or by the MX records
of their domains.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore

from ..core.address import domainOf
from ..core.envelope import Envelope, Recipient
from ..core.hooks import Scope
from ..core.interfaces import IBody
from ..dns.mailhosts import MailHost, MailHosts, Unroutable
from ..spool.via import Cause, Via
from .addressing import Addressed
from .receipts import Findings, Receipt
from .sending import IClientPool, Sent, Unreached, Way

#: The most hosts of a domain that one message is offered to (RFC 5321 section 5.1
#: wants two at least).
_HOSTS = 5

Finder = Callable[[bytes], Deferred[MailHosts]]

#: Decides how well a connection has to be protected: the host, those that it is one of,
#: the recipients' domain, and the way so far.  Fails with L{Unreached}.
Protect = Callable[[MailHost, MailHosts, bytes, Way], Awaitable[Way]]

#: Told how a host was to be talked to, and what came of it.
Seen = Callable[[MailHost, Way, Via | Unreached], None]


def _unseen(host: MailHost, way: Way, came: Via | Unreached) -> None:
    """Nobody looks on."""


@define
class _Leg:
    """
    Recipients that go to the same hosts.

    @ivar domain: whose hosts they are.
    """

    hosts: MailHosts
    domain: bytes
    recipients: list[Recipient] = field(factory=list)


class Postman:
    """
    Sends messages of a program.
    """

    def __init__(
        self,
        pool: IClientPool,
        wayTo: Callable[[MailHost], Way],
        find: Finder,
        connectionsMost: int,
        random: Random,
        protect: Protect | None = None,
        seen: Seen = _unseen,
    ) -> None:
        """
        @param wayTo: how to talk to a host.
        @param find: finds the hosts for a domain, in lower case.
        @param connectionsMost: how many connections are in use at a time; what is
            more waits.
        @param random: shuffles hosts of equal preference.
        @param protect: see L{Protect}; L{None}: C{wayTo} has said it.
        @param seen: see L{Seen}.
        """
        self._protect = protect
        self._seen = seen
        self._pool = pool
        self._wayTo = wayTo
        self._find = find
        self._turns = DeferredSemaphore(connectionsMost)
        self._random = random

    async def send(self, message: Addressed) -> Receipt:
        """
        Send a message to all its recipients.

        @raise NotSent: nobody has it.
        """
        found = Findings()
        envelope = message.envelope
        domains: dict[bytes, list[Recipient]] = {}
        for each in envelope.recipients:
            domains.setdefault(domainOf(each.path), []).append(each)
        legs = await self._legs(domains, found)
        await _all(
            [
                Deferred.fromCoroutine(
                    self._deliver(leg, envelope, message.body, found)
                )
                for leg in legs
            ]
        )
        return found.receipt(message)

    async def _legs(
        self, domains: dict[bytes, list[Recipient]], found: Findings
    ) -> list[_Leg]:
        """
        Who goes where; recipients of domains with the same hosts go together, unless
        each domain may have demands of its own.
        """
        legs: dict[tuple[bytes, bytes], _Leg] = {}

        async def one(domain: bytes, some: list[Recipient]) -> None:
            try:
                hosts = await self._find(domain)
            except Unroutable as error:
                found.unroutable(some, error)
            else:
                key = hosts.key, b"" if self._protect is None else domain
                leg = legs.setdefault(key, _Leg(hosts, domain))
                leg.recipients.extend(some)

        await _all([Deferred.fromCoroutine(one(*item)) for item in domains.items()])
        return list(legs.values())

    async def _deliver(
        self, leg: _Leg, envelope: Envelope, body: IBody, found: Findings
    ) -> None:
        """Offer it to one host after the other, until one takes it."""
        left = leg.recipients
        for host in leg.hosts.shuffled(self._random).hosts[:_HOSTS]:
            some, way = envelope.addressedTo(left), self._wayTo(host)
            await self._turns.acquire()
            try:
                if self._protect is not None:
                    way = await self._protect(host, leg.hosts, leg.domain, way)
                sent = await self._pool.send(host, way, some, body)
            except Unreached as error:
                self._seen(host, way, error)
                found.unreached(left, error)
                if error.cause in (Cause.LOGIN, Cause.LOCAL):
                    return
                continue
            finally:
                self._turns.release()
            self._seen(host, way, sent.via)
            found.sent(sent)
            if sent.unsure:
                return
            left = _elsewhere(sent)
            if not left:
                return


#: What is about the message, so that no other host is asked.
_WHOLE = (Cause.CONTENT, Cause.UNFIT)


def _elsewhere(sent: Sent) -> list[Recipient]:
    """Those to whom another host may be of use."""
    if sent.scope is Scope.HOST:
        return [each for each, got in sent.outcomes if got.refuses]
    said = zip(sent.outcomes, sent.causes, strict=True)
    return [
        each
        for (each, got), cause in said
        if got.refuses and not got.permanent and cause not in _WHOLE
    ]


async def _all(work: list[Deferred[None]]) -> None:
    """
    Wait until all is done.  The first that fails is told of when the others are done,
    too; cancelled, all are.
    """
    if len(work) == 1:
        await work[0]
        return
    results: Deferred[Any] = DeferredList(work, consumeErrors=True)
    try:
        for good, result in await results:
            if not good:
                result.raiseException()
    except BaseException:
        for each in work:
            each.cancel()
        raise


__all__ = ["Finder", "Postman", "Protect", "Seen"]
