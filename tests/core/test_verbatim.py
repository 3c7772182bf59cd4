"""
Tests for L{smtpx.core.verbatim}, and for who makes one and who asks for it.
"""

from __future__ import annotations

import re

from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import BareLines, Bounds
from smtpx.core.profile import ServerProfile
from smtpx.core.server import ServerConnection
from smtpx.core.transparency import DotWriter, dotted
from smtpx.core.verbatim import WORTH_OCTETS, Verbatim
from smtpx.extensions.standard import standard
from smtpx.testing.server import ScriptedPort

from .test_transparency import BODIES

OPENING = (
    b"EHLO c.example\r\n",
    b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n",
)
LONG = b"Subject: x\r\n\r\n" + b"A line.\r\n" * (WORTH_OCTETS // 9)


def isFit(octets: bytes) -> bool:
    """Is that a L{Verbatim}?  Slowly and surely."""
    return re.fullmatch(rb"(?:(?!\.)[^\r\n]*\r\n)*", octets) is not None


def received(*flights: bytes, bareLines: BareLines = BareLines.REFUSE) -> list[bytes]:
    """The pieces of the body that comes behind the 354 in these flights."""
    bounds = Bounds(bareLines=bareLines)
    port = ScriptedPort()
    profile = ServerProfile(bounds=bounds).load(standard())
    connection = ServerConnection(profile, port)
    connection.start()
    for flight in OPENING + flights:
        connection.feed(flight)
    return port.pieces


class ReceivedTests(SynchronousTestCase):
    """What comes."""

    def test_long(self) -> None:
        """A body in which nothing was to be changed, and that is worth it."""
        (piece,) = received(LONG + b".\r\n")
        self.assertEqual((type(piece), piece), (Verbatim, LONG))

    def test_others(self) -> None:
        """
        A short one; one with a dot that was stuffed; one in pieces, which are cut
        anywhere; one whose line ends were set right.
        """
        short = LONG[-9 * 20 :]
        (piece,) = received(short + b".\r\n")
        self.assertEqual((type(piece), piece), (bytes, short))
        for stuffed in (b".." + LONG, LONG + b"..\r\n"):
            for piece in received(stuffed + b".\r\n"):
                self.assertIs(type(piece), bytes)
        for piece in received(LONG, LONG + b".\r\n"):
            self.assertIs(type(piece), bytes)
        normalise = BareLines.NORMALISE
        (piece,) = received(b"\n" + LONG + b".\r\n", bareLines=normalise)
        self.assertEqual((type(piece), piece), (bytes, b"\r\n" + LONG))


class UnderTests(SynchronousTestCase):
    """What is put together with it."""

    @settings(max_examples=300, deadline=None)
    @given(BODIES, BODIES.filter(isFit))
    def test_any(self, head: bytes, rest: bytes) -> None:
        """It is still one where all of it is, and goes as any body goes."""
        whole = Verbatim(rest).under(head)
        self.assertEqual(whole, head + rest)
        if type(whole) is Verbatim:
            self.assertTrue(isFit(whole))
        elif head:
            self.assertFalse(isFit(head))
        writer = DotWriter()
        wire = writer.write(head + rest) + writer.end()
        self.assertEqual(dotted(whole), wire)
        self.assertIs(type(dotted(whole)), bytes)

    def test_parts(self) -> None:
        """What is cut from it, or made of it otherwise, says nothing."""
        text = Verbatim(b"a\r\nb\r\n")
        for other in (
            text[:],
            text[3:],
            text + b".",
            b"." + text,
            text.replace(b"x", b"y"),
            text.strip(),
            b"".join([text]),
            bytes(text),
        ):
            self.assertIs(type(other), bytes)
