"""Tests for L{smtpx.policy.socketmap}, with a socket that says what the test wants."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.errors import Malformed
from smtpx.policy.recipients import Finding, IRecipientCheck, Standing
from smtpx.policy.socketmap import (
    REPLY_OCTETS,
    SocketGone,
    SocketMap,
    parseReply,
    readFinding,
    renderQuestion,
)
from smtpx.policy.turnstile import Crowded, Turnstile

from .test_dovecot import Line, Socket

QUESTION = b"22:recipients a@b.example,"


def netstring(text: bytes) -> bytes:
    """A netstring."""
    return b"%d:%b," % (len(text), text)


class WireTests(SynchronousTestCase):
    """What goes over the wire."""

    def test_question(self) -> None:
        """The name of the map and the address."""
        asked = renderQuestion(b"recipients", b"a@b.example")
        self.assertEqual(asked, b"22:recipients a@b.example,")
        self.assertEqual(parseReply(asked), b"recipients a@b.example")

    @settings(max_examples=100)
    @given(st.binary(max_size=300))
    def test_replyAtEveryCut(self, text: bytes) -> None:
        """A reply is nothing before it is whole, wherever it is cut."""
        whole = netstring(text)
        for cut in range(len(whole)):
            self.assertIsNone(parseReply(whole[:cut]))
        self.assertEqual(parseReply(whole), text)

    def test_notANetstring(self) -> None:
        """Anything else is the end of it."""
        for received in (
            b"OK",
            b"01:x,",
            b"3:OK ;",
            b"2:OK,x",
            b":",
            b"-1:,",
            b"1234567",
        ):
            with self.assertRaises(Malformed):
                parseReply(received)

    def test_tooLong(self) -> None:
        """Nobody fills our memory."""
        with self.assertRaises(Malformed):
            parseReply(b"%d:" % (REPLY_OCTETS + 1))
        self.assertIsNone(parseReply(b"%d:" % REPLY_OCTETS))

    def test_findings(self) -> None:
        """What the words say; a map that is broken says nothing of an address."""
        for text, finding in (
            (b"OK", Finding(Standing.KNOWN)),
            (b"OK whatever", Finding(Standing.KNOWN)),
            (b"NOTFOUND ", Finding(Standing.UNKNOWN)),
            (b"NOTFOUND gone", Finding(Standing.UNKNOWN, "gone")),
            (b"TEMP later", Finding(Standing.UNSURE, "the socket says TEMP later")),
            (b"TIMEOUT x\xff", Finding(
                Standing.UNSURE, "the socket says TIMEOUT x\\xff")),
            (b"PERM no map", Finding(Standing.UNSURE, "the socket says PERM no map")),
        ):  # fmt: skip
            self.assertEqual(readFinding(text), finding)
        for text in (b"", b"ok", b"NOT FOUND", b"500 no"):
            with self.assertRaises(Malformed):
                readFinding(text)


class SocketMapTests(SynchronousTestCase):
    """Asking over a socket."""

    def setUp(self) -> None:
        """Nothing is connected yet."""
        self.clock = Clock()
        self.socket = Socket()
        turnstile = Turnstile(self.clock, 8, 4, 5.0)
        self.map = SocketMap(self.socket, turnstile)

    def look(self) -> Deferred[Finding]:
        """Ask for a recipient."""
        return self.map.look(b"a@b.example", b"192.0.2.1")

    def asked(self) -> tuple[Deferred[Finding], Line]:
        """Ask, and take the question at the other end."""
        found = self.look()
        line = self.socket.lines[-1]
        self.assertEqual(line.said(), QUESTION)
        return found, line

    def test_isCheck(self) -> None:
        """It is a check."""
        verifyObject(IRecipientCheck, self.map)

    def test_oneConnection(self) -> None:
        """A connection is used again; a reply may come in pieces."""
        for text, standing in (
            (b"OK", Standing.KNOWN),
            (b"NOTFOUND ", Standing.UNKNOWN),
        ):
            found, line = self.asked()
            for octet in netstring(text):
                self.assertNoResult(found)
                line.say(bytes([octet]))
            self.assertIs(self.successResultOf(found).standing, standing)
        self.assertEqual(self.socket.attempts, 1)

    def test_manyAtOnce(self) -> None:
        """Each question has a connection of its own, and nobody alone has all."""
        found = [self.asked() for _ in range(4)]
        self.assertEqual(len(self.socket.lines), 4)
        waits = [self.look() for _ in range(2)]
        self.failureResultOf(self.look(), Crowded)
        for outcome in (found[2][0], *waits):
            found[2][1].say(netstring(b"OK"))
            self.successResultOf(outcome)
        self.assertEqual(self.socket.attempts, 4)

    def test_keptTooLong(self) -> None:
        """A connection that ended meanwhile is made anew, noticed or not."""
        for noticed in (True, False):
            found, line = self.asked()
            line.say(netstring(b"OK"))
            self.successResultOf(found)
            if noticed:
                line.hangUp()
                found, line = self.asked()
            else:
                found = self.look()
                line.hangUp()
                line = self.socket.lines[-1]
            line.say(netstring(b"OK"))
            self.successResultOf(found)
        self.assertEqual(self.socket.attempts, 3)

    def test_oneOfTwoHasEnded(self) -> None:
        """The other one is used again."""
        asked = [self.asked() for _ in range(2)]
        for found, line in asked:
            line.say(netstring(b"OK"))
            self.successResultOf(found)
        asked[1][1].hangUp()
        found, line = self.look(), asked[0][1]
        self.assertEqual(line.said(), QUESTION)
        line.say(netstring(b"OK"))
        self.successResultOf(found)
        self.assertEqual(self.socket.attempts, 2)

    def test_hangsUp(self) -> None:
        """A new connection that gives no reply is not tried again."""
        found, line = self.asked()
        line.hangUp()
        self.failureResultOf(found, SocketGone)

    def test_notThere(self) -> None:
        """Nobody listens."""
        self.socket.refuses = 1
        self.failureResultOf(self.look(), ConnectionRefusedError)

    def test_nonsense(self) -> None:
        """What nobody understands ends the connection, as does what nobody asked."""
        found, line = self.asked()
        line.say(b"HTTP/1.1 400\r\n")
        self.failureResultOf(found, Malformed)
        self.assertTrue(line.aborted)
        line.say(netstring(b"OK"))
        line.hangUp()
        found, line = self.asked()
        line.say(netstring(b"OK"))
        self.successResultOf(found)
        line.say(netstring(b"OK"))
        self.assertTrue(line.aborted)
        self.asked()
        self.assertEqual(self.socket.attempts, 3)

    def test_silent(self) -> None:
        """Who does not answer in time is not waited for."""
        found, line = self.asked()
        self.clock.advance(5.0)
        self.failureResultOf(found, TimeoutError)
        self.assertTrue(line.aborted)
        line.hangUp()

    def test_cancelled(self) -> None:
        """Nobody wants to know any more: a late reply would be taken for another."""
        found, line = self.asked()
        found.cancel()
        self.failureResultOf(found, CancelledError)
        self.assertTrue(line.aborted)

    def test_stop(self) -> None:
        """All connections end, those that are asked once they have answered."""
        first, line = self.asked()
        second, other = self.asked()
        line.say(netstring(b"OK"))
        self.successResultOf(first)
        self.map.stop()
        self.assertEqual((line.aborted, other.aborted), (True, False))
        other.say(netstring(b"OK"))
        self.successResultOf(second)
        self.assertTrue(other.aborted)
        self.failureResultOf(self.look(), SocketGone)
