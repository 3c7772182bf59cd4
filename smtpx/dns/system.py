"""
The DNS as the system has it set up, in a line, for programs that have no
configuration of ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .exchange import Network
from .hostsfile import HostsFile
from .interfaces import IResolver
from .mailhosts import IMailRouter
from .ourselves import Ourselves
from .resolver import Resolver
from .router import MailRouter
from .servers import SYSTEM_FILE, Asking, IServers, NamedServers, Server, SystemServers
from .watched import WatchedFile

#: Where the system has names beside the DNS.
HOSTS_FILE = Path("/etc/hosts")


def systemResolver(
    reactor: Any, *servers: str, trusted: bool = False, hosts: Path | None = HOSTS_FILE
) -> IResolver:
    """
    A resolver.

    @param reactor: the reactor.
    @param servers: name servers, such as C{127.0.0.1} or C{[::1]:5353}; without any,
        those of the system.
    @param trusted: see L{Resolver}.
    @param hosts: a file with names that the DNS is not asked for; L{None}: no file.
    @raise smtpx.core.errors.Malformed: a server is none.
    """
    asked: IServers
    if servers:
        asked = NamedServers(Asking(tuple(map(Server.parse, servers))))
    else:
        asked = SystemServers(WatchedFile(SYSTEM_FILE, reactor.seconds))
    resolver = Resolver(Network(reactor), asked, reactor, trusted)
    file = None if hosts is None else WatchedFile(hosts, reactor.seconds)
    return HostsFile(resolver, reactor.seconds, file)


def systemRouter(reactor: Any, resolver: IResolver | None = None) -> IMailRouter:
    """
    Finds mail hosts for a program that takes no mail itself, and so cannot be among
    them.

    @param resolver: L{None}: the system's.
    """
    return MailRouter(resolver or systemResolver(reactor), Ourselves([], lambda: ()))


__all__ = ["HOSTS_FILE", "systemResolver", "systemRouter"]
