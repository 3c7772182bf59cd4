"""
Tests for L{smtpx.extensions.size}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import Bounds
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.grammar import Malformed
from smtpx.core.hooks import Scope
from smtpx.extensions.size import CAPABILITY, PARAMETER, Size
from smtpx.testing.client import ScriptedPeer, client
from smtpx.testing.pair import pair
from smtpx.testing.server import talk


class GrammarTests(SynchronousTestCase):
    """What stands behind the keyword and in the parameter."""

    @settings(max_examples=50)
    @given(st.integers(0, 10**20 - 1))
    def test_areTheirOwnInverse(self, octets: int) -> None:
        """What is written is read as it was."""
        for grammar in (CAPABILITY.grammar, PARAMETER.grammar):
            self.assertEqual(grammar.parse(grammar.render(octets)), octets)

    def test_noLimitIsSpelledTwice(self) -> None:
        """The keyword alone, and 0, are "no fixed maximum" (RFC 1870 section 4)."""
        for raw in (None, b"", b"0"):
            self.assertEqual(CAPABILITY.grammar.parse(raw), 0)
        self.assertIsNone(CAPABILITY.grammar.render(0))

    def test_badSizesAreMalformed(self) -> None:
        """Only 1*20DIGIT is a size."""
        for raw in (None, b"", b"-1", b"1k", b"1" * 21, b"0x10", b" 1"):
            self.assertRaises(Malformed, PARAMETER.grammar.parse, raw)


class ServerTests(SynchronousTestCase):
    """The server's side."""

    def test_limitIsAdvertised(self) -> None:
        """The keyword has the largest message that is taken."""
        said = talk([Size()], b"EHLO c.example\r\n", bounds=Bounds(messageOctets=5000))
        self.assertEqual(said.last, b"250 SIZE 5000")

    def test_noLimitIsAdvertised(self) -> None:
        """Without a limit the keyword stands alone."""
        said = talk([Size()], b"EHLO c.example\r\n", bounds=Bounds(messageOctets=None))
        self.assertEqual(said.last, b"250 SIZE")

    def said(self, octets: bytes, limit: int | None = 5000) -> bytes:
        """The last line to a MAIL command behind EHLO."""
        return talk(
            [Size()],
            b"EHLO c.example\r\nMAIL FROM:<a@c.example> " + octets + b"\r\n",
            bounds=Bounds(messageOctets=limit),
        ).last

    def test_declaredSizeWithinLimitIsTaken(self) -> None:
        """Up to the limit, and whatever it is where there is none."""
        self.assertEqual(self.said(b"SIZE=5000"), b"250 2.0.0 OK")
        self.assertEqual(self.said(b"size=0"), b"250 2.0.0 OK")
        self.assertEqual(self.said(b"SIZE=" + b"9" * 20, None), b"250 2.0.0 OK")

    def test_declaredSizeAboveLimitIsRefused(self) -> None:
        """RFC 1870 section 6.1 (2)."""
        self.assertEqual(
            self.said(b"SIZE=5001"),
            b"552 5.3.4 Message size exceeds fixed maximum message size",
        )

    def test_badSizeIsRefused(self) -> None:
        """What is no size, or is said twice, is a syntax error."""
        for octets in (b"SIZE", b"SIZE=", b"SIZE=x", b"SIZE=1 SIZE=1"):
            self.assertEqual(self.said(octets)[:9], b"501 5.5.4", octets)

    def test_aRefusedTransactionIsGone(self) -> None:
        """After a 552 a smaller message can follow at once."""
        said = talk(
            [Size()],
            b"EHLO c.example\r\nMAIL FROM:<a@c.example> SIZE=11\r\n"
            b"RCPT TO:<b@d.example>\r\nMAIL FROM:<a@c.example> SIZE=10\r\n",
            bounds=Bounds(messageOctets=10),
        )
        self.assertEqual(said.codes[2:], [552, 503, 250])

    def test_declaredSizeEndsNothing(self) -> None:
        """
        A message may be larger than declared (RFC 1870 section 6.1); the size
        is not where it ends (section 6).
        """
        said = talk(
            [Size()],
            b"EHLO c.example\r\nMAIL FROM:<a@c.example> SIZE=3\r\n"
            b"RCPT TO:<b@d.example>\r\nDATA\r\nlonger\r\nthan 3\r\n.\r\n",
        )
        self.assertEqual(said.port.bodies, [b"longer\r\nthan 3\r\n"])

    def test_thereIsNothingToSet(self) -> None:
        """It has no options."""
        extension = Size()
        self.assertIs(extension.configured(None), extension)


class ClientTests(SynchronousTestCase):
    """The client's side."""

    def envelope(self, octets: int) -> Envelope:
        """An envelope of a message of this size."""
        return Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")], octets)

    def test_sizeIsDeclared(self) -> None:
        """To a peer that has the keyword, and the server believes it."""
        joined = pair([Size()], [Size()]).open()
        joined.deliver(self.envelope(6), b"hello\r\n")
        self.assertIn(b"MAIL FROM:<a@c.example> SIZE=6\r\n", joined.said)
        self.assertEqual(joined.codes, [250])

    def test_sizeThatIsNotKnownIsNotDeclared(self) -> None:
        """Nor is any size to a peer without the keyword."""
        joined = pair([Size()], [Size()]).open()
        joined.deliver(self.envelope(0), b"hello\r\n")
        self.assertIn(b"MAIL FROM:<a@c.example>\r\n", joined.said)
        joined = pair([], [Size()]).open()
        joined.deliver(self.envelope(7), b"hello\r\n")
        self.assertIn(b"MAIL FROM:<a@c.example>\r\n", joined.said)

    def test_tooLargeForThePeerIsNotOffered(self) -> None:
        """
        No MAIL is sent that would be refused, and another host may do.
        """
        joined = pair([Size()], [Size()], bounds=Bounds(messageOctets=99)).open()
        joined.deliver(self.envelope(100), b"hello\r\n")
        self.assertNotIn(b"MAIL", joined.said)
        self.assertEqual(joined.codes, [552])
        self.assertIs(joined.settled[0].scope, Scope.HOST)
        joined.deliver(self.envelope(99), b"hello\r\n")
        self.assertEqual(joined.codes, [250])

    def test_noLimitIsNone(self) -> None:
        """A peer that says 0, or nothing, takes any size."""
        for keyword in (b"SIZE", b"SIZE 0"):
            peer = ScriptedPeer(client([Size()]))
            peer.open(keyword)
            self.assertEqual(
                peer.deliver(self.envelope(10**12)),
                b"MAIL FROM:<a@c.example> SIZE=1000000000000\r\n",
            )

    def test_aLimitThatIsNoneIsIgnored(self) -> None:
        """A peer whose limit cannot be read is taken not to offer SIZE."""
        peer = ScriptedPeer(client([Size()]))
        peer.open(b"SIZE many")
        self.assertEqual(peer.deliver(self.envelope(7)), b"MAIL FROM:<a@c.example>\r\n")
