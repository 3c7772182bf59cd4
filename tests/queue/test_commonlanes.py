"""
Two processes of a server that deliver side by side: what may be at once at a
destination holds for both together.
"""

from __future__ import annotations

from attrs import Factory, define
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.joint import JointPlaces
from smtpx.queue.delivery import Delivery
from smtpx.queue.interfaces import IKeeping
from smtpx.queue.laneplaces import TURN_SECONDS, LanePlaces
from smtpx.queue.routes import RouteRule, Routes
from smtpx.testing.spool import MemorySpool

from .doubles import Doubling, RecordedJournal, ScriptedRelay, ScriptedTransport


@implementer(IKeeping)
@define
class KeepingRelay(ScriptedRelay):
    """A relay that keeps its connections."""

    retired: list[tuple[object, int]] = Factory(list)

    def retire(self, where: object, most: int) -> Deferred[None]:
        """They are closed at once."""
        self.retired.append((where, most))
        return succeed(None)


class CommonLanesTests(SynchronousTestCase):
    """Two deliveries, each with a spool of its own."""

    def setUp(self) -> None:
        """Places that both have together."""
        self.clock = Clock()
        self.clock.advance(1000)
        self.joint = JointPlaces(2, 10)

    def start(self, number: int, relay: ScriptedTransport) -> MemorySpool:
        """One of them begins."""
        spool = MemorySpool(self.clock.seconds)
        column = self.joint.column(number, self.clock.seconds)
        delivery = Delivery(
            spool,
            Routes([RouteRule("*", relay.name)], [relay]),
            RecordedJournal(),
            self.clock,
            self.clock.seconds,
            Doubling(),
            places=LanePlaces(column, self.clock, 5.0),
        )
        delivery.start()
        return spool

    def put(self, spool: MemorySpool, domain: bytes = b"example.org") -> None:
        """A message comes."""
        spool.add(b"s@x", [b"ann@" + domain])

    def test_oneAtOnce(self) -> None:
        """
        Where only one is allowed, the second waits, until the first has ended and has
        closed its connection.
        """
        relays = [KeepingRelay("relay", patient=True, width=1) for _ in range(2)]
        spools = [self.start(each + 1, relay) for each, relay in enumerate(relays)]
        for spool in spools:
            self.put(spool)
        self.assertEqual([len(each.attempts) for each in relays], [1, 0])
        self.clock.pump([0.1] * 20)
        relays[0].finish()
        self.clock.pump([0.05] * 8)
        self.assertEqual(relays[0].retired, [(b"example.org", 1)])
        self.assertEqual([len(each.attempts) for each in relays], [1, 1])
        relays[1].finish()
        self.clock.advance(TURN_SECONDS)
        self.assertEqual([each.kept for each in spools], [{}, {}])

    def test_otherDestinations(self) -> None:
        """That is nothing to other destinations."""
        relays = [KeepingRelay("relay", patient=True, width=1) for _ in range(2)]
        spools = [self.start(each + 1, relay) for each, relay in enumerate(relays)]
        self.put(spools[0])
        self.put(spools[1], b"example.net")
        self.assertEqual([len(each.attempts) for each in relays], [1, 1])

    def test_relayThatKeepsNothing(self) -> None:
        """A relay without connections gives its place back as well."""
        relays = [ScriptedRelay("relay", patient=True, width=1) for _ in range(2)]
        spools = [self.start(each + 1, relay) for each, relay in enumerate(relays)]
        for spool in spools:
            self.put(spool)
        self.clock.advance(TURN_SECONDS)
        relays[0].finish()
        self.clock.pump([0.05] * 8)
        self.assertEqual([len(each.attempts) for each in relays], [1, 1])

    def test_localOnes(self) -> None:
        """What is no relay is bounded in each process by itself."""
        local = [ScriptedTransport("local", patient=True) for _ in range(2)]
        spools = [self.start(each + 1, one) for each, one in enumerate(local)]
        for spool in spools:
            for _ in range(50):
                self.put(spool)
        self.assertEqual([len(each.attempts) for each in local], [50, 50])
