"""
Messages line by line, one copy a recipient, as C{IMessage} wants them.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IProducer
from twisted.logger import Logger
from twisted.mail.smtp import SMTPServerError
from twisted.python.failure import Failure
from zope.interface import implementer

from ...core.envelope import Envelope
from ...core.interfaces import IServerSession
from ...core.reply import LOCAL_ERROR, Reply, reply
from ...net.interfaces import IArrival, IReceiver
from .deliveries import ORIGIN, TARGET, DeliveryPolicy, replyOf

_TAKEN = reply(250, "2.0.0", b"Delivery in progress")


@implementer(IReceiver)
class DeliveryReceiver:
    """Begins a message for each recipient, with its Received field above it."""

    def __init__(self, policy: DeliveryPolicy) -> None:
        """
        @param policy: by which the recipients were accepted.
        """
        self._policy = policy

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """See L{IReceiver}."""
        desk = self._policy.desk(session)
        origin = envelope.stamps[ORIGIN]
        messages: list[Any] = []
        try:
            for recipient in envelope.recipients:
                user, target = recipient.stamps[TARGET]
                message = target()
                messages.append(message)
                above = desk.delivery.receivedHeader(desk.helo, origin, [user])
                if above:
                    message.lineReceived(above)
        except SMTPServerError as error:
            abandon(messages)
            return replyOf(error.code, error.resp)
        except Exception:
            abandon(messages)
            raise
        return LineArrival(messages)


def abandon(messages: list[Any]) -> None:
    """Tell messages that they will not be finished, all of them."""
    for message in messages:
        try:
            message.connectionLost()
        except Exception:
            LineArrival.log.failure("A message could not be given up")


@implementer(IArrival)
class LineArrival:
    """
    A message in lines.

    @ivar held: the pieces of a line whose end has not come; none is empty.
    """

    log = Logger()

    def __init__(self, messages: list[Any]) -> None:
        self._messages = messages
        self.held: list[bytes] = []
        self._inHeader = False
        self._inBody = False
        self._failed: Reply | None = None

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Lines are taken at once; nothing is ever paused."""

    def unregisterProducer(self) -> None:
        """See C{registerProducer}."""

    def write(self, data: bytes) -> None:
        """A piece of the body."""
        if self._failed is not None:
            return
        held = self.held
        cut = bool(held) and data[:1] == b"\n" and held[-1][-1:] == b"\r"
        if not cut and b"\r\n" not in data:
            # By BDAT a line may be as long as a message: it is put together once.
            held.append(data)
            return
        *lines, rest = b"".join([*held, data]).split(b"\r\n")
        self.held = [rest] if rest else []
        try:
            for line in lines:
                self._line(line)
        except SMTPServerError as error:
            self._failed = replyOf(error.code, error.resp)
            self.abort()

    def _line(self, line: bytes) -> None:
        if not self._inHeader and not self._inBody:
            if b":" in line:
                self._inHeader = True
            elif line:
                # No header: the one that was put above it has to end.
                self._give(b"")
                self._inBody = True
        if not line:
            self._inBody = True
        self._give(line)

    def _give(self, line: bytes) -> None:
        for message in self._messages:
            message.lineReceived(line)

    def finish(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | Deferred[Reply]:
        """The message is whole: each copy says what became of it."""
        if self.held:
            self.write(b"\r\n")
        if self._failed is not None:
            return self._failed
        ends = [maybeDeferred(message.eomReceived) for message in self._messages]
        return DeferredList(ends, consumeErrors=True).addCallback(self._outcome)

    def _outcome(self, results: list[tuple[bool, Any]]) -> Reply:
        failures: list[Failure] = [failure for good, failure in results if not good]
        if not failures:
            return _TAKEN
        for failure in failures:
            if not failure.check(SMTPServerError):
                self.log.failure("A message could not be delivered", failure)
        if len(failures) < len(results):
            # Those that have it would have it twice if the client tried again.
            return reply(
                550,
                "5.0.0",
                b"Could not send e-mail (%d failures out of %d recipients)"
                % (len(failures), len(results)),
            )
        error: Any = failures[0].value
        if isinstance(error, SMTPServerError):
            return replyOf(error.code, error.resp)
        return LOCAL_ERROR

    def abort(self) -> None:
        """It will not be finished."""
        messages, self._messages = self._messages, []
        abandon(messages)
