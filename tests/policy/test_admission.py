"""Tests for L{smtpx.policy.admission}."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.hostlist import HostList
from smtpx.joint import JointCount, JointCounts
from smtpx.net.factory import IAdmission
from smtpx.policy.admission import (
    TOO_MANY,
    TOO_MANY_OF_YOUR_NETWORK,
    TOO_MANY_OF_YOURS,
    Admission,
    AdmissionBounds,
    JointAdmission,
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


class JointAdmissionTests(SynchronousTestCase):
    """How many connections a client may have at two processes of one server."""

    def setUp(self) -> None:
        """Bounds that are soon reached."""
        self.all, self.clients = JointCount(2), JointCounts(2, 12)
        self.one, self.other = self.made(1), self.made(2)

    def made(self, number: int, ownMost: int = 6) -> JointAdmission:
        """What a process counts by."""
        all, clients = self.all.column(number), self.clients.column(number)
        return JointAdmission(SMALL, all, clients, ownMost)

    def test_isAnAdmission(self) -> None:
        """The factory can use it."""
        self.assertTrue(verifyObject(IAdmission, self.one))

    def test_inAll(self) -> None:
        """No more than so many, wherever they come."""
        for each in (self.one, self.other) * 3:
            self.assertFalse(each.full())
            self.assertIsNone(each.enter(b"127.0.0.1"))
        self.assertTrue(self.one.full())
        self.assertEqual(self.one.enter(b"203.0.113.1"), TOO_MANY)
        self.other.leave(b"127.0.0.1")
        self.assertIsNone(self.one.enter(b"203.0.113.1"))
        self.assertEqual((self.one.count, self.other.count), (4, 2))

    def test_perAddress(self) -> None:
        """One address has no more at both than at one."""
        self.assertIsNone(self.one.enter(b"192.0.2.1"))
        self.assertIsNone(self.other.enter(b"::ffff:192.0.2.1"))
        for each in (self.one, self.other):
            self.assertEqual(each.enter(b"192.0.2.1"), TOO_MANY_OF_YOURS)
        self.one.leave(b"192.0.2.1")
        self.assertIsNone(self.other.enter(b"192.0.2.1"))

    def test_perNetwork(self) -> None:
        """Nor has a network; and who is refused counts nowhere."""
        for each in (b"192.0.2.1", b"192.0.2.2", b"192.0.2.3"):
            self.assertIsNone(self.one.enter(each))
        for _ in range(9):
            refusal = self.other.enter(b"192.0.2.4")
            self.assertEqual(refusal, TOO_MANY_OF_YOUR_NETWORK)
        self.one.leave(b"192.0.2.1")
        self.assertIsNone(self.other.enter(b"192.0.2.4"))
        self.assertEqual(self.other.count, 1)

    def test_ownDescriptors(self) -> None:
        """A process has no more than it has descriptors for."""
        one = self.made(1, ownMost=1)
        self.assertIsNone(one.enter(b""))
        self.assertEqual(one.enter(b""), TOO_MANY)
        self.assertIsNone(self.other.enter(b""))

    def test_leavesUnderAnotherAddress(self) -> None:
        """Whoever leaves, no count is ever below nothing."""
        self.one.enter(b"192.0.2.1")
        self.one.leave(b"198.51.100.1")
        self.assertEqual(self.one.count, 0)

    def test_processDies(self) -> None:
        """What it had is free again when it is cleared, and all else is as it was."""
        self.one.enter(b"192.0.2.1")
        self.other.enter(b"192.0.2.1")
        again = self.made(1)
        self.assertIsNone(again.enter(b"192.0.2.1"))
        self.assertEqual(again.enter(b"192.0.2.1"), TOO_MANY_OF_YOURS)

    @given(
        st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from(ADDRESSES)))
    )
    @settings(max_examples=100, deadline=None)
    def test_asOneWould(self, steps: list[tuple[bool, bool, bytes]]) -> None:
        """Whoever is let in at either, one process would have let in, too."""
        single, had = Admission(SMALL), []
        self.setUp()
        for first, comes, address in steps:
            which = self.one if first else self.other
            if comes:
                refusal = which.enter(address)
                self.assertEqual(refusal, single.enter(address))
                if refusal is None:
                    had.append((which, address))
            elif had:
                which, left = had.pop()
                which.leave(left)
                single.leave(left)
