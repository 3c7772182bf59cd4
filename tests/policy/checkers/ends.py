"""
The other end of a connection to a checker.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import connectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer


class Wire(StringTransport):
    """
    A transport that keeps what is written.

    @ivar saidAll: was the half of it closed?
    @ivar aborted: was it given up?
    """

    saidAll = False
    aborted = False

    def loseWriteConnection(self) -> None:
        """See C{IHalfCloseableDescriptor}."""
        assert self.producer is None
        self.saidAll = True

    def abortConnection(self) -> None:
        """See C{ITCPTransport}."""
        self.aborted = True


@implementer(IStreamClientEndpoint)
class FakeEndpoint:
    """
    An endpoint behind which there is a test.

    @ivar connecting: what C{connect} gave last.
    @ivar cancelled: how often that was cancelled.
    """

    def __init__(self, atOnce: bool = True) -> None:
        """
        @param atOnce: is there a connection as soon as one is wanted?
        """
        self._atOnce = atOnce
        self._factories: list[IProtocolFactory] = []
        self.connecting: list[Deferred[IProtocol]] = []
        self.wires: list[Wire] = []
        self.protocols: list[Any] = []
        self.cancelled = 0

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IStreamClientEndpoint}."""
        self._factories.append(protocolFactory)
        made: Deferred[IProtocol] = Deferred(self._cancel)
        self.connecting.append(made)
        if self._atOnce:
            self.accept()
        return made

    def _cancel(self, made: Deferred[IProtocol]) -> None:
        self.cancelled += 1

    def accept(self) -> None:
        """The checker takes the connection."""
        protocol = self._factories[-1].buildProtocol(cast(Any, None))
        assert protocol is not None
        wire = Wire()
        self.wires.append(wire)
        self.protocols.append(protocol)
        protocol.makeConnection(wire)
        self.connecting[-1].callback(protocol)

    @property
    def said(self) -> bytes:
        """What was said to the checker by the last connection."""
        return bytes(self.wires[-1].value())

    @property
    def producer(self) -> IPushProducer:
        """Whom the last connection pauses."""
        return cast(IPushProducer, self.wires[-1].producer)

    def say(self, octets: bytes) -> None:
        """The checker says something."""
        self.protocols[-1].dataReceived(octets)

    def close(self, why: Failure = connectionDone) -> None:
        """The checker closes the connection."""
        self.protocols[-1].connectionLost(why)
