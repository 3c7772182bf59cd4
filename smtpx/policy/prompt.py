"""
Begins to look a sender up as soon as there is one, so that nobody waits for it.
"""

from __future__ import annotations

from zope.interface import implementer

from ..core.envelope import Envelope, Recipient
from ..core.interfaces import IServerSession
from ..core.reply import Reply
from ..net.interfaces import IPolicy
from .authentication import Authentication


@implementer(IPolicy)
class PromptPolicy:
    """
    Has no objection to anything.
    """

    #: Of clients that may be a recording nothing is looked up.
    bearsRepeats = True

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    def mayConnect(self, session: IServerSession) -> Reply | None:
        """See L{IPolicy}."""
        return None

    def maySend(self, session: IServerSession, envelope: Envelope) -> Reply | None:
        """Begin with SPF."""
        if not session.fastOpen:
            inquiry = self._authentication.inquiry(session, envelope)
            if inquiry is not None:
                inquiry.begin()
        return None

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None:
        """See L{IPolicy}."""
        return None


__all__ = ["PromptPolicy"]
