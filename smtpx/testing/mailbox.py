"""
A receiver that collects messages, for tests of programs that send mail.

L{Mailbox} is an L{smtpx.IReceiver}, so it goes where any other goes::

    mailbox = Mailbox()
    factory = SMTPServerFactory(reactor, mailbox)
    ...
    [message] = mailbox.messages
    assert message.recipients == ("bob@example.com",)
    assert message.message["Subject"] == "Hello"

The server may run in another thread than the test: L{Mailbox.wait} is for that.
L{Mailbox.when} is for tests that have the server's reactor.
"""

from __future__ import annotations

import threading
import time
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProducer
from zope.interface import implementer

from ..core.envelope import Envelope, Recipient
from ..core.interfaces import IServerSession
from ..core.reply import Reply, reply
from ..net.interfaces import IArrival, IPolicy, IReceiver

#: How long L{Mailbox.wait} waits, if the test does not say, in seconds.
WAIT_SECONDS = 10.0

_TAKEN = reply(250, "2.0.0", b"Collected")
_FULL = reply(452, "4.3.1", b"The mailbox of this test is full")


@define(slots=False, frozen=True)
class CollectedMessage:
    """
    A message as it came.

    @ivar sender: the reverse path; empty: the null sender.
    @ivar recipients: the forward paths that were accepted, in order.
    @ivar octets: the message, with CRLF line ends and without stuffed dots.
    @ivar helo: what the client called itself.
    @ivar peer: the client's address.
    @ivar user: who had logged in; L{None}: nobody.
    @ivar secured: did it come under TLS?
    """

    sender: str
    recipients: tuple[str, ...]
    octets: bytes
    helo: str = ""
    peer: str = ""
    user: str | None = None
    secured: bool = False

    @cached_property
    def message(self) -> EmailMessage:
        """The message, parsed; each call gives the same."""
        return message_from_bytes(self.octets, policy=policy.SMTP)

    @property
    def subject(self) -> str:
        """What its Subject field says, decoded; empty: there is none."""
        return str(self.message["Subject"] or "")

    @property
    def text(self) -> str:
        """Its plain text, decoded, in lines that end as Python's; empty: none."""
        part = self.message.get_body(("plain",))
        return "" if part is None else str(part.get_content()).replace("\r\n", "\n")


@implementer(IReceiver, IPolicy)
class Mailbox:
    """
    Collects messages, up to a bound; above it, clients are put off.

    As an L{smtpx.IPolicy} it refuses whom it was told to.
    """

    def __init__(
        self, *, messagesMax: int = 10_000, octetsMax: int = 268_435_456
    ) -> None:
        """
        @param messagesMax: the most messages.
        @param octetsMax: the most octets of all messages, those that arrive
            included.
        """
        self._messages: list[CollectedMessage] = []
        self._refusals: dict[bytes, Reply] = {}
        self._messagesMax = messagesMax
        self._octetsMax = octetsMax
        self._octets = 0
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, Deferred[list[CollectedMessage]]]] = []

    # --- for the test -------------------------------------------------------------

    @property
    def messages(self) -> list[CollectedMessage]:
        """What has come so far, in order; a copy."""
        with self._changed:
            return list(self._messages)

    def wait(
        self, count: int = 1, seconds: float = WAIT_SECONDS
    ) -> list[CollectedMessage]:
        """
        Wait for messages, where the server runs in another thread.

        @param count: how many there are to be, with those that came before.
        @return: all that have come.
        @raise TimeoutError: there were fewer within C{seconds}; it says how many.
        """
        end = time.monotonic() + seconds
        with self._changed:
            while len(self._messages) < count:
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError(
                        f"{len(self._messages)} of {count} messages came within"
                        f" {seconds:g} seconds"
                    )
                self._changed.wait(left)
            return list(self._messages)

    def when(self, count: int = 1) -> Deferred[list[CollectedMessage]]:
        """
        Wait for messages, where the test runs under the server's reactor.

        @param count: how many there are to be, with those that came before.
        @return: fires with all that have come.
        """
        waiting: Deferred[list[CollectedMessage]] = Deferred()
        with self._changed:
            enough = len(self._messages) >= count
            found = list(self._messages)
            if not enough:
                self._waiting.append((count, waiting))
        if enough:
            waiting.callback(found)
        return waiting

    def clear(self) -> None:
        """Forget what has come, and whom to refuse."""
        with self._changed:
            self._octets -= sum(len(each.octets) for each in self._messages)
            self._messages.clear()
            self._refusals.clear()

    def refuse(
        self,
        address: str,
        code: int = 550,
        text: str = "Refused by this test",
        status: str | None = None,
    ) -> None:
        """
        Refuse a sender or a recipient from now on.

        @param address: as it will stand in MAIL or RCPT; case does not matter.
        @param code: 400 to 599.
        @param status: the enhanced status code; L{None}: C{4.0.0} or C{5.0.0}.
        """
        if not 400 <= code <= 599:
            raise ValueError(f"{code} refuses nobody")
        answer = reply(code, status or f"{code // 100}.0.0", text.encode("utf-8"))
        with self._changed:
            self._refusals[address.lower().encode("utf-8")] = answer

    # --- as a policy --------------------------------------------------------------

    def mayConnect(self, session: IServerSession) -> None:
        """See L{IPolicy}.  Anyone may."""

    def maySend(self, session: IServerSession, envelope: Envelope) -> Reply | None:
        """See L{IPolicy}."""
        return self._refusals.get(envelope.sender.lower())

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None:
        """See L{IPolicy}."""
        return self._refusals.get(recipient.path.lower())

    # --- as a receiver --------------------------------------------------------------

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """See L{IReceiver}."""
        full = (
            len(self._messages) >= self._messagesMax or self._octets >= self._octetsMax
        )
        return _FULL if full else CollectedArrival(self)

    def hold(self, octets: int) -> bool:
        """
        Count octets that have come, or gone where there are fewer than none.

        @return: are there too many now?
        """
        with self._changed:
            self._octets += octets
            return self._octets > self._octetsMax

    def add(self, message: CollectedMessage) -> None:
        """A message is whole; its octets were counted already."""
        with self._changed:
            self._messages.append(message)
            found = list(self._messages)
            ready = [each for each in self._waiting if each[0] <= len(found)]
            self._waiting = [each for each in self._waiting if each not in ready]
            self._changed.notify_all()
        for _, waiting in ready:
            waiting.callback(found)


@implementer(IArrival)
class CollectedArrival:
    """A message on its way to a mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._pieces: list[bytes] = []
        self._octets = 0
        self._full = False

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Memory keeps up; nothing is ever paused."""

    def unregisterProducer(self) -> None:
        """See C{registerProducer}."""

    def write(self, data: bytes) -> None:
        """A piece of the body."""
        if not self._full:
            self._pieces.append(data)
            self._octets += len(data)
            if self._mailbox.hold(len(data)):
                self._full = True
                self.abort()

    def finish(self, session: IServerSession, envelope: Envelope) -> Reply:
        """It is whole."""
        if self._full:
            return _FULL
        user = session.identity
        self._mailbox.add(
            CollectedMessage(
                _text(envelope.sender),
                tuple(_text(each.path) for each in envelope.recipients),
                b"".join(self._pieces),
                _text(session.helo or b""),
                _text(session.peer),
                None if user is None else _text(user),
                session.secured is not None,
            )
        )
        return _TAKEN

    def abort(self) -> None:
        """Forget it."""
        self._mailbox.hold(-self._octets)
        self._octets = 0
        self._pieces.clear()


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")
