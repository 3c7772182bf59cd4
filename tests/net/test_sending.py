"""
Tests for L{smtpx.net.sending}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.core.hooks import RoutePolicy, TLSLevel
from smtpx.core.reply import reply
from smtpx.net.sending import Unreached, Way
from smtpx.sasl import Credentials
from smtpx.spool.via import Cause, Via


class WayTests(SynchronousTestCase):
    """
    How to talk to a host.
    """

    def test_waysThatAreTheSameAreEqual(self) -> None:
        """Messages that go the same way can share a connection."""
        one = Way(RoutePolicy(TLSLevel.VERIFIED), login=Credentials(b"u", b"p"))
        two = Way(RoutePolicy(TLSLevel.VERIFIED), login=Credentials(b"u", b"p"))
        self.assertEqual({one: 1}, {two: 1})

    def test_anotherPasswordIsAnotherWay(self) -> None:
        """A session of one user is never used for another."""
        one = Way(login=Credentials(b"u", b"p"))
        self.assertNotEqual(one, Way(login=Credentials(b"u", b"q")))
        self.assertNotEqual(one, Way())

    def test_passwordIsNotShown(self) -> None:
        """Whoever prints a way sees no password."""
        text = repr(Way(login=Credentials(b"user", b"geheim")))
        self.assertIn("user", text)
        self.assertNotIn("geheim", text)

    def test_keywordsCountInAnyCase(self) -> None:
        """Keywords of EHLO are the same in lower case."""
        way = Way(ignored=frozenset({b"chunking"}))
        self.assertEqual(way.ignored, frozenset({b"CHUNKING"}))

    def test_sourceOfTheWrongKind(self) -> None:
        """An IPv6 address is no IPv4 address, and a name is neither."""
        for wrong in (b"::1", b"localhost", b"\xff"):
            with self.assertRaises(ValueError):
                Way(sourceIPv4=wrong)
        with self.assertRaises(ValueError):
            Way(sourceIPv6=b"192.0.2.1")
        Way(sourceIPv4=b"192.0.2.1", sourceIPv6=b"2001:db8::1")

    def test_nameThatCannotBeSaid(self) -> None:
        """EHLO takes a domain or an address literal, nothing else."""
        for wrong in (b"", b"a b", b"a\r\nQUIT", b"[x"):
            with self.assertRaises(Malformed):
                Way(name=wrong)
        Way(name=b"mail.example.org")
        Way(name=b"[192.0.2.1]")


class UnreachedTests(SynchronousTestCase):
    """
    No session came about.
    """

    def test_itSaysWhy(self) -> None:
        """The error's message is the text for the operator."""
        said = reply(554, None, b"No")
        error = Unreached("no", Cause.SESSION, Via(b"mx", b"192.0.2.1"), said)
        self.assertEqual(str(error), "no")
        self.assertEqual(
            (error.cause, error.reply, error.via.host), (Cause.SESSION, said, b"mx")
        )
