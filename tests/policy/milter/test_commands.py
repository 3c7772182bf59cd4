"""
Tests for L{smtpx.policy.milter.commands}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.milter.commands import connect, headerField, helo, mail, rcpt


class ConnectTests(SynchronousTestCase):
    """Where a client comes from."""

    def said(self, address: bytes, port: int = 25) -> bytes:
        """What a milter is told."""
        return connect(b"mx.example.org", address, port).said

    def test_ofIPv4(self) -> None:
        """With its port, in network order."""
        self.assertEqual(
            self.said(b"192.0.2.1", 0x1234), b"mx.example.org\x004\x12\x34192.0.2.1\0"
        )

    def test_ofIPv6(self) -> None:
        """Without what holds here only."""
        for address in (b"2001:db8::1", b"2001:db8::1%eth0"):
            self.assertEqual(
                self.said(address), b"mx.example.org\x006\0\x192001:db8::1\0"
            )

    def test_ofBoth(self) -> None:
        """An IPv4 address is one, however it came."""
        self.assertEqual(
            self.said(b"::ffff:192.0.2.1"), b"mx.example.org\x004\0\x19192.0.2.1\0"
        )

    def test_ofASocket(self) -> None:
        """It has a path."""
        self.assertEqual(self.said(b"/run/s"), b"mx.example.org\0L\0\0/run/s\0")

    def test_unknown(self) -> None:
        """Nothing is said but that."""
        for address in (b"", b"nowhere", b"\xff"):
            self.assertEqual(self.said(address), b"mx.example.org\0U")


class EnvelopeTests(SynchronousTestCase):
    """What the client says."""

    def test_words(self) -> None:
        """Paths in angle brackets, parameters behind them."""
        self.assertEqual(helo(b"client").said, b"client\0")
        self.assertEqual(mail(b"").said, b"<>\0")
        self.assertEqual(
            mail(b"joe@example.org", [b"SIZE=1", b"BODY=8BITMIME"]).said,
            b"<joe@example.org>\0SIZE=1\0BODY=8BITMIME\0",
        )
        self.assertEqual(rcpt(b"x@example.net").said, b"<x@example.net>\0")


class FieldTests(SynchronousTestCase):
    """A field."""

    def test_folded(self) -> None:
        """With LF between its lines, as milters know it."""
        found = headerField(b"Subject", b" a\r\n b\0", True, 100)
        self.assertEqual(found.said, b"Subject\0 a\n b \0")

    def test_blank(self) -> None:
        """Only who wants it gets the one behind the colon."""
        self.assertEqual(headerField(b"A", b"  b", False, 100).said, b"A\0 b\0")

    def test_tooLong(self) -> None:
        """The milter would end the connection for it."""
        found = headerField(b"Subject", b"x" * 100, True, 20)
        self.assertEqual(found.said, b"Subject\0" + b"x" * 11 + b"\0")
        self.assertEqual(
            headerField(b"n" * 30, b"x", True, 20).said, b"n" * 18 + b"\0\0"
        )
