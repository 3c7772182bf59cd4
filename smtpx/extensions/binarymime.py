"""
BINARYMIME (RFC 3030 section 3): bodies that are not lines at all.

C{BODY=BINARYMIME} on MAIL promises that each octet of the body arrives as it was
sent, line ends or none.  Only BDAT can carry that, so a DATA in such a
transaction is answered 503.

To a host that lacks BINARYMIME or CHUNKING the client sends such a message as lines,
converted (L{smtpx.extensions.eightbitmimeconversion}), the first choice of section
3; where that cannot be, or is not to be, it does not send it.  The note on the
envelope is critical, so a queue from which this extension is gone keeps the message:
sent as it is, it would arrive broken, or as something else (a bare LF in it could
end a message somewhere).
"""

from __future__ import annotations

from attrs import field, frozen
from zope.interface import implementer

from ..core.dialogue import Transformation
from ..core.envelope import Bearer, Envelope
from ..core.grammar import KEYWORD, token
from ..core.hooks import Capability, Parameter, Refusal, Where
from ..core.interfaces import (
    IBody,
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IQueueBuilder,
    IQueueExtension,
    IServerBuilder,
    IServerExtension,
    IServerSession,
    Transform,
)
from ..core.occasion import when
from ..core.reply import BAD_SEQUENCE, Reply
from .chunking import CAPABILITY as CHUNKS
from .eightbitmime import CAPABILITY as EIGHT
from .eightbitmimeconversion import BINARY, EIGHTBIT, cannot, fromBinary

CAPABILITY = Capability[bool](b"BINARYMIME", KEYWORD)


@frozen
class BinaryMIMESettings:
    """What an operator may set of BINARYMIME."""

    conversion: bool = field(
        default=True,
        metadata={
            "help": "Convert such a message for a host that lacks BINARYMIME or"
            " CHUNKING.  If not, it is not sent there."
        },
    )


def _receive(session: IServerSession, bearer: Bearer, body: bytes) -> Reply | None:
    bearer.stamps[BINARY] = True
    return None


def _send(session: IClientSession, bearer: Bearer) -> bytes | None:
    return b"BINARYMIME" if bearer.stamp(BINARY) else None


#: C{BODY=BINARYMIME} on MAIL; the other values of BODY are 8BITMIME's.
PARAMETER = Parameter[bytes](
    b"BODY",
    Where.MAIL,
    token(b"BINARYMIME"),
    _receive,
    _send,
    value=b"BINARYMIME",
    of=(BINARY,),
)


def _goes(session: IClientSession, envelope: Envelope) -> bool:
    """Does C{envelope}, which is binary, go to this peer as it is?"""
    return None not in (session.offered(CAPABILITY), session.offered(CHUNKS))


class IBinaryMIME(IServerExtension, IClientExtension, IQueueExtension):
    """BINARYMIME (RFC 3030)."""


@implementer(IBinaryMIME)
class BinaryMIME:
    """
    The BINARYMIME extension.

    @ivar options: the settings.
    """

    name = "BINARYMIME"
    #: CHUNKING by section 3 item 3; 8BITMIME because BODY is its parameter.
    requires: tuple[str, ...] = ("CHUNKING", "8BITMIME")
    settings = BinaryMIMESettings

    def __init__(self, settings: BinaryMIMESettings = BinaryMIMESettings()) -> None:
        self.options = settings

    def configured(self, settings: BinaryMIMESettings) -> BinaryMIME:
        """See L{smtpx.core.interfaces.IExtension}."""
        return BinaryMIME(settings)

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        # Section 3 item 3: never without CHUNKING.
        server.capability(CAPABILITY, lambda session: session.holds("chunking") or None)
        server.parameter(PARAMETER)
        server.gate(self._refuseData, b"DATA", of=(BINARY,))

    def _refuseData(self, session: IServerSession, verb: bytes) -> Reply | None:
        # A review of Stage.DATA would not do: it is asked for BDAT as well.
        envelope = session.envelope
        if envelope is not None and envelope.stamp(BINARY):
            return BAD_SEQUENCE
        return None

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.parameter(PARAMETER, under=CAPABILITY)
        if self.options.conversion:
            client.transform(when(self._transform, of=(BINARY,)))
        else:
            client.admit(when(self._admit, of=(BINARY,)))

    def _admit(self, session: IClientSession, envelope: Envelope) -> Refusal | None:
        return None if _goes(session, envelope) else cannot(CAPABILITY.keyword)

    def _transform(
        self, session: IClientSession, envelope: Envelope
    ) -> Transform | None:
        if _goes(session, envelope):
            return None
        eightBit = session.offered(EIGHT) is not None

        def transform(envelope: Envelope, body: IBody) -> Transformation:
            # What is sent now is lines, which BODY is to say, too.
            del envelope.stamps[BINARY]
            envelope.stamps[EIGHTBIT] = True
            return fromBinary(CAPABILITY.keyword, body, eightBit)

        return transform

    # --- queue ----------------------------------------------------------------

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """See L{IQueueExtension}."""
        queue.stamp(BINARY)


__all__ = [
    "BINARY",
    "CAPABILITY",
    "PARAMETER",
    "BinaryMIME",
    "BinaryMIMESettings",
    "IBinaryMIME",
]
