"""
Tests for L{smtpx.extensions.smtputf8}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import Conflict
from smtpx.core.hooks import Scope, Where
from smtpx.core.profile import ServerProfile
from smtpx.core.queueprofile import QueueProfile
from smtpx.core.reply import Reply, reply
from smtpx.extensions.eightbitmime import EightBitMIME
from smtpx.extensions.smtputf8 import CAPABILITY, PARAMETER, QUERIES, SMTPUTF8, UTF8
from smtpx.testing.client import OctetsBody
from smtpx.testing.pair import Pair, pair
from smtpx.testing.server import Said, talk

_HELLO = b"EHLO c.example\r\n"
_SENDER = "MAIL FROM:<jürgen@bücher.example>".encode()
_RECIPIENT = "RCPT TO:<δοκιμή@d.example>\r\n".encode()


def _talk(octets: bytes) -> Said:
    return talk([EightBitMIME(), SMTPUTF8()], _HELLO + octets)


class GrammarTests(SynchronousTestCase):
    """The keyword and the flags."""

    def test_parametersOfTheKeywordAreIgnored(self) -> None:
        """None are sent; a peer's change nothing (RFC 6531 section 3.1 item 3)."""
        self.assertIsNone(CAPABILITY.grammar.render(True))
        self.assertTrue(CAPABILITY.grammar.parse(None))
        self.assertTrue(CAPABILITY.grammar.parse(b"future=1"))

    def test_flagIsItsOwnInverse(self) -> None:
        """The flags have no value (section 3.4)."""
        for parameter in (PARAMETER, *QUERIES):
            grammar = parameter.grammar
            self.assertIs(grammar.parse(grammar.render(True)), True)


class ServerTests(SynchronousTestCase):
    """The server's side."""

    def test_keywordIsOfferedWith8BITMIME(self) -> None:
        """RFC 6531 section 3.1 item 8 demands both."""
        self.assertEqual(_talk(b"").replies[-2:], [b"250-8BITMIME", b"250 SMTPUTF8"])
        error = self.assertRaises(Conflict, ServerProfile().load, [SMTPUTF8()])
        self.assertEqual(str(error), "SMTPUTF8 requires 8BITMIME")

    def test_addressesMayBeUTF8(self) -> None:
        """With the parameter, in this transaction, which is noted."""
        said = _talk(_SENDER + b" SMTPUTF8\r\n" + _RECIPIENT + b"DATA\r\n.\r\n")
        self.assertEqual(said.codes[2:], [250, 250, 354, 250])
        envelope = said.port.taken[0]
        self.assertEqual(envelope.sender, "jürgen@bücher.example".encode())
        self.assertEqual(envelope.dumpedStamps(), {"!smtputf8": "yes"})

    def test_withoutTheParameterTheyMayNot(self) -> None:
        """550 5.6.7 for a sender, 553 5.6.7 for a recipient (section 3.5)."""
        self.assertEqual(_talk(_SENDER + b"\r\n").last[:9], b"550 5.6.7")
        said = _talk(b"MAIL FROM:<a@c.example>\r\n" + _RECIPIENT)
        self.assertEqual(said.last[:9], b"553 5.6.7")

    def test_nextTransactionHasToSaySoAgain(self) -> None:
        """The parameter is for one message."""
        said = _talk(
            b"MAIL FROM:<a@c.example> SMTPUTF8\r\nRSET\r\nMAIL FROM:<a@c.example>\r\n"
            + _RECIPIENT
        )
        self.assertEqual(said.last[:9], b"553 5.6.7")

    def test_parameterHasNoValue(self) -> None:
        """501 where it has one (section 3.4)."""
        said = _talk(b"MAIL FROM:<a@c.example> SMTPUTF8=yes\r\n")
        self.assertEqual(said.last[:9], b"501 5.5.4")

    def test_queriesTakeTheFlag(self) -> None:
        """VRFY and EXPN may have it behind their argument (section 3.7.4.2)."""
        self.assertEqual(_talk("VRFY jürgen SMTPUTF8\r\n".encode()).codes[-1], 252)
        self.assertEqual(_talk("VRFY jürgen\r\n".encode()).codes[-1], 550)
        self.assertEqual(_talk(b"EXPN all SMTPUTF8\r\n").codes[-1], 502)

    def test_queriesSetNothing(self) -> None:
        """Their flag is not one for a transaction, and is not sent on."""
        said = _talk(b"MAIL FROM:<a@c.example>\r\nVRFY x SMTPUTF8\r\n" + _RECIPIENT)
        self.assertEqual(said.last[:9], b"553 5.6.7")
        envelope = said.connection.envelope
        assert envelope is not None
        for parameter in QUERIES:
            self.assertIn(parameter.where, (Where.VRFY, Where.EXPN))
            self.assertIsNone(parameter.receive(said.connection, envelope, True))
            self.assertFalse(said.connection.utf8Addresses)

    def test_thereIsNothingToSet(self) -> None:
        """It has no options."""
        extension = SMTPUTF8()
        self.assertIs(extension.configured(None), extension)


