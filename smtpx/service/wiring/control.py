"""
The control of the queue, and the socket by which commands reach it.
"""

from __future__ import annotations

import grp
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack

from twisted.logger import Logger

from ...core.errors import SMTPXError
from ...queue.control import QueueControl
from ...queue.delivery import Delivery
from ...spool.interfaces import IOperatedSpool
from ...spool.journal import IDeliveryJournal
from ..config import Configuration
from ..control.endpoint import (
    BadSocketPath,
    ControlEndpoint,
    checkPath,
    stopListening,
)
from ..control.exchange import Verb
from ..control.protocol import ControlFactory
from ..control.queueverbs import QueueVerbs
from ..machine import Machine
from ..places import whoIsThis
from ..workers.sources import Here, There
from ..workers.wholequeue import WholeQueue
from .doors import Hall
from .queue import QueueRules

_log = Logger()


class NoSuchGroup(SMTPXError):
    """The socket cannot be for a group; the message says why."""


def queueControl(
    machine: Machine,
    rules: QueueRules,
    spool: IOperatedSpool,
    delivery: Delivery,
    told: IDeliveryJournal,
    stack: AsyncExitStack,
) -> QueueControl:
    """What an operator does with the queue."""
    made = QueueControl(
        spool, delivery, told, machine.reactor, machine.now, rules.profile
    )
    stack.callback(made.close)
    return made


def controlEndpoint(
    machine: Machine, configuration: Configuration
) -> ControlEndpoint | None:
    """
    Where the control socket is to be.

    @return: L{None}: nowhere, as was wished.
    @raise BadSocketPath: its path is too long.
    @raise NoSuchGroup: there is no such group, or we are not of it.
    """
    wished = configuration.control
    if not wished.enabled:
        return None
    path, group = configuration.controlSocket, None
    checkPath(path)
    if wished.group is not None:
        group = _groupOf(wished.group)
    return ControlEndpoint(machine.reactor, path, group)


def _groupOf(name: str) -> int:
    """
    The number of a group.

    @raise NoSuchGroup: there is no such group, or we are not of it.
    """
    try:
        group = grp.getgrnam(name).gr_gid
    except KeyError:
        raise NoSuchGroup(f'there is no group "{name}"') from None
    if os.geteuid() != 0 and group not in (os.getegid(), *os.getgroups()):
        raise NoSuchGroup(f'{whoIsThis()} is not a member of the group "{name}"')
    return group


def openControl(
    hall: Hall,
    queue: QueueControl,
    spool: IOperatedSpool,
    others: Mapping[str, Verb],
    stack: AsyncExitStack,
) -> None:
    """
    Let commands reach the server; of several workers, the leading one.

    @param others: who answers what is not about the queue.
    @raise BadSocketPath: the socket cannot be where it is to be.
    @raise OSError: likewise.
    """
    machine, configuration = hall.machine, hall.configuration
    if not machine.worker.leads:
        return
    try:
        endpoint = controlEndpoint(machine, configuration)
    except BadSocketPath as error:
        # A first start in a deep folder is none the worse for that.
        if configuration.control.socket is not None:
            raise
        _log.warn("The server cannot be controlled: {error}", error=error)
        return
    if endpoint is None:
        return
    verbs = {**serverQueue(machine, QueueVerbs(queue, spool.count)), **others}
    factory = ControlFactory(
        verbs, machine.reactor, hall.name, shared=endpoint.group is not None
    )
    port = endpoint.listen(factory)
    stack.callback(factory.shutDown)
    stack.push_async_callback(stopListening, port)


def serverQueue(machine: Machine, ours: QueueVerbs) -> Mapping[str, Verb]:
    """
    Who answers what about the queue of the server, wherever its messages are.

    @param ours: answers for the messages of this worker.
    """
    worker = machine.worker
    if not worker.others.numbers:
        return ours.verbs()
    here = Here(worker.number, ours.forColleagues())
    there = [
        There(each, worker.others, machine.reactor) for each in worker.others.numbers
    ]
    return WholeQueue([here, *there], machine.now).verbs()


__all__ = [
    "NoSuchGroup",
    "controlEndpoint",
    "openControl",
    "queueControl",
    "serverQueue",
]
