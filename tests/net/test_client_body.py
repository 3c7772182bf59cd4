"""
Tests for L{smtpx.net.client}: messages that are larger than the network takes at a
time, and connections by themselves.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.defer import CancelledError
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.errors import UsageError
from smtpx.core.interfaces import IBody
from smtpx.core.reply import Reply, reply
from smtpx.net.client import ClientProtocol
from smtpx.net.sending import Unreached
from smtpx.spool.via import Cause, Via
from smtpx.testing import GREETING, Fault, ScriptedServer, answered, silent
from smtpx.testing.client import OctetsBody
from smtpx.testing.scripted import KEYWORDS

from .clients import CHUNKING, MESSAGE, WAY, Rig, codes, envelopeFor, rig, text
from .network import Network, watched

LOST = b"Connection lost"


@implementer(IBody)
@frozen
class Failing:
    """A body that cannot be read to its end."""

    octets: int = 200_000
    after: int = 1

    def pieces(self) -> Any:
        """So much of it can."""
        for _ in range(self.after):
            yield b"x" * 998 + b"\r\n"
        raise OSError("the disk is gone")


class BodyTests(SynchronousTestCase):
    """
    Messages that are larger than the network takes at a time.
    """

    BODY_ = b"x" * 998 + b"\r\n"

    def narrow(self, rigged: Rig, octets: int) -> None:
        """Have the network take so many octets of the client, and no more."""

        def made(client: Any, server: Any) -> None:
            client.room = octets

        rigged.network.onConnect = made

    def test_streams(self) -> None:
        """
        No more of a message is read than there is room for, once it is known that
        it can go as it is.
        """
        for keywords, looks in ((KEYWORDS, 1), (CHUNKING, 0)):
            rigged = rig(keywords=keywords)
            self.narrow(rigged, 5000)
            read = 0

            @implementer(IBody)
            class Counted:
                octets = 600_000

                def pieces(self) -> Any:
                    """Counts what is read."""
                    nonlocal read
                    for _ in range(600):
                        read += 1000
                        yield BodyTests.BODY_

            got = rigged.send(body=Counted())
            self.assertEqual(got.fired, 0)
            self.assertLess(read - looks * 600_000, 100_000)
            client, _ = rigged.network.links[0]
            while not got.fired:
                client.room = 200_000
                rigged.network.run()
            self.assertEqual(codes(got), [250])
            [message] = rigged.server.messages
            self.assertEqual(message.body, self.BODY_ * 600)

    def test_othersHaveTheirTurn(self) -> None:
        """Where all is taken at once, the reactor gets its turn in between."""
        rigged = rig()
        body = OctetsBody(self.BODY_ * 2000, 1000)
        turns: list[str] = []
        rigged.network.callLater(0, turns.append, "other")
        got = rigged.send(body=body, run=False)
        for _ in range(400):
            rigged.network.advance(0)
            rigged.network._move()
        self.assertEqual(codes(got), [250])
        self.assertGreater(len(rigged.writes()), 100)

    def test_refusedInTheMiddle(self) -> None:
        """
        A host that says no while a message is still on its way is not sent the rest.
        """
        rigged = rig()
        self.narrow(rigged, 50_000)
        got = rigged.send(body=OctetsBody(self.BODY_ * 1000, 1000))
        self.assertEqual(got.fired, 0)
        rigged.network.links[0][1].write(b"552 5.3.4 Too big\r\n")
        rigged.network.run()
        self.assertEqual(codes(got), [552])
        self.assertEqual(got.value.causes, (Cause.CONTENT,))
        self.assertEqual(rigged.pool.open, 0)

    def test_blocked(self) -> None:
        """A host that takes nothing more is given up after three minutes."""
        rigged = rig()
        self.narrow(rigged, 50_000)
        got = rigged.send(body=OctetsBody(self.BODY_ * 1000, 1000))
        rigged.network.run(178)
        self.assertEqual(got.fired, 0)
        rigged.network.run(4)
        self.assertEqual(text(got), b"Timed out waiting for message")
        self.assertFalse(got.value.unsure)

    def test_cannotBeRead(self) -> None:
        """
        A message that cannot be read is put off; the host never sees its end, and
        nothing of it where it was to be looked through first.
        """
        for keywords, left in ((KEYWORDS, 1), (CHUNKING, 0)):
            rigged = rig(keywords=keywords)
            got = rigged.send(body=Failing())
            self.assertEqual(codes(got), [451])
            self.assertEqual(rigged.server.messages, [])
            self.assertEqual(rigged.pool.open, left)
            [(_, error)] = rigged.troubles
            self.assertIsInstance(error, OSError)


class ProtocolTests(SynchronousTestCase):
    """
    A connection by itself.
    """

    def protocol(self, *faults: Fault) -> tuple[Network, ClientProtocol]:
        """One that is being made."""
        rigged = rig(*faults)
        line = ClientProtocol(rigged.pool.kit, b"mx.example.org", WAY)

        class Once:
            """Makes it."""

            def buildProtocol(self, addr: object) -> ClientProtocol:
                return line

        rigged.network.connectTCP("192.0.2.25", 25, Once())
        return rigged.network, line

    def test_notReady(self) -> None:
        """Before it is ready, and while it is busy, nothing can be delivered."""
        network, line = self.protocol()
        self.assertFalse(line.ready or line.spent or line.mistaken)
        self.assertTrue(line.silent)
        with self.assertRaises(UsageError):
            line.deliver(envelopeFor(), OctetsBody(b""))
        ready = watched(line.whenReady())
        network.run()
        self.assertEqual((ready.fired, ready.error), (1, None))
        self.assertEqual(watched(line.whenReady()).fired, 1)
        first = watched(line.deliver(envelopeFor(), OctetsBody(MESSAGE)))
        with self.assertRaises(UsageError):
            line.deliver(envelopeFor(), OctetsBody(b""))
        network.run()
        self.assertEqual(first.fired, 1)

    def test_gone(self) -> None:
        """Who asks a dead connection whether it is ready is told why it is not."""
        network, line = self.protocol(answered(GREETING, b"554 No"))
        network.run()
        error = watched(line.whenReady()).error
        self.assertEqual(error.reply, Reply(554, None, (b"No",)))
        self.assertEqual(error.text, "554 No")

    def test_quitBeforeItBegan(self) -> None:
        """Then it is cut off."""
        network, line = self.protocol(silent(GREETING))
        ready = watched(line.whenReady())
        line.quit()
        network.run()
        line.quit()
        network.run()
        self.assertIsInstance(ready.error, Unreached)
        self.assertEqual(line.via().address, b"192.0.2.25")

    def test_abort(self) -> None:
        """A connection that is cut off leaves its envelope lost."""
        network, line = self.protocol(silent(b"MAIL"))
        network.run()
        got = watched(line.deliver(envelopeFor(), OctetsBody(b"")))
        network.run()
        line.abort()
        self.assertEqual(
            [said for _, said in got.value.outcomes], [reply(451, "4.4.2", LOST)]
        )
        network.run()
        self.assertEqual(network.getDelayedCalls(), [])

    def test_cancelledEnvelope(self) -> None:
        """Whoever waits no more has the connection cut off."""
        network, line = self.protocol(silent(b"MAIL"))
        network.run()
        delivering = line.deliver(envelopeFor(), OctetsBody(b""))
        got = watched(delivering)
        delivering.cancel()
        network.run()
        self.assertIsInstance(got.error, CancelledError)
        self.assertFalse(line.ready)
        self.assertEqual(network.getDelayedCalls(), [])

    def test_cutOffBetweenTwoPieces(self) -> None:
        """While others have their turn, nothing goes on by itself."""
        network, line = self.protocol()
        network.run()
        watched(line.deliver(envelopeFor(), OctetsBody(b"x" * 50_000, 1000)))
        for _ in range(3):
            network.advance(0)
            network._move()
        line.abort()
        network.run()
        self.assertEqual(network.getDelayedCalls(), [])

    def test_notConnected(self) -> None:
        """Before it is connected, it knows where it is to be."""
        kit = rig().pool.kit
        line = ClientProtocol(kit, b"mx.example.org", WAY, address=b"192.0.2.1")
        self.assertEqual(line.via(), Via(b"mx.example.org", b"192.0.2.1", 0))

    def test_lateData(self) -> None:
        """What still comes is not looked at."""
        network, line = self.protocol()
        network.run()
        line.quit()
        network.run()
        line.dataReceived(b"250 what\r\n")
        line.inputEnded()

    def test_aScriptedServerOnItsOwn(self) -> None:
        """A connection over a transport without halves."""
        rigged = rig()
        line = ClientProtocol(rigged.pool.kit, b"mx.example.org", WAY)
        transport = StringTransport()
        line.makeConnection(transport)
        line.dataReceived(b"220 x\r\n")
        line.dataReceived(b"250 x\r\n")
        line.quit()
        self.assertTrue(transport.value().endswith(b"QUIT\r\n"))
        line.dataReceived(b"221 bye\r\n")
        self.assertTrue(transport.disconnecting)
        self.assertIsInstance(rigged.server, ScriptedServer)
