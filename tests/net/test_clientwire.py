"""
Tests for L{smtpx.net.clientwire}.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.clientwire import ClientWire


class _Options:
    """
    What is asked of a socket.

    @ivar asked: the options, in order.
    @ivar dead: is the connection lost?
    """

    def __init__(self, dead: bool = False) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self.dead = dead

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """See L{socket.socket}."""
        if self.dead:
            raise OSError("it is closed")
        self.asked.append((level, option, value))


class _Transport(Connection):
    """A TCP transport without a connection."""

    def __init__(self, options: Any) -> None:
        self.socket = options

    def setTcpNoDelay(self, enabled: bool) -> None:
        """See C{ITCPTransport}."""

    def getHandle(self) -> Any:
        """The socket."""
        return self.socket


class HurryTests(SynchronousTestCase):
    """
    What a host says behind a TLS handshake is acknowledged at once.
    """

    if not hasattr(socket, "TCP_QUICKACK"):
        skip = "this system knows no such thing"

    AT_ONCE = (socket.IPPROTO_TCP, getattr(socket, "TCP_QUICKACK", 0), 1)

    def wire(self, options: _Options) -> ClientWire:
        """A connection with such a socket."""
        made = ClientWire()
        made.makeConnection(_Transport(options))
        return made

    def test_kernelIsToldOnceOurWordsHaveLeft(self) -> None:
        """
        The kernel forgets it when something is sent, so it is told a moment later.
        """
        clock, options = Clock(), _Options()
        self.wire(options).hurry(clock)
        clock.advance(0)
        self.assertEqual(options.asked, [])
        clock.advance(0.01)
        self.assertEqual(options.asked, [self.AT_ONCE])
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_lostConnectionIsLeftAlone(self) -> None:
        """Where the connection is gone by then, nothing is asked of its socket."""
        clock, options = Clock(), _Options()
        wire = self.wire(options)
        wire.hurry(clock)
        wire.released()
        wire.connectionLost(Failure(ConnectionDone()))
        clock.advance(1)
        self.assertEqual(options.asked, [])

    def test_deadSocketIsNoTrouble(self) -> None:
        """A socket that says no has its own way of ending."""
        clock = Clock()
        self.wire(_Options(dead=True)).hurry(clock)
        clock.advance(1)

    def test_otherTransportsHaveNoSuchThing(self) -> None:
        """What is no socket is not asked."""
        clock, wire = Clock(), ClientWire()
        wire.makeConnection(StringTransport())
        wire.hurry(clock)
        self.assertEqual(clock.getDelayedCalls(), [])
