"""
8BITMIME (RFC 6152): bodies with octets above 127.

The server keeps every octet of every body as it came, so C{BODY=8BITMIME} only
has to be noted.  The note goes with the message through the queue, and the client
repeats it to the next host.

Where the next host lacks 8BITMIME, nothing with octets above 127 is sent there,
declared or not (RFC 6152 section 3).  The message is converted to 7-bit MIME
(L{smtpx.extensions.eightbitmimeconversion}); if it cannot be, or is not to be,
another host of the domain is tried, and if none has the keyword, the sender is told
5.6.3.  What cannot be converted without loss is not: what is signed, header fields,
and what programs could understand in more than one way.

The same is done about lines that are too long for a host without CHUNKING.
"""

from __future__ import annotations

from attrs import field, frozen
from zope.interface import implementer

from ..core.dialogue import Transformation
from ..core.envelope import Bearer, Envelope
from ..core.grammar import KEYWORD, token
from ..core.hooks import Capability, LogFields, Parameter, Refusal, Where
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
from ..core.reply import Reply
from .chunking import CAPABILITY as CHUNKS
from .eightbitmimeconversion import (
    BINARY,
    EIGHTBIT,
    cannot,
    fitsLines,
    fitsSeven,
    toLines,
    toSeven,
)

CAPABILITY = Capability[bool](b"8BITMIME", KEYWORD)


@frozen
class EightBitMIMESettings:
    """What an operator may set of 8BITMIME."""

    conversion: bool = field(
        default=True,
        metadata={
            "help": "Convert a message with 8-bit octets for a host that lacks"
            " 8BITMIME.  If not, one that was declared so is not sent there, and any"
            " other goes as it is."
        },
    )
    longLines: bool = field(
        default=True,
        metadata={
            "help": "Encode what has lines of more than 998 octets for a host that"
            " lacks CHUNKING.  If not, they go as they are."
        },
    )


def _receiveEight(session: IServerSession, bearer: Bearer, body: bytes) -> Reply | None:
    bearer.stamps[EIGHTBIT] = True
    return None


def _receiveSeven(session: IServerSession, bearer: Bearer, body: bytes) -> Reply | None:
    # The default (RFC 6152 section 3): nothing to note.
    return None


def _sendEight(session: IClientSession, bearer: Bearer) -> bytes | None:
    return b"8BITMIME" if bearer.stamp(EIGHTBIT) else None


def _sendSeven(session: IClientSession, bearer: Bearer) -> bytes | None:
    return None


#: C{BODY=8BITMIME} on MAIL.
EIGHT = Parameter[bytes](
    b"BODY",
    Where.MAIL,
    token(b"8BITMIME"),
    _receiveEight,
    _sendEight,
    value=b"8BITMIME",
    of=(EIGHTBIT,),
)
#: C{BODY=7BIT} on MAIL.  As it is never written, it need not be asked for it.
SEVEN = Parameter[bytes](
    b"BODY",
    Where.MAIL,
    token(b"7BIT"),
    _receiveSeven,
    _sendSeven,
    value=b"7BIT",
    of=(EIGHTBIT,),
)


def _toSeven(envelope: Envelope, body: IBody) -> Transformation:
    return toSeven(CAPABILITY.keyword, body)


def _toLines(envelope: Envelope, body: IBody) -> Transformation:
    return toLines(body)


class IEightBitMIME(IServerExtension, IClientExtension, IQueueExtension):
    """8BITMIME (RFC 6152)."""


@implementer(IEightBitMIME)
class EightBitMIME:
    """
    The 8BITMIME extension.

    @ivar options: the settings.
    """

    name = "8BITMIME"
    requires: tuple[str, ...] = ()
    settings = EightBitMIMESettings

    def __init__(self, settings: EightBitMIMESettings = EightBitMIMESettings()) -> None:
        self.options = settings

    def configured(self, settings: EightBitMIMESettings) -> EightBitMIME:
        """See L{smtpx.core.interfaces.IExtension}."""
        return EightBitMIME(settings)

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.capability(CAPABILITY, lambda session: True)
        server.parameter(EIGHT)
        server.parameter(SEVEN)
        server.record(self._record, of=(EIGHTBIT,))

    def _record(self, session: IServerSession) -> LogFields:
        envelope = session.envelope
        if envelope is not None and EIGHTBIT in envelope.stamps:
            return (("M8S", 8),)
        return ()

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.parameter(EIGHT, under=CAPABILITY)
        if self.options.conversion:
            seven = when(self._seven, lacks=CAPABILITY, plain=fitsSeven)
            client.transform(seven)
        else:
            client.admit(when(self._admit, lacks=CAPABILITY, of=(EIGHTBIT,)))
        if self.options.longLines:
            # Without 8BITMIME, the other one sees to the lines as well.
            lines = when(self._lines, offers=CAPABILITY, lacks=CHUNKS, plain=fitsLines)
            client.transform(lines)

    def _admit(self, session: IClientSession, envelope: Envelope) -> Refusal | None:
        return cannot(CAPABILITY.keyword)

    def _seven(self, session: IClientSession, envelope: Envelope) -> Transform | None:
        return None if envelope.stamp(BINARY) else _toSeven

    def _lines(self, session: IClientSession, envelope: Envelope) -> Transform | None:
        return None if envelope.stamp(BINARY) else _toLines

    # --- queue ----------------------------------------------------------------

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """See L{IQueueExtension}."""
        queue.stamp(EIGHTBIT)


__all__ = [
    "CAPABILITY",
    "EIGHT",
    "EIGHTBIT",
    "SEVEN",
    "EightBitMIME",
    "EightBitMIMESettings",
    "IEightBitMIME",
]
