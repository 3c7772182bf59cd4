"""
UNIX sockets in memory, by which workers reach each other.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from tests.service.made import Reactor

#: So many octets may be on their way before who writes is told to wait.
_ROOM = 1 << 16


class End(StringTransport):
    """
    One end of a connection.

    @ivar other: the other one.
    """

    other: End

    def __init__(self, board: Switchboard, owner: Protocol) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self.board = board
        self.owner = owner
        self.coming: deque[bytes] = deque()
        self.gone = False
        self.full = False

    def write(self, data: bytes) -> None:
        """Send some."""
        if self.gone:
            return
        self.other.coming.append(data)
        if sum(map(len, self.other.coming)) > _ROOM and not self.full:
            self.full = True
            if self.producer is not None:
                self.producer.pauseProducing()

    def loseConnection(self) -> None:
        """All that was written gets there."""
        self.disconnecting = True

    def abortConnection(self) -> None:
        """It is over at once."""
        self.disconnecting = True
        self.other.coming.clear()

    def deliver(self) -> bool:
        """Have the owner hear something; was there anything?"""
        if self.gone:
            return False
        if self.coming and self.producerState == "producing":
            octets = b"".join(self.coming)
            self.coming.clear()
            self.owner.dataReceived(octets)
            self.other.drained()
            return True
        closed = self.disconnecting or (self.other.disconnecting and not self.coming)
        if closed and not self.other.coming:
            self.end()
            self.other.end()
            return True
        return False

    def drained(self) -> None:
        """What was written is there."""
        if self.full:
            self.full = False
            if self.producer is not None:
                self.producer.resumeProducing()

    def end(self) -> None:
        """The connection is over."""
        if not self.gone:
            self.gone = True
            self.coming.clear()
            self.owner.connectionLost(Failure(ConnectionDone()))


class Port:
    """Something that listens."""

    def __init__(self, board: Switchboard, path: str) -> None:
        self.board = board
        self.path = path

    def stopListening(self) -> Deferred[None]:
        """It does not any more."""
        self.board.listening.pop(self.path, None)
        return succeed(None)


class Switchboard:
    """
    All sockets of a machine.

    @ivar listening: who listens, by path.
    """

    def __init__(self) -> None:
        self.listening: dict[str, Factory] = {}
        self.ends: list[End] = []

    def flush(self) -> None:
        """Have all that was said get where it is to."""
        busy = True
        while busy:
            busy = False
            for end in [*self.ends]:
                busy |= end.deliver()
            self.ends = [end for end in self.ends if not end.gone]

    def connect(self, path: str, factory: Any) -> None:
        """Somebody connects."""
        server = self.listening.get(path)
        if server is None:
            factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
            return
        address = UNIXAddress(None)
        theirs, ours = server.buildProtocol(address), factory.buildProtocol(address)
        assert isinstance(theirs, Protocol)
        ends = [End(self, each) for each in (theirs, ours)]
        ends[0].other, ends[1].other = ends[1], ends[0]
        self.ends += ends
        for end in ends:
            end.owner.makeConnection(end)

    def kill(self, path: str) -> None:
        """A process that listens dies."""
        server = self.listening.pop(path, None)
        for end in [*self.ends]:
            if getattr(end.owner, "_factory", None) is server:
                end.other.coming.clear()
                end.end()
                end.other.end()
        self.ends = [end for end in self.ends if not end.gone]


class SocketReactor(Reactor):
    """The reactor of a worker."""

    def __init__(self, board: Switchboard) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self.board = board

    def listenUNIX(
        self,
        address: Any,
        factory: Any,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: bool = False,
    ) -> Any:
        """See C{IReactorUNIX}."""
        super().listenUNIX(address, factory, backlog, mode, wantPID)  # type: ignore[no-untyped-call]  # Twisted's
        self.board.listening[address] = factory
        return Port(self.board, address)

    def connectUNIX(
        self, address: Any, factory: Any, timeout: Any = 30, checkPID: bool = False
    ) -> Any:
        """See C{IReactorUNIX}."""
        self.board.connect(address, factory)


__all__ = ["End", "Port", "SocketReactor", "Switchboard"]
