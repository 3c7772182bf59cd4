"""
A server of several processes: what its supervisor is, and what a worker is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from twisted.internet.interfaces import IStreamServerEndpoint

from ...core.interfaces import IExtension
from ...net.fairport import FairEndpoint
from ..announcement import announce
from ..config import Configuration
from ..listening import Door
from ..machine import Machine
from ..mail import MailService
from ..workers.brief import Brief
from ..workers.leaving import leaveSeconds
from ..workers.spawning import Spawned, Start
from ..workers.staff import Hearer, IZygote, Staff
from .house import doorsOf, enter


def supervisor(
    machine: Machine,
    configuration: Configuration,
    first: Callable[[Brief], Start | None] = lambda brief: None,
) -> MailService:
    """
    The service of C{twistd}'s own process: it has the doors, but lets nobody in; its
    house are the workers.

    @param first: says what starts the first zygote; L{None}: what starts all others.
    @raise ValueError: a listener has an endpoint that is none.
    """
    doors = doorsOf(machine, configuration)

    async def enter() -> Staff:
        ports: list[Any] = [door.port for door in doors]
        brief = Brief.of(configuration, [int(port.addressFamily) for port in ports])
        numbers = [port.fileno() for port in ports]
        starts = [first(brief)]

        def spawn(hearer: Hearer) -> IZygote:
            start = starts.pop() if starts else None
            return Spawned(machine.reactor, brief, numbers, hearer, start)

        staff = Staff(
            machine.reactor, configuration.workers, spawn, leaveSeconds(configuration)
        )
        service.builder = staff
        await staff.begin()
        return staff

    service = MailService(doors, enter, lambda doors: announce(configuration, doors))
    return service


def worker(
    machine: Machine,
    configuration: Configuration,
    found: Mapping[str, IExtension],
    endpoints: Sequence[IStreamServerEndpoint],
) -> MailService:
    """
    The service of a worker.

    @param found: the extensions that there are, by name.
    @param endpoints: of the sockets that the supervisor has bound, in the order of the
        listeners.
    """
    joint = machine.joint
    if joint is not None:
        connections = joint.connections

        def hasMore() -> bool:
            least = connections.least
            return least is not None and least < connections.own

        endpoints = [
            FairEndpoint(machine.reactor, endpoint, hasMore) for endpoint in endpoints
        ]
    doors = [
        Door(listener, endpoint, partial(configuration.problem, ("listener", index)))
        for index, (listener, endpoint) in enumerate(
            zip(configuration.listeners, endpoints, strict=True)
        )
    ]
    return MailService(doors, lambda: enter(machine, configuration, found, doors))


__all__ = ["supervisor", "worker"]
