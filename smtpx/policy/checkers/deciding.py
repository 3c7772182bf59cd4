"""
A policy that asks those checkers that are asked without a rule (C{Terms.decides}),
once all rules have let a message through.

It is asked of each recipient (C{smtpx.net.interfaces.IDeliveryPolicy}): a checker may
refuse some, and those can be told where the client can be (LMTP, PRDR).  Where it
cannot, the message goes to all recipients if one of them is to have it: a client that
is told yes keeps nothing for those who were refused, and one that is told no sends it
again to those who have it.  So nothing is lost, and nothing comes twice.
"""

from __future__ import annotations

from functools import partial

from twisted.internet.defer import Deferred
from zope.interface import implementer

from ...core.envelope import Envelope, Recipient
from ...core.interfaces import IServerSession
from ...core.reply import Reply
from ...net.interfaces import IDeliveryPolicy
from .consultation import CONSULTATION, Opinions


@implementer(IDeliveryPolicy)
class DecidingPolicy:
    """
    Asks checkers what they have against a message, and against its recipients.
    """

    bearsRepeats = True

    def mayConnect(self, session: IServerSession) -> None:
        """Nobody is asked yet."""

    def maySend(self, session: IServerSession, envelope: Envelope) -> None:
        """Nobody is asked yet."""

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> None:
        """Nobody is asked yet."""

    def mayDeliver(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None | Deferred[Reply | None]:
        """See L{IDeliveryPolicy}."""
        consultation = envelope.stamp(CONSULTATION)
        if consultation is None:
            return None
        return consultation.decided().addCallback(partial(_refusal, recipient))


def _refusal(recipient: Recipient, opinions: Opinions) -> Reply | None:
    """What the first that has something against it says."""
    for each in opinions.values():
        refusal = each.refusal or each.refusals.get(recipient)
        if refusal is not None:
            return refusal
    return None


__all__ = ["DecidingPolicy"]
