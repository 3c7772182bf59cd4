"""
The transport C{hold}: messages stay in the spool until an operator releases
them.

Where every recipient of a message has it, the message is on hold from the moment
it is received (L{smtpx.queue.routes.Routes.holds}), and delivering never sees it.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ..spool.format import Fate, Outcome
from .interfaces import Attempt, ITransport


@implementer(ITransport)
@frozen
class Hold:
    """
    Keep it in the spool.

    @ivar name: its name, in the configuration and in logs.
    """

    name: str = "hold"
    holds = True
    reports = None

    def deliver(self, attempt: Attempt) -> Deferred[Sequence[Outcome]]:
        """
        Deliver to nobody.  Delivering does not call this; whoever does learns
        that all still wait.
        """
        return succeed([Outcome(i, Fate.WAITING, "on hold") for i in attempt.indices])


__all__ = ["Hold"]
