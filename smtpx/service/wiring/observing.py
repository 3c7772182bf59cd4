"""
Who watches, and tells.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack

from ...net.factory import SMTPServerFactory
from ...observe.watch import Watch
from ..config import Configuration
from ..logs import Logs
from ..machine import Machine
from ..memory import MemoryWatch


def openLogs(
    machine: Machine,
    configuration: Configuration,
    watch: Watch | None,
    stack: AsyncExitStack,
) -> Logs:
    """
    The logs, and the folder for all that the server keeps.

    @param watch: told of all events as well; L{None}: nobody is.
    """
    configuration.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    others = () if watch is None else watch.observers
    made = Logs(configuration, machine.reactor, machine.now, others)
    stack.callback(made.close)
    return made


def watchMemory(
    machine: Machine,
    configuration: Configuration,
    factories: Iterable[SMTPServerFactory],
    stack: AsyncExitStack,
) -> None:
    """Have doors closed while there is little memory."""
    mark = configuration.limits.memoryFreeOctets
    watch = MemoryWatch(factories, machine.memory, mark, machine.reactor)
    watch.start()
    stack.callback(watch.stop)
