"""
Questions to a name server over the network, and its answers: a datagram there and one
back, or a connection where that does not fit.

Each question over UDP has a socket of its own, and so a port that the kernel chooses by
chance (RFC 5452 section 9.2); it is connected, so that the kernel drops what comes from
others.  What comes all the same and is no answer to the question is passed over, but
where there is much of it somebody is guessing, and the question goes over TCP.

Sockets are the reactor's directly rather than through C{listenUDP}, which writes a line
to the log for each, and on Linux tells nothing of a port that nobody listens at
(Twisted issue 5377).
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    connectProtocol,
)
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from .servers import Server
from .wire import Query, Said, Truncated, Unusable

#: After so many datagrams that are no answer, they are no accident.
_FALSE_MOST = 20

#: The longest datagram.
_DATAGRAM_OCTETS = 65_535


class IExchange(Interface):
    """
    Asks one server.  Both ways fail with L{Unusable} or C{OSError}, wait until they
    are cancelled, and then have no socket open any more.
    """

    def overUDP(server: Server, query: Query) -> Deferred[Said]:
        """
        Ask by a datagram.

        @return: may also fail with L{Truncated}.
        """

    def overTCP(server: Server, query: Query) -> Deferred[Said]:
        """Ask over a connection."""


def datagramSocket(server: Server) -> socket.socket:
    """
    A socket that talks to one server alone.

    @raise OSError: there is no way to that server, or no descriptor left.
    """
    family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.connect((server.address, server.port))
    except BaseException:
        made.close()
        raise
    return made


@implementer(IReadDescriptor)
class _Datagram:
    """
    One question over UDP.

    @ivar answer: fires when the socket is closed.
    """

    def __init__(
        self, reactor: IReactorFDSet, connected: socket.socket, query: Query
    ) -> None:
        self._reactor = reactor
        self._socket = connected
        self._query = query
        self._false = 0
        self._outcome: Said | Exception | None = None
        self.answer: Deferred[Said] = Deferred(self._cancel)

    def begin(self) -> None:
        """
        Ask.

        @raise OSError: it cannot be sent; the socket is closed.
        """
        try:
            self._socket.send(self._query.octets)
        except BlockingIOError:
            # It is as if it were lost on the way, and will be asked again.
            pass
        except OSError:
            self._socket.close()
            raise
        self._reactor.addReader(self)

    def logPrefix(self) -> str:
        """What Twisted calls it in its log."""
        return "dns"

    def fileno(self) -> int:
        """The socket."""
        return self._socket.fileno()

    # Twisted's own return the exception; it is the interface that is wrong.
    def doRead(self) -> Exception | None:  # type: ignore[override]  # see above
        """
        Something came.

        @return: that it is over, for the reactor, which then calls
            C{connectionLost}.
        """
        while self._outcome is None:
            try:
                octets = self._socket.recv(_DATAGRAM_OCTETS)
            except (BlockingIOError, InterruptedError):
                return None
            except OSError as error:
                self._outcome = error
                break
            self._take(octets)
        over: Exception = CONNECTION_DONE
        return over

    def _take(self, octets: bytes) -> None:
        try:
            self._outcome = self._query.read(octets)
        except (Truncated, Unusable) as error:
            self._outcome = error
        if self._outcome is None:
            self._false += 1
            if self._false >= _FALSE_MOST:
                self._outcome = Truncated("somebody sends false answers")

    def connectionLost(self, reason: Failure) -> None:
        """
        It is over: there is an answer, the network says that there is nobody, or the
        reactor stops.
        """
        outcome = self._outcome or self._error(reason)
        self._socket.close()
        if isinstance(outcome, Said):
            self.answer.callback(outcome)
        else:
            self.answer.errback(outcome)

    def _error(self, reason: Failure) -> Exception:
        # Linux tells a connected socket of what ICMP brought, and the reactor takes
        # that for the end of a connection.
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        number = number or errno.ECONNRESET
        return OSError(number, os.strerror(number))

    def _cancel(self, answer: Deferred[Said]) -> None:
        self._reactor.removeReader(self)
        self._socket.close()


class _Stream(Int16StringReceiver):
    """
    One question over TCP (RFC 1035 section 4.2.2).

    @ivar answer: fires when there is an answer, or will be none.
    """

    def __init__(self, query: Query) -> None:
        self._query = query
        self.answer: Deferred[Said] = Deferred()
        self._over = False

    def connectionMade(self) -> None:
        """Ask."""
        # Twisted has no types for it.
        send: Any = self.sendString
        send(self._query.octets)

    def stringReceived(self, string: bytes) -> None:
        """There is an answer."""
        if self._over:
            return
        try:
            said = self._query.read(string)
        except Truncated:
            self._end(Unusable("its answer does not fit even over TCP"))
        except Unusable as error:
            self._end(error)
        else:
            self._end(said or Unusable("it answers another question"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """There will be none."""
        if not self._over:
            self._end(Unusable(f"it ends the connection: {reason.getErrorMessage()}"))

    def end(self) -> None:
        """Nobody waits any more."""
        self._over = True
        transport: Any = self.transport
        transport.abortConnection()

    def _end(self, outcome: Said | Unusable) -> None:
        self._over = True
        if isinstance(outcome, Said):
            self.answer.callback(outcome)
        else:
            self.answer.errback(outcome)


@implementer(IExchange)
class Network:
    """
    The network that a reactor is on.
    """

    def __init__(
        self,
        reactor: Any,
        connected: Callable[[Server], socket.socket] = datagramSocket,
    ) -> None:
        """
        @param reactor: watches sockets, and makes TCP connections.
        @param connected: makes a socket for one question over UDP.
        """
        self._reactor = reactor
        self._connected = connected

    def overUDP(self, server: Server, query: Query) -> Deferred[Said]:
        """See L{IExchange}."""
        return Deferred.fromCoroutine(self._overUDP(server, query))

    async def _overUDP(self, server: Server, query: Query) -> Said:
        asked = _Datagram(self._reactor, self._connected(server), query)
        asked.begin()
        return await asked.answer

    def overTCP(self, server: Server, query: Query) -> Deferred[Said]:
        """See L{IExchange}."""
        return Deferred.fromCoroutine(self._overTCP(server, query))

    async def _overTCP(self, server: Server, query: Query) -> Said:
        kind = TCP6ClientEndpoint if ":" in server.address else TCP4ClientEndpoint
        endpoint = kind(self._reactor, server.address, server.port)
        asked = _Stream(query)
        try:
            await connectProtocol(endpoint, asked)
        except ConnectingCancelledError:
            raise CancelledError from None
        except ConnectError as error:
            raise Unusable(f"it cannot be reached over TCP: {error}") from error
        try:
            return await asked.answer
        finally:
            asked.end()


__all__ = ["IExchange", "Network", "datagramSocket"]
