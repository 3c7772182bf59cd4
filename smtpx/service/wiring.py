"""
The plan of the house: which parts there are, and who is given to whom.

This is the only place that calls constructors across rooms.  L{build} makes a
service that has touched nothing yet; L{enter} makes what is behind its doors, from
the ground up, and takes it down again in the opposite order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from ..core.errors import UsageError
from ..core.interfaces import IExtension
from ..core.queueprofile import QueueProfile
from ..extensions.auth import Auth
from ..extensions.requiretls import RequireTLS
from ..net.factory import SMTPServerFactory
from ..net.interfaces import IPolicy
from ..observe.deliveries import DeliveryJournal
from ..observe.journal import Journal
from ..policy.admission import Admission, AdmissionBounds
from ..policy.chain import NamedPolicy, PolicyChain
from ..policy.local import LocalAddresses, LocalPolicy
from ..policy.names import HostNames, NamingPolicy, PeerNames
from ..policy.passwords import CallableUsers, FileUsers, PasswordCheck
from ..policy.python import policyFrom
from ..policy.turnstile import Turnstile
from ..queue.delivery import Delivery
from ..queue.discard import Discard
from ..queue.hold import Hold
from ..queue.interfaces import ITransport
from ..queue.maildir import Maildir, Work
from ..queue.mailpath import MailboxPath
from ..queue.routes import LocalRoute, Routes
from ..tls.authority import ensureCertificate
from ..tls.certificates import CertificateFiles
from ..tls.contexts import ServerTLS
from .announcement import announce
from .config import Configuration
from .extensions import chooseExtensions
from .kinds import literal
from .listening import Door, endpointFor
from .logs import Logs
from .machine import Machine, connectionsMax, usePythonPath
from .mail import MailService
from .memory import MemoryWatch
from .objects import PythonObject
from .receiving import SpoolReceiver
from .tables import ListenerTLS, RouteEntry, TransportKind, Unknown

_log = Logger()

T = TypeVar("T")

#: How often it is seen whether the certificate made here is about to end.
_RENEWAL_SECONDS = 86_400.0

#: What a certificate made here is for, besides names.
LOOPBACK = ("127.0.0.1", "::1")

_MAILDIR_THREADS = 8
_PASSWORD_THREADS = 4
_NAME_THREADS = 8


def build(
    machine: Machine, configuration: Configuration, found: Mapping[str, IExtension]
) -> MailService:
    """
    Make a mail server.

    @param found: the extensions that there are, by name.
    @raise ValueError: a listener has an endpoint that is none.
    """
    doors = [
        Door(listener, endpointFor(machine.reactor, listener))
        for listener in configuration.listeners
    ]
    return MailService(
        doors,
        lambda: enter(machine, configuration, found),
        lambda doors: announce(configuration, doors),
    )


@frozen
class Rooms:
    """
    The house, as L{MailService} sees it.

    @ivar factories: what is behind doors, by kind.
    @ivar logs: its logs.
    @ivar stack: how it is taken down.
    """

    factories: Mapping[ListenerTLS, SMTPServerFactory]
    logs: Logs
    stack: AsyncExitStack

    def factory(self, tls: ListenerTLS) -> SMTPServerFactory:
        """See L{smtpx.service.mail.House}."""
        return self.factories[tls]

    def farewell(self) -> Deferred[None]:
        """See L{smtpx.service.mail.House}."""
        gone = [factory.shutDown() for factory in self.factories.values()]
        return DeferredList(gone).addCallback(lambda _: None)

    def reopenLogs(self) -> None:
        """See L{smtpx.service.mail.House}."""
        self.logs.reopen()

    async def close(self) -> None:
        """See L{smtpx.service.mail.House}."""
        await self.stack.aclose()


async def enter(
    machine: Machine, configuration: Configuration, found: Mapping[str, IExtension]
) -> Rooms:
    """
    Build the house, from the ground up.

    @param found: the extensions that there are, by name.
    @raise OSError: the machine does not let us.
    @raise smtpx.core.errors.SMTPXError: something that the configuration names is
        of no use, or there is a spool that cannot be opened.
    """
    reactor, now = machine.reactor, machine.now
    usePythonPath(configuration)
    async with AsyncExitStack() as stack:
        name = configuration.name or machine.name
        home = name.encode("ascii")
        logs = _logs(machine, configuration, stack)
        journal = Journal(logs.publisher)

        users = _users(machine, configuration, stack)
        auth = Auth(users=users, told=journal.authenticated)
        extensions = chosenExtensions(configuration, found, auth)
        spool = machine.spool(
            reactor,
            str(configuration.state / "spool"),
            queueProfileStamps=QueueProfile().load(extensions).stamps,
            lowWaterOctets=configuration.limits.spoolFreeOctets,
            clock=now,
        )
        await spool.open()
        stack.push_async_callback(spool.close)

        tls = _certificates(machine, configuration, name, stack)
        work = _pool(machine, _MAILDIR_THREADS, "maildir", stack)
        routes = localRoutes(configuration, name, work, now)
        delivery = Delivery(
            spool, routes, DeliveryJournal(logs.publisher), reactor, now
        )
        local = localAddresses(configuration, name)
        policy = await _policy(machine, configuration, local, routes, journal, stack)
        admission = Admission(_admissionBounds(configuration))

        def factory(kind: ListenerTLS) -> SMTPServerFactory:
            made = SMTPServerFactory(
                reactor,
                SpoolReceiver(spool, journal, routes.holds),
                name=home,
                extensions=extensions,
                policy=policy,
                tls=None if kind is ListenerTLS.NONE else tls,
                implicitTLS=kind is ListenerTLS.IMPLICIT,
                bounds=configuration.limits.bounds,
                answers=users.answers,
                journal=journal,
                admission=admission,
                connectionsMax=connectionsMax(configuration),
                clock=now,
            )
            journal.watch(made.profile)
            return made

        kinds = {each.tls for each in configuration.listeners}
        factories = {kind: factory(kind) for kind in kinds}
        _watchMemory(machine, configuration, factories, stack)
        delivery.start()
        stack.push_async_callback(delivery.stop)
        rooms = Rooms(factories, logs, stack.pop_all())
    return rooms


def _logs(
    machine: Machine, configuration: Configuration, stack: AsyncExitStack
) -> Logs:
    configuration.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    logs = Logs(configuration, machine.reactor, machine.now)
    stack.callback(logs.close)
    return logs


def _watchMemory(
    machine: Machine,
    configuration: Configuration,
    factories: Mapping[ListenerTLS, SMTPServerFactory],
    stack: AsyncExitStack,
) -> None:
    mark = configuration.limits.memoryFreeOctets
    watch = MemoryWatch(factories.values(), machine.memory, mark, machine.reactor)
    watch.start()
    stack.callback(watch.stop)


# --- the parts ----------------------------------------------------------------


def chosenExtensions(
    configuration: Configuration,
    found: Mapping[str, IExtension],
    auth: Auth | None = None,
) -> list[IExtension]:
    """
    The extensions that run, with their ports and settings.

    @param auth: ours, with its ports; L{None}: without, so that nobody can log in,
        which is enough to look at them.
    @raise smtpx.service.extensions.BadChoice: they cannot be had so.
    """
    joined = dict(found)
    # Somebody else's in the place of ours has ports of its own.
    if auth is not None and isinstance(joined.get(Auth.name), Auth):
        joined[Auth.name] = auth
    if isinstance(joined.get(RequireTLS.name), RequireTLS):
        # All transports are local, so nothing leaves this host in the clear.
        joined[RequireTLS.name] = RequireTLS(honoured=True)
    wanted = configuration.extensions
    return chooseExtensions(
        joined,
        enable=wanted.enable,
        disable=wanted.disable,
        settings=wanted.settings,
    )


def certificatesOf(configuration: Configuration) -> list[CertificateFiles]:
    """The certificates that the configuration names."""
    return [
        CertificateFiles(each.certificate, each.key)
        for each in configuration.tls.certificates
    ]


def serverTLS(
    machine: Machine, configuration: Configuration, files: Sequence[CertificateFiles]
) -> ServerTLS:
    """
    Certificates, offered as the configuration says.

    @raise smtpx.tls.certificates.CertificateError: one is of no use.
    """
    return ServerTLS(
        files,
        clock=machine.reactor,
        minimum=f"TLSv{configuration.tls.minimum.value}",
        clientAuthorities=configuration.tls.clientAuthorities,
    )


def relaySubjects(configuration: Configuration) -> tuple[str, ...]:
    """
    The subjects of those clients that may relay.

    @raise UsageError: there is nobody who could have signed for them.
    """
    if configuration.relay.certificates and configuration.tls.clientAuthorities is None:
        raise UsageError(
            "no client is asked for a certificate; tls.client_authorities has to name"
            " who signs them"
        )
    return configuration.relay.certificates


def localRoutes(
    configuration: Configuration,
    name: str,
    work: Work,
    now: Callable[[], float],
) -> Routes:
    """
    The routes, with their transports.

    @param name: the server's.
    @param work: runs a job in a thread.
    @raise UsageError: a pattern or a path is of no use.
    """
    transports: dict[object, ITransport] = {}
    routes: list[LocalRoute] = []
    entries = configuration.routes
    if entries is None:
        # Not "*": what an authenticated user sends elsewhere is not for here.
        home = f"postmaster@{name}"
        ours = (*localDomains(configuration, name), *configuration.local.addresses)
        entries = (RouteEntry(tuple(dict.fromkeys((*ours, home)))),)
    for entry in entries:
        key = entry.transport, entry.path, entry.lineEnds
        if key not in transports:
            called = _transportName(entry, transports.values())
            made = _transport(configuration, entry, called, name, work, now)
            transports[key] = made
        called = transports[key].name
        routes += [LocalRoute(pattern, called) for pattern in entry.match]
    return Routes(routes, transports.values(), name.encode("ascii"))


def _transportName(entry: RouteEntry, others: Iterable[ITransport]) -> str:
    """A name of its own for each: C{maildir}, C{maildir2}, ..."""
    word = entry.transport.value
    count = sum(other.name.startswith(word) for other in others)
    return f"{word}{count + 1}" if count else word


def _transport(
    configuration: Configuration,
    entry: RouteEntry,
    called: str,
    name: str,
    work: Work,
    now: Callable[[], float],
) -> ITransport:
    if entry.transport is TransportKind.DISCARD:
        return Discard(called)
    if entry.transport is TransportKind.HOLD:
        return Hold(called)
    template = str(entry.path or literal(configuration.maildir))
    path = MailboxPath(template, name.encode("ascii"))
    return Maildir(called, path, name, work, now, entry.lineEnds)


def localDomains(configuration: Configuration, name: str) -> tuple[str, ...]:
    """Our domains."""
    domains = configuration.local.domains
    if domains is None:
        return tuple(dict.fromkeys(("localhost", name.lower())))
    return domains


def localAddresses(configuration: Configuration, name: str) -> LocalAddresses:
    """
    Whom we are the final host of.

    @raise UsageError: a domain or address is none.
    """
    local = configuration.local
    return LocalAddresses(
        localDomains(configuration, name),
        local.addresses,
        local.unknown is Unknown.ACCEPT,
        name.encode("ascii"),
    )


def pythonPolicies(configuration: Configuration) -> list[NamedPolicy]:
    """
    The policies that are somebody's Python.

    @raise Exception: whatever that Python raises.
    """
    return [
        policyFrom(named.name, named.load()) for named in configuration.policy.python
    ]


def _pool(
    machine: Machine, most: int, name: str, stack: AsyncExitStack
) -> Callable[[Callable[[], T]], Deferred[T]]:
    """
    Threads of one kind of work, so that one kind does not keep another waiting.

    @return: runs a job in one of them.
    """
    pool = machine.pool(most, name)
    pool.start()
    stack.callback(pool.stop)
    return lambda job: deferToThreadPool(machine.reactor, pool, job)


def _users(
    machine: Machine, configuration: Configuration, stack: AsyncExitStack
) -> FileUsers | CallableUsers:
    turnstile = Turnstile(machine.reactor, _PASSWORD_THREADS)
    named = configuration.users.python
    if named is not None:
        return CallableUsers(passwordCheck(named), turnstile)
    pool = machine.pool(_PASSWORD_THREADS, "passwords")
    users = FileUsers(configuration.usersFile, machine.reactor, pool, turnstile)
    pool.start()
    stack.callback(pool.stop)
    return users


def passwordCheck(named: PythonObject) -> PasswordCheck:
    """
    A check of passwords that is somebody's Python.

    @raise UsageError: it is nothing that can be called.
    @raise Exception: whatever that Python raises while it is imported.
    """
    check = named.load()
    if not callable(check):
        raise UsageError(f"{named} is not callable")
    return check


def _certificates(
    machine: Machine, configuration: Configuration, name: str, stack: AsyncExitStack
) -> ServerTLS:
    """
    The certificates of the configuration, or one made here, which is then made
    anew in time.
    """
    files = certificatesOf(configuration)
    if not files:
        names = list(dict.fromkeys((name, "localhost")))
        folder = configuration.state / "tls"

        def ensure() -> CertificateFiles:
            return ensureCertificate(folder, names, machine.now(), LOOPBACK)

        def renew() -> None:
            try:
                ensure()
            except (OSError, UsageError):
                _log.failure("The certificate in {folder} stays", folder=str(folder))

        files = [ensure()]
        renewing = LoopingCall(renew)
        renewing.clock = machine.reactor
        renewing.start(_RENEWAL_SECONDS, now=False)
        stack.callback(renewing.stop)
    return serverTLS(machine, configuration, files)


async def _policy(
    machine: Machine,
    configuration: Configuration,
    local: LocalAddresses,
    routes: Routes,
    journal: Journal,
    stack: AsyncExitStack,
) -> IPolicy:
    """
    The policy: ours alone, if there is nothing to wait for.
    """
    names = HostNames(machine.reactor.nameResolver, machine.reactor)
    relay, refused = configuration.relay, configuration.policy.refuseHosts
    ours = LocalPolicy(
        local,
        routes.goes,
        names.keep(relay.hosts).matches,
        relay.authenticated,
        relaySubjects(configuration),
        names.keep(refused).matches,
    )
    others = pythonPolicies(configuration)
    if any(each.names for each in (relay.hosts, refused)):
        stack.callback(names.stop)
        await names.start()
    chain = [NamedPolicy("local", ours), *others]
    if any(each.needsNames for each in (relay.hosts, refused)):
        work = _pool(machine, _NAME_THREADS, "names", stack)
        peers = PeerNames(Turnstile(machine.reactor), work, machine.reactor.seconds)
        naming = NamingPolicy(peers, names.peerNamesMatter)
        chain.insert(0, NamedPolicy("names", naming))
    if len(chain) == 1:
        return ours
    seconds = configuration.limits.bounds.answerSeconds
    return PolicyChain(chain, journal.trouble, machine.reactor, seconds)


def _admissionBounds(configuration: Configuration) -> AdmissionBounds:
    limits = configuration.limits
    return AdmissionBounds(
        connectionsMax(configuration),
        limits.connectionsPerAddress,
        limits.connectionsPerNetwork,
        limits.networkPrefixIPv4,
        limits.networkPrefixIPv6,
        limits.addressPrefixIPv6,
    )
