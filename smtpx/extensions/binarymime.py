"""
BINARYMIME (RFC 3030 section 3): bodies that are not lines at all.

C{BODY=BINARYMIME} on MAIL promises that each octet of the body arrives as it was
sent, line ends or none.  Only BDAT can carry that, so a DATA in such a
transaction is answered 503.

The client sends such a message to no host that lacks BINARYMIME or CHUNKING: the
third choice of section 3, a permanent error, for the same reasons that
L{smtpx.extensions.eightbitmime} gives.  The note on the envelope is critical, so
a queue from which this extension is gone keeps the message: sent as lines, it
would arrive broken, or as something else (a bare LF in it could end a message
somewhere).
"""

from __future__ import annotations

from zope.interface import implementer

from ..core.envelope import Bearer, Envelope, Stamp, dumpFlag, loadFlag
from ..core.grammar import KEYWORD, token
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
from ..core.reply import BAD_SEQUENCE, Reply, reply
from .chunking import CAPABILITY as CHUNKS

CAPABILITY = Capability[bool](b"BINARYMIME", KEYWORD)

#: The body is octets, not lines.
BINARY = Stamp[bool]("binarymime", dumpFlag, loadFlag, critical=True)

_NO_WAY = reply(554, "5.6.3", b"Next host lacks BINARYMIME, conversion not done")


def _receive(session: IServerSession, bearer: Bearer, body: bytes) -> Reply | None:
    bearer.stamps[BINARY] = True
    return None


def _send(session: IClientSession, bearer: Bearer) -> bytes | None:
    return b"BINARYMIME" if bearer.stamps.get(BINARY) else None


#: C{BODY=BINARYMIME} on MAIL; the other values of BODY are 8BITMIME's.
PARAMETER = Parameter[bytes](
    b"BODY", Where.MAIL, token(b"BINARYMIME"), _receive, _send, value=b"BINARYMIME"
)


class IBinaryMIME(IServerExtension, IClientExtension, IQueueExtension):
    """BINARYMIME (RFC 3030)."""


@implementer(IBinaryMIME)
class BinaryMIME:
    """The BINARYMIME extension.  It has no options."""

    name = "BINARYMIME"
    #: CHUNKING by section 3 item 3; 8BITMIME because BODY is its parameter.
    requires: tuple[str, ...] = ("CHUNKING", "8BITMIME")
    settings = None

    def configured(self, settings: object) -> BinaryMIME:
        """See L{smtpx.core.interfaces.IExtension}."""
        return self

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.capability(CAPABILITY, lambda session: True)
        server.parameter(PARAMETER)
        server.gate(self._refuseData, b"DATA")

    def _refuseData(self, session: IServerSession, verb: bytes) -> Reply | None:
        # A review of Stage.DATA would not do: it is asked for BDAT as well.
        envelope = session.envelope
        if envelope is not None and envelope.stamps.get(BINARY):
            return BAD_SEQUENCE
        return None

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.parameter(PARAMETER, under=CAPABILITY)
        client.admit(self._admit)

    def _admit(self, session: IClientSession, envelope: Envelope) -> Refusal | None:
        if not envelope.stamps.get(BINARY):
            return None
        if session.offered(CAPABILITY) and session.offered(CHUNKS):
            return None
        return Refusal(_NO_WAY, Scope.HOST)

    # --- queue ----------------------------------------------------------------

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """See L{IQueueExtension}."""
        queue.stamp(BINARY)
