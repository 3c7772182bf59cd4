"""
Tests for L{smtpx.net.places}.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.dns.mailhosts import MailHost
from smtpx.net.places import Places
from smtpx.net.sending import Way

from .clients import HOST, WAY


class PlacesTests(SynchronousTestCase):
    """
    By what connections are kept.
    """

    def setUp(self) -> None:
        """There are none yet."""
        self.places = Places()

    def test_values(self) -> None:
        """
        It is the values that count: names, addresses in any order, ports and ways.
        """
        host = MailHost(b"mx.example.org", (b"192.0.2.1", b"192.0.2.2"))
        place = self.places.enter(host, WAY)
        other = MailHost(b"mx.example.org", (b"192.0.2.2", b"192.0.2.1"))
        self.assertIs(self.places.enter(other, Way()), place)
        self.assertIs(self.places.enter(host, WAY), place)
        for another, way in (
            (evolve(host, name=b"mx2.example.org"), WAY),
            (evolve(host, addresses=(b"192.0.2.1",)), WAY),
            (evolve(host, port=26), WAY),
            (host, Way(implicitTLS=True)),
        ):
            self.assertIsNot(self.places.enter(another, way), place)
        self.assertEqual((place.users, len(self.places)), (3, 5))

    def test_left(self) -> None:
        """
        A place to which nothing goes, and where nothing is idle, is forgotten, by
        whichever objects it was found.
        """
        place = self.places.enter(HOST, WAY)
        self.places.enter(evolve(HOST), WAY)
        self.places.leave(place)
        self.assertIs(self.places.find(HOST, WAY), place)
        self.places.leave(place)
        self.assertIs(self.places.find(HOST, WAY), None)
        self.assertEqual((len(self.places), self.places._known), (0, {}))
        self.assertIsNot(self.places.enter(HOST, WAY), place)

    def test_idle(self) -> None:
        """As long as a connection is idle there, it is kept."""
        place = self.places.enter(HOST, WAY)
        line: Any = object()
        place.idle.append(line)
        self.places.leave(place)
        self.places.forget(place)
        self.assertIs(self.places.enter(HOST, WAY), place)
        place.idle.clear()
        self.places.forget(place)
        self.assertIs(self.places.find(HOST, WAY), place)
        self.places.leave(place)
        self.assertIs(self.places.find(HOST, WAY), None)

    def test_bounded(self) -> None:
        """However many there are, few objects are remembered."""
        hosts = [evolve(HOST) for _ in range(700)]
        places = {id(self.places.enter(host, WAY)) for host in hosts}
        self.assertEqual((len(places), len(self.places)), (1, 1))
        self.assertLess(len(self.places._known), 300)
