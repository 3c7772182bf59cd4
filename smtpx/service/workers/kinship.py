"""
What Linux does for processes that belong together: they end together, and have names.

Elsewhere than on Linux all of this does nothing.  That processes end together does not
rest on it alone: L{Lifeline} says the same by a pipe.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from typing import Any

from attrs import define
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

# prctl(2)
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15

#: Of a longer name, the kernel keeps this.
_NAME_OCTETS = 15


def _prctl(option: int, value: object) -> None:
    try:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (OSError, AttributeError):
        # Not Linux.
        return


def dieWith(parent: int) -> None:
    """
    Have this process sent SIGTERM when its parent dies.

    The kernel means the thread that has forked us, and forgets the wish where a process
    becomes another user; neither happens to a worker.

    @param parent: the process id, asked for before the fork.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # It died in between.
        os.kill(os.getpid(), signal.SIGTERM)


def call(name: str) -> None:
    """
    Have C{ps -o comm} and C{top} show this process by a name.

    @param name: up to 15 octets of it are shown.
    """
    _prctl(_PR_SET_NAME, name.encode("ascii")[:_NAME_OCTETS])


def threads() -> int:
    """How many threads this process has; 1 where the system does not say."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1


@implementer(IReadDescriptor)
@define(eq=False)
class Lifeline:
    """
    A pipe into which nobody writes: its end says that a process is gone, the only one
    to have the other side.

    @ivar gone: called then, once.
    """

    _reactor: Any
    _number: int
    gone: Callable[[], object]

    def begin(self) -> None:
        """Look, from now on."""
        self._reactor.addReader(self)

    def fileno(self) -> int:
        """See L{IReadDescriptor}."""
        return self._number

    def logPrefix(self) -> str:
        """See L{IReadDescriptor}."""
        return "life"

    def doRead(self) -> None:
        """See L{IReadDescriptor}."""
        self._reactor.removeReader(self)
        self.gone()

    def connectionLost(self, reason: Failure) -> None:
        """
        See L{IReadDescriptor}.  Of the end of a pipe, epoll does not say that there is
        something to be read, and this is what the reactor makes of it; it has removed
        us.  A reactor that ends has another reason.
        """
        if reason.check(ConnectionDone) is not None:
            self.gone()


__all__ = ["Lifeline", "call", "dieWith", "threads"]
