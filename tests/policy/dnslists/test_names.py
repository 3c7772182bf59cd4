"""Tests for L{smtpx.policy.dnslists.names}."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.dns.records import reverseName
from smtpx.policy.dnslists.names import isAddress, nameIn

SIX = b"b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.z.example"


class NameTests(SynchronousTestCase):
    """Under which name a list has somebody."""

    def test_addresses(self) -> None:
        """They are turned round (RFC 5782 section 2.1 and 2.4)."""
        for key, name in (
            (b"192.0.2.99", b"99.2.0.192.z.example"),
            (b"[192.0.2.99]", b"99.2.0.192.z.example"),
            (b"::ffff:192.0.2.99", b"99.2.0.192.z.example"),
            (b"2001:db8::567:89ab", SIX),
            (b"[IPv6:2001:db8::567:89AB]", SIX),
            (b"2001:db8::567:89ab%eth0", SIX),
        ):
            self.assertEqual(nameIn(b"z.example", key), name)
            self.assertTrue(isAddress(key))

    @settings(max_examples=100, deadline=None)
    @given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
    def test_theReverseTreeIsAlike(self, address: IPv4Address | IPv6Address) -> None:
        """The DNS has hosts by the same labels."""
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            return
        octets = str(address).encode()
        labels = reverseName(octets).rsplit(b".", 2)[0]
        self.assertEqual(nameIn(b"z", octets), labels + b".z")

    def test_domains(self) -> None:
        """They stand as they are, in ASCII (RFC 5782 section 3.1)."""
        for key, name in (
            (b"Example.ORG", b"example.org.z"),
            ("bücher.example".encode(), b"xn--bcher-kva.example.z"),
            (b"12345", b"12345.z"),
        ):
            self.assertEqual(nameIn(b"z", key), name)
            self.assertFalse(isAddress(key))

    def test_whatCanBeInNoList(self) -> None:
        """What a client says need not be a name at all."""
        for key in (b"", b"a..b", b".", b"x" * 64, b"[tag:x]", b"\xff", b"["):
            self.assertIsNone(nameIn(b"z", key), key)
