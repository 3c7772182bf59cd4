"""
Tests for L{smtpx.net.direct}.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.tcp import Connection
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.reply import reply
from smtpx.net.direct import BODY_OCTETS, COMMAND_OCTETS, STREAM_OCTETS

from .made import made

HELLO = b"EHLO c.example\r\n"
GROUP = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
NO = reply(550, "5.7.1", b"No")


class Socket(Connection):
    """
    A TCP transport on one end of a real pair of sockets, driven by the test.
    """

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self.dataBuffer = b""
        self.queued: list[bytes] = []
        self.pulled: Any = None
        self.paused = 0
        self.lost = False
        self.noDelay = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """See C{ITCPTransport}."""
        self.noDelay = enabled

    def getHandle(self) -> socket.socket:
        """The socket."""
        return self.socket

    def getHost(self) -> Any:
        """Nowhere."""

    def write(self, data: bytes) -> None:
        """It is queued."""
        self.queued.append(data)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """See C{IConsumer}: a pull producer is asked at once."""
        self.pulled = producer
        producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """See C{IConsumer}."""
        self.pulled = None

    def pauseProducing(self) -> None:
        """Nothing is read."""
        self.paused += 1

    def resumeProducing(self) -> None:
        """Something is read again."""
        self.paused -= 1

    def loseConnection(self) -> None:
        """It ends."""
        self.lost = True


class DirectTests(SynchronousTestCase):
    """
    Sending at once, on a real pair of sockets.
    """

    def connected(self) -> tuple[Any, Socket, socket.socket]:
        """A protocol, its transport, and the client's end."""
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        ours.setblocking(False)
        theirs.setblocking(False)
        self.server = made()
        protocol = self.server.factory.buildProtocol(None)
        transport = Socket(ours)
        return protocol, transport, theirs

    def test_atOnce(self) -> None:
        """
        A reply is on the wire when C{dataReceived} returns.
        """
        protocol, transport, theirs = self.connected()
        protocol.makeConnection(transport)
        self.assertTrue(transport.noDelay)
        self.assertEqual(theirs.recv(99), b"220 mx.example.org ESMTP\r\n")
        protocol.dataReceived(b"NOOP\r\n")
        self.assertEqual(theirs.recv(99), b"250 2.0.0 OK\r\n")
        self.assertEqual(transport.queued, [])

    def test_early(self) -> None:
        """
        A client that is talking already gets greeting and replies in one write.
        """
        protocol, transport, theirs = self.connected()
        theirs.send(HELLO)
        protocol.makeConnection(transport)
        with self.assertRaises(BlockingIOError):
            theirs.recv(1)
        protocol.dataReceived(HELLO)
        said = theirs.recv(9999)
        self.assertTrue(said.startswith(b"220 mx.example.org ESMTP\r\n250-mx"))

    def test_full(self) -> None:
        """
        What the kernel does not take is queued; nothing overtakes it, and
        nothing is read until it is written.
        """
        protocol, transport, theirs = self.connected()
        protocol.makeConnection(transport)
        big = b"x" * 10_000_000
        protocol.send(big)
        (rest,) = transport.queued
        self.assertLess(len(rest), len(big))
        self.assertEqual(transport.paused, 1)
        protocol.send(b"y")
        self.assertEqual(transport.queued, [rest, b"y"])
        transport.pulled.resumeProducing()
        self.assertEqual((transport.pulled, transport.paused), (None, 0))

    def test_finishWhileQueued(self) -> None:
        """
        A connection that ends with replies queued waits for no producer.
        """
        protocol, transport, theirs = self.connected()
        protocol.makeConnection(transport)
        protocol.send(b"x" * 10_000_000)
        protocol.finish()
        self.assertEqual((transport.pulled, transport.lost), (None, True))
        protocol.transport = None
        protocol.finish()
        protocol.send(b"nobody")

    def test_readSizes(self) -> None:
        """
        Little is read at a time for commands, more for a body, and much for one that
        comes in large pieces.
        """
        protocol, transport, theirs = self.connected()
        protocol.makeConnection(transport)
        self.assertEqual(transport.bufferSize, COMMAND_OCTETS)
        protocol.dataReceived(HELLO)
        self.assertEqual(transport.bufferSize, COMMAND_OCTETS)
        protocol.dataReceived(GROUP)
        self.assertEqual(transport.bufferSize, BODY_OCTETS)
        protocol.dataReceived(b"x" * COMMAND_OCTETS)
        self.assertEqual(transport.bufferSize, BODY_OCTETS)
        protocol.dataReceived(b"x" * BODY_OCTETS)
        self.assertEqual(transport.bufferSize, STREAM_OCTETS)
        protocol.dataReceived(b"\r\n.\r\n")
        self.assertEqual(transport.bufferSize, COMMAND_OCTETS)
        protocol.dataReceived(GROUP)
        protocol.dataReceived(b"x" * BODY_OCTETS)
        protocol.dataReceived(b"\rx\r\n.\r\n")
        self.assertEqual(transport.bufferSize, COMMAND_OCTETS)

    def test_bodyWhole(self) -> None:
        """
        A body of some kilobytes that is there is had by one read.
        """
        protocol, transport, theirs = self.connected()
        protocol.makeConnection(transport)
        protocol.dataReceived(HELLO)
        protocol.dataReceived(GROUP)
        body = b"x" * (3 * COMMAND_OCTETS) + b"\r\n.\r\n"
        theirs.sendall(body)
        self.assertEqual(transport.socket.recv(transport.bufferSize), body)
