"""
Tests for L{smtpx_example.nosoliciting}: run them by
C{trial smtpx_example.test_nosoliciting}.
"""

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.queueprofile import QueueProfile
from smtpx.testing.pair import pair
from smtpx.testing.server import talk
from smtpx_example.nosoliciting import SOLICIT, NoSoliciting, NoSolicitingSettings

STRICT = NoSoliciting(NoSolicitingSettings(unwanted=("net.example:ADV",)))
HELLO = b"EHLO c.example\r\n"
RCPT = b"RCPT TO:<b@d.example>\r\n"


class NoSolicitingTests(SynchronousTestCase):
    """The extension, on both sides."""

    def test_keyword(self) -> None:
        """The EHLO response says what is not wanted."""
        said = talk([STRICT], HELLO)
        self.assertEqual(said.last, b"250 NO-SOLICITING net.example:ADV")
        self.assertEqual(talk([NoSoliciting()], HELLO).last, b"250 NO-SOLICITING")

    def test_unwantedIsRefused(self) -> None:
        """At RCPT, naming what matched."""
        mail = b"MAIL FROM:<a@c.example> SOLICIT=org.example:X,net.example:ADV\r\n"
        said = talk([STRICT], HELLO + mail + RCPT)
        self.assertEqual(said.last, b"550 5.7.1 SOLICIT=net.example:ADV")

    def test_theRestIsWelcome(self) -> None:
        """Other kinds, and no kind at all."""
        for parameter in (b"", b" SOLICIT=org.example:X"):
            mail = b"MAIL FROM:<a@c.example>" + parameter + b"\r\n"
            said = talk([STRICT], HELLO + mail + RCPT)
            self.assertEqual(said.last, b"250 2.0.0 OK")

    def test_badClassesAreRefused(self) -> None:
        """A parameter that is not in the grammar is a 501."""
        for value in (b"", b"1", b"a,", b"a b", b"x" * 1001):
            mail = b"MAIL FROM:<a@c.example> SOLICIT=" + value + b"\r\n"
            said = talk([STRICT], HELLO + mail)
            self.assertIn(said.last[:3], (b"501", b"555"), value)

    def test_headerCountsAsWell(self) -> None:
        """A client that lacks the extension still has the field."""
        for field, code in ((b"net.example:ADV", 550), (b"x", 250), (b"?", 250)):
            said = talk(
                [STRICT],
                HELLO + b"MAIL FROM:<a@c.example>\r\n" + RCPT + b"DATA\r\n"
                b"Solicitation: " + field + b"\r\n\r\nBuy!\r\n.\r\n",
            )
            self.assertEqual(said.codes[-1], code, field)

    def test_clientDeclares(self) -> None:
        """What is noted on the envelope goes to the next host."""
        envelope = Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")])
        envelope.stamps[SOLICIT] = (b"org.example:X",)
        joined = pair([STRICT], [NoSoliciting()]).open()
        joined.deliver(envelope, b"Buy!\r\n")
        self.assertEqual(joined.codes, [250])
        self.assertEqual(joined.taken[0].stamps[SOLICIT], (b"org.example:X",))

    def test_clientSparesTheHost(self) -> None:
        """What the host does not want is not even offered."""
        envelope = Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")])
        envelope.stamps[SOLICIT] = (b"net.example:ADV",)
        joined = pair([STRICT], [NoSoliciting()]).open()
        joined.deliver(envelope, b"Buy!\r\n")
        self.assertEqual(joined.codes, [550])
        self.assertNotIn(b"MAIL", joined.said)

    def test_noteIsKept(self) -> None:
        """The queue can write the note, and read it back."""
        envelope = Envelope(b"a@c.example", 0.0)
        envelope.stamps[SOLICIT] = (b"org.example:X", b"net.example:ADV")
        text = envelope.dumpedStamps()
        self.assertEqual(text, {"solicit": "org.example:X,net.example:ADV"})
        read = Envelope(b"a@c.example", 0.0)
        read.stamps.load(QueueProfile().load([NoSoliciting()]).stamps, text)
        self.assertEqual(read.stamps, envelope.stamps)

    def test_settingsAreChecked(self) -> None:
        """An operator cannot advertise what is not in the grammar."""
        self.assertRaises(ValueError, NoSolicitingSettings, unwanted=("no way",))
