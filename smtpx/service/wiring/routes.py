"""
The routes, with their transports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...queue.discard import Discard
from ...queue.hold import Hold
from ...queue.interfaces import ITransport
from ...queue.maildir import Maildir, Work
from ...queue.mailpath import MailboxPath
from ...queue.routes import LocalRoute, Routes
from ..config import Configuration
from ..kinds import literal
from ..tables import RouteEntry, TransportKind
from .addresses import allDomains, tagSeparators


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
        ours = (*allDomains(configuration, name), *configuration.local.addresses)
        entries = (RouteEntry(tuple(dict.fromkeys((*ours, home)))),)
    for entry in entries:
        key = entry.transport, entry.path, entry.lineEnds
        if key not in transports:
            called = _transportName(entry, transports.values())
            made = _transport(configuration, entry, called, name, work, now)
            transports[key] = made
        called = transports[key].name
        routes += [LocalRoute(pattern, called) for pattern in entry.match]
    separators = tagSeparators(configuration)
    return Routes(routes, transports.values(), name.encode("ascii"), separators)


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
    separators = tagSeparators(configuration)
    path = MailboxPath(template, name.encode("ascii"), separators)
    return Maildir(called, path, name, work, now, entry.lineEnds)
