"""
Whose mail goes to whom instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack

from ...core.interfaces import IExtension
from ...core.queueprofile import QueueProfile
from ...policy.aliasentry import AliasProblem, BadAliases, Entry, Place
from ...policy.aliases import Aliases, AliasSources, Publish, unheard
from ...policy.aliasfile import parseEntry
from ...policy.aliastable import AliasBounds, Reach
from ...policy.redirect import Redirection
from ..config import Configuration
from ..logs import Logs
from ..machine import Machine
from .threads import threads


def aliases(
    configuration: Configuration,
    reach: Reach,
    publish: Publish = unheard,
    wanted: bool = False,
) -> Aliases | None:
    """
    The aliases.

    @param reach: whom mail can be delivered to.
    @param publish: told of what goes wrong later.
    @param wanted: are there to be some even if it is not one?
    @return: L{None}: there are none.
    @raise BadAliases: with everything that is wrong.
    """
    options = configuration.aliases
    if not options.files and not options.entries and not wanted:
        return None
    sources = AliasSources(options.files, tuple(_entries(configuration)))
    bounds = AliasBounds(options.depthMax, options.membersMax)
    return Aliases(sources, reach, bounds, publish)


def _entries(configuration: Configuration) -> Iterable[Entry]:
    """
    The aliases that stand in the configuration.

    @raise BadAliases: with everything that is wrong.
    """
    document = configuration.document
    entries: list[Entry] = []
    problems: list[AliasProblem] = []
    for left, right in configuration.aliases.entries.items():
        line = document.line(("aliases", "entries", left))
        entry, wrong = parseEntry(left, right, Place(document.name, line))
        problems += wrong
        if entry is not None:
            entries.append(entry)
    if problems:
        raise BadAliases(problems)
    return entries


def redirection(
    machine: Machine,
    configuration: Configuration,
    reach: Reach,
    extensions: Iterable[IExtension],
    logs: Logs,
    stack: AsyncExitStack,
) -> Redirection | None:
    """
    What puts others in the place of recipients; from now on, files are read again
    when they change.

    @param reach: whom mail can be delivered to.
    @return: L{None}: there are no aliases.
    @raise BadAliases: with everything that is wrong.
    """
    # What we made of senders leads to others as an alias does.
    wanted = configuration.srs.domain is not None
    found = aliases(configuration, reach, logs.publisher.publish, wanted)
    if found is None:
        return None
    found.start(machine.reactor, threads(machine, 1, "aliases", stack))
    stack.callback(found.stop)
    return Redirection(found, QueueProfile().load(extensions))
