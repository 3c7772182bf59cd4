"""
Tests for what L{smtpx.core.clienttransaction} lets onto the wire: bodies by DATA,
and nothing that hides commands.
"""

from __future__ import annotations

from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.bounds import BareLines
from smtpx.core.effects import (
    Close,
    Drain,
    GaveUp,
    Write,
)
from smtpx.core.hooks import (
    Scope,
)
from smtpx.core.interfaces import (
    IBody,
)
from smtpx.core.reply import LOCAL_ERROR, reply
from smtpx.testing.client import OctetsBody

from .peers import (
    GO,
    MAIL,
    OK,
    RCPT,
    envelope,
    grouping,
    opened,
    outcomes,
)


@implementer(IBody)
class BrokenBody:
    """A body whose disk fails in the middle."""

    octets = 6

    def pieces(self) -> Iterator[bytes]:
        """One piece, and then trouble."""
        yield b"abc"
        raise OSError("disk")


@implementer(IBody)
class GrownBody:
    """A body that has become longer since it was measured."""

    octets = 5

    def pieces(self) -> Iterator[bytes]:
        """Two pieces more than there should be."""
        yield b"one\r\n"
        yield b"two\r\n"
        yield b"three\r\n"


class BodyTests(SynchronousTestCase):
    """The body, by DATA."""

    def sent(self, body: OctetsBody) -> bytes:
        """What goes over the wire for C{body}."""
        peer = opened()
        peer.deliver(envelope(), body)
        peer.say(OK)
        peer.say(OK)
        return peer.say(GO)

    def test_transparency(self) -> None:
        """A dot at the beginning of a line is doubled (RFC 5321 section 4.5.2)."""
        body = b".\r\n..\r\na.\r\n.b\r\n"
        wire = b"..\r\n...\r\na.\r\n..b\r\n.\r\n"
        for size in (1, 2, 3, 65_536):
            self.assertEqual(self.sent(OctetsBody(body, size)), wire)

    def test_emptyBody(self) -> None:
        """An empty message is a dot."""
        self.assertEqual(self.sent(OctetsBody(b"")), b".\r\n")

    def test_finalLineEnd(self) -> None:
        """It is added where it is missing."""
        self.assertEqual(self.sent(OctetsBody(b"x")), b"x\r\n.\r\n")

    def test_bareLineEnds(self) -> None:
        """They become CRLF, and a dot behind one is doubled."""
        self.assertEqual(
            self.sent(OctetsBody(b"a\n.\nb\r.\rc\r")),
            b"a\r\n..\r\nb\r\n..\r\nc\r\n.\r\n",
        )

    def test_bareLineEndsRefused(self) -> None:
        """Or the message is refused, before anything of it was said."""
        for body in (b"a\nb\r\n", b"a\rb", b"\r\n\n", b"x\r"):
            for size in (1, 65_536):
                peer = opened(bareLines=BareLines.REFUSE)
                self.assertEqual(peer.deliver(envelope(), OctetsBody(body, size)), b"")
                self.assertEqual(
                    outcomes(peer),
                    [reply(554, "5.6.0", b"Message has a bare CR or LF")],
                )
                self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)
                self.assertTrue(peer.connection.ready)
        peer = opened(bareLines=BareLines.REFUSE)
        self.assertEqual(peer.deliver(envelope(), OctetsBody(b"a\r\nb\r\n", 1)), MAIL)

    def test_piecesAndFlow(self) -> None:
        """
        Between pieces the transport is asked; the last piece and the final dot
        are one write, and so are commands that stand before the first.
        """
        peer = opened()
        peer.deliver(envelope(), OctetsBody(b"abcdef", 2))
        peer.say(OK)
        peer.say(OK)
        connection = peer.connection
        self.assertEqual(connection.feed(GO), [Write(b"ab"), Drain()])
        self.assertEqual(connection.resume(), [Write(b"cd"), Drain()])
        self.assertEqual(connection.resume(), [Write(b"ef\r\n.\r\n")])
        self.assertEqual(connection.resume(), [])

    def test_longerThanItSays(self) -> None:
        """A body is sent to its end, whatever was said of its length."""
        peer = opened()
        peer.deliver(envelope(), GrownBody())
        peer.say(OK)
        peer.say(OK)
        self.assertEqual(peer.say(GO), b"one\r\ntwo\r\nthree\r\n.\r\n")

    def test_troubleInTheMiddle(self) -> None:
        """
        A body that cannot be read leaves the peer waiting for its end: only
        closing keeps it from taking half a message.
        """
        peer = opened()
        peer.deliver(envelope(), BrokenBody())
        peer.say(OK)
        peer.say(OK)
        self.assertEqual(peer.say(GO), b"abc")
        trouble = peer.troubles[0]
        self.assertEqual(trouble.owner, "core")
        self.assertIsInstance(trouble.error, OSError)
        self.assertEqual(outcomes(peer), [LOCAL_ERROR])
        # It is not the host's fault.
        self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)
        self.assertEqual(peer.events[-2:], [GaveUp(LOCAL_ERROR), Close()])

    def test_troubleBeforeTheBeginning(self) -> None:
        """One that cannot even be looked at costs nothing but itself."""
        peer = opened(bareLines=BareLines.REFUSE)
        self.assertEqual(peer.deliver(envelope(), BrokenBody()), b"")
        self.assertEqual(outcomes(peer), [LOCAL_ERROR])
        self.assertTrue(peer.connection.ready)


class InjectionTests(SynchronousTestCase):
    """Commands hidden in what a command is made of."""

    def test_sender(self) -> None:
        """A sender with a line end in it is refused before anything is sent."""
        for octet in (b"\r", b"\n", b"\0", b"\x7f", b"\t"):
            peer = opened()
            sender = b"a@x" + octet + b"DATA"
            self.assertEqual(peer.deliver(envelope(sender=sender)), b"")
            self.assertEqual([r.status for r in outcomes(peer)], [(5, 1, 7)])
            self.assertTrue(peer.connection.ready)

    def test_recipient(self) -> None:
        """So is a recipient; the others get their message."""
        peer = opened(grouping())
        message = envelope(b"c@x>\r\nRSET\r\n<", b"b@mx.example")
        self.assertEqual(peer.deliver(message, b""), MAIL + RCPT + b"DATA\r\n")
        peer.say(OK + OK + GO)
        peer.say(b"250 2.0.0 Taken\r\n")
        self.assertEqual([r.status for r in outcomes(peer)], [(5, 1, 3), (2, 0, 0)])

    def test_nobodyLeft(self) -> None:
        """Where no recipient is left nothing is sent."""
        peer = opened()
        self.assertEqual(peer.deliver(envelope(b"a\r\n", b"b\n")), b"")
        self.assertEqual(peer.codes, [553, 553])

    def test_oddButLegalPaths(self) -> None:
        """What may stand in a quoted local part is sent as it is."""
        peer = opened()
        self.assertEqual(
            peer.deliver(envelope(sender=b'"a> b"@x')), b'MAIL FROM:<"a> b"@x>\r\n'
        )
