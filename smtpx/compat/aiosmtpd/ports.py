"""
Hooks behind the doors that a factory has: its policy, and its receiver.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import implementer

from ...core.envelope import Envelope, Recipient
from ...core.interfaces import IServerSession
from ...core.reply import Reply, reply
from ...net.answers import judgeOf
from ...net.interfaces import IArrival, IPolicy, IReceiver
from ..policies import unlessRefused
from .hooks import Hooks
from .receiving import MemoryArrival

_NEEDS_RCPT = reply(503, "5.5.1", b"Need RCPT first")


@implementer(IPolicy)
class HookPolicy:
    """Asks a policy, and then the hooks for MAIL and RCPT."""

    def __init__(self, policy: IPolicy, hooks: Hooks) -> None:
        self._hooks = hooks
        self._mayConnect = policy.mayConnect
        self._maySend = policy.maySend
        self._mayReceive = policy.mayReceive
        self.mayDeliver = judgeOf(policy)

    def mayConnect(
        self, session: IServerSession
    ) -> Reply | None | Deferred[Reply | None]:
        """See L{IPolicy}."""
        first = self._mayConnect(session)
        return unlessRefused(first, lambda: self._hooks.connect(session))

    def maySend(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | None | Deferred[Reply | None]:
        """See L{IPolicy}."""
        first = self._maySend(session, envelope)
        return unlessRefused(first, lambda: self._hooks.mail(session, envelope.sender))

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None | Deferred[Reply | None]:
        """See L{IPolicy}."""
        first = self._mayReceive(session, envelope, recipient)
        return unlessRefused(first, lambda: self._hooks.rcpt(session, recipient.path))


@implementer(IReceiver)
class HookReceiver:
    """
    Gathers messages for C{handle_DATA}; where the handler has none, gives them to
    another receiver.
    """

    def __init__(self, hooks: Hooks, receiver: IReceiver | None) -> None:
        """
        @param receiver: L{None}: messages nobody wants are thrown away, as
            aiosmtpd does.
        """
        self._hooks = hooks
        self._receiver = receiver

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """See L{IReceiver}."""
        server = self._hooks.server(session)
        if not server.envelope.rcpt_tos:
            # The hook for RCPT accepted, but put nobody down.
            return _NEEDS_RCPT
        if self._receiver is not None:
            return self._receiver.begin(session, envelope)
        return MemoryArrival(server, self._hooks.takesMessages)
