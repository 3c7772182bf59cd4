"""
Who is not let in at all.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from ..core.reply import Reply


class RefusedProtocol(Protocol):
    """A connection that is not let in: one reply, and the end."""

    transport: Any = None

    def __init__(
        self, answer: Reply | None, others: set[RefusedProtocol] | None = None
    ) -> None:
        """
        @param answer: what to say; L{None}: nothing, for TLS would come first.
        @param others: those that are there; this one is among them as long as it
            is.
        """
        self._answer = answer
        self._others: set[RefusedProtocol] = set() if others is None else others

    def connectionMade(self) -> None:
        """Say it, and close."""
        self._others.add(self)
        if self._answer is not None:
            self.transport.write(self._answer.octets)
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is closed."""
        self._others.discard(self)


__all__ = ["RefusedProtocol"]
