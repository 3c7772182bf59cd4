"""
Messages whole in memory, as handlers of aiosmtpd want them.

That is the price of C{handle_DATA}: each message that arrives takes up to
C{data_size_limit} octets, and a little more where it is decoded.
"""

from __future__ import annotations

from twisted.internet.interfaces import IProducer
from zope.interface import implementer

from ...core.envelope import Envelope as CoreEnvelope
from ...core.interfaces import IServerSession
from ...core.reply import OK, Reply, reply
from ...net.interfaces import IArrival
from .options import Options
from .server import SMTP
from .values import Envelope

_STRICT = reply(554, "5.6.1", b"Message is not ASCII")


@implementer(IArrival)
class MemoryArrival:
    """
    A message that is gathered for a handler.
    """

    def __init__(self, server: SMTP, kept: bool) -> None:
        """
        @param kept: does anybody want it?
        """
        self._server = server
        self._kept = kept
        self._pieces: list[bytes] = []
        server.arriving = self._pieces

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Memory keeps up; nothing is ever paused."""

    def unregisterProducer(self) -> None:
        """See C{registerProducer}."""

    def write(self, data: bytes) -> None:
        """A piece of the body."""
        if self._kept:
            self._pieces.append(data)

    def finish(self, session: IServerSession, envelope: CoreEnvelope) -> Reply:
        """The handler has said already what the client is told."""
        self._server.envelope = Envelope()
        return OK

    def abort(self) -> None:
        """Forget it."""
        self._pieces.clear()
        self._server.envelope = Envelope()


def contentOf(server: SMTP, options: Options) -> Reply | None:
    """
    Put the message that has arrived on the envelope.

    @return: a refusal, or L{None}.
    """
    envelope = server.envelope
    pieces, server.arriving = server.arriving, []
    original = b"".join(pieces)
    pieces.clear()
    envelope.original_content = envelope.content = original
    if options.decode_data:
        if options.enable_SMTPUTF8:
            envelope.content = original.decode("utf-8", "surrogateescape")
        elif original.isascii():
            envelope.content = original.decode("ascii")
        else:
            return _STRICT
    return None
