"""
What tests of the shell are made of: a receiver that remembers, a transport that
can be full, and a client that is a list of octets.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProducer
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from smtpx.core.envelope import Envelope
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import OK, Reply
from smtpx.net.factory import SMTPServerFactory
from smtpx.net.interfaces import IArrival, IReceiver
from smtpx.net.server import ServerProtocol

CLIENT = IPv4Address("TCP", "192.0.2.1", 40000)


@implementer(IArrival)
@define(eq=False)
class RememberedArrival:
    """
    A message that is remembered.

    @ivar answer: what C{finish} gives.
    """

    answer: Reply | Deferred[Reply] = OK
    producer: Any = None
    octets: bytes = b""
    finished: bool = False
    aborted: bool = False

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """See L{IArrival}."""
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        """See L{IArrival}."""
        self.producer = None

    def write(self, data: bytes) -> None:
        """See L{IArrival}."""
        self.octets += data

    def finish(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | Deferred[Reply]:
        """See L{IArrival}."""
        self.finished = True
        return self.answer

    def abort(self) -> None:
        """See L{IArrival}."""
        self.aborted = True


@implementer(IReceiver)
@define(eq=False)
class RememberingReceiver:
    """
    @ivar refusal: what C{begin} gives instead of an arrival.
    @ivar answer: what each arrival's C{finish} gives.
    """

    refusal: Reply | None = None
    answer: Reply | Deferred[Reply] = OK
    arrivals: list[RememberedArrival] = field(factory=list)

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """See L{IReceiver}."""
        if self.refusal is not None:
            return self.refusal
        self.arrivals.append(RememberedArrival(self.answer))
        arrival: IArrival = self.arrivals[-1]
        return arrival


class Wire(StringTransport):
    """
    A transport that remembers how it ended, and reports nothing by itself.
    """

    aborted = False
    reading = True

    def abortConnection(self) -> None:
        """The connection is cut off."""
        self.aborted = True

    def said(self) -> bytes:
        """What was written since the last call."""
        octets: bytes = self.value()
        self.clear()
        return octets


@define(eq=False)
class Call:
    """
    A client that is connected.
    """

    protocol: ServerProtocol
    wire: Wire

    def say(self, octets: bytes) -> bytes:
        """Octets come in; gives what is written at once."""
        self.protocol.dataReceived(octets)
        return self.wire.said()


@define(eq=False)
class Server:
    """
    A factory, its receiver and its clock.
    """

    factory: SMTPServerFactory
    receiver: RememberingReceiver
    clock: Clock

    def call(self, host: str = "192.0.2.1") -> Call:
        """A client connects."""
        protocol = self.factory.buildProtocol(IPv4Address("TCP", host, 40000))
        assert isinstance(protocol, ServerProtocol)
        wire = Wire(peerAddress=CLIENT)
        protocol.makeConnection(wire)
        return Call(protocol, wire)


def made(receiver: RememberingReceiver | None = None, **more: Any) -> Server:
    """A server on a clock of the test's own."""
    clock = Clock()
    receiver = RememberingReceiver() if receiver is None else receiver
    factory = SMTPServerFactory(clock, receiver, name=b"mx.example.org", **more)
    factory.startFactory()
    return Server(factory, receiver, clock)