class QueueTests(SynchronousTestCase):
    """The note in the queue."""

    def test_noteIsCritical(self) -> None:
        """Without this extension, the message stays where it is."""
        self.assertNotIn("smtputf8", QueueProfile().load([EightBitMIME()]).stamps)
        loaded = QueueProfile().load([EightBitMIME(), SMTPUTF8()])
        self.assertIs(loaded.stamps["smtputf8"], UTF8)
        self.assertTrue(UTF8.critical)


class ClientTests(SynchronousTestCase):
    """The client's side."""

    def envelope(self) -> Envelope:
        """An envelope that needs it."""
        recipients = [Recipient("δοκιμή@d.example".encode())]
        envelope = Envelope("jürgen@c.example".encode(), 0.0, recipients)
        envelope.stamps[UTF8] = True
        return envelope

    def test_parameterIsRepeated(self) -> None:
        """What was said to us is said to the next host, which takes it."""
        extensions = [EightBitMIME(), SMTPUTF8()]
        joined = pair(extensions, extensions).open()
        joined.deliver(self.envelope(), b"x\r\n")
        self.assertEqual(joined.codes, [250])
        self.assertIn(b"> SMTPUTF8\r\n", joined.said)
        self.assertEqual(joined.taken[0].dumpedStamps(), {"!smtputf8": "yes"})

    def test_addressSpeaksForItself(self) -> None:
        """Whoever has one that is not ASCII says so, noted or not (section 3.4)."""
        extensions = [EightBitMIME(), SMTPUTF8()]
        for sender, recipient in (
            ("jürgen@c.example", "b@d.example"),
            ("a@c.example", "δοκιμή@d.example"),
        ):
            joined = pair(extensions, extensions).open()
            recipients = [Recipient(recipient.encode())]
            joined.deliver(Envelope(sender.encode(), 0.0, recipients), b"x\r\n")
            self.assertEqual(joined.codes, [250])
            self.assertIn(b"> SMTPUTF8\r\n", joined.said)

    def test_otherMessagesDoNotSayIt(self) -> None:
        """Who does not need it does not ask for it (section 3.4)."""
        extensions = [EightBitMIME(), SMTPUTF8()]
        joined = pair(extensions, extensions).open()
        recipients = [Recipient(b"b@d.example")]
        joined.deliver(Envelope(b"a@c.example", 0.0, recipients), b"x\r\n")
        self.assertIn(b"MAIL FROM:<a@c.example>\r\n", joined.said)

    def test_queriesAreNotSent(self) -> None:
        """The client never asks, so it never says it there."""
        joined = pair([], [EightBitMIME(), SMTPUTF8()]).open()
        for parameter in QUERIES:
            self.assertIsNone(parameter.send(joined.client, self.envelope()))


