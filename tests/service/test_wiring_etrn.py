"""
Tests for L{smtpx.service.wiring.inquiries}: mail that waits is sent when somebody says
that he is back.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed

from smtpx.service.control import Refused
from smtpx.service.control.wire import Kind

from .made import HouseTestCase, send
from .workers.houses import HousesTestCase

ETRN = {"ETRN": {"hosts": ["*"]}}


class EtrnTests(HouseTestCase):
    """A house that keeps mail for others."""

    def say(self, *commands: bytes) -> list[bytes]:
        """What is said to each of these."""
        call = self.site.call()
        self.hello = call.say(b"EHLO c.example\r\n")
        return [call.say(each + b"\r\n") for each in commands]

    def test_relayedDomains(self) -> None:
        """It is offered for those domains, and nothing waits yet."""
        self.start(relay={"domains": ["branch.example"]}, extensions=ETRN)
        said = self.say(b"ETRN branch.example", b"ETRN localhost.example")
        self.assertIn(b"ETRN", self.hello)
        self.assertEqual(
            said[0],
            b"251 2.0.0 OK, no messages waiting for node branch.example\r\n",
        )
        self.assertEqual(said[1][:9], b"459 4.7.1")

    def test_nobody(self) -> None:
        """Without anybody who may ask it is not there."""
        self.start(relay={"domains": ["branch.example"]})
        self.assertEqual(self.say(b"ETRN branch.example")[0][:3], b"500")

    def test_afterTheEnd(self) -> None:
        """Once the house is left, nothing is begun."""
        self.start(relay={"domains": ["branch.example"]}, extensions=ETRN)
        call = self.site.call()
        call.say(b"EHLO c.example\r\n")
        self.stop()
        self.assertNotIn(b"253", call.say(b"ETRN branch.example\r\n"))


class WorkersTests(HousesTestCase):
    """A server of several workers that keeps mail for others."""

    def setUp(self) -> None:
        """Nothing is delivered, so it waits."""
        super().setUp()
        self.start(
            3,
            relay={"domains": ["branch.example"]},
            route=[
                {
                    "match": ["branch.example"],
                    "transport": "smtp",
                    "hosts": ["[192.0.2.99]"],
                }
            ],
            extensions=ETRN,
        )
        for site in self.sites:
            send(site.call(), b"x@branch.example")
        self.settle(1.0)

    def etrn(self, number: int, seconds: float = 0.0) -> bytes:
        """Ask a worker."""
        call = self.sites[number - 1].call()
        call.say(b"EHLO c.example\r\n")
        said = call.say(b"ETRN branch.example\r\n")
        self.settle(seconds)
        return said + call.wire.said()

    def test_all(self) -> None:
        """Whichever is asked, all start what they have, and it is counted."""
        said = b"253 2.0.0 OK, 3 pending messages for node branch.example started\r\n"
        self.assertEqual(self.etrn(2), said)

    def test_tooOften(self) -> None:
        """Who has asked one does not ask the next one so soon."""
        self.etrn(2)
        self.assertEqual(self.etrn(3)[:3], b"459")

    def test_away(self) -> None:
        """Where one is being started again, nobody knows how many there are."""
        self.leave(3)
        said = b"252 2.0.0 OK, pending messages for node branch.example started\r\n"
        self.assertEqual(self.etrn(2, 1.0), said)

    def test_back(self) -> None:
        """It does its part when it is back."""
        self.leave(3)
        self.etrn(2, 1.0)
        self.enter(3)
        spool = self.sites[2].spools[-1]
        hastened: list[object] = []

        def hasten(ids: object) -> Deferred[None]:
            hastened.append(ids)
            return succeed(None)

        self.patch(spool, "hasten", hasten)
        id = spool.add(b"s@s.example", [b"x@branch.example"])
        self.settle(1.0)
        self.assertEqual(hastened, [[id]])

    def test_bad(self) -> None:
        """What is asked of a worker is looked at."""
        talk = self.sites[0].machine.worker.others.talk
        for fields in ({"node": "a.example"}, {"node": 1, "below": True}):
            self.board.flush()
            asked = talk(2, "etrn.start", fields, "")
            self.board.flush()
            refused = self.failureResultOf(asked, Refused).value
            assert isinstance(refused, Refused)
            self.assertIs(refused.kind, Kind.REQUEST)
