"""
Recipients at domains that we relay: is there somebody of that name?

A relay that takes mail for whoever is named has to send back what the next host
does not want, to senders who mostly never wrote it.  So recipients are checked at
RCPT, by whatever knows them: a list (L{smtpx.policy.recipientlist}), a socket
(L{smtpx.policy.socketmap}) or the next host itself (L{smtpx.policy.callout}), each
an L{IRecipientCheck}.  What takes time is remembered, and asked once however many
want to know (L{smtpx.policy.recipientcache}).

The check is to be the last of all policies: nobody makes us ask another host who
is refused anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from ..core.envelope import Envelope, Recipient
from ..core.interfaces import IServerSession
from ..core.reply import Reply, reply
from ..net.interfaces import IPolicy
from ..observe import events
from .aliases import Publish, unheard
from .aliastable import UNKNOWN

#: RFC 3463 section 3.5, X.4.3: what knows the recipients does not answer.
CANNOT_TELL = reply(451, "4.4.3", b"Cannot tell now whether there is such a recipient")


class Standing(Enum):
    """What is known of a recipient."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    UNSURE = "unsure"


@frozen
class Finding:
    """
    What a check found.

    @ivar standing: what is known.
    @ivar why: who says so, or why nobody does, for the operator.
    """

    standing: Standing
    why: str = ""


class IRecipientCheck(Interface):
    """
    Knows who is a recipient at a domain that we relay.

    A check may have an attribute C{bearsRepeats}, true if it only looks at what it has:
    see L{IPolicy}.
    """

    def look(path: bytes, whose: bytes) -> Finding | Deferred[Finding]:
        """
        Is there such a recipient?

        @param path: the mailbox, as the envelope has it, at a relayed domain.
        @param whose: on behalf of whom: a client's address.
        @return: it may fail, with what nobody foresaw; that is L{Standing.UNSURE}.
        """


@implementer(IPolicy)
@frozen
class RecipientPolicy:
    """
    Refuses recipients who do not exist.

    @ivar relayed: is it a recipient to be checked?
    @ivar check: who knows.
    @ivar accepting: is mail taken where nobody can tell?
    @ivar publish: told where nobody can.
    """

    relayed: Callable[[bytes], bool]
    check: IRecipientCheck
    accepting: bool = False
    publish: Publish = unheard

    @property
    def bearsRepeats(self) -> bool:
        """See L{IPolicy}; it depends on who knows."""
        return getattr(self.check, "bearsRepeats", False)

    def mayConnect(self, session: IServerSession) -> None:
        """See L{IPolicy}; nothing is known of clients."""

    def maySend(self, session: IServerSession, envelope: Envelope) -> None:
        """See L{IPolicy}; nothing is known of senders."""

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None | Deferred[Reply | None]:
        """See L{IPolicy}."""
        path = recipient.path
        if not self.relayed(path):
            return None
        found = self.check.look(path, session.peer)
        if isinstance(found, Finding):
            return self._answer(found, path)
        return found.addErrback(unforeseen).addCallback(self._answer, path)

    def _answer(self, found: Finding, path: bytes) -> Reply | None:
        if found.standing is Standing.KNOWN:
            return None
        if found.standing is Standing.UNKNOWN:
            return UNKNOWN
        self.publish(events.RECIPIENT_UNSURE, {"recipient": path, "why": found.why})
        return None if self.accepting else CANNOT_TELL


def unforeseen(failure: Failure) -> Finding:
    """
    What comes of a check that fails.  This is the border of checks: whatever comes
    out of one, no recipient is unknown for that.
    """
    kind = type(failure.value).__name__
    return Finding(Standing.UNSURE, f"{kind}: {failure.getErrorMessage()}")


__all__ = [
    "CANNOT_TELL",
    "Finding",
    "IRecipientCheck",
    "RecipientPolicy",
    "Standing",
    "unforeseen",
]
