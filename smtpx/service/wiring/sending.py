"""
What sends: the pool of connections to other hosts, with all that it takes, and the
transports of the routes that use it.

Without a route that sends there is nothing of it: nobody is asked for names, and
nothing is remembered of hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial

from attrs import field, frozen
from twisted.internet.defer import Deferred

from ...core.address import domainOf
from ...core.hostlist import HostList
from ...core.interfaces import IExtension
from ...core.queueprofile import QueueProfile
from ...dns.mailhosts import IMailRouter, MailHost, MailHosts
from ...knowledge.interfaces import IHostHints
from ...knowledge.names import hostName
from ...net.chunkhosts import ChunkHosts
from ...net.clientkit import ClientKit
from ...net.fastopenhosts import FastOpenHosts
from ...net.interfaces import IClientTracer
from ...net.pool import ClientPool, PoolBounds
from ...net.protection import Protection, hopTo
from ...net.sending import Way
from ...policy.aliases import Publish, unheard
from ...policy.callout import Callout
from ...policy.turnstile import Turnstile
from ...queue.interfaces import IRelay
from ...queue.nexthops import NextHops
from ...queue.retry import RetryRules
from ...queue.routes import Routes
from ...queue.smtp import SMTPTransport
from ...queue.whither import plain
from ...tls.certificates import CertificateFiles, loadCertified, readCertificates
from ...tls.client import ClientTLS
from ..config import Configuration
from ..machine import Machine
from ..tables import SENDING, RouteEntry, TransportKind
from .hops import nextHops
from .mtasts import keepsSTS
from .ownnames import ownNames
from .peers import PeerKnowledge
from .pipes import pipeMaker
from .protecting import Bearings
from .queue import retryRules
from .relaying import MakeCallout
from .routes import Make, localRoutes, queueFiles, uses
from .srs import SRSWays, srsWays
from .threads import threads

_MAILDIR_THREADS = 8
_QUEUEFILE_THREADS = 8


def clientTLS(configuration: Configuration) -> ClientTLS:
    """
    Whom we trust, and what we show.

    @raise smtpx.tls.certificates.CertificateError: a file is of no use.
    """
    sending = configuration.sending
    trust, certificate = sending.tlsVerifyCertificates, sending.tlsCertificate
    return ClientTLS(
        None if trust is None else readCertificates(trust),
        certificate=None
        if certificate is None
        else loadCertified(CertificateFiles(certificate, sending.tlsPrivateKey)),
        minimum=f"TLSv{configuration.tls.minimum.value}",
    )


def fastOpenHosts(
    machine: Machine, configuration: Configuration
) -> FastOpenHosts | None:
    """Which hosts connections are opened fast to; L{None}: none."""
    sending = configuration.sending
    hosts, whole = sending.hostsTryFastOpen, sending.hostsWholeInSYN
    if hosts == HostList():
        return None
    return FastOpenHosts(hosts, machine.reactor.seconds, whole)


@frozen
class Watchers:
    """
    Who is told of what is sent.

    @ivar trouble: of each exception out of an extension.
    @ivar tracer: records some sessions; L{None}: none.
    @ivar publish: of senders that are rewritten, and of those that cannot be.
    """

    trouble: Callable[[str, BaseException], None]
    tracer: IClientTracer | None = None
    publish: Publish = unheard


@frozen
class Senders:
    """
    What sends.

    @ivar name: what the server calls itself.
    @ivar pool: connections to other hosts.
    @ivar router: finds hosts.
    @ivar hints: which hosts are in trouble.
    @ivar profile: what extensions want of a message's route.
    @ivar now: seconds since the epoch.
    @ivar retries: how long hosts in trouble are left alone.
    @ivar course: decides how connections have to be.
    @ivar hops: where each transport sends, by its name.
    @ivar guards: what decides how its connections have to be, likewise.
    @ivar rewriting: how senders are rewritten; L{None}: they stay as they are.
    """

    configuration: Configuration
    name: str
    pool: ClientPool
    router: IMailRouter
    hints: IHostHints
    profile: QueueProfile
    now: Callable[[], float]
    retries: RetryRules
    course: Bearings
    hops: dict[str, NextHops] = field(factory=dict)
    guards: dict[str, Protection] = field(factory=dict)
    rewriting: SRSWays | None = None

    def transport(self, called: str, entry: RouteEntry) -> IRelay:
        """
        The transport of a route.

        @raise smtpx.core.errors.UsageError: its password is not to be had.
        """
        keeps = keepsSTS(self.configuration, entry)
        guard = self.guards[called] = self.course.protecting(keeps)
        hops = self.hops[called] = nextHops(self.configuration, self.name, entry)

        def find(domain: bytes) -> Deferred[MailHosts]:
            return hops.find(self.router, domain)

        rewriting, final = self.rewriting, entry.speaksLMTP
        return SMTPTransport(
            called,
            find,
            self.pool,
            hops.way,
            self.hints,
            self.now,
            self.profile,
            width=entry.connections or self.configuration.sending.connections,
            pauseSeconds=60.0 / entry.messagesPerMinute
            if entry.messagesPerMinute
            else 0.0,
            local=hops.socket is not None,
            manual=hops.manual,
            wayTo=hops.wayTo,
            steady=hops.tls.constant,
            pause=self.retries.pause,
            protection=guard,
            senders=None
            if rewriting is None or final
            else rewriting.forwarding.senders(entry.srs),
        )

    def callout(self, routes: Routes, turnstile: Turnstile) -> Callout:
        """What asks next hosts for recipients."""
        return Callout(NextOnes(self, routes), self.pool.verify, turnstile)


@frozen
class NextOnes:
    """Where mail would go next: what a callout asks (L{smtpx.policy.callout})."""

    senders: Senders
    routes: Routes

    def _hops(self, path: bytes) -> NextHops | None:
        # A callout has the null sender.
        route = self.routes.find(path, b"")
        return None if route is None else self.senders.hops.get(route.transport.name)

    def _protection(self, path: bytes) -> Protection | None:
        route = self.routes.find(path, b"")
        guards = self.senders.guards
        return None if route is None else guards.get(route.transport.name)

    def find(self, path: bytes) -> Deferred[MailHosts] | None:
        """See L{smtpx.policy.callout.Onward}."""
        hops = self._hops(path)
        if hops is None:
            return None
        return hops.find(self.senders.router, domainOf(path))

    async def wayTo(self, path: bytes, host: MailHost, hosts: MailHosts) -> Way:
        """See L{smtpx.policy.callout.Onward}."""
        hops, protection = self._hops(path), self._protection(path)
        if hops is None:
            return Way()
        way = hops.wayTo(host)
        if host.local or protection is None:
            return way
        name, alias = plain(domainOf(path), hosts)
        hop = hopTo(host, hosts, (name,), hops.manual, (alias,))
        return await protection.wayTo(hop, way)

    def mayTry(self, host: MailHost) -> bool:
        """See L{smtpx.policy.callout.Onward}."""
        retryAt, now = self.senders.hints.retryAt, self.senders.now()
        names = (hostName(host.name, each, host.port) for each in host.addresses)
        return any((retryAt(each) or 0.0) <= now for each in names)


def senders(
    machine: Machine,
    configuration: Configuration,
    name: str,
    extensions: Sequence[IExtension],
    peers: PeerKnowledge,
    course: Bearings,
    watchers: Watchers,
    stack: AsyncExitStack,
    rewriting: SRSWays | None = None,
) -> Senders:
    """
    Make what sends.

    @param name: what the server calls itself.
    @param course: finds hosts, and decides how they have to be.
    @param watchers: who is told.
    @param stack: how it ends: what is under way is finished, then connections are
        closed with a goodbye.
    @raise smtpx.core.errors.SMTPXError: what the configuration names is of no use.
    """
    kit = ClientKit(
        machine.reactor,
        name=name.encode("ascii"),
        extensions=extensions,
        tls=clientTLS(configuration),
        clock=machine.now,
        answers=ownNames(course.resolver),
        trouble=watchers.trouble,
        tracer=watchers.tracer,
        fastOpen=fastOpenHosts(machine, configuration),
        chunks=ChunkHosts(peers.chunks),
    )
    idle = machine.worker.share(PoolBounds().idleMost)
    bounds = PoolBounds(configuration.sending.idleSeconds, idle)
    pool = ClientPool(kit, bounds)
    stack.push_async_callback(pool.close)
    return Senders(
        configuration,
        name,
        pool,
        course.router,
        peers.hints,
        QueueProfile().load(extensions),
        machine.now,
        retryRules(configuration, name),
        course,
        rewriting=rewriting,
    )


def _none() -> None:
    return None


@frozen
class Ways:
    """
    All ways for messages to leave the spool.

    @ivar routes: which recipients have which.
    @ivar connections: how many connections to other hosts there are; L{None}: it
        sends to none.
    @ivar callout: makes what asks next hosts for recipients; L{None}: there are no
        next hosts.
    @ivar rewriting: how senders are rewritten; L{None}: they stay as they are.
    """

    routes: Routes
    callout: MakeCallout | None = None
    connections: Callable[[], int | None] = _none
    rewriting: SRSWays | None = None


def ways(
    machine: Machine,
    configuration: Configuration,
    name: str,
    extensions: Sequence[IExtension],
    peers: PeerKnowledge | None,
    course: Bearings,
    watchers: Watchers,
    stack: AsyncExitStack,
) -> Ways:
    """
    Make all ways for messages to leave the spool.

    @param name: what the server calls itself.
    @param peers: what is known of other hosts; L{None}: nothing is sent to any.
    @param course: finds hosts, and decides how they have to be.
    @param watchers: who is told of what is sent.
    @raise smtpx.core.errors.SMTPXError: what the configuration names is of no use.
    """
    share = machine.worker.share
    work = threads(machine, share(_MAILDIR_THREADS), "maildir", stack)
    makers: dict[TransportKind, Make] = {
        TransportKind.PIPE: pipeMaker(machine, configuration, name)
    }
    if uses(configuration, name, TransportKind.QUEUEFILE):
        # A folder on a disk that hangs is not to keep Maildirs waiting.
        folders = threads(machine, share(_QUEUEFILE_THREADS), "queuefile", stack)
        makers[TransportKind.QUEUEFILE] = queueFiles(configuration, name, folders)
    # What was rewritten comes back also where nothing is sent any more.
    rewriting = srsWays(machine, configuration, name, watchers.publish, stack)
    if peers is None:
        routes = localRoutes(configuration, name, work, machine.now, makers)
        return Ways(routes, rewriting=rewriting)
    out = senders(
        machine,
        configuration,
        name,
        extensions,
        peers,
        course,
        watchers,
        stack,
        rewriting,
    )
    makers |= dict.fromkeys(SENDING, out.transport)
    routes = localRoutes(configuration, name, work, machine.now, makers)
    callout = partial(out.callout, routes)
    return Ways(routes, callout, lambda: out.pool.open, rewriting)


__all__ = [
    "NextOnes",
    "Senders",
    "Watchers",
    "Ways",
    "clientTLS",
    "senders",
    "ways",
]
