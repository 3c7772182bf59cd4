"""
A policy whose refusals are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ...core.envelope import Envelope, Recipient
from ...core.interfaces import IServerSession
from ...core.reply import Reply
from ...net.interfaces import IPolicy
from .rates import Meter, Rates

Answer = Reply | None | Deferred[Reply | None]


@frozen
class Refusals:
    """
    Refusals that are counted.

    @ivar keyOf: whose they are; empty: nobody's.
    @ivar limit: from how many on it is too much.
    """

    meter: Meter
    keyOf: Callable[[IServerSession], str]
    limit: float


@implementer(IPolicy)
class RefusalCountingPolicy:
    """
    Asks another policy, and counts the senders and recipients that it refuses for good.
    """

    #: It counts.
    bearsRepeats = False

    def __init__(
        self, policy: IPolicy, rates: Rates, refusals: Sequence[Refusals]
    ) -> None:
        """
        @param refusals: what is counted.
        """
        self._policy = policy
        self._rates = rates
        self._refusals = tuple(refusals)
        self.mayConnect = policy.mayConnect
        self.mayDeliver: Any = getattr(policy, "mayDeliver", None)

    def maySend(self, session: IServerSession, envelope: Envelope) -> Answer:
        """MAIL."""
        return self._counted(session, self._policy.maySend(session, envelope))

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Answer:
        """RCPT."""
        answer = self._policy.mayReceive(session, envelope, recipient)
        return self._counted(session, answer)

    def _counted(self, session: IServerSession, answer: Answer) -> Answer:
        if isinstance(answer, Deferred):
            return answer.addCallback(self._count, session)
        return self._count(answer, session)

    def _count(self, answer: Reply | None, session: IServerSession) -> Reply | None:
        if answer is not None and answer.code >= 500:
            for each in self._refusals:
                key = each.keyOf(session)
                if key:
                    # The one that comes to the limit counts in every way of counting:
                    # nobody would ever be there otherwise.
                    self._rates.count(each.meter, key, 1, each.limit + 1)
        return answer


__all__ = ["RefusalCountingPolicy", "Refusals"]
