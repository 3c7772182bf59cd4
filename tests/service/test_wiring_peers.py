"""
Tests for L{smtpx.service.wiring.peers}: what is known of the hosts that we talk to.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import Forecast, Hello, Target
from smtpx.knowledge.names import hostName
from smtpx.service.wiring.peers import PeerKnowledge, openKnowledge, peerKnowledge

from .made import NOW, site

_HOST = hostName(b"mx.example.org", b"192.0.2.1", 25)


class PeerKnowledgeTests(SynchronousTestCase):
    """Peer knowledge, as the configuration has it."""

    def setUp(self) -> None:
        """A machine with a state folder."""
        self.site = site(self.mktemp())
        self.state = self.site.folder / "state"
        self.state.mkdir()

    def begin(self, **values: object) -> tuple[PeerKnowledge, AsyncExitStack]:
        """A server starts; how it ends."""
        stack = AsyncExitStack()
        machine, configuration = self.site.machine, self.site.read({"peers": values})
        opening = openKnowledge(machine, configuration, stack)
        knowledge = self.successResultOf(Deferred.fromCoroutine(opening))
        return peerKnowledge(machine, configuration, "mx.example", knowledge), stack

    def end(self, stack: AsyncExitStack) -> None:
        """It ends."""
        self.successResultOf(Deferred.fromCoroutine(stack.aclose()))

    def test_kept(self) -> None:
        """What was found out is known after a restart, for as long as it counts."""
        target = Target(b"mx.example.org", b"192.0.2.1")
        peers, stack = self.begin(retry_data_expire="1 h")
        due, names = peers.hints.failed(_HOST, "no route", NOW), peers.names
        peers.hellos.remember(target, False, Hello(b"mx.example.org"), False)
        self.end(stack)
        self.assertEqual([pool.running for pool in self.site.pools], [False])
        self.assertTrue((self.state / "peers.sqlite").exists())
        peers, stack = self.begin(retry_data_expire="1 h")
        self.assertEqual(peers.hints.retryAt(_HOST), due)
        self.assertEqual(
            peers.hellos.recall(target), Forecast(Hello(b"mx.example.org"), None)
        )
        self.assertEqual(peers.state().names, 2)
        self.assertEqual(peers.names, names)
        self.site.reactor.advance(3600)
        self.assertIsNone(peers.hints.trouble(_HOST))
        self.assertIsNone(peers.hellos.recall(target))
        self.end(stack)
        self.assertEqual(self.site.reactor.getDelayedCalls(), [])

    def test_elsewhere(self) -> None:
        """The file may be anywhere."""
        file = self.site.folder / "known"
        _, stack = self.begin(file=file)
        self.end(stack)
        self.assertTrue(file.exists())
        self.assertEqual([each.name for each in self.state.iterdir()], ["spool"])

    def test_inMemory(self) -> None:
        """Without a file it is known until the end."""
        peers, stack = self.begin(persistent=False)
        due = peers.hints.failed(_HOST, "no route", NOW)
        self.assertEqual(peers.hints.retryAt(_HOST), due)
        self.assertEqual((peers.state().names, peers.state().trouble), (1, None))
        self.end(stack)
        self.assertEqual([each.name for each in self.state.iterdir()], ["spool"])

    def test_bounds(self) -> None:
        """No more is known than there may be."""
        peers, stack = self.begin(records_max=100)
        for number in range(200):
            peers.hints.failed(b"%d.example.org" % number, "no route", NOW)
        self.assertEqual(peers.state().names, 100)
        self.end(stack)
