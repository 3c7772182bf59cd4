"""
The socket by which the other workers of a server reach this one.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from ..config import Configuration
from ..control.endpoint import ControlEndpoint, stopListening
from ..control.protocol import ControlFactory
from ..machine import Machine
from ..workers.answers import Answers
from ..workers.others import AT_ONCE
from ..workers.sockets import checkSockets, makeFolder, socketOf

#: How many long requests the others have at once, each.
_LONG = 16


def openColleagues(
    machine: Machine,
    configuration: Configuration,
    name: str,
    answers: Answers,
    stack: AsyncExitStack,
) -> None:
    """
    Answer the other workers, from now on; it is the last that is opened of a house,
    since what they ask may be about any part of it.

    @param name: what the server calls itself.
    @param answers: who answers what; more may be added later.
    @raise smtpx.service.control.endpoint.BadSocketPath: the socket cannot be where it
        is to be.
    @raise OSError: likewise.
    """
    worker, folder = machine.worker, configuration.workersFolder
    if worker.count == 1:
        return
    checkSockets(folder, worker.count)
    makeFolder(folder)
    clients = (worker.count - 1) * (AT_ONCE + _LONG)
    factory = ControlFactory(answers.verbs, machine.reactor, name, clientsMost=clients)
    endpoint = ControlEndpoint(
        machine.reactor, socketOf(folder, worker.number), backlog=min(clients, 1024)
    )
    port = endpoint.listen(factory)
    stack.callback(factory.shutDown)
    stack.push_async_callback(stopListening, port)
    answers.opened()


__all__ = ["openColleagues"]
