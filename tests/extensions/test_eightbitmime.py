"""
Tests for L{smtpx.extensions.eightbitmime}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.grammar import Malformed
from smtpx.core.hooks import Scope
from smtpx.core.queueprofile import QueueProfile
from smtpx.extensions.eightbitmime import EIGHT, EIGHTBIT, SEVEN, EightBitMIME
from smtpx.testing.pair import pair
from smtpx.testing.server import talk


class GrammarTests(SynchronousTestCase):
    """The values of BODY."""

    def test_areTheirOwnInverse(self) -> None:
        """What is written is read as it was, in any case."""
        for parameter, word in ((EIGHT, b"8BITMIME"), (SEVEN, b"7BIT")):
            grammar = parameter.grammar
            self.assertEqual(grammar.parse(grammar.render(word)), word)
            self.assertEqual(grammar.parse(word.lower()), word)
            self.assertRaises(Malformed, grammar.parse, b"BINARY")
            self.assertRaises(Malformed, grammar.parse, None)


class ServerTests(SynchronousTestCase):
    """The server's side."""

    def test_keywordIsOffered(self) -> None:
        """The keyword stands in the EHLO response, alone."""
        said = talk([EightBitMIME()], b"EHLO c.example\r\n")
        self.assertEqual(said.last, b"250 8BITMIME")

    def test_everyOctetArrives(self) -> None:
        """The body keeps its bits (RFC 6152 section 3), and the note is made."""
        body = bytes(o for o in range(256) if o not in b"\r\n") + b"\r\n"
        said = talk(
            [EightBitMIME()],
            b"EHLO c.example\r\nMAIL FROM:<a@c.example> body=8bitmime\r\n"
            b"RCPT TO:<b@d.example>\r\nDATA\r\n" + body + b".\r\n",
        )
        self.assertEqual(said.port.bodies, [body])
        self.assertEqual(said.port.taken[0].dumpedStamps(), {"8bitmime": "yes"})

    def test_sevenBitIsTheDefault(self) -> None:
        """C{BODY=7BIT} is taken and says nothing that has to be kept."""
        said = talk(
            [EightBitMIME()],
            b"EHLO c.example\r\nMAIL FROM:<a@c.example> BODY=7BIT\r\n"
            b"RCPT TO:<b@d.example>\r\nDATA\r\n.\r\n",
        )
        self.assertEqual(said.port.taken[0].dumpedStamps(), {})

    def test_theLogIsToldOfIt(self) -> None:
        """Only of a message that was declared to have eight bits."""
        for body, told in ((b" BODY=8BITMIME", (("M8S", 8),)), (b" BODY=7BIT", ())):
            said = talk(
                [EightBitMIME()],
                b"EHLO c.example\r\nMAIL FROM:<a@b.example>%b\r\n" % body,
            )
            self.assertEqual(said.connection.logFields(), told)
        said.feed(b"RSET\r\n")
        self.assertEqual(said.connection.logFields(), ())

    def test_otherBodiesAreRefused(self) -> None:
        """A value that nobody owns, none, and two."""
        for octets, code in (
            (b"BODY=BINARYMIME", b"555 5.5.4"),
            (b"BODY", b"555 5.5.4"),
            (b"BODY=7BIT BODY=8BITMIME", b"501 5.5.4"),
        ):
            said = talk(
                [EightBitMIME()],
                b"EHLO c.example\r\nMAIL FROM:<a@c.example> " + octets + b"\r\n",
            )
            self.assertEqual(said.last[:9], code, octets)

    def test_thereIsNothingToSet(self) -> None:
        """It has no options."""
        extension = EightBitMIME()
        self.assertIs(extension.configured(None), extension)


class QueueTests(SynchronousTestCase):
    """The note in the queue."""

    def test_noteIsKept(self) -> None:
        """The spool can read the note back."""
        stamps = QueueProfile().load([EightBitMIME()]).stamps
        self.assertIs(stamps["8bitmime"], EIGHTBIT)
        self.assertIs(EIGHTBIT.load("yes"), True)


class ClientTests(SynchronousTestCase):
    """The client's side."""

    def envelope(self, eight: bool) -> Envelope:
        """An envelope, of a message with octets above 127 or without."""
        envelope = Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")])
        if eight:
            envelope.stamps[EIGHTBIT] = True
        return envelope

    def test_declarationIsRepeated(self) -> None:
        """What was declared to us is declared to the next host."""
        joined = pair([EightBitMIME()], [EightBitMIME()]).open()
        joined.deliver(self.envelope(True), b"\xff\r\n")
        self.assertIn(b"MAIL FROM:<a@c.example> BODY=8BITMIME\r\n", joined.said)
        self.assertEqual(joined.taken[0].dumpedStamps(), {"8bitmime": "yes"})

    def test_nothingIsDeclaredOtherwise(self) -> None:
        """A message that was not declared is not declared now."""
        joined = pair([EightBitMIME()], [EightBitMIME()]).open()
        joined.deliver(self.envelope(False), b"x\r\n")
        self.assertIn(b"MAIL FROM:<a@c.example>\r\n", joined.said)
        envelope = self.envelope(True)
        self.assertIsNone(SEVEN.send(joined.client, envelope))

    def test_hostWithoutTheKeywordDoesNotGetIt(self) -> None:
        """
        The message is not sent, nothing is converted; another host may do
        (RFC 6152 section 3).
        """
        joined = pair([], [EightBitMIME()]).open()
        joined.deliver(self.envelope(True), b"\xff\r\n")
        self.assertNotIn(b"MAIL", joined.said)
        [(_, outcome)] = joined.settled[0].outcomes
        self.assertEqual((outcome.code, outcome.status), (554, (5, 6, 3)))
        self.assertIs(joined.settled[0].scope, Scope.HOST)
        joined.deliver(self.envelope(False), b"x\r\n")
        self.assertEqual(joined.codes, [250])
