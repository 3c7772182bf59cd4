"""
A journal that hears of the end of a session, whoever else listens.
"""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from ...core.envelope import Envelope
from ...core.interfaces import IServerSession
from ...core.reply import Reply
from ...net.ends import Ends
from ...net.interfaces import IJournal


@implementer(IJournal)
class FarewellJournal:
    """
    Calls a function when a session ends, and passes everything on.
    """

    enabled = True

    def __init__(
        self, journal: IJournal, farewell: Callable[[IServerSession], object]
    ) -> None:
        """
        @param journal: hears everything, if it is enabled.
        @param farewell: called once a session.
        """
        self._journal = journal
        self._farewell = farewell

    def connected(self, session: IServerSession) -> None:
        """See L{IJournal}."""
        if self._journal.enabled:
            self._journal.connected(session)

    def refused(self, session: IServerSession, command: bytes, answer: Reply) -> None:
        """See L{IJournal}."""
        if self._journal.enabled:
            self._journal.refused(session, command, answer)

    def accepted(
        self,
        session: IServerSession,
        envelope: Envelope,
        messageID: str,
        answer: Reply,
    ) -> None:
        """See L{IJournal}."""
        if self._journal.enabled:
            self._journal.accepted(session, envelope, messageID, answer)

    def secured(self, session: IServerSession) -> None:
        """See L{IJournal}."""
        if self._journal.enabled:
            self._journal.secured(session)

    def authenticated(
        self, session: IServerSession, mechanism: str, good: bool
    ) -> None:
        """See L{IJournal}."""
        if self._journal.enabled:
            self._journal.authenticated(session, mechanism, good)

    def trouble(
        self, session: IServerSession, owner: str, error: BaseException
    ) -> None:
        """See L{IJournal}."""
        self._journal.trouble(session, owner, error)

    def turnedAway(self, peer: bytes, port: int, answer: Reply) -> None:
        """See L{IJournal}."""
        if self._journal.enabled:
            self._journal.turnedAway(peer, port, answer)

    def proxyRefused(self, ends: Ends, why: str) -> None:
        """See L{IJournal}."""
        self._journal.proxyRefused(ends, why)

    def closed(self, session: IServerSession, why: str) -> None:
        """See L{IJournal}."""
        if self._journal.enabled:
            self._journal.closed(session, why)
        try:
            self._farewell(session)
        except Exception as error:
            self.trouble(session, "logout", error)
