"""Tests for L{smtpx.knowledge.names}."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.knowledge.names import PeerName, domainName, hostName, parseName

_hosts = st.from_regex(rb"[a-z0-9-]{1,10}(\.[a-z0-9-]{1,10}){0,3}", fullmatch=True)
_addresses = st.ip_addresses().map(lambda address: str(address).encode())


class NameTests(SynchronousTestCase):
    """What records are named by."""

    def test_host(self) -> None:
        """A host is named by name, address and port."""
        name = hostName(b"MX.Example.org.", b"192.0.2.1", 25)
        self.assertEqual(name, b"mx.example.org [192.0.2.1]:25")

    def test_IPv6(self) -> None:
        """An address with colons stands between brackets like any other."""
        name = hostName(b"mx.example.org", b"2001:DB8::1", 25, b"clear")
        self.assertEqual(name, b"mx.example.org [2001:db8::1]:25 clear")

    def test_domain(self) -> None:
        """A domain is one, however it is spelled."""
        self.assertEqual(domainName(b"Example.ORG."), b"example.org")
        self.assertEqual(parseName(b"example.org"), PeerName(b"example.org"))

    @settings(max_examples=100)
    @given(_hosts, _addresses, st.integers(0, 65535), st.binary(max_size=10))
    def test_bothWays(
        self, host: bytes, address: bytes, port: int, rest: bytes
    ) -> None:
        """A name that was made is taken apart as it was made."""
        parsed = parseName(hostName(host, address, port, rest))
        self.assertEqual(parsed, PeerName(host, address, port, rest))

    @settings(max_examples=100)
    @given(st.binary(max_size=40))
    def test_anything(self, name: bytes) -> None:
        """Whatever stands in a file, it is taken apart to something."""
        self.assertIsInstance(parseName(name), PeerName)

    def test_asked(self) -> None:
        """An operator may name a host or its address, in any case."""
        name = parseName(hostName(b"mx.example.org", b"2001:db8::1", 25))
        for asked in (b"mx.example.org", b"MX.example.org.", b"2001:DB8::1"):
            self.assertTrue(name.isAbout(asked), asked)
        for asked in (b"example.org", b"2001:db8::", b""):
            self.assertFalse(name.isAbout(asked), asked)
