"""
Tests for L{smtpx.extensions.eightbitmime}.
"""

from __future__ import annotations

import quopri
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.grammar import Malformed
from smtpx.core.hooks import Scope
from smtpx.core.interfaces import IBody, IExtension
from smtpx.core.queueprofile import QueueProfile
from smtpx.core.reply import reply
from smtpx.extensions.chunking import Chunking
from smtpx.extensions.eightbitmime import (
    EIGHT,
    EIGHTBIT,
    SEVEN,
    EightBitMIME,
    EightBitMIMESettings,
)
from smtpx.extensions.eightbitmimeconversion import fitsLines, fitsSeven
from smtpx.extensions.size import Size
from smtpx.mime import Obstacle
from smtpx.testing.client import OctetsBody, ScriptedPeer, client
from smtpx.testing.pair import Pair, pair
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

    def test_isConfigured(self) -> None:
        """Other settings make another extension."""
        options = EightBitMIMESettings(conversion=False)
        self.assertIs(EightBitMIME().configured(options).options, options)


class PageTests(SynchronousTestCase):
    """What the sender of a message is told that cannot be converted."""

    def test_everyReasonIsExplained(self) -> None:
        """In the words in which it is told."""
        pages = Path(smtpx.__file__).parent.parent / "doc" / "reference" / "extensions"
        page = (pages / "eightbitmime.rst").read_text("utf-8")
        for obstacle in Obstacle:
            self.assertIn(f"   * - {obstacle.value.decode('ascii')}\n", page)


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


class FittingTests(SynchronousTestCase):
    """Bodies that are known at a glance to need no conversion."""

    def test_lines(self) -> None:
        """A body of many lines fits if each of them does."""
        line = b"x" * 998 + b"\r\n"
        for body, fits in (
            (b"", True),
            (line * 3, True),
            (line * 2 + b"x" * 998, True),
            (line + b"x" + line, False),
            (b"x" + line * 2, False),
        ):
            self.assertIs(fitsLines(body), fits)
            self.assertIs(fitsSeven(body), fits)
        self.assertFalse(fitsSeven("é".encode()))


