"""
Tests for L{smtpx.net.fairport}.
"""

from __future__ import annotations

from typing import Any

from attrs import define
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IListeningPort,
    IReadDescriptor,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.net.fairport import MOMENT_SECONDS, FairEndpoint, FairPort


@define(eq=False)
class Port:
    """
    A port.

    @ivar waiting: so many clients wait there.
    @ivar accepted: so many it has accepted.
    @ivar reads: is it read by itself?
    """

    waiting: int = 0
    accepted: int = 0
    numberAccepts: int = 100
    reads: bool = True
    listens: bool = True
    socket: str = ""

    def fileno(self) -> int:
        """Its descriptor."""
        return 7

    def logPrefix(self) -> str:
        """What it is called."""
        return "port"

    def getHost(self) -> str:
        """Where it is."""
        return "here"

    def stopReading(self) -> None:
        """It is not read any more."""
        self.reads = False

    def stopListening(self) -> Deferred[None]:
        """It is closed."""
        self.listens = False
        return succeed(None)

    def doRead(self) -> None:
        """Accept as many as it may."""
        now = min(self.waiting, self.numberAccepts)
        self.waiting -= now
        self.accepted += now
        # As Twisted's port does it, which takes more next time.
        self.numberAccepts += 20


class Reactor(Clock):
    """A clock that knows who reads."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[object] = set()

    def addReader(self, reader: object) -> None:
        """Somebody reads."""
        self.readers.add(reader)

    def removeReader(self, reader: object) -> None:
        """Or does not any more."""
        self.readers.discard(reader)


@implementer(IStreamServerEndpoint)
class Endpoint:
    """
    An endpoint.

    @ivar port: what it gives.
    """

    def __init__(self, port: object) -> None:
        self.port = port

    def listen(self, protocolFactory: object) -> Deferred[Any]:
        """See L{IStreamServerEndpoint}."""
        return succeed(self.port)


class FairPortTests(SynchronousTestCase):
    """Who accepts."""

    def setUp(self) -> None:
        """A port at which clients wait."""
        self.reactor, self.inner, self.hasMore = Reactor(), Port(waiting=5), False
        self.port = FairPort(self.reactor, self.inner, lambda: self.hasMore)
        self.port.startListening()

    def reads(self) -> bool:
        """Does it look for clients?"""
        return self.port in self.reactor.readers

    def test_oneAtATime(self) -> None:
        """Each time one is accepted, however many wait."""
        verifyObject(IReadDescriptor, self.port)
        verifyObject(IListeningPort, self.port)
        self.assertEqual((self.port.fileno(), self.port.logPrefix()), (7, "port"))
        self.assertEqual(self.port.getHost(), "here")
        for count in (1, 2, 3):
            self.port.doRead()
            self.assertEqual(self.inner.accepted, count)
        self.assertTrue(self.reads())

    def test_socket(self) -> None:
        """The socket is the port's, and may be one with somebody before it."""
        self.inner.socket = "theirs"
        self.assertEqual(self.port.socket, "theirs")
        self.port.socket = "gate"
        self.assertEqual(self.inner.socket, "gate")

    def test_leftToOthers(self) -> None:
        """With more than others it waits a moment, and accepts one all the same."""
        self.hasMore = True
        self.port.doRead()
        self.assertEqual((self.inner.accepted, self.reads()), (0, False))
        self.port.startReading()
        self.assertFalse(self.reads())
        self.reactor.advance(MOMENT_SECONDS)
        self.assertEqual((self.inner.accepted, self.reads()), (1, True))
        self.port.doRead()
        self.assertEqual((self.inner.accepted, self.reads()), (1, False))

    def test_closed(self) -> None:
        """One that does not accept stays so, in that moment too."""
        self.port.stopReading()
        self.assertFalse(self.reads())
        self.port.startReading()
        self.hasMore = True
        self.port.doRead()
        self.port.connectionLost(Failure(ValueError()))
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.port.startReading()
        self.port.doRead()
        stopped = self.port.stopListening()
        assert stopped is not None
        self.successResultOf(stopped)
        self.reactor.advance(1)
        self.assertEqual((self.inner.accepted, self.reads()), (0, False))
        self.assertFalse(self.inner.listens)

    def test_endpoint(self) -> None:
        """Its ports are read by nobody else."""
        inner = Port(waiting=5)
        endpoint = FairEndpoint(self.reactor, Endpoint(inner), lambda: False)
        port = self.successResultOf(endpoint.listen(Factory()))
        assert isinstance(port, FairPort)
        self.assertFalse(inner.reads)
        port.doRead()
        self.assertEqual(inner.accepted, 1)
