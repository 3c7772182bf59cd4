"""
Tests for L{smtpx.core.client}: what may ride on a SYN, and be heard twice.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.effects import Write

from .peers import MAIL, OK, RCPT, envelope, grouping
from .test_clientcarrier import carrying, opened


class OpeningTests(SynchronousTestCase):
    """A peer that has not answered the SYN."""

    def test_waits(self) -> None:
        """The envelope goes, and the message when the peer has answered."""
        peer = opened(grouping(), carrying())
        peer.connection.opening = True
        self.assertEqual(peer.deliver(envelope(), b"text\r\n"), MAIL + RCPT)
        self.assertEqual(peer.connection.opened(), [Write(b"CHUNK 6\r\ntext\r\n")])
        self.assertFalse(peer.connection.opening)
        peer.say(OK + OK + OK)
        self.assertEqual(peer.codes, [250])

    def test_nothingWaits(self) -> None:
        """An answer that nobody has waited for changes nothing."""
        peer = opened(grouping(), carrying())
        peer.connection.opening = True
        self.assertEqual(peer.connection.opened(), [])
        said = peer.deliver(envelope(), b"text\r\n")
        self.assertEqual(said, MAIL + RCPT + b"CHUNK 6\r\ntext\r\n")

    def test_lost(self) -> None:
        """Nobody was there: the message has not gone, and is not in doubt."""
        peer = opened(grouping(), carrying())
        peer.connection.opening = True
        peer.deliver(envelope(), b"text\r\n")
        peer.connection.lost()
        self.assertNotIn(b"CHUNK", b"".join(peer.written))
