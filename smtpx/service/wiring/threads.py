"""
Threads for work that would hold the reactor up, a pool for each kind of it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from ..machine import Machine

T = TypeVar("T")


def threads(
    machine: Machine, most: int, name: str, stack: AsyncExitStack
) -> Callable[[Callable[[], T]], Deferred[T]]:
    """
    Threads of one kind of work, so that one kind does not keep another waiting.

    @return: runs a job in one of them.
    """
    pool = machine.pool(most, name)
    pool.start()
    stack.callback(pool.stop)
    return lambda job: deferToThreadPool(machine.reactor, pool, job)
