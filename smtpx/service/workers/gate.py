"""
What keeps the doors of all workers closed until all are ready: at a start, whoever
served first would have the connections of all clients that come at once, for as long
as these stay.

A gate is an eventfd (eventfd(2)) of the zygote, which its workers inherit.  The zygote
opens it by a number that nobody ever reads: so all who wait see it, and so does, at
once, whoever is forked later.  That the zygote dies opens nothing.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer


def makeGate() -> int:
    """
    Make a gate that is closed.

    @return: its descriptor, which no other program inherits.
    @raise OSError: there are no descriptors left.
    """
    return os.eventfd(0)


def openGate(number: int) -> None:
    """
    Open it, once and for all.

    @param number: its descriptor.
    """
    os.eventfd_write(number, 1)


@implementer(IReadDescriptor)
class Waiting:
    """
    Somebody waits at a gate.

    @ivar opened: fires when it is open; to cancel it is to wait no more.
    """

    def __init__(self, reactor: Any, number: int) -> None:
        """
        @param reactor: provides C{IReactorFDSet}.
        @param number: the descriptor of the gate.
        """
        self._reactor = reactor
        self._number = number
        self.opened: Deferred[None] = Deferred(lambda _: reactor.removeReader(self))
        reactor.addReader(self)

    def fileno(self) -> int:
        """See L{IReadDescriptor}."""
        return self._number

    def logPrefix(self) -> str:
        """See L{IReadDescriptor}."""
        return "gate"

    def doRead(self) -> None:
        """See L{IReadDescriptor}."""
        self._reactor.removeReader(self)
        self.opened.callback(None)

    def connectionLost(self, reason: Failure) -> None:
        """See L{IReadDescriptor}: the reactor ends."""


__all__ = ["Waiting", "makeGate", "openGate"]
