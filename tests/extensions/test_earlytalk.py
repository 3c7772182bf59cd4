"""
Tests for L{smtpx.extensions.pipeconnect}: who talks early without having been offered
to.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.interfaces import IExtension
from smtpx.extensions.pipeconnect import IOffers, PipeConnect, RecentOffers, networkOf
from smtpx.extensions.pipelining import Pipelining
from smtpx.testing.server import talk

_HELLO = b"EHLO client.example\r\n"


class EarlyTalkTests(SynchronousTestCase):
    """Strangers, and those who know."""

    def test_strangersAreKnown(self) -> None:
        """
        Policies can tell whether a client that talks early was ever told that it
        may.
        """
        extensions: list[IExtension] = [Pipelining(), PipeConnect()]

        def early(octets: bytes, peer: bytes) -> object:
            said = talk(extensions, early=octets, peer=peer)
            return said.connection.variable("early_talk")

        self.assertEqual(early(b"", b"192.0.2.1"), "no")
        self.assertEqual(early(_HELLO, b"192.0.2.1"), "stranger")
        self.assertEqual(early(_HELLO, b"192.0.2.1"), "offered")
        # A sender with many hosts may tell them all.
        self.assertEqual(early(_HELLO, b"192.0.2.99"), "offered")
        self.assertEqual(early(b"HELO c.example\r\n", b"203.0.113.2"), "stranger")
        talk(extensions, _HELLO, peer=b"203.0.113.2")
        self.assertEqual(early(b"HELO c.example\r\n", b"203.0.113.2"), "offered")

    def test_earlyTalkIsHeldAgainstStrangersOnly(self) -> None:
        """
        The condition for rules is never true of a client that was offered to talk
        early, nor of one that waits.
        """
        extensions: list[IExtension] = [Pipelining(), PipeConnect()]

        def outOfTurn(early: bytes, rest: bytes = b"") -> bool:
            said = talk(extensions, rest, early=early, peer=b"192.0.2.1")
            return said.connection.holds("early_talk")

        self.assertTrue(outOfTurn(_HELLO))
        self.assertFalse(outOfTurn(_HELLO))
        self.assertFalse(outOfTurn(b"", _HELLO))

    def test_networks(self) -> None:
        """24 bits of an address of IPv4, 64 of one of IPv6."""
        for address, network in (
            (b"192.0.2.1", b"192.0.2.0/24"),
            (b"::ffff:192.0.2.1", b"192.0.2.0/24"),
            (b"2001:db8:1:2:3:4:5:6", b"2001:db8:1:2::/64"),
            (b"", b""),
        ):
            self.assertEqual(networkOf(address), network)

    def test_strangersOfASession(self) -> None:
        """Whoever began as a stranger is one to its end."""
        said = talk([Pipelining(), PipeConnect()], early=_HELLO, peer=b"192.0.2.1")
        said.feed(_HELLO)
        self.assertEqual(said.connection.variable("early_talk"), "stranger")

    def test_offersAreBounded(self) -> None:
        """Those who were offered it longest ago are forgotten first."""
        offers = RecentOffers(2)
        verifyObject(IOffers, offers)
        for network in (b"a", b"b", b"a", b"c"):
            offers.note(network)
        found = [offers.known(network) for network in (b"a", b"b", b"c")]
        self.assertEqual(found, [True, False, True])
