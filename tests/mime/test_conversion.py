"""
Tests for L{smtpx.mime.conversion}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.mime import Obstacle, Plan, Wire
from smtpx.mime.conversion import ENTITIES_MAX
from smtpx.mime.structure import DEPTH_MAX

from .oracle import surveyed, understood, written

SEVEN = Wire(eightBit=False)
LINES = Wire(eightBit=True)
ANY_LINES = Wire(eightBit=False, lineOctets=None)

LONG = b"x" * 999

MIXED = b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="x"\r\n'


def lines(*each: bytes) -> bytes:
    """Lines, with their ends."""
    return b"".join(line + b"\r\n" for line in each)


class ConversionCase(SynchronousTestCase):
    """Who converts."""

    def converted(self, message: bytes, wire: Wire = SEVEN) -> bytes:
        """A message, fit for C{wire}; the same for any cut."""
        plan = surveyed(message, wire)
        assert isinstance(plan, Plan), plan
        whole = written(message, plan)
        for cut in *range(1, 12), 64:
            self.assertEqual(surveyed(message, wire, cut), plan)
            self.assertEqual(written(message, plan, cut), whole)
        return whole

    def refused(self, message: bytes, why: Obstacle, wire: Wire = SEVEN) -> None:
        """A message cannot be converted."""
        for cut in *range(12), 64:
            self.assertIs(surveyed(message, wire, cut), why)

    def untouched(self, message: bytes, wire: Wire = SEVEN) -> None:
        """A message is fit as it is."""
        self.assertEqual(surveyed(message, wire), Plan((), len(message)))
        self.assertEqual(self.converted(message, wire), message)


class TextTests(ConversionCase):
    """A message that is a text."""

    def test_declared(self) -> None:
        """The field that names the encoding stays where it is."""
        self.assertEqual(
            self.converted(
                lines(
                    b"MIME-Version: 1.0",
                    b"content-transfer-encoding:",
                    b" 8bit",
                    b"Content-Type: text/plain; charset=iso-8859-1",
                    b"",
                    b"M\xe4rz",
                )
            ),
            lines(
                b"MIME-Version: 1.0",
                b"Content-Transfer-Encoding: quoted-printable",
                b"Content-Type: text/plain; charset=iso-8859-1",
                b"",
                b"M=E4rz",
            ),
        )

    def test_notMIME(self) -> None:
        """
        A message that is no MIME becomes MIME, of a charset that is a guess only
        where it could not be another one (RFC 1428).
        """
        for text, encoded, charset in (
            (b"am 1. M\xc3\xa4rz", b"am 1. M=C3=A4rz", b"utf-8"),
            (b"am 1. M\xe4rz", b"am 1. M=E4rz", b"unknown-8bit"),
            (b"am 1. Marz\xc3", b"am 1. Marz=C3", b"unknown-8bit"),
        ):
            for end, coded in (b"\r\n", b"\r\n"), (b"", b"=\r\n"):
                self.assertEqual(
                    self.converted(b"A: b\r\n\r\n" + text + end),
                    lines(
                        b"A: b",
                        b"Content-Transfer-Encoding: quoted-printable",
                        b"MIME-Version: 1.0",
                        b"Content-Type: text/plain; charset=" + charset,
                        b"",
                    )
                    + encoded
                    + coded,
                )

    def test_whatIsThereIsNotAdded(self) -> None:
        """No field is there twice."""
        self.assertEqual(
            self.converted(lines(b"Content-Type: text/html", b"", b"aaaaaaaaa\xff")),
            lines(
                b"Content-Type: text/html",
                b"Content-Transfer-Encoding: quoted-printable",
                b"MIME-Version: 1.0",
                b"",
                b"aaaaaaaaa=FF",
            ),
        )

    def test_theShorterEncoding(self) -> None:
        """Text in letters that are mostly not ASCII is base64; else it can be read."""
        header = lines(b"MIME-Version: 1.0", b"Content-Type: text/plain", b"")
        based = self.converted(header + b"\xd0\xb6" * 100 + b"\r\n")
        self.assertIn(b"Encoding: base64\r\n\r\n0LbQttC2", based)
        self.assertTrue(based.endswith(b"==\r\n"))
        # As long as each other: one of eight octets is above 127.
        even = self.converted(header + b"aaaaa\xffa")
        self.assertIn(b"quoted-printable\r\n\r\naaaaa=FFa=\r\n", even)

    def test_otherContentIsBase64(self) -> None:
        """Its line ends are octets like others."""
        message = lines(b"Content-Type: image/x", b"", b"abcdefghijkl\xff")
        self.assertIn(b"Encoding: base64\r\n", self.converted(message))

    def test_fitAsItIs(self) -> None:
        """Nothing is changed that need not be, whatever it says of itself."""
        for header in (
            b"A: b\r\n",
            b"Content-Transfer-Encoding: 8bit\r\n",
            b"Content-Transfer-Encoding: base64\r\n",
            b"Content-Type: text\r\n",
            b"no header\r\n",
        ):
            self.untouched(header + b"\r\nabc")
        self.untouched(b"")

    def test_headerFields(self) -> None:
        """A header field can be in no encoding that every program would know."""
        self.refused(b"A: \xff\r\n\r\nabc", Obstacle.HEADER)
        self.refused(b"A: \xff", Obstacle.HEADER)
        self.untouched(b"A: \xff\r\n\r\nabc\xff", LINES)

    def test_headerOctets(self) -> None:
        """Octets that nothing may have are seen in any case."""
        for octets in b"\0", b"\r", b"\n":
            message = b"A: b" + octets + b"c\r\n\r\nabc"
            for wire in SEVEN, LINES:
                self.refused(message, Obstacle.MALFORMED, wire)


class LinesTests(ConversionCase):
    """Lines that are too long, and bodies that are none."""

    def test_longLines(self) -> None:
        """They are broken by an encoding, and are whole for who decodes it."""
        message = lines(b"A: b", b"", LONG, b"c")
        for wire in SEVEN, LINES:
            found = self.converted(message, wire)
            self.assertIn(b"quoted-printable\r\nMIME-Version: 1.0\r\n\r\nxxx", found)
            self.assertEqual(understood(found), understood(message))
            self.untouched(lines(b"A: b", b"", LONG[1:]), wire)
        self.untouched(message, ANY_LINES)

    def test_longLinesOfWhatIsSealed(self) -> None:
        """They are left to whoever takes them, as are those of a header."""
        self.untouched(lines(b"Content-Transfer-Encoding: base64", b"", LONG))
        self.untouched(lines(b"A: " + LONG, b"", b"c"))

    def test_binary(self) -> None:
        """Octets that no line may have are base64, in text as well."""
        for octets in b"\0", b"\ra", b"\na", b"a\n", b"a\r":
            message = b"Content-Type: text/plain\r\n\r\nabcabcabc" + octets
            found = self.converted(message, LINES)
            self.assertIn(b"Content-Transfer-Encoding: base64\r\n", found)
            self.assertEqual(understood(found), understood(message))

    def test_binaryThatIsLines(self) -> None:
        """Only its name is wrong."""
        message = lines(b"Content-Transfer-Encoding: binary", b"", b"a\xff")
        self.assertEqual(
            self.converted(message, LINES),
            lines(b"Content-Transfer-Encoding: 8bit", b"", b"a\xff"),
        )
        message = lines(b"Content-Transfer-Encoding: binary", b"", b"a")
        self.assertEqual(
            self.converted(message),
            lines(b"Content-Transfer-Encoding: 7bit", b"", b"a"),
        )


class PartsTests(ConversionCase):
    """A message with parts."""

    def test_eachForItself(self) -> None:
        """
        Parts that fit stay as they are; those that do not get an encoding, and
        what is around them says that nothing has eight bits any more.
        """
        self.assertEqual(
            self.converted(
                lines(
                    MIXED[:-2],
                    b"Content-Transfer-Encoding: 8bit",
                    b"",
                    b"preamble",
                    b"--x",
                    b"",
                    b"plain",
                    b"--x",
                    b"Content-Type: text/plain; charset=utf-8",
                    b"Content-Transfer-Encoding: 8bit",
                    b"",
                    b"am 1. M\xc3\xa4rz ",
                    b"",
                    b"--x",
                    b"Content-Transfer-Encoding: binary",
                    b"Content-Type: application/x",
                    b"",
                    b"\xff",
                    b"--x",
                    b"Content-Transfer-Encoding: 8bit",
                    b"",
                    b"seven",
                    b"--x--",
                    b"epilogue",
                )
            ),
            lines(
                MIXED[:-2],
                b"Content-Transfer-Encoding: 7bit",
                b"",
                b"preamble",
                b"--x",
                b"",
                b"plain",
                b"--x",
                b"Content-Type: text/plain; charset=utf-8",
                b"Content-Transfer-Encoding: quoted-printable",
                b"",
                b"am 1. M=C3=A4rz=20",
                b"",
                b"--x",
                b"Content-Transfer-Encoding: base64",
                b"Content-Type: application/x",
                b"",
                b"/w==",
                b"--x",
                b"Content-Transfer-Encoding: 7bit",
                b"",
                b"seven",
                b"--x--",
                b"epilogue",
            ),
        )

    def test_eightBitsStay(self) -> None:
        """Of a binary message, what is lines goes as it is to who takes eight."""
        self.assertEqual(
            self.converted(
                lines(
                    MIXED[:-2],
                    b"Content-Transfer-Encoding: binary",
                    b"",
                    b"--x",
                    b"Content-Transfer-Encoding: 8bit",
                    b"",
                    b"M\xc3\xa4rz",
                    b"--x",
                    b"Content-Type: image/x",
                    b"",
                    b"\0\n",
                    b"--x--",
                ),
                LINES,
            ),
            lines(
                MIXED[:-2],
                b"Content-Transfer-Encoding: 8bit",
                b"",
                b"--x",
                b"Content-Transfer-Encoding: 8bit",
                b"",
                b"M\xc3\xa4rz",
                b"--x",
                b"Content-Type: image/x",
                b"Content-Transfer-Encoding: base64",
                b"",
                b"AAo=",
                b"--x--",
            ),
        )

    def test_messagesInside(self) -> None:
        """
        A message in a message may not be encoded as a whole (RFC 2046 section
        5.2.1), but what is in it may; and it becomes MIME for itself.
        """
        self.assertEqual(
            self.converted(
                lines(
                    b"Content-Type: message/rfc822",
                    b"Content-Transfer-Encoding: 8bit",
                    b"",
                    b"Content-Type: multipart/mixed; boundary=y",
                    b"",
                    b"--y",
                    b"",
                    b"bbbbbbbbb\xff",
                    b"--y--",
                )
            ),
            lines(
                b"Content-Type: message/rfc822",
                b"Content-Transfer-Encoding: 7bit",
                b"MIME-Version: 1.0",
                b"",
                b"Content-Type: multipart/mixed; boundary=y",
                b"MIME-Version: 1.0",
                b"",
                b"--y",
                b"Content-Transfer-Encoding: quoted-printable",
                b"",
                b"bbbbbbbbb=FF",
                b"--y--",
            ),
        )

    def test_digest(self) -> None:
        """Its parts are messages, each for itself, without saying so."""
        digest = lines(
            b"Content-Type: multipart/digest; boundary=x",
            b"%b",
            b"--x",
            b"",
            b"Subject: a",
            b"%b",
            b"--x",
            b"",
            b"Subject: c",
            b"",
            b"c",
            b"--x--",
        )
        self.assertEqual(
            self.converted(digest % (b"", b"\r\naaaaaaaaa\xff")),
            digest
            % (
                b"MIME-Version: 1.0\r\n",
                b"Content-Transfer-Encoding: quoted-printable\r\n"
                b"MIME-Version: 1.0\r\n"
                b"Content-Type: text/plain; charset=unknown-8bit\r\n"
                b"\r\naaaaaaaaa=FF",
            ),
        )

    def test_internationalMessageInside(self) -> None:
        """It may be encoded as a whole (RFC 6532 section 3.7), and so its header."""
        found = self.converted(
            lines(
                b"Content-Type: message/global", b"", b"Subject: M\xc3\xa4rz", b"", b"x"
            )
        )
        self.assertEqual(
            found,
            lines(
                b"Content-Type: message/global",
                b"Content-Transfer-Encoding: quoted-printable",
                b"MIME-Version: 1.0",
                b"",
                b"Subject: M=C3=A4rz",
                b"",
                b"x",
            ),
        )

    def test_partWithoutEnd(self) -> None:
        """The end of the message is the end of all."""
        message = MIXED + lines(b"", b"--x", b"", b"aaaaaaaaa\xff")
        self.assertEqual(
            self.converted(message),
            MIXED
            + lines(
                b"",
                b"--x",
                b"Content-Transfer-Encoding: quoted-printable",
                b"",
                b"aaaaaaaaa=FF",
            ),
        )


class ObstacleTests(ConversionCase):
    """What is not to be changed."""

    def part(self, *header: bytes) -> bytes:
        """A message with eight bits in a part with such a header."""
        return MIXED + lines(b"", b"--x", *header, b"", b"\xff", b"--x--")

    def test_signed(self) -> None:
        """
        A signature would break; what is not inside of it may be changed, and what
        is inside stays as it is to the last octet.
        """
        signed = lines(
            b"Content-Type: multipart/signed; boundary=s",
            b"",
            b"--s",
            b"Content-Transfer-Encoding: 8bit",
            b"",
            b"%b",
            b"--s",
            b"Content-Type: application/pgp-signature",
            b"",
            b"abc",
            b"--s--",
        )
        self.refused(signed % b"\xff", Obstacle.SIGNED)
        self.untouched(signed % LONG)
        inside = MIXED + lines(
            b"", b"--x", signed % b"a", b"--x", b"", b"\xff", b"--x--"
        )
        self.assertIn(signed % b"a", self.converted(inside))
        for octets in b"\0", b"\r", b"\n":
            self.refused(signed % octets, Obstacle.SIGNED, LINES)
        self.untouched(signed % b"\xff", LINES)

    def test_whatMayNotBeEncoded(self) -> None:
        """Types that RFC 2045 section 6.4 forbids it for."""
        for sub in b"partial", b"external-body", b"delivery-status":
            self.refused(self.part(b"Content-Type: message/" + sub), Obstacle.TYPE)

    def test_whatSaysThatItIsEncoded(self) -> None:
        """But it is not, or not as anybody knows."""
        for label in b"base64", b"quoted-printable", b"x-own", b"8 bit":
            self.refused(
                self.part(b"Content-Transfer-Encoding: " + label), Obstacle.ENCODING
            )

    def test_whatIsNotWellFormed(self) -> None:
        """Others may see something else in it."""
        for header in (
            (b"Content-Type: multipart/mixed",),
            (b"Content-Type: text",),
            (b"Content-Type: text/plain", b"Content-Type: text/plain"),
            (b"no field",),
        ):
            self.refused(self.part(*header), Obstacle.MALFORMED)

    def test_doubtfulBoundary(self) -> None:
        """It is an obstacle only where there is something to change."""
        message = MIXED + lines(b"", b"--x", b"", b"%b", b"--xy", b"--x--")
        self.refused(message % b"\xff", Obstacle.MALFORMED)
        self.untouched(message % b"a")

    def test_outsideOfTheParts(self) -> None:
        """What is for nobody to see cannot be encoded, but is not thrown away."""
        message = MIXED + lines(b"", b"%b", b"--x", b"", b"a", b"--x--", b"%b")
        for octets in (b"\xff", b"a"), (b"a", b"\xff"):
            self.refused(message % octets, Obstacle.OUTSIDE)
            self.untouched(message % octets, LINES)
        for octets in (b"\0", b"a"), (b"a", b"\n"):
            self.refused(message % octets, Obstacle.MALFORMED, LINES)

    def test_headerOfAPart(self) -> None:
        """It is a header like others."""
        self.refused(
            self.part(b'Content-Disposition: attachment; filename="M\xc3\xa4rz"'),
            Obstacle.HEADER,
        )

    def test_whatIsTooDeep(self) -> None:
        """What was not looked into is not changed; what is signed there is named."""
        for innermost, why in (
            (b"Content-Type: message/rfc822", Obstacle.MALFORMED),
            (b"Content-Type: multipart/signed; boundary=x", Obstacle.SIGNED),
        ):
            message = b"Content-Type: message/rfc822\r\n\r\n" * DEPTH_MAX
            self.refused(message + innermost + b"\r\n\r\n\xff", why)
            self.untouched(message + innermost + b"\r\n\r\na")

    def test_theFirstObstacleIsNamed(self) -> None:
        """And nothing more is looked for."""
        message = self.part(b"Content-Type: message/partial") + b"\0"
        self.refused(message, Obstacle.TYPE)

    def test_partsAreBounded(self) -> None:
        """A message of very many parts is not converted."""
        most = MIXED + b"\r\n" + b"--x\r\n\r\n" * (ENTITIES_MAX - 1)
        self.assertEqual(surveyed(most, SEVEN), Plan((), len(most)))
        self.assertIs(surveyed(most + b"--x\r\n\r\n", SEVEN), Obstacle.PARTS)
