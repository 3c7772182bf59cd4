"""
PIPELINING (RFC 2920): commands in groups.

Where the client may go on without waiting is the core's business, for it is the
core that reads and answers; this file says that it may: on the server side by
advertising, on the client side by reading what the peer advertised.  Which
command has to be the last of a group is said where the command is declared
(C{Verb.last}, C{Verb.alone}).
"""

from __future__ import annotations

from zope.interface import implementer

from ..core.grammar import KEYWORD
from ..core.hooks import Capability, LogFields, SyncPoint
from ..core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IServerBuilder,
    IServerExtension,
)
from ..core.occasion import when

CAPABILITY = Capability[bool](b"PIPELINING", KEYWORD)


class IPipelining(IServerExtension, IClientExtension):
    """PIPELINING (RFC 2920)."""


@implementer(IPipelining)
class Pipelining:
    """The PIPELINING extension.  It has no options."""

    name = "PIPELINING"
    requires: tuple[str, ...] = ()
    settings = None

    def configured(self, settings: object) -> Pipelining:
        """See L{smtpx.core.interfaces.IExtension}."""
        return self

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.capability(CAPABILITY, lambda session: True)
        server.relax(lambda session: SyncPoint.TRANSACTION)

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.relax(when(self._relax, offers=CAPABILITY, lasting=True))
        client.record(when(self._record, offers=CAPABILITY, lasting=True))

    def _relax(self, session: IClientSession) -> SyncPoint:
        offered = session.offered(CAPABILITY)
        return SyncPoint.TRANSACTION if offered else SyncPoint.NONE

    def _record(self, session: IClientSession) -> LogFields:
        # Whoever is offered it here makes use of it.
        return (("L", True),) if session.offered(CAPABILITY) else ()
