"""
Bounds of a server that hold for all of its workers together, in whole houses.
"""

from __future__ import annotations

from attrs import evolve

from smtpx.service.workers.joint import Joint
from tests.service.made import Site

from .houses import HousesTestCase

DOOR = {"port": 0, "tls": "none"}


class BoundsTests(HousesTestCase):
    """Two workers; clients come to either."""

    def setUp(self) -> None:
        """What both count together."""
        super().setUp()
        self.joint = Joint.make(2, 100, 10)

    def _site(self, number: int, count: int) -> Site:
        made = super()._site(number, count)
        columns = self.joint.columns(number, made.reactor.seconds)
        made.machine = evolve(made.machine, joint=columns)
        return made

    def greeted(self, number: int, host: str = "192.0.2.1") -> bytes:
        """What a client is greeted with that comes to a worker."""
        site = self.sites[number - 1]
        try:
            said: bytes = site.call(host=host).wire.value()
            return said[:3]
        except AssertionError:
            # Somebody who is only told why not.
            return b"421"

    def test_connectionsOfAClient(self) -> None:
        """A client has no more connections to both than to one."""
        self.start(2, listener=[DOOR], limits={"connections_per_address": 3})
        greeted = [self.greeted(each) for each in (1, 2, 1, 2, 1)]
        self.assertEqual(greeted, [b"220"] * 3 + [b"421"] * 2)
        self.assertEqual(self.greeted(2, "198.51.100.1"), b"220")
        self.sites[1].hangUp()
        self.assertEqual(self.greeted(1), b"220")

    def test_connectionsInAll(self) -> None:
        """A server that is full accepts nobody, at no worker."""
        self.start(2, listener=[DOOR], limits={"connections_max": 3})
        for each in (1, 2, 1):
            self.assertEqual(self.greeted(each), b"220")
        ports = [site.reactor.tcpServers for site in self.sites]
        self.assertEqual([len(each) for each in ports], [1, 1])
        for site in self.sites:
            site.reactor.advance(1.0)
        self.assertEqual(self.greeted(2), b"421")
