"""
Tests for L{smtpx.extensions.binarymime}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import BareLines
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import Conflict
from smtpx.core.hooks import Scope
from smtpx.core.profile import ServerProfile
from smtpx.core.queueprofile import QueueProfile
from smtpx.extensions.binarymime import BINARY, PARAMETER, BinaryMIME
from smtpx.extensions.chunking import Chunking
from smtpx.extensions.eightbitmime import EightBitMIME
from smtpx.testing.client import ScriptedPeer, client
from smtpx.testing.pair import pair
from smtpx.testing.server import Said, talk

_EXTENSIONS = (EightBitMIME(), Chunking(), BinaryMIME())
_RECIPIENT = b"RCPT TO:<b@d.example>\r\n"


def _talk(octets: bytes) -> Said:
    return talk(_EXTENSIONS, b"EHLO c.example\r\nMAIL FROM:<a@c.example> " + octets)


class ServerTests(SynchronousTestCase):
    """The server's side."""

    def test_keywordIsOffered(self) -> None:
        """The keyword stands in the EHLO response, alone."""
        said = talk(_EXTENSIONS, b"EHLO c.example\r\n")
        self.assertEqual(said.last, b"250 BINARYMIME")

    def test_needsOthers(self) -> None:
        """It is not offered without CHUNKING (RFC 3030 section 3 item 3)."""
        profile = ServerProfile()
        error = self.assertRaises(
            Conflict, profile.load, [EightBitMIME(), BinaryMIME()]
        )
        self.assertEqual(str(error), "BINARYMIME requires CHUNKING")

    def test_octetsArriveAsTheyAre(self) -> None:
        """No line end is needed, and none is made."""
        body = bytes(range(256)) + b"\n.\r\n.\r\n\r"
        said = _talk(b"BODY=BINARYMIME\r\n" + _RECIPIENT)
        said.feed(b"BDAT %d LAST\r\n" % len(body) + body)
        self.assertEqual(said.port.bodies, [body])
        self.assertEqual(said.port.taken[0].stamps.get(BINARY), True)

    def test_otherBodiesAreNotMarked(self) -> None:
        """C{BODY=8BITMIME} stays 8BITMIME's."""
        said = _talk(b"BODY=8BITMIME\r\n" + _RECIPIENT + b"BDAT 0 LAST\r\n")
        self.assertEqual(said.port.taken[0].dumpedStamps(), {"8bitmime": "yes"})

    def test_dataIsRefused(self) -> None:
        """503 to DATA in such a transaction (RFC 3030 section 3); BDAT goes on."""
        said = _talk(b"BODY=BINARYMIME\r\n" + _RECIPIENT + b"DATA\r\nBDAT 0 LAST\r\n")
        self.assertEqual(said.codes[-2:], [503, 250])

    def test_dataIsTakenOtherwise(self) -> None:
        """Other transactions may use DATA, and DATA alone is as wrong as ever."""
        self.assertEqual(_talk(b"\r\n" + _RECIPIENT + b"DATA\r\n").codes[-1], 354)
        self.assertEqual(
            talk(_EXTENSIONS, b"EHLO c.example\r\nDATA\r\n").codes[-1], 503
        )

    def test_grammarIsItsOwnInverse(self) -> None:
        """What is written is read as it was."""
        grammar = PARAMETER.grammar
        self.assertEqual(grammar.parse(grammar.render(b"BINARYMIME")), b"BINARYMIME")

    def test_thereIsNothingToSet(self) -> None:
        """It has no options."""
        extension = BinaryMIME()
        self.assertIs(extension.configured(None), extension)


class QueueTests(SynchronousTestCase):
    """The note in the queue."""

    def test_noteIsCritical(self) -> None:
        """Without this extension, the message stays where it is."""
        stamps = QueueProfile().load(_EXTENSIONS).stamps
        self.assertIs(stamps["binarymime"], BINARY)
        self.assertTrue(BINARY.critical)


class ClientTests(SynchronousTestCase):
    """The client's side."""

    def envelope(self) -> Envelope:
        """An envelope of a message that is not lines."""
        envelope = Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")])
        envelope.stamps[BINARY] = True
        return envelope

    def test_octetsAreSentAsTheyAre(self) -> None:
        """By BDAT, and declared."""
        joined = pair(_EXTENSIONS, _EXTENSIONS).open()
        joined.deliver(self.envelope(), bytes(range(256)))
        self.assertIn(b"MAIL FROM:<a@c.example> BODY=BINARYMIME\r\n", joined.said)
        self.assertEqual(joined.bodies, [bytes(range(256))])
        self.assertEqual(joined.taken[0].stamps.get(BINARY), True)

    def test_hostWithoutTheKeywordDoesNotGetIt(self) -> None:
        """It would be a message of another meaning there."""
        for keywords in (
            (b"CHUNKING", b"8BITMIME"),
            (b"BINARYMIME", b"8BITMIME"),
            (),
        ):
            peer = ScriptedPeer(client(_EXTENSIONS))
            peer.open(*keywords)
            self.assertEqual(peer.deliver(self.envelope(), b"\0"), b"", keywords)
            [(_, outcome)] = peer.settled[0].outcomes
            self.assertEqual((outcome.code, outcome.status), (554, (5, 6, 3)))
            self.assertIs(peer.settled[0].scope, Scope.HOST)

    def test_otherMessagesGoAnyway(self) -> None:
        """A message of lines needs nothing of this."""
        joined = pair([], _EXTENSIONS, bareLines=BareLines.REFUSE).open()
        recipients = [Recipient(b"b@d.example")]
        joined.deliver(Envelope(b"a@c.example", 0.0, recipients), b"x\r\n")
        self.assertEqual(joined.codes, [250])
