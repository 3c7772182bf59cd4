"""
What several workers cannot have, and what is of no use with them.
"""

from __future__ import annotations

import select
from collections.abc import Iterator

from .config import Configuration
from .control.endpoint import BadSocketPath
from .inherited import PREFIX
from .machine import Machine
from .problems import Problem
from .workers.sockets import checkSockets

#: Of these endpoints, there is a socket that several processes can accept at.
_SHARED = ("tcp:", "tcp6:", "unix:", PREFIX)


def checkWorkers(configuration: Configuration) -> Iterator[Problem]:
    """
    What cannot be had with several workers.
    """
    if configuration.workers == 1:
        return
    if not hasattr(select, "epoll"):
        text = "this system can have one only: there is no epoll here"
        yield configuration.problem(("workers",), text)
    try:
        checkSockets(configuration.workersFolder, configuration.workers)
    except BadSocketPath as error:
        where = ("state",) if "state" in configuration.document.values else ("workers",)
        yield configuration.problem(where, str(error))
    for index, listener in enumerate(configuration.listeners):
        endpoint = listener.endpoint
        if endpoint is not None and not endpoint.startswith(_SHARED):
            kinds = ", ".join(each.rstrip(":") for each in _SHARED)
            text = (
                f"several workers cannot share such an endpoint; it can be one of"
                f" {kinds}"
            )
            yield configuration.problem(("listener", index, "endpoint"), text)
    if (configuration.http.endpoint or "").startswith(PREFIX):
        text = "with several workers, the status page has to have a port of its own"
        yield configuration.problem(("http", "endpoint"), text)


def workerCautions(machine: Machine, configuration: Configuration) -> Iterator[Problem]:
    """
    What is of no use with several workers.
    """
    count, processors = configuration.workers, machine.processors()
    if 1 < count > processors:
        there = "one processor" if processors == 1 else f"{processors} processors"
        text = (
            f"{count} are more than there are processors: with {there}, further"
            " workers cost memory, and make nothing faster"
        )
        yield configuration.problem(("workers",), text)


__all__ = ["checkWorkers", "workerCautions"]
