"""
A daemon for tests, which says what the test wants.  No real one was ever there: it is
in no distribution, and its servers are elsewhere.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure


class DaemonTransport(StringTransport):
    """
    A connection that notes how it ends.

    @ivar half: has what is sent come to its end?
    """

    half = False

    def unregisterProducer(self) -> None:
        """As a real one, it does not mind when there is none."""
        self.producer = None

    def loseWriteConnection(self) -> None:
        """What is sent ends."""
        self.half = True


@define
class ScriptedDaemon:
    """
    An endpoint behind which the daemon is.

    @ivar away: is nobody there?
    @ivar connections: the connections there were.
    """

    away: bool = False
    connections: list[tuple[Any, DaemonTransport]] = field(factory=list)

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IStreamClientEndpoint}."""
        if self.away:
            return fail(ConnectionRefusedError())
        protocol: Any = factory.buildProtocol(UNIXAddress(None))
        transport = DaemonTransport()
        self.connections.append((protocol, transport))
        protocol.makeConnection(transport)
        return succeed(protocol)

    @property
    def told(self) -> bytes:
        """What it was told, over the last connection."""
        told: bytes = self.connections[-1][1].value()
        return told

    def say(self, answer: bytes, piece: int = 0) -> None:
        """
        Answer, and hang up.

        @param piece: how many octets come at once; 0: all.
        """
        protocol, transport = self.connections[-1]
        assert transport.half, "the question is not at its end"
        step = piece or len(answer) or 1
        for at in range(0, len(answer), step):
            protocol.dataReceived(answer[at : at + step])
        protocol.connectionLost(Failure(ConnectionDone()))
