"""
Tests for L{smtpx.net.factory}: how long a server that stops waits for clients.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import Bounds
from smtpx.core.reply import Reply, reply

from .made import RememberingReceiver, Server, made

MESSAGE = (
    b"EHLO c.example\r\n",
    b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n",
    b"x\r\n.\r\n",
)


class FarewellTests(SynchronousTestCase):
    """A server stops while clients are there."""

    def wait(self, server: Server, seconds: int) -> None:
        """Let time go by, as the sweep sees it."""
        for _ in range(seconds):
            server.clock.advance(1)

    def test_sleepingClients(self) -> None:
        """
        A client that was told 421 and takes no notice is not waited for as long
        as one that left by itself: an operator is waiting.
        """
        server = made(bounds=Bounds(closeSeconds=30))
        call = server.call()
        gone = server.factory.shutDown()
        self.wait(server, 2)
        self.assertFalse(call.wire.aborted)
        self.wait(server, 2)
        self.assertTrue(call.wire.aborted)
        call.protocol.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(gone)

    def test_answersAreWaitedFor(self) -> None:
        """A client whose message is being committed is not cut off so soon."""
        later: Deferred[Reply] = Deferred()
        server = made(RememberingReceiver(answer=later), bounds=Bounds(closeSeconds=30))
        call = server.call()
        for flight in MESSAGE:
            call.say(flight)
        server.factory.shutDown()
        self.wait(server, 20)
        self.assertFalse(call.wire.aborted)
        later.callback(reply(250, "2.0.0", b"Done"))
        self.wait(server, 2)
        self.assertFalse(call.wire.aborted)
        self.wait(server, 2)
        self.assertTrue(call.wire.aborted)

    def test_shorterLimit(self) -> None:
        """Where an operator waits less at any time, so does a server that stops."""
        server = made(bounds=Bounds(closeSeconds=1))
        call = server.call()
        server.factory.shutDown()
        self.wait(server, 2)
        self.assertTrue(call.wire.aborted)
