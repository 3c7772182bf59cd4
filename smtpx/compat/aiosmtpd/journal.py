"""
What happens in a server, for programs that log with the standard library.
"""

from __future__ import annotations

import logging

from zope.interface import implementer

from ...core.envelope import Envelope
from ...core.interfaces import IServerSession
from ...core.reply import Reply
from ...net.ends import Ends
from ...net.interfaces import IJournal


@implementer(IJournal)
class StandardLog:
    """
    Writes to the logger C{mail.log}, which is aiosmtpd's: what goes wrong in a
    handler as errors, and who comes and goes for information.
    """

    def __init__(self, name: str = "mail.log") -> None:
        self._log = logging.getLogger(name)

    @property
    def enabled(self) -> bool:
        """Does anybody want to know who comes and goes?"""
        return self._log.isEnabledFor(logging.INFO)

    def connected(self, session: IServerSession) -> None:
        """See L{IJournal}."""
        self._log.info("%s connected", _client(session))

    def refused(self, session: IServerSession, command: bytes, answer: Reply) -> None:
        """See L{IJournal}."""
        said = answer.octets[:-2]
        self._log.info("%s refused %r: %r", _client(session), command, said)

    def accepted(
        self,
        session: IServerSession,
        envelope: Envelope,
        messageID: str,
        answer: Reply,
    ) -> None:
        """See L{IJournal}."""
        self._log.info("%s message from %r", _client(session), envelope.sender)

    def secured(self, session: IServerSession) -> None:
        """See L{IJournal}."""
        self._log.info("%s under TLS", _client(session))

    def authenticated(
        self, session: IServerSession, mechanism: str, good: bool
    ) -> None:
        """See L{IJournal}."""
        how = "succeeded" if good else "failed"
        self._log.info("%s login by %s %s", _client(session), mechanism, how)

    def trouble(
        self, session: IServerSession, owner: str, error: BaseException
    ) -> None:
        """See L{IJournal}."""
        self._log.error("%s trouble in %s", _client(session), owner, exc_info=error)

    def closed(self, session: IServerSession, why: str) -> None:
        """See L{IJournal}."""
        self._log.info("%s closed: %s", _client(session), why)

    def turnedAway(self, peer: bytes, port: int, answer: Reply) -> None:
        """See L{IJournal}."""
        said = answer.octets[:-2]
        self._log.info("[%s]:%s not let in: %r", _text(peer), port, said)

    def proxyRefused(self, ends: Ends, why: str) -> None:
        """See L{IJournal}."""
        self._log.warning("[%s] refused as a proxy: %s", _text(ends.peer), why)


def _text(octets: bytes) -> str:
    return octets.decode("ascii", "replace")


def _client(session: IServerSession) -> str:
    return f"[{_text(session.peer)}]:{session.peerPort}"
