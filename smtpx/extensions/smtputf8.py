"""
SMTPUTF8 (RFC 6531): internationalised addresses and headers.

The parameter on MAIL sets a fact of the core, C{session.utf8Addresses}; with it
the core takes UTF-8 in the addresses of this transaction and writes C{UTF8SMTP}
into the Received field (RFC 6531 section 4.3).  Without it, a non-ASCII address
is refused with X.6.7.

The note on the envelope is critical: a message that may have UTF-8 in its header
must not go to a host that lacks the keyword (section 3.2), not even after this
extension was switched off.  So the queue keeps such a message rather than sends
it.
"""

from __future__ import annotations

from zope.interface import implementer

from ..core.envelope import Bearer, Envelope, Stamp, dumpFlag, loadFlag
from ..core.grammar import FLAG, KEYWORD
from ..core.hooks import Capability, Parameter, Refusal, Scope, Where
from ..core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IQueueBuilder,
    IQueueExtension,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from ..core.reply import Reply, reply

#: Section 3.1 item 3: no parameters are sent, and a peer's are ignored.
CAPABILITY = Capability[bool](b"SMTPUTF8", KEYWORD)

#: Envelope or header of this message may have UTF-8.
UTF8 = Stamp[bool]("smtputf8", dumpFlag, loadFlag, critical=True)

_NO_WAY = reply(550, "5.6.7", b"Next host lacks SMTPUTF8")


def _receive(session: IServerSession, bearer: Bearer, flag: bool) -> Reply | None:
    bearer.stamps[UTF8] = True
    session.utf8Addresses = True
    return None


def _send(session: IClientSession, bearer: Bearer) -> bool | None:
    return bearer.stamps.get(UTF8)


#: The flag on MAIL (section 3.4).
PARAMETER = Parameter[bool](b"SMTPUTF8", Where.MAIL, FLAG, _receive, _send)


def _receiveQuery(session: IServerSession, bearer: Bearer, flag: bool) -> Reply | None:
    # It is about the replies to this one command (section 3.7.4.2), and the core
    # names nobody in those.
    return None


def _sendQuery(session: IClientSession, bearer: Bearer) -> bool | None:
    return None


#: The flag on VRFY and EXPN (section 3.7.4.2).
QUERIES = tuple(
    Parameter[bool](b"SMTPUTF8", where, FLAG, _receiveQuery, _sendQuery)
    for where in (Where.VRFY, Where.EXPN)
)


class ISMTPUTF8(IServerExtension, IClientExtension, IQueueExtension):
    """SMTPUTF8 (RFC 6531)."""


@implementer(ISMTPUTF8)
class SMTPUTF8:
    """The SMTPUTF8 extension.  It has no options."""

    name = "SMTPUTF8"
    #: Section 3.1 item 8.
    requires: tuple[str, ...] = ("8BITMIME",)
    settings = None

    def configured(self, settings: object) -> SMTPUTF8:
        """See L{smtpx.core.interfaces.IExtension}."""
        return self

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.capability(CAPABILITY, lambda session: True)
        server.parameter(PARAMETER)
        for parameter in QUERIES:
            server.parameter(parameter)

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.parameter(PARAMETER, under=CAPABILITY)
        client.admit(self._admit)

    def _admit(self, session: IClientSession, envelope: Envelope) -> Refusal | None:
        if envelope.stamps.get(UTF8) and not session.offered(CAPABILITY):
            return Refusal(_NO_WAY, Scope.HOST)
        return None

    # --- queue ----------------------------------------------------------------

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """See L{IQueueExtension}."""
        queue.stamp(UTF8)
