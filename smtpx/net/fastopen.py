"""
TCP Fast Open (RFC 7413): what a client says first rides on the SYN.

Linux does the work.  A socket with C{TCP_FASTOPEN_CONNECT} behaves in one of two ways.
Where the kernel has no cookie of a host, C{connect} is as it ever was, and the SYN asks
for one.  Where it has one, C{connect} says 0 I{and sends nothing}: the SYN leaves with
the first C{send}, as much of it as there is room for in one segment.  Between the two
the socket is writable, and then not until the SYN-ACK has come.

Twisted takes such a connection for established, and so

  - a protocol that waits for the other side to speak would send no SYN at all;
  - where nobody is there, a connection that never was is lost, rather than an attempt
    failing, and no time limit holds;
  - closing it gives it up, though the other side may act on what it was told.

L{FastOpenClient} mends these.  Until the SYN-ACK has come it is I{opening}.

Whatever is in a SYN may be heard twice (RFC 7413 section 2.1), so a protocol learns
when it is no longer so (L{IEarlySpeaker}).  On the other side, a port that takes data
in a SYN accepts connections before their handshake is through.  What comes by one of
them may be a recording that somebody plays again, so nothing is to be done on account
of it that must not be done twice, before the client is L{proven}.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

from twisted.internet import error, tcp
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocol,
    IReactorTime,
)
from twisted.internet.protocol import ClientFactory
from twisted.python.failure import Failure
from zope.interface import Interface

#: From Linux 4.11 on; the socket module does not have it.
TCP_FASTOPEN_CONNECT = 30

# Of Linux's struct tcp_info: its state, and what was agreed on.
_STATE, _OPTIONS, _INFO_OCTETS = 0, 5, 8
_SYN_SENT, _SYN_RECEIVED, _CLOSED = 2, 3, 7
_SYN_DATA = 0x20

# Options of Linux's sockets that the socket module does not have.
_IP_MTU, _IPV6_MTU = 14, 24

#: Where the kernel does not say how long a packet may be.
_USUAL_MTU = 1500

#: What of a packet is taken; of TCP, with all the options that there can be.
_IPV4_OCTETS, _IPV6_OCTETS, _TCP_OCTETS = 20, 40, 60

#: How many connections of a port may be unproven at a time; with more, the kernel
#: goes back to ordinary handshakes.  Each counts as one of its address, whoever sent
#: its SYN, so they are fewer than what a client may have.
_UNPROVEN_MOST = 64

#: How soon it is looked again whether a client is proven, in seconds, at first; and
#: then, as a part of the time that it took so far.
_LOOK_SECONDS, _LOOK_PART = 0.002, 0.1


class Opened(Enum):
    """
    How a connection was opened.

    @cvar USUALLY: by a handshake, as ever.
    @cvar EARLY: by a SYN with a cookie, and nothing that it carried was taken.
    @cvar CARRYING: by one whose content was taken.
    """

    USUALLY = ""
    EARLY = "TFO"
    CARRYING = "TFO*"


class IEarlySpeaker(Interface):
    """A protocol that may be asked to speak before its connection is open."""

    def connectionOpened(how: Opened) -> None:
        """
        The other side has answered.  Called once, behind C{connectionMade}, and
        before anything comes in.
        """


class FastOpenClient(tcp.Client):
    """
    A connection whose protocol may write before the handshake.

    @ivar opening: may what is written still ride on the SYN?
    """

    opening = False
    #: How much of the first flight left with the SYN, in octets, where not all did;
    #: L{None}: all of it, or it is not known.
    cut: int | None = None
    _left = False

    def createInternetSocket(self) -> socket.socket:
        """A socket that opens fast, where this kernel can."""
        made: socket.socket = tcp.Client.createInternetSocket(self)
        try:
            made.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
        except OSError:
            # An ordinary one, then.
            pass
        return made

    def _info(self, index: int) -> int:
        info = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_OCTETS)
        return info[index]

    def _connectDone(self) -> None:
        """C{connect} was well; is there a connection?"""
        self.opening = self._info(_STATE) == _SYN_SENT
        tcp.Client._connectDone(self)
        if self.opening:
            # Where there is nothing to say, the SYN is to leave all the same.
            self.startWriting()  # type: ignore[no-untyped-call]  # Twisted's
        else:
            self._opened(Opened.USUALLY)

    @property
    def room(self) -> int:
        """
        How many octets the SYN has room for, as far as this side knows: what the way
        to the host takes, less the headers, and 40 octets of options.
        """
        isSix = self.addressFamily == socket.AF_INET6
        level = socket.IPPROTO_IPV6 if isSix else socket.IPPROTO_IP
        try:
            most = self.socket.getsockopt(level, _IPV6_MTU if isSix else _IP_MTU)
        except OSError:
            most = _USUAL_MTU
        return most - (_IPV6_OCTETS if isSix else _IPV4_OCTETS) - _TCP_OCTETS

    def _openedEarly(self) -> None:
        taken = self._info(_OPTIONS) & _SYN_DATA
        self._opened(Opened.CARRYING if taken else Opened.EARLY)

    def _opened(self, how: Opened) -> None:
        self.opening = False
        if not self.connected:
            # The protocol has hung up at once.
            return
        self.connector.opened()
        # Under TLS from the start the speaker is within the layer.
        speaker = getattr(self.protocol, "wrappedProtocol", self.protocol)
        if IEarlySpeaker.providedBy(speaker):
            speaker.connectionOpened(how)

    def _trouble(self) -> Exception | None:
        """What went wrong, if something did."""
        number = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return _connectError(number) if number else None

    def doWrite(self) -> Any:
        """There is room; while opening: for the SYN, or the SYN-ACK has come."""
        if not self.opening:
            return tcp.Client.doWrite(self)
        if self._left:
            trouble = self._trouble()
            if trouble is not None:
                return trouble
            self._openedEarly()
            return tcp.Client.doWrite(self)
        self._left = True
        flight = self.dataBuffer[self.offset :] + b"".join(self._tempDataBuffer)
        try:
            sent = self.socket.send(flight)
        except BlockingIOError:
            # A SYN without anything in it says so.
            sent = 0
        except OSError as problem:
            return _connectError(problem.errno or 0)
        if 0 < sent < len(flight):
            self.cut = sent
        self.dataBuffer, self.offset = flight[sent:], 0
        self._tempDataBuffer, self._tempDataLen = [], 0
        # It stays among those that want to write: when it can, it is open.
        return None

    def doRead(self) -> Any:
        """Something has come; while opening: at least the answer to the SYN."""
        if self.opening:
            # Reading would take it away.
            trouble = self._trouble()
            if trouble is not None:
                return trouble
            if self._info(_STATE) == _SYN_SENT:
                return None
            self._openedEarly()
        return tcp.Client.doRead(self)

    def failIfNotConnected(self, err: Any) -> None:
        """Time is up, or nobody wants it any more."""
        if self.opening:
            self.connectionLost(Failure(err))
        else:
            tcp.Client.failIfNotConnected(self, err)

    def connectionLost(self, reason: Failure) -> None:
        """It has ended; while opening: it has never been."""
        if not self.opening:
            tcp.Client.connectionLost(self, reason)
            return
        if reason.check(error.ConnectionLost, error.ConnectionDone):
            # Of the poll it is only known that somebody hung up.
            trouble = self._trouble()
            reason = reason if trouble is None else Failure(trouble)
        connector = self.connector
        # The protocol was told that it is connected.
        tcp.Connection.connectionLost(self, reason)
        self.opening = False
        connector.connectionFailed(reason)


class FastOpenConnector(tcp.Connector):
    """
    A connector that is connecting, with its time limit, until the SYN-ACK has come.
    """

    def _makeTransport(self) -> FastOpenClient:
        place = (self.host, self.port, self.bindAddress)
        return FastOpenClient(*place, self, self.reactor)  # type: ignore[no-untyped-call]

    def buildProtocol(self, addr: IAddress) -> IProtocol | None:
        """The protocol, before it is known whether anybody is there."""
        return self.factory.buildProtocol(addr)

    def opened(self) -> None:
        """Somebody is."""
        self.state = "connected"
        self.cancelTimeout()


def connectFast(
    reactor: Any,
    address: str,
    port: int,
    factory: ClientFactory,
    timeout: float,
    bindAddress: tuple[str, int] | None,
) -> FastOpenConnector:
    """
    C{connectTCP}, for protocols that may be heard twice in what they say first.

    The factory may be asked for a protocol before it is known whether anybody is
    there, and is told C{clientConnectionFailed} all the same where nobody is; the
    protocol is told C{connectionLost} then, with the same reason.

    @param reactor: Twisted's own, as it is about sockets.
    @param address: of IPv4 or IPv6.
    @param timeout: in seconds, until the SYN-ACK.
    """
    connector = FastOpenConnector(address, port, factory, timeout, bindAddress, reactor)
    connector.connect()
    return connector


# --- servers -------------------------------------------------------------------


class Proof(Enum):
    """
    Has a client shown that it is where its SYN said?

    @cvar PENDING: not yet.
    @cvar GIVEN: it has.
    @cvar FAILED: it will not.
    """

    PENDING = "pending"
    GIVEN = "given"
    FAILED = "failed"


_PROOFS = {_SYN_RECEIVED: Proof.PENDING, _CLOSED: Proof.FAILED}


#: Where the kernel says what it does, and the bits of that: does it open connections
#: fast, and does it take such?
_SWITCH = Path("/proc/sys/net/ipv4/tcp_fastopen")
CLIENT_BIT, SERVER_BIT = 1, 2


def kernelBits(switch: Path = _SWITCH) -> int | None:
    """
    What the kernel does of TCP Fast Open (C{net.ipv4.tcp_fastopen}).

    @return: L{CLIENT_BIT}, L{SERVER_BIT} and others; L{None}: nobody knows.
    """
    try:
        return int(switch.read_text("ascii"))
    except (OSError, ValueError):
        return None


def takeFast(made: socket.socket) -> None:
    """
    Have a listening socket take data in SYNs, where the kernel does (bit 2 of
    C{net.ipv4.tcp_fastopen}, which is for IPv6 too).
    """
    try:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, _UNPROVEN_MOST)
    except OSError:
        # It saves a flight; nothing else depends on it.
        pass


def openedOf(made: socket.socket) -> Opened:
    """How a connection was opened that has just been accepted."""
    try:
        info = made.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_OCTETS)
    except OSError:
        return Opened.USUALLY
    if info[_OPTIONS] & _SYN_DATA:
        return Opened.CARRYING
    return Opened.EARLY if info[_STATE] == _SYN_RECEIVED else Opened.USUALLY


def proofOf(made: socket.socket) -> Proof:
    """How it is with a client now."""
    try:
        info = made.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_OCTETS)
    except OSError:
        return Proof.FAILED
    return _PROOFS.get(info[_STATE], Proof.GIVEN)


def proven(clock: IReactorTime, look: Callable[[], Proof]) -> Deferred[bool]:
    """
    Wait until it is known whether a client is where its SYN said.  The kernel has no
    event for that, so it is looked again and again, ever less often.

    @return: true: it is.  May be cancelled.
    """
    began = clock.seconds()
    timers: list[IDelayedCall] = []

    def again() -> None:
        timers.clear()
        found = look()
        if found is Proof.PENDING:
            waited = clock.seconds() - began
            pause = max(_LOOK_SECONDS, waited * _LOOK_PART)
            timers.append(clock.callLater(pause, again))
        else:
            done.callback(found is Proof.GIVEN)

    def stop(cancelled: Deferred[bool]) -> None:
        timers.pop().cancel()

    done: Deferred[bool] = Deferred(stop)
    timers.append(clock.callLater(_LOOK_SECONDS, again))
    return done


def _connectError(number: int) -> Exception:
    """What an ordinary attempt would have failed with."""
    found: Exception = error.getConnectError((number, os.strerror(number)))
    return found


__all__ = [
    "CLIENT_BIT",
    "SERVER_BIT",
    "FastOpenClient",
    "FastOpenConnector",
    "IEarlySpeaker",
    "Opened",
    "Proof",
    "connectFast",
    "kernelBits",
    "openedOf",
    "proofOf",
    "proven",
    "takeFast",
]
