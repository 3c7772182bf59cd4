"""
Tests for L{smtpx.net.fastopenhosts}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hostlist import HostList
from smtpx.net import fastopenhosts
from smtpx.net.fastopen import Opened
from smtpx.net.fastopenhosts import (
    LEARNED_SECONDS,
    ROOM_IPV4,
    ROOM_IPV6,
    SPARED_SECONDS,
    FastOpenHosts,
)

HOST, ADDRESS = b"mx.example.org", b"192.0.2.25"


class FastOpenHostsTests(SynchronousTestCase):
    """Whom connections are opened fast to."""

    def setUp(self) -> None:
        """All but one."""
        self.clock = Clock()
        hosts = HostList.parse(["!192.0.2.66", "*"])
        self.hosts = FastOpenHosts(hosts, self.clock.seconds)

    def mayTry(self, address: bytes = ADDRESS, port: int = 25) -> bool:
        """May it be tried?"""
        return self.hosts.mayTry(HOST, address, port)

    def test_listed(self) -> None:
        """The operator says to whom."""
        self.assertTrue(self.mayTry())
        self.assertFalse(self.mayTry(b"192.0.2.66"))
        names = FastOpenHosts(HostList.parse(["*.example.org"]), self.clock.seconds)
        self.assertTrue(names.mayTry(HOST, ADDRESS, 25))
        self.assertFalse(names.mayTry(b"mx.example.net", ADDRESS, 25))

    def test_spared(self) -> None:
        """Where it failed, it is not tried again for a while; only there."""
        self.hosts.failed(ADDRESS, 25)
        self.assertFalse(self.mayTry())
        self.assertTrue(self.mayTry(port=2525))
        self.assertTrue(self.mayTry(b"192.0.2.26"))
        self.clock.advance(SPARED_SECONDS - 1)
        self.assertFalse(self.mayTry())
        self.clock.advance(1)
        self.assertTrue(self.mayTry())

    def test_lost(self) -> None:
        """What rode on a SYN and was not taken costs a second, or gains nothing."""
        self.hosts.opened(ADDRESS, 25, Opened.EARLY, True)
        self.assertFalse(self.mayTry())

    def test_well(self) -> None:
        """Everything else is as it should be."""
        self.hosts.opened(ADDRESS, 25, Opened.EARLY, False)
        self.hosts.opened(ADDRESS, 25, Opened.CARRYING, True)
        self.hosts.opened(ADDRESS, 25, Opened.USUALLY, True)
        self.assertTrue(self.mayTry())

    def test_room(self) -> None:
        """A message may ride on the SYN to those that the operator names besides."""
        self.assertEqual(self.hosts.room(HOST, ADDRESS), 0)
        whole = HostList.parse(["mx.example.org", "2001:db8::/32"])
        hosts = FastOpenHosts(HostList.parse(["*"]), self.clock.seconds, whole)
        self.assertEqual(hosts.room(HOST, ADDRESS), ROOM_IPV4)
        self.assertEqual(hosts.room(b"mx.example.net", b"2001:db8::1"), ROOM_IPV6)
        self.assertEqual(hosts.room(b"mx.example.net", ADDRESS), 0)

    def test_bounded(self) -> None:
        """However many fail, only so many are remembered; the oldest are forgotten."""
        self.patch(fastopenhosts, "_MOST", 3)
        for last in range(5):
            self.hosts.failed(b"192.0.2.%d" % last, 25)
        found = [self.mayTry(b"192.0.2.%d" % last) for last in range(5)]
        self.assertEqual(found, [True, True, False, False, False])


class RoomsTests(SynchronousTestCase):
    """How long a ClientHello may be."""

    def setUp(self) -> None:
        """To everybody."""
        self.clock = Clock()
        self.hosts = FastOpenHosts(HostList.parse(["*"]), self.clock.seconds)

    def room(self, port: int = 465) -> int | None:
        """Where the kernel would take 1420 octets."""
        return self.hosts.roomFor(ADDRESS, port, 1420)

    def test_unknown(self) -> None:
        """As long as the kernel says."""
        self.assertEqual(self.room(), 1420)

    def test_less(self) -> None:
        """Or less, where less was found to fit, for a day; only there."""
        self.hosts.learned(ADDRESS, 465, 1300)
        self.assertEqual((self.room(), self.room(466)), (1300, 1420))
        self.assertEqual(self.hosts.roomFor(ADDRESS, 465, 1200), 1200)
        self.clock.advance(LEARNED_SECONDS)
        self.assertEqual(self.room(), 1420)

    def test_whole(self) -> None:
        """Where a host wants whole ones, nothing else is learned for that time."""
        self.hosts.learned(ADDRESS, 465, None)
        self.hosts.learned(ADDRESS, 465, 1300)
        self.assertEqual(self.room(), None)
        self.clock.advance(LEARNED_SECONDS)
        self.hosts.learned(ADDRESS, 465, 1300)
        self.assertEqual(self.room(), 1300)

    def test_bounded(self) -> None:
        """Not all are remembered; the oldest are forgotten first."""
        self.patch(fastopenhosts, "_MOST", 2)
        for port in (1, 2, 3):
            self.hosts.learned(ADDRESS, port, 1300)
        self.assertEqual([self.room(port) for port in (1, 2, 3)], [1420, 1300, 1300])

    def test_shares(self) -> None:
        """
        What group a host has asked for a key share of is remembered for a day; of the
        last that did.
        """
        self.patch(fastopenhosts, "_MOST", 2)
        for port in (1, 2, 3):
            self.hosts.wants(ADDRESS, port, "X25519")
        self.hosts.wants(ADDRESS, 3, "P-256")
        found = [self.hosts.shareFor(ADDRESS, port) for port in (1, 2, 3)]
        self.assertEqual(found, [None, "X25519", "P-256"])
        self.clock.advance(LEARNED_SECONDS)
        self.assertEqual(self.hosts.shareFor(ADDRESS, 3), None)
        self.assertEqual(self.hosts.shareFor(ADDRESS, 3), None)
