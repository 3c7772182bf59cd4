"""Tests for L{smtpx.policy.admission}."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.hostlist import HostList
from smtpx.net.factory import IAdmission
from smtpx.policy.admission import (
    TOO_MANY,
    TOO_MANY_OF_YOUR_NETWORK,
    TOO_MANY_OF_YOURS,
    Admission,
    AdmissionBounds,
)

SMALL = AdmissionBounds(all=6, perAddress=2, perNetwork=3)

ADDRESSES = [
    b"192.0.2.1",
    b"192.0.2.2",
    b"192.0.3.1",
    b"::ffff:192.0.2.1",
    b"2001:db8::1",
    b"2001:db8:0:1::1",
    b"127.0.0.1",
    b"",
]


class AdmissionTests(SynchronousTestCase):
    """How many connections a client may have."""

    def setUp(self) -> None:
        """Bounds that are soon reached."""
        self.admission = Admission(SMALL)

    def enter(self, *addresses: bytes) -> None:
        """All of these are let in."""
        for address in addresses:
            self.assertIsNone(self.admission.enter(address))

    def test_isAnAdmission(self) -> None:
        """The factory can use it."""
        self.assertTrue(verifyObject(IAdmission, self.admission))

    def test_inAll(self) -> None:
        """No more than so many, whoever comes."""
        self.enter(b"", b"", b"127.0.0.1", b"192.0.2.1", b"198.51.100.1", b"::1")
        self.assertEqual(self.admission.enter(b"203.0.113.1"), TOO_MANY)
        self.admission.leave(b"")
        self.enter(b"203.0.113.1")

    def test_perAddress(self) -> None:
        """One address has its own bound; who leaves makes room."""
        self.enter(b"192.0.2.1", b"192.0.2.1")
        self.assertEqual(self.admission.enter(b"192.0.2.1"), TOO_MANY_OF_YOURS)
        self.enter(b"192.0.2.2")
        self.admission.leave(b"192.0.2.1")
        self.enter(b"192.0.2.1")

    def test_perNetwork(self) -> None:
        """Neighbours share a bound as well."""
        self.enter(b"192.0.2.1", b"192.0.2.2", b"192.0.2.3")
        self.assertEqual(self.admission.enter(b"192.0.2.4"), TOO_MANY_OF_YOUR_NETWORK)
        self.enter(b"192.0.3.4")

    def test_addressesOfOneHost(self) -> None:
        """An IPv6 network of 64 bits is one address."""
        self.enter(b"2001:db8::1", b"2001:db8::ffff:2")
        self.assertEqual(self.admission.enter(b"2001:db8::3"), TOO_MANY_OF_YOURS)
        self.enter(b"2001:db8:0:1::1")
        self.assertEqual(
            self.admission.enter(b"2001:db8:0:2::1"), TOO_MANY_OF_YOUR_NETWORK
        )
        self.enter(b"2001:db8:1::1")

    def test_otherPrefixes(self) -> None:
        """What a network is can be set."""
        bounds = AdmissionBounds(perNetwork=1, networkPrefixIPv4=32)
        self.admission = Admission(bounds)
        self.enter(b"192.0.2.1", b"192.0.2.2")
        bounds = AdmissionBounds(perNetwork=1, networkPrefixIPv4=0)
        self.admission = Admission(bounds)
        self.enter(b"192.0.2.1")
        self.assertEqual(
            self.admission.enter(b"198.51.100.1"), TOO_MANY_OF_YOUR_NETWORK
        )

    def test_oneHostInTwoForms(self) -> None:
        """An IPv4 address is one, also where it comes inside of IPv6."""
        self.enter(b"192.0.2.1", b"::ffff:192.0.2.1")
        self.assertEqual(self.admission.enter(b"192.0.2.1"), TOO_MANY_OF_YOURS)

    def test_trusted(self) -> None:
        """This machine, or who is listed, is bounded by all only."""
        self.enter(*[b"127.0.0.1"] * 3, *[b"::1"] * 3)
        self.admission = Admission(SMALL, HostList.parse(["192.0.2.1"]))
        self.enter(*[b"192.0.2.1"] * 3)

    def test_leavesUnderAnotherAddress(self) -> None:
        """Whoever leaves, no count is ever below nothing."""
        self.admission.enter(b"192.0.2.1")
        self.admission.leave(b"198.51.100.1")
        self.assertEqual(self.admission.count, 0)
        self.enter(b"198.51.100.1", b"198.51.100.1")
        self.assertEqual(self.admission.enter(b"198.51.100.1"), TOO_MANY_OF_YOURS)

    def test_greetingsHaveNoEnhancedCode(self) -> None:
        """RFC 2034 section 3; and the connection ends."""
        for refusal in (TOO_MANY, TOO_MANY_OF_YOURS, TOO_MANY_OF_YOUR_NETWORK):
            self.assertEqual((refusal.code, refusal.status), (421, None))
            self.assertTrue(refusal.closes)

    @given(st.lists(st.sampled_from(ADDRESSES), max_size=30))
    @settings(max_examples=100, deadline=None)
    def test_nothingIsLeft(self, addresses: list[bytes]) -> None:
        """When all have gone, nothing is remembered of them."""
        admission = Admission(SMALL)
        let = [each for each in addresses if admission.enter(each) is None]
        self.assertEqual(admission.count, len(let))
        for address in reversed(let):
            admission.leave(address)
        self.assertEqual(admission.count, 0)
        self.assertEqual(admission._counts, {})
