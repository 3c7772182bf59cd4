"""
The transport C{discard}: messages are thrown away, and counted as delivered.

For addresses that have to exist but that nobody reads, and for measuring.  The
log tells of each as of any other delivery.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ..core.hooks import Action
from ..spool.format import Fate, Outcome
from .interfaces import Attempt, ITransport


@implementer(ITransport)
@frozen
class Discard:
    """
    Throw it away.

    @ivar name: its name, in the configuration and in logs.
    """

    name: str = "discard"
    holds = False
    reports = Action.DELIVERED

    def deliver(self, attempt: Attempt) -> Deferred[Sequence[Outcome]]:
        """Everyone has it."""
        return succeed(
            [Outcome(i, Fate.DELIVERED, "discarded") for i in attempt.indices]
        )


__all__ = ["Discard"]
