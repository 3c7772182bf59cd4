"""
Tests for L{smtpx.policy.strangers.networks}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.strangers.networks import NOWHERE, Prefixes


class PrefixesTests(SynchronousTestCase):
    """The networks of clients."""

    def test_networkOfAnAddress(self) -> None:
        """A client is known as its network, of IPv4 and of IPv6."""
        for address, network in (
            (b"192.0.2.77", "192.0.2.0/24"),
            (b"2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
            (b"::ffff:192.0.2.77", "192.0.2.0/24"),
        ):
            self.assertEqual(Prefixes().network(address), network)

    def test_singleAddress(self) -> None:
        """Where each address is its own network, no length is written."""
        single = Prefixes(32, 128)
        self.assertEqual(single.network(b"192.0.2.77"), "192.0.2.77")
        self.assertEqual(single.network(b"2001:db8::1"), "2001:db8::1")

    def test_noAddress(self) -> None:
        """A client without an address is of this machine."""
        self.assertEqual(Prefixes().network(b""), NOWHERE)

    def test_namedByOperators(self) -> None:
        """An operator names a network, or an address in one."""
        for text, network in (
            ("192.0.2.77", "192.0.2.0/24"),
            ("198.51.0.0/16", "198.51.0.0/16"),
            ("192.0.2.1/32", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::/64"),
        ):
            self.assertEqual(Prefixes().parse(text), network)

    def test_nonsense(self) -> None:
        """What is no network is not taken for one."""
        for text in ("", "example.org", "192.0.2.1/33", "192.0.2.1/", "300.1.1.1"):
            self.assertRaises(ValueError, Prefixes().parse, text)