class DowngradeTests(SynchronousTestCase):
    """
    A host without the keyword gets what does not need it, and nothing else
    (section 3.2).
    """

    SENDER = reply(550, "5.6.7", b"Next host lacks SMTPUTF8 for the sender's address")
    RECIPIENT = reply(553, "5.6.7", b"Next host lacks SMTPUTF8 for this address")
    HEADER = reply(550, "5.6.9", b"Next host lacks SMTPUTF8 for the message's header")

    def delivered(
        self,
        *recipients: str,
        sender: str = "a@c.example",
        body: bytes = b"A: b\r\n\r\nM\xc3\xa4rz\r\n",
        declared: bool = True,
    ) -> Pair:
        """A message, on its way to such a host."""
        joined = pair([EightBitMIME()], [EightBitMIME(), SMTPUTF8()]).open()
        envelope = Envelope(
            sender.encode(), 0.0, [Recipient(each.encode()) for each in recipients]
        )
        if declared:
            envelope.stamps[UTF8] = True
        joined.deliver(envelope, OctetsBody(body, 5))
        return joined

    def outcomes(self, joined: Pair) -> list[Reply]:
        """What became of it, one a recipient."""
        return [outcome for _, outcome in joined.settled[-1].outcomes]

    def test_messageWithoutNeed(self) -> None:
        """It goes without the parameter, to the last octet."""
        joined = self.delivered("b@d.example")
        self.assertIn(b"MAIL FROM:<a@c.example>\r\n", joined.said)
        self.assertEqual(joined.bodies, [b"A: b\r\n\r\nM\xc3\xa4rz\r\n"])

    def test_sender(self) -> None:
        """For the sender's sake nobody gets it; another host may do."""
        for declared in True, False:
            joined = self.delivered(
                "b@d.example",
                "δ@d.example",
                sender="jürgen@c.example",
                declared=declared,
            )
            self.assertNotIn(b"MAIL", joined.said)
            self.assertEqual(self.outcomes(joined), [self.SENDER] * 2)
            self.assertIs(joined.settled[-1].scope, Scope.HOST)

    def test_recipients(self) -> None:
        """
        Those with ASCII addresses get it, and the others are for another host,
        when it is their turn.
        """
        for declared in True, False:
            joined = self.delivered("b@d.example", "δ@d.example", declared=declared)
            self.assertIn(b"MAIL FROM:<a@c.example>\r\n", joined.said)
            self.assertEqual(joined.said.count(b"RCPT"), 1)
            [settled] = joined.settled
            self.assertEqual([code.code for code in self.outcomes(joined)], [250, 553])
            self.assertIs(settled.scope, Scope.MESSAGE)
            [rest] = settled.rest
            joined.deliver(settled.envelope.addressedTo([rest]), b"x")
            self.assertEqual(self.outcomes(joined), [self.RECIPIENT])
            self.assertIs(joined.settled[-1].scope, Scope.HOST)
            self.assertEqual(joined.settled[-1].rest, ())

    def test_header(self) -> None:
        """A header field in UTF-8 stops the message, at whatever level it is."""
        for body in (
            "Subject: März\r\n\r\nx".encode(),
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
            b'--x\r\nContent-Disposition: x; filename="M\xc3\xa4rz"\r\n\r\nb\r\n--x--',
        ):
            joined = self.delivered("b@d.example", body=body)
            self.assertNotIn(b"MAIL", joined.said)
            self.assertEqual(self.outcomes(joined), [self.HEADER])
            self.assertIs(joined.settled[-1].scope, Scope.HOST)

    def test_headerThatWasNotDeclared(self) -> None:
        """It is no business of this extension what octets it has."""
        joined = self.delivered("b@d.example", body=b"A: \xe4\r\n\r\n", declared=False)
        self.assertEqual(self.outcomes(joined)[0].code, 250)
