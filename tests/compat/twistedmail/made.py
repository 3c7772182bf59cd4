"""
What the tests are made of: a delivery that remembers, and a server of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.cred.portal import IRealm
from twisted.internet.address import IPv4Address
from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.mail import smtp
from twisted.mail.smtp import SMTPBadRcpt
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.compat.twistedmail import deliveryFactory
from smtpx.core.hooks import TLSInfo
from smtpx.net.server import ServerProtocol

from ...net.made import CLIENT, Call, Wire

EHLO = b"EHLO c.example\r\n"
BEGIN = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<console@d.example>\r\n"
TEXT = b"Subject: x\r\n\r\nbody\r\n"


@implementer(smtp.IMessage)
class ConsoleMessage:
    """A message that remembers its lines."""

    def __init__(self, end: Callable[[], Any] = lambda: succeed(None)) -> None:
        self.lines: list[Any] | None = []
        self.done = False
        self._end = end

    def lineReceived(self, line: bytes) -> None:
        """Another line."""
        assert self.lines is not None
        self.lines.append(line)

    def eomReceived(self) -> Any:
        """It is whole."""
        self.done = True
        return self._end()

    def connectionLost(self) -> None:
        """Throw it away."""
        self.lines = None


@implementer(smtp.IMessageDelivery)
class ConsoleDelivery:
    """
    As C{ConsoleMessageDelivery} of Twisted's C{emailserver.tac}: only messages to
    the user C{console} are accepted.
    """

    header: Any = b"Received: ConsoleMessageDelivery"

    def __init__(self) -> None:
        self.messages: list[ConsoleMessage] = []
        self.asked: list[Any] = []
        self.users: list[Any] = []
        self.ends: list[Callable[[], Any]] = []

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> Any:
        """The same for everybody."""
        self.asked.append((helo, str(origin), [str(user) for user in recipients]))
        return self.header

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        """All addresses are accepted."""
        self.asked.append((helo, str(origin)))
        return origin

    def validateTo(self, user: Any) -> Any:
        """Only the user C{console}."""
        if user.dest.local == b"console":
            self.users.append(user)
            return self.make
        raise SMTPBadRcpt(user)

    def make(self) -> ConsoleMessage:
        """A message."""
        message = ConsoleMessage(*self.ends[:1])
        del self.ends[:1]
        self.messages.append(message)
        return message


@implementer(IRealm)
class Realm:
    """Whose avatar is whose delivery."""

    def __init__(self) -> None:
        self.left: list[object] = []
        self.deliveries: dict[object, ConsoleDelivery] = {}

    def requestAvatar(self, avatar: Any, mind: object, *interfaces: Any) -> Any:
        """A delivery for each."""
        assert smtp.IMessageDelivery in interfaces
        found = self.deliveries.setdefault(avatar, ConsoleDelivery())
        return smtp.IMessageDelivery, found, lambda: self.left.append(avatar)


class DeliveryTestCase(SynchronousTestCase):
    """A test of a server with a delivery."""

    def client(
        self, delivery: object = None, *, secured: bool = False, **more: Any
    ) -> Call:
        """A client that has said EHLO."""
        self.clock = Clock()
        factory = deliveryFactory(
            self.clock, delivery, **{"name": b"mx.example.org", **more}
        )
        factory.startFactory()
        protocol = factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 40000))
        assert isinstance(protocol, ServerProtocol)
        wire = Wire(peerAddress=CLIENT)
        protocol.makeConnection(wire)
        if secured:
            protocol.core.secured = TLSInfo()
        call = Call(protocol, wire)
        wire.clear()
        self.hello = call.say(EHLO).split(b"\r\n")
        return call

    def send(self, call: Call, text: bytes = TEXT, begin: bytes = BEGIN) -> bytes:
        """A transaction; gives the final reply."""
        call.say(begin)
        said = call.say(b"DATA\r\n")
        return call.say(text + b".\r\n") if said[:3] == b"354" else said
