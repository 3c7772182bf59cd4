"""
Tests for L{smtpx.testing.scripted} and L{smtpx.testing.faults}.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings, strategies
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from smtpx.testing import scripted
from smtpx.testing.faults import (
    ANY,
    BODY,
    GREETING,
    End,
    Fault,
    answered,
    brokenTLS,
    closed,
    cut,
    delayed,
    inPieces,
    reset,
    silent,
)
from smtpx.testing.scripted import (
    ScriptedProtocol,
    ScriptedServer,
    ScriptedSession,
    Step,
)

MESSAGE = b"Subject: x\r\n\r\n..\r\nhello\r\n"
ENVELOPE = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
BY_DATA = ENVELOPE + b"DATA\r\n" + MESSAGE.replace(b"\r\n..", b"\r\n...") + b".\r\n"
BY_BDAT = ENVELOPE + b"BDAT 5\r\n" + MESSAGE[:5] + b"BDAT 20 LAST\r\n" + MESSAGE[5:]
WHOLE = b"EHLO c.example\r\n" + BY_DATA + BY_BDAT + b"QUIT\r\n"


class Peer:
    """
    A client of a scripted server, in memory.

    @ivar wire: what is between them.
    """

    def __init__(self, server: ScriptedServer) -> None:
        self.protocol: ScriptedProtocol = server.buildProtocol(None)
        self.wire: Any = StringTransport()
        self.protocol.makeConnection(self.wire)  # type: ignore[no-untyped-call]  # Twisted's

    def say(self, octets: bytes) -> bytes:
        """Say something; gives what came back."""
        self.wire.clear()
        self.protocol.dataReceived(octets)
        said: bytes = self.wire.value()
        return said

    def codes(self, octets: bytes) -> list[int]:
        """Say something; gives the codes of what came back."""
        lines = self.say(octets).split(b"\r\n")[:-1]
        return [int(line[:3]) for line in lines if line[3:4] != b"-"]


class ScriptedServerTests(SynchronousTestCase):
    """A server that does wrong what it is told to."""

    def serve(self, *faults: Fault, **more: object) -> ScriptedServer:
        """A server, and a clock that stands still."""
        self.clock = Clock()
        self.server = ScriptedServer(*faults, clock=self.clock, **more)  # type: ignore[arg-type]  # as they come
        return self.server

    def peer(self, *faults: Fault) -> Peer:
        """A client that was greeted."""
        return Peer(self.serve(*faults))

    # --- without faults ---------------------------------------------------------

    def test_takesMessages(self) -> None:
        """By DATA and by BDAT, and remembers them whole."""
        peer = self.peer()
        self.assertEqual(peer.wire.value(), b"220 scripted.example ESMTP\r\n")
        self.assertEqual(
            peer.codes(WHOLE),
            [250, 250, 250, 354, 250, 250, 250, 250, 250, 221],
        )
        self.assertTrue(peer.wire.disconnecting)
        self.assertEqual(
            [(m.sender, m.recipients, m.body) for m in self.server.messages],
            [(b"a@b.example", [b"c@d.example"], MESSAGE)] * 2,
        )
        self.assertEqual(
            self.server.sessions[0].commands[:2],
            [b"EHLO c.example", b"MAIL FROM:<a@b.example>"],
        )

    @given(strategies.lists(strategies.integers(1, len(WHOLE) - 1)))
    @settings(max_examples=60, deadline=None)
    def test_anyCut(self, places: list[int]) -> None:
        """However the octets come, the replies and the messages are the same."""
        peer = self.peer()
        start, said = 0, b""
        for end in sorted({*places, len(WHOLE)}):
            said += peer.say(WHOLE[start:end])
            start = end
        whole = Peer(self.serve()).say(WHOLE)
        self.assertEqual(said, whole)

    def test_sequence(self) -> None:
        """It does not take commands out of their order, nor what it does not know."""
        peer = self.peer()
        self.assertEqual(
            peer.codes(b"RCPT TO:<x@y.example>\r\nDATA\r\nBDAT 1\r\nxFROB\r\nNOOP\r\n"),
            [503, 503, 503, 500, 250],
        )
        self.assertEqual(peer.codes(b"MAIL FROM:<>\r\nMAIL FROM:<>\r\n"), [250, 503])
        self.assertEqual(
            peer.codes(b"RSET\r\nMAIL FROM:<>\r\nVRFY x\r\n"), [250] * 2 + [252]
        )
        self.assertEqual(peer.codes(b"BDAT x LAST\r\n"), [501])
        self.assertTrue(peer.wire.disconnecting)
        self.assertEqual(peer.say(b"NOOP\r\n"), b"")

    def test_replies(self) -> None:
        """What it says where nothing is wrong, in any case of the letters."""
        peer = self.peer()
        self.assertEqual(
            peer.say(b"helo c.example\r\nVRFY x\r\nQUIT\r\n"),
            b"250 scripted.example\r\n252 2.5.0 Send it, and see\r\n221 2.0.0 Bye\r\n",
        )
        self.assertEqual(peer.say(b"NOOP\r\n"), b"")
        self.assertEqual(
            self.peer().say(b"ehlo c.example\r\n"),
            b"250-scripted.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
            b"250 ENHANCEDSTATUSCODES\r\n",
        )

    def test_chunksThatCannotBe(self) -> None:
        """Behind a size that is none nothing is read; without RCPT nothing is kept."""
        for size in (b"", b" -1", b" x", b" " + b"9" * 13):
            peer = self.peer()
            self.assertEqual(peer.codes(b"BDAT%b\r\nNOOP\r\n" % size), [501], size)
            self.assertTrue(peer.wire.disconnecting)
        peer = self.peer()
        self.assertEqual(
            peer.codes(b"MAIL FROM:<>\r\nBDAT 1 LAST\r\nxNOOP\r\n"), [250, 503, 250]
        )
        self.assertEqual(self.server.messages, [])

    def test_logins(self) -> None:
        """With and without an initial response; anybody is let in."""
        peer = Peer(self.serve(keywords=[b"AUTH PLAIN"]))
        self.assertIn(b"250 AUTH PLAIN\r\n", peer.say(b"EHLO c.example\r\n"))
        self.assertEqual(peer.codes(b"AUTH PLAIN AGEAYg==\r\n"), [235])
        self.assertEqual(
            peer.codes(b"AUTH PLAIN\r\nAGEAYg==\r\nNOOP\r\n"), [334, 235, 250]
        )
        # What stands behind a prompt is no command.
        self.assertNotIn(b"AGEAYg==", self.server.sessions[0].commands)

    def test_bounds(self) -> None:
        """What no test can want is an error of the test."""
        session = ScriptedSession(1, (), (), False, [])
        session.feed(b"x" * (1 << 16))
        self.assertRaises(ValueError, session.feed, b"x")
        self.patch(scripted, "_MESSAGE_OCTETS", 10)
        session = ScriptedSession(1, (), (), False, [])
        session.feed(ENVELOPE + b"BDAT 11 LAST\r\n" + b"x" * 10)
        self.assertRaises(ValueError, session.feed, b"x")

    def test_startTLS(self) -> None:
        """
        Offered where there is a certificate, once; what was said before it, or came
        in one flight with it, is forgotten (RFC 3207 section 4.2).
        """
        session = ScriptedSession(1, (), (), True, [])
        [offer] = session.feed(b"EHLO c.example\r\n")
        self.assertEqual(offer.octets, b"250-scripted.example\r\n250 STARTTLS\r\n")
        session.feed(b"MAIL FROM:<>\r\n")
        steps = session.feed(b"NOOP\r\nSTARTTLS\r\nRSET\r\nNO")
        self.assertEqual(
            steps,
            [Step(b"250 2.0.0 OK\r\n"), Step(b"220 Go ahead\r\n", startsTLS=True)],
        )
        session.begun()
        self.assertTrue(session.secured)
        self.assertNotIn(b"RSET", session.commands)
        [refused] = session.feed(b"RCPT TO:<a@b.example>\r\n")
        self.assertEqual(refused.octets[:3], b"503")
        [offer] = session.feed(b"EHLO c.example\r\n")
        self.assertEqual(offer.octets, b"250 scripted.example\r\n")
        session.feed(BY_DATA)
        [message] = session.messages
        self.assertTrue(message.secured)
        self.assertEqual(message.mail, b"MAIL FROM:<a@b.example>")

    def test_noTLS(self) -> None:
        """Without a certificate, or where a fault refuses it, TLS does not begin."""
        session = ScriptedSession(1, (), (), False, [])
        self.assertEqual(session.feed(b"STARTTLS\r\n"), [Step(b"454 4.7.0 No TLS\r\n")])
        for fault in (answered(b"STARTTLS", b"220 No"), closed(b"STARTTLS")):
            session = ScriptedSession(1, (fault,), (), True, [])
            [step] = session.feed(b"STARTTLS\r\n")
            self.assertFalse(step.startsTLS)

    # --- faults -----------------------------------------------------------------

    def test_answered(self) -> None:
        """The nth command of a kind is answered otherwise, and has no effect."""
        peer = self.peer(answered(b"rcpt", b"451 4.2.0 Later", nth=2))
        peer.say(b"EHLO c.example\r\nMAIL FROM:<>\r\n")
        self.assertEqual(
            [
                peer.say(b"RCPT TO:<%b@x.example>\r\n" % each)
                for each in (b"a", b"b", b"c")
            ],
            [b"250 2.1.5 OK\r\n", b"451 4.2.0 Later\r\n", b"250 2.1.5 OK\r\n"],
        )
        peer.say(b"DATA\r\n.\r\n")
        [message] = self.server.messages
        self.assertEqual(message.recipients, [b"a@x.example", b"c@x.example"])

    def test_moments(self) -> None:
        """The greeting, the end of a message, and any command."""
        peer = self.peer(answered(GREETING, b"421 4.3.2 Not now"))
        self.assertEqual(peer.wire.value(), b"421 4.3.2 Not now\r\n")
        peer = self.peer(answered(BODY, b"452 4.3.1 Full"))
        self.assertEqual(
            peer.codes(BY_DATA + BY_BDAT),
            [250, 250, 354, 452, 250, 250, 250, 250],
        )
        self.assertEqual(len(self.server.messages), 1)
        peer = self.peer(answered(ANY, b"421 4.3.2 Bye", nth=3))
        self.assertEqual(
            peer.codes(b"NOOP\r\nRSET\r\nNOOP\r\nNOOP\r\n"), [250, 250, 421, 250]
        )

    def test_bdat(self) -> None:
        """A chunk that is refused is read all the same; the last one as well."""
        peer = self.peer(answered(b"BDAT", b"452 4.3.1 Full"))
        self.assertEqual(peer.codes(BY_BDAT), [250, 250, 452, 503])
        self.assertEqual(self.server.messages, [])
        peer = self.peer(answered(b"BDAT", b"452 4.3.1 Full", nth=2))
        self.assertEqual(peer.codes(BY_BDAT), [250, 250, 250, 452])
        self.assertEqual(self.server.messages, [])

    def test_each(self) -> None:
        """Without a number: each."""
        peer = self.peer(answered(b"NOOP", b"500 5.5.1 What?", nth=None))
        self.assertEqual(peer.codes(b"NOOP\r\nRSET\r\nNOOP\r\n"), [500, 250, 500])

    def test_sessions(self) -> None:
        """Some faults are there in one session only, and counts begin anew."""
        first = self.peer(answered(b"NOOP", b"421 4.3.2 Bye").inSession(2))
        second = Peer(self.server)
        self.assertEqual(
            [first.codes(b"NOOP\r\n"), second.codes(b"NOOP\r\n")], [[250], [421]]
        )
        self.assertEqual([each.number for each in self.server.sessions], [1, 2])

    def test_delayed(self) -> None:
        """A reply is late; what comes meanwhile waits, and order is kept."""
        peer = self.peer(delayed(b"MAIL", seconds=30))
        self.assertEqual(
            peer.codes(b"EHLO c.example\r\nMAIL FROM:<>\r\nNOOP\r\n"), [250]
        )
        self.assertEqual(peer.say(b"RCPT TO:<a@b.example>\r\n"), b"")
        self.clock.advance(29)
        self.assertEqual(peer.wire.value(), b"")
        self.clock.advance(1)
        self.assertEqual(
            peer.wire.value(),
            b"250 2.1.0 OK\r\n250 2.0.0 OK\r\n250 2.1.5 OK\r\n",
        )

    def test_delayedAndGone(self) -> None:
        """A client that leaves meanwhile leaves no timer."""
        peer = self.peer(delayed(b"NOOP", seconds=30))
        peer.say(b"NOOP\r\n")
        peer.protocol.connectionLost()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        peer.protocol.connectionLost()

    def test_inPieces(self) -> None:
        """A reply comes octet by octet."""
        peer = self.peer(inPieces(b"NOOP", 5))
        pieces = [peer.say(b"NOOP\r\nRSET\r\n")]
        for _ in range(3):
            peer.wire.clear()
            self.clock.advance(0.001)
            pieces.append(peer.wire.value())
        self.assertEqual(pieces, [b"", b"250 2", b".0.0 ", b"OK\r\n250 2.0.0 OK\r\n"])

    def test_cut(self) -> None:
        """The connection ends inside of a reply."""
        peer = self.peer(cut(b"EHLO", octets=7))
        self.assertEqual(peer.say(b"EHLO c.example\r\nNOOP\r\n"), b"250-scr")
        self.assertTrue(peer.wire.disconnecting)
        peer = self.peer(cut(b"NOOP", octets=2, reply=b"4"))
        self.assertEqual(peer.say(b"NOOP\r\n"), b"4")

    def test_closed(self) -> None:
        """The end comes behind a good reply."""
        peer = self.peer(closed(BODY))
        self.assertEqual(peer.codes(BY_DATA + b"NOOP\r\n"), [250, 250, 354, 250])
        self.assertTrue(peer.wire.disconnecting)

    def test_reset(self) -> None:
        """The connection is reset in place of an answer; the message was taken."""
        peer = self.peer(reset(BODY))
        self.assertEqual(peer.codes(BY_DATA), [250, 250, 354])
        self.assertTrue(peer.wire.disconnected)
        self.assertEqual(len(self.server.messages), 1)

    def test_silent(self) -> None:
        """Nothing is said any more, and the connection stays."""
        peer = self.peer(silent(b"MAIL"))
        self.assertEqual(
            peer.codes(b"EHLO c.example\r\nMAIL FROM:<>\r\nNOOP\r\n"), [250]
        )
        self.assertEqual(peer.say(b"NOOP\r\n"), b"")
        self.assertFalse(peer.wire.disconnecting)

    def test_brokenTLS(self) -> None:
        """What comes after STARTTLS is not TLS."""
        peer = self.peer(brokenTLS(b"STARTTLS"))
        self.assertEqual(peer.codes(b"EHLO c.example\r\nSTARTTLS\r\n"), [250, 220])
        self.assertEqual(peer.say(b"\x16\x03\x01"), b"This is not TLS\r\n")

    def test_whatCannotBe(self) -> None:
        """Numbers that make no sense are refused at once."""
        for wrong in (
            lambda: answered(b"RCPT", b"250", nth=0),
            lambda: delayed(b"RCPT", -1),
            lambda: inPieces(b"RCPT", 0),
            lambda: cut(b"RCPT", -1),
            lambda: closed(b"RCPT").inSession(0),
        ):
            self.assertRaises(ValueError, wrong)

    def test_theFirstOfTwo(self) -> None:
        """Of two faults of one moment, the first is the one."""
        peer = self.peer(closed(b"NOOP"), answered(b"NOOP", b"500 x"))
        self.assertEqual(peer.codes(b"NOOP\r\n"), [250])
        self.assertEqual(closed(b"noop"), Fault(b"NOOP", end=End.CLOSE))
