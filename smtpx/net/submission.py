"""
Receiving what people's mail programs submit (RFC 6409): messages are made whole
before they go where messages go.

L{SubmissionReceiver} stands before any receiver.  It holds a message back until its
header has come, and passes it on with the C{Date} and C{Message-ID} that it lacks and
without C{Bcc} (L{smtpx.core.submitted}); text goes through as it comes.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from email.utils import formatdate

from twisted.internet.interfaces import IProducer
from zope.interface import implementer

from ..core.envelope import Envelope, Stamp
from ..core.interfaces import IServerSession
from ..core.reply import Reply, reply
from ..core.submitted import complete, headerEnd, unqualified
from .interfaces import IArrival, IReceiver, Taken
from .receiving import Taker, receiverFor
from .withheld import withhold

#: The most octets of a header.
HEADER_OCTETS = 1 << 18

#: RFC 6409 sections 4.2 and 5.1 have the code.
TOO_LONG = reply(554, "5.6.0", b"Header is too long")

#: Of an envelope: the Message-ID that was made for it, without angle brackets.
MADE_MESSAGE_ID = Stamp[bytes]("submission.message-id", None, str.encode)


@implementer(IReceiver)
class SubmissionReceiver:
    """
    Makes messages whole and hands them on.
    """

    def __init__(
        self,
        receiver: IReceiver | Taker,
        *,
        name: bytes = b"localhost",
        whole: Callable[[bytes], bool] | None = None,
        clock: Callable[[], float] = time.time,
        word: Callable[[], str] = lambda: secrets.token_hex(10),
        sender: Callable[[IServerSession], bytes | None] = lambda session: None,
    ) -> None:
        """
        @param receiver: where messages go.
        @param name: of the server, which stands in a Message-ID made here.
        @param whole: is a domain in the header the whole of it?  A message in which
            one is not is refused; L{None}: addresses in it are not looked at.
        @param clock: seconds since the epoch.
        @param word: a word that there has never been.
        @param sender: whom C{Sender} is to name (L{complete}).
        """
        self.receiver = receiverFor(receiver)
        self.name = name
        self.whole = whole
        self.clock = clock
        self.word = word
        self.sender = sender

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """See L{IReceiver}."""
        arrival = self.receiver.begin(session, envelope)
        if isinstance(arrival, Reply):
            return arrival
        return _SubmittedArrival(self, arrival, envelope, self.sender(session))


@implementer(IArrival)
class _SubmittedArrival:
    """
    A message whose header is being made whole.

    @ivar write: takes a piece of the body; once the header is through, it is the
        other arrival's own.
    """

    __slots__ = (
        "_arrival",
        "_envelope",
        "_held",
        "_receiver",
        "_refusal",
        "_sender",
        "write",
    )

    def __init__(
        self,
        receiver: SubmissionReceiver,
        arrival: IArrival,
        envelope: Envelope,
        sender: bytes | None,
    ) -> None:
        self._receiver = receiver
        self._sender = sender
        self._arrival = arrival
        self._envelope = envelope
        #: The message so far; L{None}: its header is through.
        self._held: bytearray | None = bytearray()
        self._refusal: Reply | None = None
        self.write: Callable[[bytes], None] = self._hold
        withhold(envelope, self._end)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """It is paused by whoever takes the message."""
        self._arrival.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """See L{IArrival}."""
        self._arrival.unregisterProducer()

    def _hold(self, data: bytes) -> None:
        held = self._held
        assert held is not None
        if headerEnd(held, data) is not None:
            self._release(held)
        elif len(held) > HEADER_OCTETS:
            self._refuse(TOO_LONG)

    def _release(self, held: bytearray) -> None:
        """The header is there."""
        self._held = None
        receiver = self._receiver
        now = receiver.clock()
        word = f"{int(now):x}.{receiver.word()}".encode("ascii")
        made = complete(
            bytes(held),
            formatdate(now, localtime=True).encode("ascii"),
            b"<%b@%b>" % (word, receiver.name),
            self._sender,
        )
        bad = receiver.whole and unqualified(made.fields, receiver.whole)
        if bad:
            text = b"Address without its whole domain in " + bad.name.title()
            self._refuse(reply(554, "5.6.0", text))
            return
        if made.messageID is not None:
            self._envelope.stamps[MADE_MESSAGE_ID] = made.messageID[1:-1]
        self.write = self._arrival.write
        self.write(made.octets)

    def _end(self) -> None:
        """The message is there; it may have ended within its header."""
        if self._held is not None:
            self._release(self._held)

    def _refuse(self, why: Reply) -> None:
        self._held = None
        self._refusal = why
        self.write = self._drop

    def _drop(self, data: bytes) -> None:
        """It will be refused; what still comes is of no use."""

    def finish(self, session: IServerSession, envelope: Envelope) -> Taken:
        """See L{IArrival}."""
        try:
            self._end()
        except BaseException:
            self._arrival.abort()
            raise
        if self._refusal is not None:
            self._arrival.abort()
            return self._refusal
        return self._arrival.finish(session, envelope)

    def abort(self) -> None:
        """See L{IArrival}."""
        self._arrival.abort()


__all__ = ["HEADER_OCTETS", "MADE_MESSAGE_ID", "SubmissionReceiver"]
