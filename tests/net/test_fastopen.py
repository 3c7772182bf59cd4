"""
Tests for L{smtpx.net.fastopen}; with a real kernel in C{tests.interop}.
"""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any

from twisted.internet.error import (
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    TimeoutError,
    UserError,
)
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.internet.task import Clock
from twisted.internet.tcp import Client
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.net.fastopen import (
    FastOpenClient,
    FastOpenConnector,
    IEarlySpeaker,
    Opened,
    Proof,
    kernelBits,
    openedOf,
    proofOf,
    takeFast,
)

_ESTABLISHED, _SYN_SENT, _SYN_RECEIVED, _CLOSED = 1, 2, 3, 7


class KernelTests(SynchronousTestCase):
    """What the kernel does of it."""

    def test_bits(self) -> None:
        """Its switch is a number; where there is none, nobody knows."""
        switch = Path(self.mktemp())
        self.assertIsNone(kernelBits(switch))
        for text, bits in (("3\n", 3), ("1027\n", 1027), ("x\n", None)):
            switch.write_text(text)
            self.assertEqual(kernelBits(switch), bits)


class FakeSocket:
    """
    A socket of a kernel that has a cookie, or not.

    @ivar state: as TCP_INFO has it.
    @ivar options: likewise.
    @ivar trouble: what SO_ERROR has.
    @ivar packet: how long one may be, with all headers.
    @ivar room: how much the SYN takes; L{None}: there is no SYN yet to send.
    @ivar sent: what was sent, a piece each time.
    """

    def __init__(self, cookie: bool = True, fast: bool = True) -> None:
        self.cookie = cookie
        self.fast = fast
        self.state = _CLOSED
        self.options = 0
        self.trouble = 0
        self.room = 1420
        self.packet = 1500
        self.sent: list[bytes] = []
        self.incoming: list[bytes] = []
        self.closed = False
        self.set: list[tuple[int, int, int]] = []
        self.refuses: OSError | None = None

    def setblocking(self, flag: int) -> None:
        """As it always is."""

    def fileno(self) -> int:
        """A number."""
        return 77

    def setsockopt(self, level: int, name: int, value: int) -> None:
        """An option."""
        if not self.fast:
            raise OSError(errno.ENOPROTOOPT, "no")
        self.set.append((level, name, value))

    def getsockopt(self, level: int, name: int, size: int = 0) -> Any:
        """How it is."""
        if name == socket.SO_ERROR:
            found, self.trouble = self.trouble, 0
            return found
        if self.refuses is not None:
            raise self.refuses
        if level in (socket.IPPROTO_IP, socket.IPPROTO_IPV6):
            return self.packet
        return bytes([self.state, 0, 0, 0, 0, self.options, 0, 0])

    def connect_ex(self, address: object) -> int:
        """With a cookie it says yes, and does nothing."""
        if self.state == _ESTABLISHED:
            return errno.EISCONN
        self.state = _SYN_SENT
        return 0 if self.cookie else errno.EINPROGRESS

    def send(self, octets: bytes) -> int:
        """The first one is the SYN."""
        octets = bytes(octets)
        if self.refuses is not None:
            raise self.refuses
        if self.state == _SYN_SENT:
            if not octets:
                self.sent.append(b"")
                raise BlockingIOError(errno.EINPROGRESS, "under way")
            self.sent.append(octets[: self.room])
            return min(self.room, len(octets))
        self.sent.append(octets)
        return len(octets)

    def recv(self, most: int) -> bytes:
        """What has come."""
        return self.incoming.pop(0) if self.incoming else b""

    def shutdown(self, how: int) -> None:
        """The end of a half."""

    def close(self) -> None:
        """The end."""
        self.closed = True

    def getsockname(self) -> tuple[str, int]:
        """Our end."""
        return ("192.0.2.1", 40000)


class FakeReactor(Clock):
    """Remembers who wants to read and write."""

    def __init__(self) -> None:
        Clock.__init__(self)
        self.readers: set[object] = set()
        self.writers: set[object] = set()

    def addReader(self, one: object) -> None:
        """It wants to."""
        self.readers.add(one)

    def addWriter(self, one: object) -> None:
        """It wants to."""
        self.writers.add(one)

    def removeReader(self, one: object) -> None:
        """It does not."""
        self.readers.discard(one)

    def removeWriter(self, one: object) -> None:
        """It does not."""
        self.writers.discard(one)


