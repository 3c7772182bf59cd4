"""
The queue of a server that does not run: a command has it meanwhile, and does with it
what the server would; only that nothing is delivered.

Of a server with several workers it has the spools of all, each as it is: what is with
one of them stays there.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from os import devnull
from pathlib import Path

from attrs import evolve
from twisted.internet.defer import succeed

from ...core.interfaces import IExtension
from ...observe.deliveries import DeliveryJournal
from ...spool.interfaces import IOperatedSpool
from ..config import Configuration
from ..control.exchange import Verb
from ..control.queueverbs import QueueVerbs
from ..kinds import StandardOutput
from ..lists import withLookups
from ..machine import Machine, usePythonPath
from ..workers import Worker
from ..workers.sources import Here
from ..workers.wholequeue import WholeQueue
from .control import queueControl
from .extensions import chosenExtensions
from .house import makeDelivery, makeSpool, openSpool
from .importing import idleImports
from .lookups import lookups
from .observing import openLogs
from .queue import queueRules
from .routes import localRoutes


async def idleQueue(
    machine: Machine,
    configuration: Configuration,
    found: Mapping[str, IExtension],
    stack: AsyncExitStack,
) -> Mapping[str, Verb]:
    """
    Open the queue; its logs are written as well.

    @param found: the extensions that there are, by name.
    @param stack: closes it.
    @return: who answers what, as over the socket of a server that runs.
    @raise smtpx.spool.recovery.SpoolInUse: somebody has it.
    @raise smtpx.core.errors.SMTPXError: it cannot be used.
    @raise OSError: likewise.
    """
    usePythonPath(configuration)
    name = configuration.name or machine.name
    logs = openLogs(machine, _withoutOutput(configuration), None, stack)
    known = lookups(machine, configuration, logs.publisher.publish, stack, locks=False)
    configuration = withLookups(configuration, known)
    told = DeliveryJournal(logs.publisher)
    extensions = chosenExtensions(configuration, found)
    rules = queueRules(machine, configuration, name, extensions, warn=False)
    # It says whether there is a way for a report, and is never asked to go it.
    routes = localRoutes(configuration, name, lambda job: succeed([]), machine.now)
    spools: list[IOperatedSpool] = []
    sources: list[Here] = []
    for number in range(1, configuration.workers + 1):
        worker = evolve(machine, worker=Worker(number, configuration.workers))
        spool = makeSpool(worker, configuration, extensions)
        await openSpool(spool, told, (), None, stack)
        delivery = makeDelivery(worker, rules, spool, routes, told)
        queue = queueControl(worker, rules, spool, delivery, told, stack)
        verbs = QueueVerbs(queue, spool.count).forColleagues()
        spools.append(spool)
        sources.append(Here(number, verbs))
    first = spools[0]
    return {
        **(verbs if len(sources) == 1 else WholeQueue(sources, machine.now).verbs()),
        **idleImports(machine, configuration, extensions, first, routes, logs, stack),
    }


def _withoutOutput(configuration: Configuration) -> Configuration:
    """The same, with logs that do not come between what a command has to say."""
    log = configuration.log
    if isinstance(log.main, StandardOutput):
        log = evolve(log, main=Path(devnull))
    if isinstance(log.json, StandardOutput):
        log = evolve(log, json=None)
    return evolve(configuration, log=log)


__all__ = ["idleQueue"]
