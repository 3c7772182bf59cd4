"""
8BITMIME (RFC 6152): bodies with octets above 127.

The server keeps every octet of every body as it came, so C{BODY=8BITMIME} only
has to be noted.  The note goes with the message through the queue, and the client
repeats it to the next host.

Where the next host lacks 8BITMIME, a message that was declared 8BITMIME is not
sent there.  RFC 6152 section 3 gives two choices, to convert it to 7-bit MIME or to
treat the barrier as a permanent error, and this is the second: a conversion has
to take apart every multipart, may not encode a C{message/rfc822} at all (RFC 2045
section 6.4), can say nothing of 8-bit header fields, and breaks each signature
on its way (RFC 6376 section 5.3).  Another host of the domain is tried; if none
has the keyword, the sender is told 5.6.3.
"""

from __future__ import annotations

from zope.interface import implementer

from ..core.envelope import Bearer, Envelope, Stamp, dumpFlag, loadFlag
from ..core.grammar import KEYWORD, token
from ..core.hooks import Capability, LogFields, Parameter, Refusal, Scope, Where
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

CAPABILITY = Capability[bool](b"8BITMIME", KEYWORD)

#: The sender declared octets above 127.
EIGHTBIT = Stamp[bool]("8bitmime", dumpFlag, loadFlag)

_NO_WAY = reply(554, "5.6.3", b"Next host lacks 8BITMIME, conversion not done")


def _receiveEight(session: IServerSession, bearer: Bearer, body: bytes) -> Reply | None:
    bearer.stamps[EIGHTBIT] = True
    return None


def _receiveSeven(session: IServerSession, bearer: Bearer, body: bytes) -> Reply | None:
    # The default (RFC 6152 section 3): nothing to note.
    return None


def _sendEight(session: IClientSession, bearer: Bearer) -> bytes | None:
    return b"8BITMIME" if bearer.stamps.get(EIGHTBIT) else None


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
)
#: C{BODY=7BIT} on MAIL.
SEVEN = Parameter[bytes](
    b"BODY", Where.MAIL, token(b"7BIT"), _receiveSeven, _sendSeven, value=b"7BIT"
)


class IEightBitMIME(IServerExtension, IClientExtension, IQueueExtension):
    """8BITMIME (RFC 6152)."""


@implementer(IEightBitMIME)
class EightBitMIME:
    """The 8BITMIME extension.  It has no options."""

    name = "8BITMIME"
    requires: tuple[str, ...] = ()
    settings = None

    def configured(self, settings: object) -> EightBitMIME:
        """See L{smtpx.core.interfaces.IExtension}."""
        return self

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.capability(CAPABILITY, lambda session: True)
        server.parameter(EIGHT)
        server.parameter(SEVEN)
        server.record(self._record)

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
        client.admit(self._admit)

    def _admit(self, session: IClientSession, envelope: Envelope) -> Refusal | None:
        if envelope.stamps.get(EIGHTBIT) and not session.offered(CAPABILITY):
            return Refusal(_NO_WAY, Scope.HOST)
        return None

    # --- queue ----------------------------------------------------------------

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """See L{IQueueExtension}."""
        queue.stamp(EIGHTBIT)
