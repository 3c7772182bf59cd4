"""
Tests for L{smtpx.extensions.binarymime}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import BareLines
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import Conflict
from smtpx.core.hooks import Scope
from smtpx.core.hostlist import HostList
from smtpx.core.profile import ServerProfile
from smtpx.core.queueprofile import QueueProfile
from smtpx.core.reply import reply
from smtpx.extensions.binarymime import (
    BINARY,
    PARAMETER,
    BinaryMIME,
    BinaryMIMESettings,
)
from smtpx.extensions.chunking import Chunking, ChunkingSettings
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

    def test_keywordIsNeverAlone(self) -> None:
        """Who is not offered CHUNKING cannot use it (RFC 3030 section 3)."""
        chunking = Chunking(ChunkingSettings(chunkingAdvertiseHosts=HostList()))
        said = talk([chunking, EightBitMIME(), BinaryMIME()], b"EHLO c.example\r\n")
        self.assertEqual(said.last, b"250 8BITMIME")

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

    def test_isConfigured(self) -> None:
        """Other settings make another extension."""
        options = BinaryMIMESettings(conversion=False)
        self.assertIs(BinaryMIME().configured(options).options, options)


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

    BODY = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
        b"--x\r\n\r\nabcdefghi\xff\r\n"
        b"--x\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n"
        b"\r\n\r\0\n\r\n--x--"
    )

    def test_hostWithoutTheKeywordsGetsLines(self) -> None:
        """
        It is converted as far as it has to be (RFC 3030 section 3), and declared
        to be what it is then; what the queue has stays as it was.
        """
        lines = (
            b"Content-Type: multipart/mixed; boundary=x\r\n"
            b"MIME-Version: 1.0\r\n\r\n"
            b"--x\r\n%b--x\r\nContent-Type: image/x\r\n"
            b"Content-Transfer-Encoding: base64\r\n"
            b"\r\nDQAK\r\n--x--"
        )
        eight = lines % b"\r\nabcdefghi\xff\r\n"
        seven = lines % (
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\nabcdefghi=FF\r\n"
        )
        for server, wanted, declared in (
            ([EightBitMIME(), Chunking()], eight, b" BODY=8BITMIME"),
            ([EightBitMIME()], eight + b"\r\n", b" BODY=8BITMIME"),
            ([Chunking()], seven, b""),
            ([], seven + b"\r\n", b""),
        ):
            joined = pair(server, _EXTENSIONS, bareLines=BareLines.REFUSE).open()
            envelope = self.envelope()
            joined.deliver(envelope, self.BODY)
            self.assertEqual(joined.bodies, [wanted])
            self.assertIn(b"MAIL FROM:<a@c.example>%b\r\n" % declared, joined.said)
            self.assertEqual(envelope.dumpedStamps(), {"!binarymime": "yes"})

    def test_hostWithOneOfThem(self) -> None:
        """Without CHUNKING there is no way to send octets."""
        peer = ScriptedPeer(client(_EXTENSIONS))
        peer.open(b"BINARYMIME", b"8BITMIME")
        said = peer.deliver(self.envelope(), self.BODY)
        self.assertEqual(said, b"MAIL FROM:<a@c.example> BODY=8BITMIME\r\n")

    def test_whatIsLinesGoesAsItIs(self) -> None:
        """Whatever it was declared to be."""
        joined = pair([], _EXTENSIONS).open()
        joined.deliver(self.envelope(), b"A: b\r\n\r\nabc\r\n")
        self.assertEqual(joined.bodies, [b"A: b\r\n\r\nabc\r\n"])

    def test_hostDoesNotGetWhatCannotBeLines(self) -> None:
        """It would be a message of another meaning there."""
        off = (EightBitMIME(), Chunking(), BinaryMIME(BinaryMIMESettings(False)))
        for extensions, why in (
            (off, b"conversion is not done"),
            (_EXTENSIONS, b"its MIME structure is broken"),
        ):
            for keywords in (
                (b"CHUNKING", b"8BITMIME"),
                (b"BINARYMIME", b"8BITMIME"),
                (),
            ):
                peer = ScriptedPeer(client(extensions))
                peer.open(*keywords)
                said = peer.deliver(self.envelope(), b"A: \0\r\n\r\nb")
                self.assertEqual(said, b"", keywords)
                [(_, outcome)] = peer.settled[0].outcomes
                text = b"Next host lacks BINARYMIME, and " + why
                self.assertEqual(outcome, reply(554, "5.6.3", text))
                self.assertIs(peer.settled[0].scope, Scope.HOST)

    def test_otherMessagesGoAnyway(self) -> None:
        """A message of lines needs nothing of this."""
        joined = pair([], _EXTENSIONS, bareLines=BareLines.REFUSE).open()
        recipients = [Recipient(b"b@d.example")]
        joined.deliver(Envelope(b"a@c.example", 0.0, recipients), b"x\r\n")
        self.assertEqual(joined.codes, [250])
