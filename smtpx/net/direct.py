"""
Sending at once.

A reply to a lock-step client is one small write.  Through the transport it costs
two changes of the poller and a turn of the loop; straight to the socket it costs
one system call.  L{DirectProtocol} sends at once while the transport holds
nothing.  What the kernel does not take goes to the transport; being its pull
producer, we hear when that is written, and until then everything else goes there
as well, so that nothing is overtaken.

Under TLS there is no socket to write to, and all goes to the transport.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IPushProducer,
    ITransport,
)
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection
from zope.interface import implementer

#: The most octets of one recv.  It makes a bytes object of that size first; one above
#: 128 KiB is had from the kernel and given back to it each time, at ten times the cost
#: of a small read.  So a short message by BDAT may come whole with its commands, most
#: bodies by DATA whole behind the 354, and only what comes fast comes in large pieces.
COMMAND_OCTETS = 1 << 14
BODY_OCTETS = 1 << 16
STREAM_OCTETS = 1 << 18


class Stall:
    """
    Why nothing is read for now; bits of one number, as it is looked at for each
    command.

    @cvar WRITING: the peer does not take what we write.
    @cvar WORKING: a command is in work, and more and more comes.
    @cvar BODY: whoever takes the body does not keep up.
    """

    WRITING = 1
    WORKING = 2
    BODY = 4


@implementer(IHalfCloseableProtocol, IPushProducer)
class DirectProtocol(Protocol):
    """
    Octets out, at once where that is possible; and reading that can be stalled
    for more than one reason.
    """

    #: TCP or TLS over it; Twisted has no one interface for all that both can do.
    transport: Any = None
    _connection: Connection | None = None
    _socket: socket.socket | None = None
    _stalled = 0
    _queued = False
    _registering = False
    _streaming = False
    #: Has the peer said all it will say?
    ended = False

    def makeConnection(self, transport: ITransport) -> None:
        """See L{Protocol}.  Nagle's algorithm is off: it costs a flight."""
        if isinstance(transport, Connection):
            transport.setTcpNoDelay(True)
            transport.bufferSize = COMMAND_OCTETS
            self._connection = transport
            if not getattr(transport, "opening", False):
                # Until it is open, what is sent is the transport's business.
                self._socket = transport.getHandle()
        Protocol.makeConnection(self, transport)

    def expect(self, octets: int) -> None:
        """The most octets that one read is to bring from now on."""
        if self._connection is not None:
            self._connection.bufferSize = octets

    def pending(self) -> bool:
        """Is there input already that was not read yet?"""
        if self._socket is None:
            return False
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def send(self, octets: bytes) -> None:
        """Write, at once if nothing waits to be written."""
        handle = self._socket
        if handle is not None and not self._queued:
            try:
                sent = handle.send(octets)
            except OSError:  # full, or lost: the transport finds out which
                sent = 0
            if sent != len(octets):
                self._queue(octets[sent:])
        elif self.transport is not None:
            self.transport.write(octets)

    def _queue(self, octets: bytes) -> None:
        """Leave to the transport what the kernel does not take."""
        transport = self.transport
        self._queued = self._registering = True
        transport.registerProducer(self, False)  # calls resumeProducing
        self._registering = False
        self.stall(Stall.WRITING)
        transport.write(octets)

    def secured(self) -> None:
        """TLS has begun: from now on everything goes through the transport."""
        self._socket = None
        if self._queued:
            # A pull producer is of no use there; what is queued goes first.
            self._queued = False
            self.transport.unregisterProducer()
            self.unstall(Stall.WRITING)
        if not self._streaming:
            self._streaming = True
            self.transport.registerProducer(self, True)

    def finish(self) -> None:
        """Close the connection once everything is written."""
        transport = self.transport
        if transport is None:
            return
        if self._streaming and self._stalled:
            # Under TLS the end waits for the peer's.
            transport.resumeProducing()
        if self._streaming or self._queued:
            self._streaming = self._queued = False
            transport.unregisterProducer()
        self._socket = None
        transport.loseConnection()

    # --- stalling ---------------------------------------------------------------

    def stall(self, why: int) -> None:
        """Read nothing until this reason, and any other, is gone."""
        if not self._stalled and self.transport is not None:
            self.transport.pauseProducing()
        self._stalled |= why

    def unstall(self, why: int) -> None:
        """One reason is gone."""
        if self._stalled & why:
            self._stalled &= ~why
            if not self._stalled and self.transport is not None and not self.ended:
                self.transport.resumeProducing()

    # --- as the transport's producer ----------------------------------------------

    def pauseProducing(self) -> None:
        """The transport holds much that the peer does not take."""
        self.stall(Stall.WRITING)

    def resumeProducing(self) -> None:
        """Everything is written."""
        if self._registering:
            return
        if self._queued:
            self._queued = False
            self.transport.unregisterProducer()
        self.unstall(Stall.WRITING)

    def stopProducing(self) -> None:
        """The connection is gone; C{connectionLost} follows."""

    # --- half-close -----------------------------------------------------------------

    def readConnectionLost(self) -> None:
        """The peer has said all it will say; it still wants its replies."""
        self.ended = True
        self.inputEnded()

    def writeConnectionLost(self) -> None:
        """We never close one half."""

    def inputEnded(self) -> None:
        """Called once when the peer has closed its half."""
