"""
The routes, with their transports.

Without any in the configuration, mail for our own people goes into a Maildir, mail
for domains that we relay goes to their hosts, as reports on it do to those of its
senders, and where somebody may send elsewhere, so does the rest.  A server that nobody
may send through sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ...queue.addedfields import AddedFields
from ...queue.discard import Discard
from ...queue.hold import Hold
from ...queue.interfaces import Attempt, ITransport
from ...queue.maildir import Maildir, Work
from ...queue.mailpath import MailboxPath
from ...queue.queuefile import QueueFile
from ...queue.routes import NULL_SENDER, RouteRule, Routes
from ...spool.format import Fate, Outcome
from ..config import Configuration
from ..kinds import literal
from ..tables import SENDING, Role, RouteEntry, TransportKind
from .addresses import allDomains, tagSeparators

#: Makes the transport of a route: its name, and the route.
Make = Callable[[str, RouteEntry], ITransport]


@implementer(ITransport)
@frozen
class PlannedTransport:
    """
    Where mail would be sent: of use to those who only look.

    @ivar name: the transport's name.
    @ivar entry: its route; of several that share it, the first.
    """

    name: str
    entry: RouteEntry
    holds = False
    reports = None

    def deliver(self, attempt: Attempt) -> Deferred[Sequence[Outcome]]:
        """Deliver to nobody."""
        return succeed(
            [Outcome(i, Fate.WAITING, "this only looks") for i in attempt.indices]
        )


def routeEntries(configuration: Configuration, name: str) -> Sequence[RouteEntry]:
    """
    The routes of a configuration, or those that it has without saying so.

    @param name: the server's.
    """
    if configuration.routes is not None:
        return configuration.routes
    return tuple(usualRoutes(configuration, name))


def sends(configuration: Configuration, name: str) -> bool:
    """Is there a route that sends?"""
    return uses(configuration, name, *SENDING)


def uses(configuration: Configuration, name: str, *kinds: TransportKind) -> bool:
    """Is there a route with a transport of one of these kinds?"""
    return any(each.transport in kinds for each in routeEntries(configuration, name))


def usualRoutes(configuration: Configuration, name: str) -> Iterator[RouteEntry]:
    """
    The routes of a configuration that has none.

    @param name: the server's.
    """
    home = f"postmaster@{name}"
    ours = (*allDomains(configuration, name), *configuration.local.addresses)
    yield RouteEntry(tuple(dict.fromkeys((*ours, home))))
    if configuration.relay.domains:
        yield RouteEntry(configuration.relay.domains, TransportKind.SMTP)
    if sendsElsewhere(configuration):
        yield RouteEntry(("*",), TransportKind.SMTP)
    elif configuration.relay.domains:
        # What the next host does not take is reported to its sender.
        reports = (NULL_SENDER,)
        yield RouteEntry(("*",), TransportKind.SMTP, senders=reports)


def sendsElsewhere(configuration: Configuration) -> bool:
    """
    Does the configuration say that somebody may send to domains that are not ours?

    That users who have logged in may, where nothing is said of them, is no wish to
    send: it is so in a configuration that says nothing at all.
    """
    relay = configuration.relay
    return bool(
        relay.hosts.items
        or relay.certificates
        or relay.authenticated
        or any(each.role is Role.SUBMISSION for each in configuration.listeners)
    )


def localRoutes(
    configuration: Configuration,
    name: str,
    work: Work,
    now: Callable[[], float],
    makers: Mapping[TransportKind, Make] | None = None,
) -> Routes:
    """
    The routes, with their transports.

    @param name: the server's.
    @param work: runs a job in a thread.
    @param makers: make the transports of these kinds; L{None}: it is only looked, and
        of what reaches out of this process there are plans.
    @raise UsageError: a pattern or a path is of no use.
    """
    made = localMakers(configuration, name, work, now) | dict(makers or {})
    transports: dict[RouteEntry, ITransport] = {}
    routes: list[RouteRule] = []
    for entry in routeEntries(configuration, name):
        # Whose mail it is makes no difference to how it goes.
        key = evolve(entry.withoutConditions(), match=("*",), senders=())
        if key not in transports:
            called = _transportName(entry, transports.values())
            make = made.get(entry.transport, PlannedTransport)
            transports[key] = make(called, entry)
        called = transports[key].name
        senders, holds = entry.senders, entry.holds
        routes += [RouteRule(each, called, senders, holds) for each in entry.match]
    separators = tagSeparators(configuration)
    home, asks = name.encode("ascii"), configuration.listAsks
    return Routes(routes, transports.values(), home, separators, asks)


def _transportName(entry: RouteEntry, others: Iterable[ITransport]) -> str:
    """A name of its own for each: C{maildir}, C{maildir2}, ..."""
    word = entry.transport.value
    count = sum(other.name.startswith(word) for other in others)
    return f"{word}{count + 1}" if count else word


def localMakers(
    configuration: Configuration, name: str, work: Work, now: Callable[[], float]
) -> dict[TransportKind, Make]:
    """
    What makes the transports that reach no other program.

    @param name: the server's.
    @param work: runs a job in a thread.
    """

    def maildir(called: str, entry: RouteEntry) -> Maildir:
        template = str(entry.path or literal(configuration.maildir))
        separators = tagSeparators(configuration)
        home, alternates = name.encode("ascii"), entry.bmiDeliverAlternate
        path = MailboxPath(template, home, separators, alternates=alternates)
        added = AddedFields.parse(entry.headersAdd)
        return Maildir(called, path, name, work, now, entry.wishedLineEnds, added)

    return {
        TransportKind.MAILDIR: maildir,
        TransportKind.QUEUEFILE: queueFiles(configuration, name, work),
        TransportKind.DISCARD: lambda called, entry: Discard(called),
        TransportKind.HOLD: lambda called, entry: Hold(called),
    }


def queueFiles(configuration: Configuration, name: str, work: Work) -> Make:
    """
    What makes the transports to folders in Exim's spool format.

    @param name: the server's.
    @param work: runs a job in a thread.
    """

    def make(called: str, entry: RouteEntry) -> QueueFile:
        assert entry.directory is not None, "its table demands one"
        separators = tagSeparators(configuration)
        home = name.encode("ascii")
        path = MailboxPath(entry.directory, home, separators, senders=True)
        return QueueFile(called, path, work)

    return make