class ConversionTests(SynchronousTestCase):
    """Messages for hosts that take less."""

    EIGHT = b"Content-Type: text/plain\r\n\r\nabcdefghi\xff\r\n"
    SEVEN = (
        b"Content-Type: text/plain\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"MIME-Version: 1.0\r\n"
        b"\r\nabcdefghi=FF\r\n"
    )
    SIGNED = (
        b"Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\n%b\r\n--x--\r\n"
    )
    LONG = b"\r\n" + b"x" * 999 + b"\r\n"

    def delivered(
        self,
        body: bytes | IBody,
        *keywords: IExtension,
        declared: bool = False,
        **options: bool,
    ) -> Pair:
        """
        A message has come to a host, or not.

        @param keywords: what the host has.
        @param declared: was the message declared 8BITMIME?
        """
        extensions = [
            EightBitMIME(EightBitMIMESettings(**options)),
            Size(),
            Chunking(),
        ]
        joined = pair(keywords, extensions).open()
        envelope = Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")])
        if declared:
            envelope.stamps[EIGHTBIT] = True
        joined.deliver(envelope, body)
        return joined

    def test_converted(self) -> None:
        """Declared or not: no octet above 127 goes there (RFC 6152 section 3)."""
        for declared in True, False:
            joined = self.delivered(self.EIGHT, Size(), declared=declared)
            self.assertEqual(joined.bodies, [self.SEVEN])
            self.assertEqual(joined.codes, [250])
            self.assertIn(
                b"MAIL FROM:<a@c.example> SIZE=%d\r\n" % len(self.SEVEN), joined.said
            )

    def test_byBDAT(self) -> None:
        """Its length is known beforehand, also of one that is read in pieces."""
        body = self.EIGHT + b"xxxxxxxxx\xff" * 10_000
        for size in 7, 1000, 65_536:
            joined = self.delivered(OctetsBody(body, size), Chunking())
            self.assertEqual(joined.codes, [250])
            self.assertTrue(joined.bodies[0].isascii())
            self.assertEqual(
                quopri.decodestring(joined.bodies[0].partition(b"\r\n\r\n")[2]),
                body.partition(b"\r\n\r\n")[2],
            )

    def test_loneLineEnds(self) -> None:
        """They are line ends, as they would be in any text that goes by lines."""
        for cut in 1, 100:
            joined = self.delivered(
                OctetsBody(self.EIGHT.replace(b"defghi", b"de\nfg\r"), cut)
            )
            self.assertIn(b"abcde\r\nfg\r\n=FF\r\n", joined.bodies[0])

    def test_sevenBitsStayAsTheyAre(self) -> None:
        """Also if they are declared to be more."""
        body = self.EIGHT.replace(b"\xff", b"")
        for declared in True, False:
            joined = self.delivered(body, declared=declared)
            self.assertEqual(joined.bodies, [body])

    def test_cannotBeConverted(self) -> None:
        """Another host may do; the sender is told why, if there is none."""
        joined = self.delivered(self.SIGNED % b"\xff", declared=True)
        self.assertNotIn(b"MAIL", joined.said)
        self.assertEqual(
            [outcome for _, outcome in joined.settled[0].outcomes],
            [
                reply(
                    554,
                    "5.6.3",
                    b"Next host lacks 8BITMIME, and a part is signed or encrypted",
                )
            ],
        )
        self.assertIs(joined.settled[0].scope, Scope.HOST)

    def test_conversionIsOff(self) -> None:
        """What was declared does not go there, what was not goes as it is."""
        joined = self.delivered(self.EIGHT, declared=True, conversion=False)
        self.assertNotIn(b"MAIL", joined.said)
        self.assertEqual(
            [outcome for _, outcome in joined.settled[0].outcomes],
            [
                reply(
                    554,
                    "5.6.3",
                    b"Next host lacks 8BITMIME, and conversion is not done",
                )
            ],
        )
        self.assertIs(joined.settled[0].scope, Scope.HOST)
        joined = self.delivered(self.EIGHT, conversion=False)
        self.assertEqual(joined.bodies, [self.EIGHT])
        joined = self.delivered(
            self.EIGHT, EightBitMIME(), declared=True, conversion=False
        )
        self.assertEqual(joined.bodies, [self.EIGHT])

    def test_hostTakesEight(self) -> None:
        """Then nothing is changed."""
        for declared in True, False:
            joined = self.delivered(self.EIGHT, EightBitMIME(), declared=declared)
            self.assertEqual(joined.bodies, [self.EIGHT])

    def test_longLines(self) -> None:
        """
        They are encoded for a host that takes lines only (RFC 5321 section
        4.5.3.1.6), and whole for who decodes them.
        """
        for keywords in [EightBitMIME()], []:
            joined = self.delivered(self.LONG, *keywords)
            [body] = joined.bodies
            self.assertLess(max(len(line) for line in body.split(b"\r\n")), 77)
            self.assertEqual(
                quopri.decodestring(body.partition(b"\r\n\r\n")[2]), self.LONG[2:]
            )
            shorter = self.LONG.replace(b"xx", b"x", 1)
            self.assertEqual(self.delivered(shorter, *keywords).bodies, [shorter])

    def test_longLinesThatStay(self) -> None:
        """
        Where the host takes counted octets, where they are not to be encoded, and
        where they cannot be.
        """
        for body, keywords, options in (
            (self.LONG, [EightBitMIME(), Chunking()], {}),
            (self.LONG, [EightBitMIME()], {"longLines": False}),
            (self.SIGNED % self.LONG, [EightBitMIME()], {}),
            (self.SIGNED % self.LONG, [], {}),
            (b"A: " + self.LONG[2:] + b"\r\nb\r\n", [], {}),
            (b"no header" + self.LONG, [EightBitMIME()], {}),
        ):
            joined = self.delivered(body, *keywords, **options)
            self.assertEqual(joined.bodies, [body])

    def test_roomIsLeft(self) -> None:
        """Between pieces the world may go on, before anything is said."""
        for options in {}, {"keywords": (b"8BITMIME",)}:
            peer = ScriptedPeer(client([EightBitMIME()]))
            peer.flowing = False
            peer.open(*options.get("keywords", ()))
            envelope = Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")])
            said = peer.deliver(envelope, OctetsBody(self.LONG, 400))
            resumed = 0
            while not said:
                said = peer.resume()
                resumed += 1
            # Three pieces are looked at, then read.
            self.assertEqual((said[:4], resumed), (b"MAIL", 2 + 3))
