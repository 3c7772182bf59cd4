"""
Who accepts, where several processes listen at the same socket.

The kernel wakes all of them for a connection, and whoever comes first has it.  Left to
that, a process that is awake accepts all of a burst while the others are still on their
way, and has them for as long as they last, which may be hours.  So where there are
several, one that has more connections than another leaves the next one to the others
for a moment.  Only then does it accept, so that nobody waits for a process that does
not come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IListeningPort,
    IProtocolFactory,
    IReadDescriptor,
    IStreamServerEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

#: How long a connection is left to the others, in seconds.
MOMENT_SECONDS = 0.001

#: Has this process more connections than another?
HasMore = Callable[[], bool]


@implementer(IListeningPort, IReadDescriptor)
class FairPort:
    """
    A port that accepts one connection at a time.
    """

    def __init__(self, reactor: Any, port: Any, hasMore: HasMore) -> None:
        """
        @param reactor: provides C{IReactorFDSet} and C{IReactorTime}.
        @param port: what accepts when it is read, C{numberAccepts} times at most, as
            Twisted's ports do.  It is not read by itself any more.
        """
        self._reactor = reactor
        self._port = port
        self._hasMore = hasMore
        self._moment: IDelayedCall | None = None
        port.stopReading()

    @property
    def socket(self) -> Any:
        """
        The socket that listens; who has a word in who is accepted puts another before
        it (L{smtpx.net.gate}).
        """
        return self._port.socket

    @socket.setter
    def socket(self, listening: Any) -> None:
        """Put another one in its place."""
        self._port.socket = listening

    def startListening(self) -> None:
        """See L{IListeningPort}: it does."""
        self.startReading()

    def stopListening(self) -> Deferred[None] | None:
        """See L{IListeningPort}."""
        self.stopReading()
        stopped: Deferred[None] | None = self._port.stopListening()
        return stopped

    def getHost(self) -> IAddress:
        """See L{IListeningPort}."""
        host: IAddress = self._port.getHost()
        return host

    def fileno(self) -> int:
        """The port's descriptor; -1: it is closed."""
        number: int = self._port.fileno()
        return number

    def logPrefix(self) -> str:
        """What Twisted calls it in its log."""
        prefix: str = self._port.logPrefix()
        return prefix

    def startReading(self) -> None:
        """Accept from now on."""
        if self._moment is None:
            self._reactor.addReader(self)

    def stopReading(self) -> None:
        """Accept nobody any more."""
        moment, self._moment = self._moment, None
        if moment is not None:
            moment.cancel()
        self._reactor.removeReader(self)

    def doRead(self) -> None:
        """Somebody comes: accept him, or leave him to others for a moment."""
        if not self._hasMore():
            self._accept()
            return
        self._reactor.removeReader(self)
        self._moment = self._reactor.callLater(MOMENT_SECONDS, self._goOn)

    def connectionLost(self, reason: Failure) -> None:
        """The descriptor is of no use any more."""
        self.stopReading()

    def _goOn(self) -> None:
        self._moment = None
        self._reactor.addReader(self)
        self._accept()

    def _accept(self) -> None:
        """Accept one, if somebody is still there."""
        # A port takes as many at a time as came lately.
        self._port.numberAccepts = 1
        self._port.doRead()


@implementer(IStreamServerEndpoint)
class FairEndpoint:
    """
    An endpoint whose ports are fair.
    """

    def __init__(
        self, reactor: Any, endpoint: IStreamServerEndpoint, hasMore: HasMore
    ) -> None:
        """
        @param reactor: that of the endpoint; see L{FairPort}.
        @param endpoint: gives the ports, which are those of Twisted.
        """
        self._reactor = reactor
        self._endpoint = endpoint
        self._hasMore = hasMore

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See L{IStreamServerEndpoint}."""
        return self._endpoint.listen(protocolFactory).addCallback(self._fair)

    def _fair(self, port: IListeningPort) -> IListeningPort:
        return FairPort(self._reactor, port, self._hasMore)


__all__ = ["MOMENT_SECONDS", "FairEndpoint", "FairPort"]
