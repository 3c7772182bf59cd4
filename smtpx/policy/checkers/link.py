"""
A check over a connection of its own: it is made when the check begins, and closed with
the answer.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IProducer,
    IProtocol,
    IPushProducer,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from .interfaces import ICheck, Opinion
from .wires import IWire

#: How long a checker may take to take the connection.
CONNECT_SECONDS = 10


@implementer(ICheck)
class Link:
    """
    A message on its way to a checker.
    """

    __slots__ = (
        "_connecting",
        "_ended",
        "_halfCloses",
        "_outcome",
        "_pending",
        "_producer",
        "_protocol",
        "_result",
        "_wire",
    )

    def __init__(
        self, endpoint: IStreamClientEndpoint, wire: IWire, halfCloses: bool = False
    ) -> None:
        """
        Connect.

        @param endpoint: of the checker.
        @param halfCloses: does the end of what we say show where the message ends?
        """
        self._wire = wire
        self._halfCloses = halfCloses
        self._producer: IPushProducer | None = None
        self._protocol: _LinkProtocol | None = None
        #: What is said as soon as there is a connection.
        self._pending: list[bytes] = [wire.begin()]
        self._result: Opinion | Failure | None = None
        self._outcome: Deferred[Opinion] | None = None
        self._ended = False
        self._connecting: Deferred[IProtocol] | None = endpoint.connect(_FACTORY)
        self._connecting.addCallbacks(self._connected, self._failed)

    # --- the message ----------------------------------------------------------------

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """See L{ICheck}.  Without a connection nothing is taken."""
        push: IPushProducer = producer  # type: ignore[assignment]  # it is streaming
        self._producer = push
        if self._result is not None:
            push.stopProducing()
        elif self._protocol is None or self._protocol.full:
            push.pauseProducing()

    def unregisterProducer(self) -> None:
        """See L{ICheck}."""
        self._producer = None

    def write(self, data: bytes) -> None:
        """See L{ICheck}."""
        if data and self._result is None:
            self._say(self._wire.piece(data))

    def finish(self) -> Deferred[Opinion]:
        """See L{ICheck}."""
        outcome = self._outcome = Deferred(lambda _: self.abort())
        if self._result is not None:
            self._give(self._result)
            return outcome
        self._ended = True
        self._say((self._wire.end(),))
        if self._protocol is not None and self._halfCloses:
            self._protocol.sayNoMore()
        return outcome

    def abort(self) -> None:
        """See L{ICheck}."""
        self._outcome = None
        self._conclude(Failure(CancelledError()))

    def _say(self, what: tuple[bytes, ...]) -> None:
        if self._protocol is None:
            self._pending += what
        else:
            self._protocol.say(what)

    # --- the connection -------------------------------------------------------------

    def _connected(self, protocol: IProtocol) -> None:
        assert isinstance(protocol, _LinkProtocol)
        self._connecting = None
        self._protocol = protocol
        protocol.link = self
        pending, self._pending = self._pending, []
        protocol.say(tuple(pending))
        if self._ended and self._halfCloses:
            protocol.sayNoMore()
        if not protocol.full:
            self.goOn()

    def _failed(self, failure: Failure) -> None:
        self._connecting = None
        self._conclude(failure)

    def wait(self) -> None:
        """The checker does not keep up."""
        if self._producer is not None:
            self._producer.pauseProducing()

    def goOn(self) -> None:
        """It does again."""
        if self._producer is not None:
            self._producer.resumeProducing()

    def hear(self, octets: bytes) -> None:
        """The checker says something."""
        try:
            found = self._wire.feed(octets)
        except Exception:
            self._conclude(Failure())
        else:
            if found is not None:
                self._conclude(found)

    def over(self) -> None:
        """The checker has closed the connection."""
        try:
            found: Opinion | Failure = self._wire.closed()
        except Exception:
            found = Failure()
        self._conclude(found)

    def _conclude(self, result: Opinion | Failure) -> None:
        """There is an answer, or there will be none."""
        if self._result is not None:
            return
        self._result = result
        self._pending.clear()
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.leave()
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        self._give(result)

    def _give(self, result: Opinion | Failure) -> None:
        outcome, self._outcome = self._outcome, None
        if outcome is not None:
            # A failure makes it fail.
            outcome.callback(result)


@implementer(IPushProducer)
class _LinkProtocol(Protocol):
    """
    The connection of a L{Link}.

    @ivar full: does it hold much that the checker does not take?
    """

    #: TCP or UNIX; Twisted has no one interface for what both can do.
    transport: Any = None
    link: Link | None = None
    full = False
    _told = False

    def connectionMade(self) -> None:
        """Be told how much is taken."""
        self._told = True
        self.transport.registerProducer(self, True)

    def say(self, what: tuple[bytes, ...]) -> None:
        """Say something; nothing is copied for it."""
        self.transport.writeSequence(what)

    def sayNoMore(self) -> None:
        """All is said; the answer is still to come."""
        self._letGo()
        self.transport.loseWriteConnection()

    def leave(self) -> None:
        """No more is wanted of it."""
        self.link = None
        self._letGo()
        self.transport.abortConnection()

    def _letGo(self) -> None:
        """Be told no more."""
        if self._told:
            self._told = False
            self.transport.unregisterProducer()

    def dataReceived(self, data: bytes) -> None:
        """The checker says something."""
        if self.link is not None:
            self.link.hear(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        link, self.link = self.link, None
        if link is not None:
            link.over()

    # --- as the transport's producer --------------------------------------------------

    def pauseProducing(self) -> None:
        """See L{IPushProducer}."""
        self.full = True
        if self.link is not None:
            self.link.wait()

    def resumeProducing(self) -> None:
        """See L{IPushProducer}."""
        self.full = False
        if self.link is not None:
            self.link.goOn()

    def stopProducing(self) -> None:
        """The connection is gone; C{connectionLost} follows."""


class _QuietFactory(Factory):
    """Makes such connections; logs are not told of each."""

    protocol = _LinkProtocol
    noisy = False


_FACTORY = _QuietFactory()


__all__ = ["CONNECT_SECONDS", "Link"]
