"""
Tests for L{smtpx.net.ends}.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.ends import Ends, endsOf, plainHost, plainPort


class EndsTests(SynchronousTestCase):
    """
    Addresses as sessions have them.
    """

    def test_plain(self) -> None:
        """
        An address of IPv4 is the same on a socket that takes IPv6 as well.
        """
        for written, plain in (
            ("192.0.2.1", b"192.0.2.1"),
            ("::ffff:192.0.2.1", b"192.0.2.1"),
            ("2001:db8::1", b"2001:db8::1"),
            ("::ffff:0:1", b"::ffff:0:1"),
            ("::1", b"::1"),
        ):
            kind = IPv6Address if ":" in written else IPv4Address
            self.assertEqual(plainHost(kind("TCP", written, 25)), plain)

    def test_zone(self) -> None:
        """
        The zone of a link-local address, which is ours alone, is left out.
        """
        address = IPv6Address("TCP", "fe80::1%eth0", 25)
        self.assertEqual(plainHost(address), b"fe80::1")

    def test_none(self) -> None:
        """
        Who comes over a UNIX socket has neither address nor port.
        """
        for address in (UNIXAddress("/run/x"), UNIXAddress(None), None):
            self.assertEqual((plainHost(address), plainPort(address)), (b"", 0))

    def test_ofTransport(self) -> None:
        """
        Both ends of a connection.
        """
        transport = StringTransport(
            IPv4Address("TCP", "198.51.100.25", 25),
            IPv6Address("TCP", "::ffff:192.0.2.1", 4000),
        )
        self.assertEqual(
            endsOf(transport), Ends(b"192.0.2.1", 4000, b"198.51.100.25", 25)
        )
