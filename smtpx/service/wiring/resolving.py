"""
Who asks the DNS, and who finds mail hosts with what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack

from ...dns.cache import CacheBounds
from ...dns.exchange import Network
from ...dns.hostsfile import HostsFile
from ...dns.interfaces import IResolver
from ...dns.mailhosts import IMailRouter
from ...dns.ourselves import Ourselves
from ...dns.resolver import Resolver, ResolverBounds
from ...dns.router import MailRouter
from ...dns.servers import (
    SYSTEM_FILE,
    Asking,
    IServers,
    NamedServers,
    SystemServers,
    patient,
)
from ...dns.watched import WatchedFile
from ..config import Configuration
from ..listening import Door
from ..machine import Machine
from ..tables import DNS


def resolver(
    machine: Machine, configuration: Configuration, stack: AsyncExitStack
) -> IResolver:
    """
    The one resolver of the house.

    @param stack: closes it.
    """
    seconds = machine.reactor.seconds
    file = configuration.dns.hostsFile
    watched = None if file is None else WatchedFile(file, seconds)
    inner = machine.resolver or theDNS(machine, configuration, stack)
    return HostsFile(inner, seconds, watched)


def theDNS(
    machine: Machine, configuration: Configuration, stack: AsyncExitStack
) -> IResolver:
    """
    Asks name servers, and nobody else.

    @param stack: closes it.
    """
    options = configuration.dns
    asking = Resolver(
        Network(machine.reactor),
        nameServers(machine, options),
        machine.reactor,
        options.trusted,
        ResolverBounds(
            questionSeconds=options.questionSeconds,
            atOnceMost=options.atOnceMax,
            cache=CacheBounds(
                most=options.cacheMax,
                minSeconds=options.cacheLeastSeconds,
                maxSeconds=options.cacheMostSeconds,
            ),
        ),
    )
    stack.callback(asking.close)
    return asking


def nameServers(machine: Machine, options: DNS) -> IServers:
    """Those that the configuration names, or those of the system."""
    if not options.servers:
        file = WatchedFile(SYSTEM_FILE, machine.reactor.seconds)
        return SystemServers(file, options.trySeconds, options.rounds)
    asking = Asking(options.servers)
    return NamedServers(patient(asking, options.trySeconds, options.rounds))


def mailRouter(
    configuration: Configuration,
    name: str,
    resolver: IResolver,
    listening: Callable[[], Iterable[tuple[bytes, int]]],
) -> IMailRouter:
    """
    Finds mail hosts.

    @param name: what the server calls itself.
    @param listening: where it listens now: addresses and ports.
    """
    options = configuration.dns
    ourselves = Ourselves([name.encode("ascii")], listening, options.places)
    return MailRouter(resolver, ourselves, options.ignoreTargetHosts.matches)


def placesOf(doors: Sequence[Door]) -> Iterator[tuple[bytes, int]]:
    """
    Where a server listens now: addresses and ports.

    @param doors: those that are bound, and others.
    """
    for door in doors:
        at = None if door.port is None else door.port.getHost()
        host, port = getattr(at, "host", None), getattr(at, "port", None)
        if isinstance(host, str) and isinstance(port, int):
            yield host.encode("ascii"), port


__all__ = ["mailRouter", "nameServers", "placesOf", "resolver"]