@implementer(IEarlySpeaker)
class Speaker(Protocol):
    """Says something at once, and writes down what it is told."""

    def __init__(self, first: bytes) -> None:
        self.first = first
        self.heard: list[object] = []

    def connectionMade(self) -> None:
        """Speak."""
        assert self.transport is not None
        self.transport.write(self.first)

    def connectionOpened(self, how: Opened) -> None:
        """See L{IEarlySpeaker}."""
        self.heard.append(how)

    def dataReceived(self, data: bytes) -> None:
        """Something has come."""
        self.heard.append(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The end."""
        assert reason is not None
        self.heard.append(type(reason.value))


class Speakers(ClientFactory):
    """Makes one; writes down what became of the attempt."""

    noisy = False

    def __init__(self, first: bytes = b"EHLO\r\n") -> None:
        self.protocol: Any = None
        self.speaker = Speaker(first)
        self.failures: list[object] = []
        self.built = True

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """The one."""
        return self.speaker if self.built else None

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        """It has not come about."""
        self.failures.append(type(reason.value))


class FastTestCase(SynchronousTestCase):
    """A connection that is opened fast, and what happens to it."""

    def begin(self, made: FakeSocket, first: bytes = b"EHLO\r\n") -> Any:
        """A connection, as far as C{connect}."""
        self.patch(Client, "createInternetSocket", lambda self: made)
        self.reactor = FakeReactor()
        self.factory = Speakers(first)
        self.speaker = self.factory.speaker
        self.connector = FastOpenConnector(
            "192.0.2.25", 25, self.factory, 30, None, self.reactor
        )
        self.connector.connect()
        transport = self.connector.transport
        assert isinstance(transport, FastOpenClient)
        self.reactor.advance(0)
        return transport

    def writable(self, transport: Any) -> None:
        """The poll says that it can write."""
        self.assertIn(transport, self.reactor.writers)
        why = transport.doWrite()
        if why is not None:
            transport.connectionLost(Failure(why))

    def readable(self, transport: Any) -> None:
        """The poll says that there is something."""
        why = transport.doRead()
        if why is not None:
            transport.connectionLost(Failure(why))


class ClientTests(FastTestCase):
    """A connection that is opened fast."""

    def test_rides(self) -> None:
        """What is said first is in the SYN; the rest is the same as ever."""
        made = FakeSocket()
        transport = self.begin(made)
        self.assertTrue(transport.opening)
        self.assertEqual(made.sent, [])
        self.writable(transport)
        self.assertEqual(made.sent, [b"EHLO\r\n"])
        self.assertEqual(self.speaker.heard, [])
        made.state, made.options = _ESTABLISHED, 0x20
        self.writable(transport)
        self.assertEqual(self.speaker.heard, [Opened.CARRYING])
        self.assertFalse(transport.opening)
        transport.write(b"QUIT\r\n")
        self.writable(transport)
        self.assertEqual(made.sent[-1], b"QUIT\r\n")

    def test_asked(self) -> None:
        """The socket is asked for it."""
        made = FakeSocket()
        self.begin(made)
        self.assertIn((socket.IPPROTO_TCP, 30, 1), made.set)

    def test_kernelCannot(self) -> None:
        """On a kernel without it the connection is as ever."""
        made = FakeSocket(cookie=False, fast=False)
        transport = self.begin(made)
        made.state = _ESTABLISHED
        self.writable(transport)
        self.assertEqual(self.speaker.heard, [Opened.USUALLY])

    def test_noCookie(self) -> None:
        """Without a cookie nothing is said before the handshake."""
        made = FakeSocket(cookie=False)
        transport = self.begin(made)
        self.assertEqual(self.speaker.heard, [])
        made.state = _ESTABLISHED
        self.writable(transport)
        self.assertEqual(self.speaker.heard, [Opened.USUALLY])
        self.writable(transport)
        self.assertEqual(made.sent, [b"EHLO\r\n"])

    def test_nothingToSay(self) -> None:
        """A SYN leaves all the same."""
        made = FakeSocket()
        transport = self.begin(made, b"")
        self.writable(transport)
        self.assertEqual(made.sent, [b""])
        made.state = _ESTABLISHED
        self.writable(transport)
        self.assertEqual(self.speaker.heard, [Opened.EARLY])

    def test_notTaken(self) -> None:
        """What the other side did not take the kernel sends again; it is told."""
        made = FakeSocket()
        transport = self.begin(made)
        self.writable(transport)
        made.state = _ESTABLISHED
        self.writable(transport)
        self.assertEqual(self.speaker.heard, [Opened.EARLY])

    def test_tooLong(self) -> None:
        """What does not fit leaves as soon as it is open, in order."""
        made = FakeSocket()
        made.room = 4
        transport = self.begin(made, b"0123456789")
        transport.write(b"ab")
        self.writable(transport)
        transport.write(b"cd")
        made.state = _ESTABLISHED
        self.writable(transport)
        self.assertEqual(b"".join(made.sent), b"0123456789abcd")
        self.assertEqual(made.sent[0], b"0123")

    def test_answered(self) -> None:
        """An answer that comes with the SYN-ACK is heard behind the opening."""
        made = FakeSocket()
        transport = self.begin(made)
        self.writable(transport)
        made.state, made.options = _ESTABLISHED, 0x20
        made.incoming = [b"220 hello\r\n"]
        self.readable(transport)
        self.assertEqual(self.speaker.heard, [Opened.CARRYING, b"220 hello\r\n"])

    def test_readTooSoon(self) -> None:
        """A poll that says so without reason changes nothing."""
        made = FakeSocket()
        transport = self.begin(made)
        self.writable(transport)
        self.readable(transport)
        self.assertTrue(transport.opening)
        self.assertEqual(self.speaker.heard, [])

    def test_refused(self) -> None:
        """The attempt fails, with what an ordinary one would have failed with."""
        for event in (self.readable, self.writable):
            made = FakeSocket()
            transport = self.begin(made)
            self.writable(transport)
            made.trouble = errno.ECONNREFUSED
            event(transport)
            self.assertEqual(self.factory.failures, [ConnectionRefusedError])
            self.assertEqual(self.speaker.heard, [ConnectionRefusedError])
            self.assertTrue(made.closed)
            self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_hangUp(self) -> None:
        """Where the poll only says that it is over, the socket knows why."""
        made = FakeSocket()
        transport = self.begin(made)
        self.writable(transport)
        made.trouble = errno.ECONNREFUSED
        transport.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.factory.failures, [ConnectionRefusedError])

    def test_hangUpWithoutWhy(self) -> None:
        """Or it does not."""
        made = FakeSocket()
        transport = self.begin(made)
        transport.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.factory.failures, [ConnectionDone])

    def test_sendFails(self) -> None:
        """The SYN cannot be sent."""
        made = FakeSocket()
        transport = self.begin(made)
        made.refuses = OSError(errno.ECONNREFUSED, "refused")
        self.writable(transport)
        self.assertEqual(self.factory.failures, [ConnectionRefusedError])

    def test_timeLimit(self) -> None:
        """The time limit is for the SYN-ACK, not for a C{connect} that says yes."""
        made = FakeSocket()
        transport = self.begin(made)
        self.writable(transport)
        self.reactor.advance(30)
        self.assertEqual(self.factory.failures, [TimeoutError])
        self.assertEqual(self.speaker.heard, [TimeoutError])

    def test_openInTime(self) -> None:
        """Once it is open there is no limit any more."""
        made = FakeSocket()
        transport = self.begin(made)
        self.writable(transport)
        made.state = _ESTABLISHED
        self.writable(transport)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        transport.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.factory.failures, [])
        self.assertEqual(self.speaker.heard, [Opened.EARLY, ConnectionDone])

    def test_givenUp(self) -> None:
        """Nobody wants it any more."""
        made = FakeSocket()
        self.begin(made)
        self.connector.disconnect()
        self.assertEqual(self.factory.failures, [UserError])
        self.assertTrue(made.closed)

    def test_givenUpBefore(self) -> None:
        """Or did not, before there was a protocol."""
        made = FakeSocket(cookie=False)
        self.begin(made)
        self.connector.disconnect()
        self.assertEqual(self.factory.failures, [UserError])
        self.assertEqual(self.speaker.heard, [])

    def test_closedEarly(self) -> None:
        """Closed before the SYN-ACK, it closes behind it."""
        made = FakeSocket()
        transport = self.begin(made)
        transport.loseConnection()
        self.writable(transport)
        self.assertFalse(made.closed)
        made.state = _ESTABLISHED
        self.writable(transport)
        self.assertTrue(made.closed)
        self.assertEqual(self.speaker.heard[-1], ConnectionDone)

    def test_noProtocol(self) -> None:
        """A factory that wants no connection after all gets none."""
        made = FakeSocket(cookie=False)
        transport = self.begin(made)
        self.factory.built = False
        made.state = _ESTABLISHED
        self.writable(transport)
        self.assertEqual(self.speaker.heard, [])
        self.writable(transport)
        self.assertTrue(made.closed)


class ServerTests(SynchronousTestCase):
    """A port that takes data in SYNs."""

    def test_takeFast(self) -> None:
        """The socket is told; one that cannot is left as it is."""
        made = FakeSocket()
        takeFast(made)  # type: ignore[arg-type]  # as far as it matters
        self.assertEqual(made.set, [(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 64)])
        takeFast(FakeSocket(fast=False))  # type: ignore[arg-type]  # likewise

    def test_openedOf(self) -> None:
        """How a connection was opened is seen when it is accepted."""
        made: Any = FakeSocket()
        for state, options, how in (
            (_ESTABLISHED, 0, Opened.USUALLY),
            (_SYN_RECEIVED, 0, Opened.EARLY),
            (_SYN_RECEIVED, 0x20, Opened.CARRYING),
            (_ESTABLISHED, 0x20, Opened.CARRYING),
        ):
            made.state, made.options = state, options
            self.assertIs(openedOf(made), how)
        made.refuses = OSError(errno.EOPNOTSUPP, "a UNIX socket")
        self.assertIs(openedOf(made), Opened.USUALLY)

    def test_proofOf(self) -> None:
        """A reset is no proof."""
        made: Any = FakeSocket()
        for state, proof in (
            (_SYN_RECEIVED, Proof.PENDING),
            (_ESTABLISHED, Proof.GIVEN),
            (_CLOSED, Proof.FAILED),
        ):
            made.state = state
            self.assertIs(proofOf(made), proof)
        made.refuses = OSError(errno.EBADF, "closed")
        self.assertIs(proofOf(made), Proof.FAILED)
