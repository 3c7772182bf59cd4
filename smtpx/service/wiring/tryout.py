"""
Sending by hand: the parts that a server sends with, put together for one message.

A L{Leg} is where some recipients' mail goes and how; a L{Tryout} has the connections.
Where mail is sent as the configuration has it, the routes, logins and host lists are
those of the server, but nothing that it remembers of hosts is used or changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from random import Random

from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from ...core.envelope import Envelope
from ...core.errors import UsageError
from ...core.hooks import RoutePolicy
from ...core.interfaces import IExtension
from ...core.reply import Reply
from ...dns.mailhosts import MailHost, MailHosts, Unroutable
from ...dns.system import systemRouter
from ...extensions.auth import Auth, AuthSettings
from ...net.addressing import Addressed
from ...net.answers import Answerers
from ...net.clientkit import ClientKit
from ...net.pool import ClientPool
from ...net.postman import Finder, Postman
from ...net.probing import Probe, Probed, Stop, probe
from ...net.protection import Protection, hopTo
from ...net.receipts import Receipt
from ...net.sending import Unreached, Way
from ...net.systemhosts import SystemHost
from ...net.times import ClientTimes
from ...observe.eyewitness import Eyewitness
from ...spool.via import Cause, Via
from ...tls.certificates import CertificateFiles, loadCertified, readCertificates
from ...tls.client import ClientTLS, trustingPlatform
from ...tls.interfaces import IClientTLS
from ..config import Configuration
from ..machine import Machine
from .destinations import Destination, Destinations
from .extensions import chosenExtensions
from .hops import nextHops
from .mtasts import keepsSTS
from .ownnames import ownNames
from .protecting import Bearings, byHand
from .resolving import mailRouter, resolver
from .sending import clientTLS

#: The most hosts that a probe tries.
_HOSTS = 5


@frozen
class Leg:
    """
    Where mail for some recipients goes.

    @ivar recipients: them.
    @ivar find: finds the hosts for a domain.
    @ivar wayTo: how to talk to a host.
    @ivar hosts: what is looked up, where that is not the domain of the recipients;
        empty: nothing has to be.
    @ivar answers: who knows what we call ourselves, where the way does not say.
    @ivar protection: decides how connections have to be; L{None}: C{wayTo} does.
    @ivar manual: did the operator name the hosts?
    @ivar unasked: what is not asked about on this way, and why, in sentences.
    """

    recipients: tuple[str, ...]
    find: Finder
    wayTo: Callable[[MailHost], Way]
    hosts: str | None = None
    answers: Answerers = field(factory=dict)
    protection: Protection | None = None
    manual: bool = False
    unasked: tuple[str, ...] = ()


#: Changes how hosts are talked to.
Adjust = Callable[[Way], Way]


def toServer(
    machine: Machine, recipients: Sequence[str], host: str, port: int, way: Way
) -> Leg:
    """By a host that somebody names: a name that the system knows, or an address."""
    find = SystemHost(machine.reactor, host, port).find
    hosts = "" if _isAddress(host) else host
    return Leg(
        tuple(recipients), find, lambda host: way, hosts, unasked=(_BY_NAME, _BY_ROUTE)
    )


def _isAddress(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def toSocket(recipients: Sequence[str], path: Path, way: Way) -> Leg:
    """By what listens at a UNIX socket of this machine."""
    hosts = MailHosts((MailHost.atSocket(os.fsencode(path.absolute())),))
    return Leg(tuple(recipients), lambda domain: succeed(hosts), lambda host: way, "")


#: What is not asked about, and where it is.
_BY_NAME = "Neither TLSA records nor a policy were asked for: the host was named"
_UNTRUSTED = "No TLSA records were asked for: no name server is trusted to prove them"
_BY_ROUTE = "With --route and --config, all is asked for that the server asks for"


def toDomains(machine: Machine, recipients: Sequence[str], way: Way) -> Leg:
    """By the MX records of the recipients' domains, as the system's DNS has them."""
    router = systemRouter(machine.reactor, machine.resolver)
    return Leg(tuple(recipients), router.byMX, lambda host: way)


def toProtected(
    machine: Machine,
    recipients: Sequence[str],
    way: Way,
    authorities: Path | None,
    stack: AsyncExitStack,
) -> Leg:
    """
    The same, as a server without a configuration would do it: policies of MTA-STS are
    fetched, and count.

    @param authorities: a file of those who are trusted with them; L{None}: whom the
        platform trusts.
    @param stack: ends it.
    @raise smtpx.core.errors.SMTPXError: the file is of no use.
    """
    usual = Configuration()
    trust = evolve(usual.sending, mtaSTSVerifyCertificates=authorities)
    configuration = evolve(usual, sending=trust)
    asked = resolver(machine, configuration, stack)
    router = systemRouter(machine.reactor, asked)
    course = byHand(machine, configuration, router, asked, stack)
    return Leg(
        tuple(recipients),
        router.byMX,
        lambda host: way,
        protection=course.protecting(True),
        unasked=(_UNTRUSTED, _BY_ROUTE),
    )


class NowhereToSend(UsageError):
    """Mail for somebody is not sent anywhere; the message says what becomes of it."""


def byRoutes(
    machine: Machine,
    configuration: Configuration,
    recipients: Mapping[str, bytes],
    sender: bytes,
    adjust: Adjust,
    logsIn: bool,
    stack: AsyncExitStack,
) -> list[Leg]:
    """
    By the routes of a configuration.

    @param recipients: the mailboxes, by how they were spelled.
    @param sender: whose mail it is; empty: the null sender's.
    @param adjust: changes the ways that the routes have.
    @param logsIn: are the routes' own passwords wanted?
    @param stack: ends it.
    @raise NowhereToSend: mail for somebody goes nowhere else.
    @raise smtpx.core.errors.SMTPXError: the configuration is of no use.
    """
    destinations = Destinations(machine, configuration)
    name = configuration.name or machine.name
    asked = resolver(machine, configuration, stack)
    router = mailRouter(configuration, name, asked, lambda: ())
    found: dict[str, tuple[Destination, list[str]]] = {}
    for spelled, path in recipients.items():
        verdict = destinations.find(path, sender)
        if verdict.reply is not None:
            raise NowhereToSend(_refused(spelled, verdict.reply))
        if not verdict.destinations:
            raise NowhereToSend(f"there is no route for {spelled}")
        for each in verdict.destinations:
            if each.route is None or each.entry is None:
                raise NowhereToSend(_kept(spelled, each))
            key = each.route.transport.name
            path_ = each.path.decode("utf-8", "backslashreplace")
            found.setdefault(key, (each, []))[1].append(path_)
    course = byHand(machine, configuration, router, asked, stack)
    legs = [
        _leg(configuration, name, course, some, each, adjust, logsIn)
        for each, some in found.values()
    ]
    return [evolve(each, answers=ownNames(asked)) for each in legs]


def _leg(
    configuration: Configuration,
    name: str,
    course: Bearings,
    recipients: Sequence[str],
    destination: Destination,
    adjust: Adjust,
    logsIn: bool,
) -> Leg:
    entry = destination.entry
    assert entry is not None, "its route sends"
    hops = nextHops(configuration, name, entry, logsIn)

    def find(domain: bytes) -> Deferred[MailHosts]:
        return hops.find(course.router, domain)

    hosts = " ".join(each.render() for each in hops.hosts) or None
    if hops.socket is not None:
        hosts = ""

    def wayTo(host: MailHost) -> Way:
        return adjust(hops.wayTo(host))

    guard = course.protecting(keepsSTS(configuration, entry))
    return Leg(
        tuple(recipients),
        find,
        wayTo,
        hosts,
        protection=guard,
        manual=hops.manual,
    )


def _refused(spelled: str, said: Reply) -> str:
    return f"the server would not take mail for {spelled}: {said.onOneLine}"


def _kept(spelled: str, destination: Destination) -> str:
    if destination.route is None:
        return f"mail for {spelled} is thrown away by an alias"
    transport = destination.route.transport.name
    where = f" into {destination.folder}" if destination.folder else ""
    return f"mail for {spelled} is not sent: its transport is {transport}{where}"


def ofConfiguration(
    configuration: Configuration, found: Mapping[str, IExtension]
) -> tuple[IExtension, ...]:
    """
    The extensions of a server, for a client that logs in.

    @param found: those that there are, by name.
    @raise smtpx.service.extensions.BadChoice: they cannot be had so.
    """
    return tuple(chosenExtensions(configuration, found, (Auth(logsIn=True),)))


def loggingInBy(
    extensions: Iterable[IExtension], change: Callable[[AuthSettings], AuthSettings]
) -> tuple[IExtension, ...]:
    """
    The same extensions, with other settings for logins.

    @param change: makes them of those that there are.
    """
    return tuple(
        each.configured(change(each.options)) if isinstance(each, Auth) else each
        for each in extensions
    )


def trusting(
    configuration: Configuration | None,
    authorities: Path | None,
    shown: CertificateFiles | None,
) -> IClientTLS:
    """
    Whom a client trusts, and what it shows.

    @param configuration: says it; L{None}: the platform does.
    @param authorities: a file of those who are trusted instead; L{None}: none.
    @param shown: what is shown instead; L{None}: nothing else.
    @raise smtpx.tls.certificates.CertificateError: a file is of no use.
    """
    trust = None if authorities is None else readCertificates(authorities)
    certified = None if shown is None else loadCertified(shown)
    if configuration is not None:
        made = clientTLS(configuration)
        return ClientTLS(
            trust or made.trust,
            certificate=certified or made.certificate,
            minimum=made.minimum,
        )
    if trust is None and certified is None:
        return trustingPlatform()
    return ClientTLS(trust, certificate=certified)


@frozen
class Protected:
    """
    How a host had to be protected, and what came of it.

    @ivar host: its name.
    @ivar policy: what was demanded.
    @ivar came: the session; or why there was none.
    @ivar doubts: see L{Protection.doubts}.
    @ivar unasked: see L{Leg}.
    """

    host: bytes
    policy: RoutePolicy
    came: Via | Unreached
    doubts: Sequence[tuple[str, str]] = ()
    unasked: Sequence[str] = ()


class Tryout:
    """
    Connections for one message, or a few, of which an eyewitness sees everything.

    @ivar protected: how the hosts were protected, in the order in which they were
        tried.
    """

    def __init__(
        self,
        machine: Machine,
        name: str,
        extensions: Sequence[IExtension],
        tls: IClientTLS | None,
        times: ClientTimes,
        witness: Eyewitness,
        trouble: Callable[[str, BaseException], None],
        stop: Stop | None = None,
        envelope: Envelope | None = None,
        answers: Answerers | None = None,
    ) -> None:
        """
        @param name: what it calls itself, where the way does not say.
        @param tls: whom it trusts; L{None}: whoever the platform trusts.
        @param trouble: told of exceptions out of extensions.
        @param stop: how far it goes; L{None}: messages are sent.
        @param envelope: what a probe says in MAIL and RCPT.
        @param answers: see L{Leg}.
        @raise smtpx.core.errors.SMTPXError: extensions that do not go together.
        """
        self.protected: list[Protected] = []
        #: Of each host that was tried, what could not be found out.
        self._doubts: dict[bytes, Sequence[tuple[str, str]]] = {}
        self._stop = stop
        self._envelope = envelope
        self._witness = witness
        chosen = extensions
        if stop is not None and envelope is not None:
            chosen = Probe(stop, envelope).among(extensions)
        kit = ClientKit(
            machine.reactor,
            name=name.encode("ascii"),
            extensions=chosen,
            tls=tls,
            times=times,
            clock=machine.now,
            answers=answers,
            trouble=trouble,
            tracer=witness,
        )
        self._pool = ClientPool(kit)

    async def send(self, leg: Leg, message: Addressed) -> Receipt:
        """
        Send a message.

        @raise smtpx.net.receipts.NotSent: nobody has it.
        """

        async def protect(
            host: MailHost, hosts: MailHosts, domain: bytes, way: Way
        ) -> Way:
            return await self._protected(leg, host, hosts, domain, way)

        finder = self._finder(leg)
        postman = Postman(
            self._pool, leg.wayTo, finder, 1, Random(), protect, partial(self._saw, leg)
        )
        return await postman.send(message)

    async def _protected(
        self, leg: Leg, host: MailHost, hosts: MailHosts, domain: bytes, way: Way
    ) -> Way:
        """
        How to talk to a host.

        @param domain: the recipients'.
        @raise Unreached: it is not to be tried.
        """
        if leg.protection is None or host.local:
            return way
        hop = hopTo(host, hosts, (domain,), leg.manual, (hosts.canonical or domain,))
        way = await leg.protection.wayTo(hop, way)
        self._doubts[host.name] = await leg.protection.doubts(hop)
        return way

    def _saw(self, leg: Leg, host: MailHost, way: Way, came: Via | Unreached) -> None:
        doubts = self._doubts.pop(host.name, ())
        self.protected.append(
            Protected(host.name, way.policy, came, doubts, leg.unasked)
        )

    async def probe(self, leg: Leg, domain: bytes) -> Probed:
        """
        Go as far as it was to go, at the first host that can be connected to.

        @param domain: whose hosts.
        @raise Unreached: it did not get as far as that.
        @raise Unroutable: there are no hosts.
        """
        stop, envelope = self._stop, self._envelope
        assert stop is not None and envelope is not None, "how far?"
        found = await self._finder(leg)(domain)
        *first, last = found.hosts[:_HOSTS]
        for host in first:
            try:
                return await self._probe(leg, host, found, domain)
            except Unreached as error:
                if error.cause is not Cause.CONNECT:
                    raise
        return await self._probe(leg, last, found, domain)

    async def _probe(
        self, leg: Leg, host: MailHost, hosts: MailHosts, domain: bytes
    ) -> Probed:
        stop, envelope = self._stop, self._envelope
        assert stop is not None and envelope is not None, "how far?"
        way = leg.wayTo(host)
        try:
            way = await self._protected(leg, host, hosts, domain, way)
            probed = await probe(self._pool, host, way, stop, envelope)
        except Unreached as error:
            self._saw(leg, host, way, error)
            raise
        self._saw(leg, host, way, probed.via)
        return probed

    async def close(self) -> None:
        """Say goodbye to all hosts."""
        await self._pool.close()

    def _finder(self, leg: Leg) -> Finder:
        if leg.hosts == "":
            return leg.find

        def find(domain: bytes) -> Deferred[MailHosts]:
            told = self._witness.looksUp(leg.hosts or domain)

            def found(hosts: MailHosts) -> MailHosts:
                told(hosts)
                return hosts

            def failed(failure: Failure) -> Failure:
                failure.trap(Unroutable)
                assert isinstance(failure.value, Exception)
                told(failure.value)
                return failure

            return leg.find(domain).addCallbacks(found, failed)

        return find


__all__ = [
    "Adjust",
    "Leg",
    "NowhereToSend",
    "Protected",
    "Tryout",
    "byRoutes",
    "loggingInBy",
    "ofConfiguration",
    "toDomains",
    "toProtected",
    "toServer",
    "toSocket",
    "trusting",
]
