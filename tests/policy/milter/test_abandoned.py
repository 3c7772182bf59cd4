"""
Tests for messages that come to nothing while a milter still reads them.
"""

from __future__ import annotations

from smtpx.core.bounds import Bounds
from smtpx.policy.milter.negotiation import Action, Step
from smtpx.policy.milter.packets import packet

from .made import DISCARD, GO_ON, NOTHING, MadeMilter, MilterCall, served
from .sending import DEFERRED, HEADER, OK, ReceivingTestCase

_TOO_BIG = Bounds(messageOctets=200_000)

_LINES = (b"x" * 78 + b"\r\n") * 1000

_ANSWERED = Step(0)
_NONE = Action(0)


class AbandonedTests(ReceivingTestCase):
    """A message ends before a milter has read what came of it."""

    def called(self, at: bytes, steps: Step = _ANSWERED) -> MilterCall:
        """A client, and a milter that does not answer to a command."""
        self.milter = MadeMilter(answers={at: NOTHING}, steps=steps)
        self.server = served(self.milter, bounds=_TOO_BIG)
        call = self.server.call()
        call.mail()
        return call

    def assertNext(self, call: MilterCall, command: bytes, codes: str) -> None:
        """A command waits for the answer, and the next message is another matter."""
        milter = self.milter
        milter.answers = {}
        so = len(milter.codes)
        self.assertEqual(call.say(command), b"")
        milter.lines[0][1].dataReceived(GO_ON)
        self.server.settle()
        self.assertEqual(call.said()[:3], b"250")
        self.assertEqual(milter.codes[so:], codes)
        call.say(b"MAIL FROM:<ann@example.net>\r\n")
        self.assertEqual(call.say(b"RCPT TO:<b@example.org>\r\n")[:3], b"250")
        self.assertEqual(call.send(), OK)
        self.assertEqual(self.server.troubles, [])
        self.assertEqual(self.server.told, [])

    def test_tooLarge(self) -> None:
        """Nothing more of one that is too large is said to the milter."""
        for at in (b"L", b"N", b"B"):
            call = self.called(at)
            call.say(b"DATA\r\n")
            call.say(HEADER + b"\r\n" + _LINES)
            self.assertEqual(call.say(_LINES * 2 + b".\r\n")[:3], b"552")
            self.assertNext(call, b"EHLO client.example.net\r\n", "H")

    def test_reset(self) -> None:
        """Nor of one that the client gives up in its middle (RFC 3030)."""
        for at in (b"L", b"B"):
            call = self.called(at)
            piece = HEADER + b"\r\n" + _LINES
            call.say(b"BDAT %d\r\n%b" % (len(piece), piece))
            self.assertEqual(call.say(b"RSET\r\n")[:3], b"250")
            self.assertNext(call, b"EHLO client.example.net\r\n", "H")

    def test_thatDoesNotRead(self) -> None:
        """The next command has a time limit where the milter does not read either."""
        call = self.called(b"?", Step.SILENT_BODY | Step.SILENT_HEADER)
        self.milter.answers = {b"M": NOTHING}
        self.milter.lines[0][1].pauseProducing()
        call.say(b"DATA\r\n")
        call.say(HEADER + b"\r\n" + _LINES)
        call.say(_LINES * 2 + b".\r\n")
        self.assertEqual(call.say(b"MAIL FROM:<ann@example.net>\r\n"), b"")
        self.milter.lines[0][1].resumeProducing()
        self.server.clock.advance(30)
        self.server.settle()
        self.assertEqual(call.said(), DEFERRED)

    def test_discardedByAnother(self) -> None:
        """Nor of one that another milter throws away."""
        first = MadeMilter("first", answers={b"E": DISCARD}, actions=_NONE)
        second = MadeMilter("second", answers={b"L": NOTHING})
        self.server = served(first, second)
        call = self.server.call()
        call.mail()
        self.assertEqual(call.send(HEADER + b"\r\nHello\r\n"), OK)
        second.answers = {}
        second.lines[0][1].dataReceived(GO_ON)
        self.server.settle()
        self.assertTrue(second.codes.endswith("LA"), second.codes)
        call.say(b"MAIL FROM:<ann@example.net>\r\n")
        self.assertEqual(self.server.troubles, [])

    def test_atWorkForEver(self) -> None:
        """Only at the end of a message does it help to say that one is at work."""
        call = self.called(b"L")
        call.say(b"DATA\r\n")
        self.assertEqual(call.say(HEADER + b"\r\n.\r\n"), b"")
        for _ in range(2):
            self.server.clock.advance(29)
            self.milter.lines[0][1].dataReceived(packet(b"p"))
        self.server.settle()
        self.assertEqual(call.said(), DEFERRED)
