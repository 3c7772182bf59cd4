"""
Tests for L{smtpx.service.wiring.sharing} and L{smtpx.service.wiring.ticketkeys}: what
workers have in common.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.tlssession import TLSSession
from smtpx.core.tlsterms import TLSTerms
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.service.config import Configuration
from smtpx.service.machine import Machine
from smtpx.service.wiring.certificates import certificates
from smtpx.service.wiring.mtasts import secureWeb, stsPolicies
from smtpx.service.wiring.peers import (
    Knowledge,
    PeerKnowledge,
    knownOffers,
    openKnowledge,
    peerKnowledge,
)
from smtpx.service.wiring.sharing import prepare
from smtpx.service.workers import Worker
from smtpx.service.workers.shared import Shared
from smtpx.tls.sharedkeys import RingName

from .made import NOW, site

_ANYBODY = {"port": 0, "tls_resumption_hosts": ["*"]}


class TicketKeyTests(SynchronousTestCase):
    """Which listeners have keys."""

    def setUp(self) -> None:
        """A machine."""
        self.site = site(self.mktemp())

    def rings(self, *listeners: dict[str, object], **values: object) -> list[RingName]:
        """The rings of a server."""
        configuration = self.site.read({"listener": [*listeners], **values})
        keys = prepare(evolve(configuration, workers=2)).ticketKeys
        assert keys is not None
        for name in keys.names:
            series = keys.series(name)
            assert series is not None
            self.assertEqual(len(series.contexts), keys.count)
        return list(keys.names)

    def test_listed(self) -> None:
        """Those where somebody may resume a session, each with its own terms."""
        found = self.rings(
            {"port": 0},
            {"port": 0, "tls": "none"},
            _ANYBODY,
            {**_ANYBODY, "tls": "implicit", "tls_min_version": "1.3"},
        )
        self.assertEqual(
            found,
            [
                RingName((b"TLSRESUME", b"2"), TLSTerms(), False),
                RingName((b"TLSRESUME", b"3"), TLSTerms("TLSv1.3"), False),
            ],
        )

    def test_nobody(self) -> None:
        """Where nobody may, none are made, and nothing is ever renewed."""
        self.assertEqual(self.rings({"port": 0}), [])
        self.assertFalse(prepare(self.site.read({})).renew())

    def test_moves(self) -> None:
        """How long a worker may be silent is what the operator says, or a minute."""
        for top, seconds in (({}, 60.0), ({"worker_silent_seconds": "5 min"}, 300.0)):
            shared = prepare(self.site.read({"workers": 2, **top}))
            assert shared.pulses is not None
            self.assertEqual(shared.pulses.silentSeconds, seconds)
            shared.pulses.beat(2)
            shared.clear(2)
            self.assertEqual(shared.pulses.beats(2), 0)

    def test_asked(self) -> None:
        """Who is asked for a certificate, and who is not, has others."""
        file = self.site.folder / "ca.pem"
        file.touch()
        tls = {"client_authorities": str(file)}
        found = self.rings(_ANYBODY, tls=tls)
        self.assertEqual([name.asked for name in found], [False, True])

    def test_renewed(self) -> None:
        """When they are about to run out there are more, which is said once."""
        listeners = [_ANYBODY]
        shared = prepare(self.site.read({"listener": listeners}))
        keys = shared.ticketKeys
        assert keys is not None
        self.assertFalse(shared.renew())
        ahead = keys.count * keys.lifetimeSeconds / 2
        for series in keys._series.values():
            series.now = lambda: keys.now() + ahead
        self.assertTrue(shared.renew())
        self.assertFalse(shared.renew())
        self.assertFalse(Shared().renew())


class NewsTests(SynchronousTestCase):
    """What one worker tells the others at once."""

    def setUp(self) -> None:
        """Two workers, which keep nothing in files."""
        self.site = site(self.mktemp())
        (self.site.folder / "state").mkdir()
        read = self.site.read({"peers": {"persistent": False}})
        self.configuration = evolve(read, workers=2)
        shared = prepare(self.configuration)
        self.machines = [
            evolve(self.site.machine, worker=Worker(number, 2), shared=shared)
            for number in (1, 2)
        ]

    def peers(self, machine: Machine, configuration: Configuration) -> PeerKnowledge:
        """What a worker knows of other hosts."""
        opening = openKnowledge(machine, configuration, AsyncExitStack())
        knowledge = self.successResultOf(Deferred.fromCoroutine(opening))
        return peerKnowledge(machine, configuration, "mx.example", knowledge)

    def test_sessions(self) -> None:
        """A session of another server is used by one of them."""
        key = (b"mx.example", b"192.0.2.1", b"25", b"", b"")
        taken = []
        for machine in self.machines:
            peers = self.peers(machine, self.configuration)
            peers.sessions.keep(key, TLSSession(b"0", NOW + 60, NOW, trust=b""))
            taken.append(peers.sessions.take(key) is not None)
        self.assertEqual(taken, [True, False])

    def test_offers(self) -> None:
        """Who was offered PIPECONNECT by one is known to the other."""
        one, two = (
            knownOffers(machine, MemoryKnowledge(machine.now))
            for machine in self.machines
        )
        one.note(b"192.0.2.0/24")
        self.assertTrue(two.known(b"192.0.2.0/24"))


class OnceTests(SynchronousTestCase):
    """What one worker does for all."""

    def setUp(self) -> None:
        """A machine."""
        self.site = site(self.mktemp())

    def worker(self, number: int) -> Machine:
        """The machine, as a worker has it."""
        return evolve(self.site.machine, worker=Worker(number, 2))

    def test_certificates(self) -> None:
        """The leading worker makes the certificate anew, and the others look at it."""
        configuration = self.site.read({})
        made = configuration.state / "tls" / "certificate.pem"
        for number in (2, 1):
            stack = AsyncExitStack()
            certificates(self.worker(number), configuration, "mx.example", stack)
            made.unlink()
            self.site.reactor.advance(100_000)
            self.assertEqual(made.exists(), number == 1)
            self.successResultOf(Deferred.fromCoroutine(stack.aclose()))

    def test_policies(self) -> None:
        """
        The leading worker keeps policies of MTA-STS up to date, for all that read them
        in the file; without one, each does.
        """
        (self.site.folder / "state").mkdir()
        configuration = self.site.read({})
        for number, kept, sweeps in ((1, True, 1), (2, True, 0), (2, False, 1)):
            machine, stack = self.worker(number), AsyncExitStack()
            knowledge: Knowledge = MemoryKnowledge(machine.now)
            if kept:
                opening = openKnowledge(machine, configuration, stack)
                knowledge = self.successResultOf(Deferred.fromCoroutine(opening))
            web = secureWeb(machine, configuration, self.site.resolver)
            calls = self.site.reactor.getDelayedCalls()
            before = len(calls)
            stsPolicies(machine, self.site.resolver, web, knowledge, None, stack)
            calls = self.site.reactor.getDelayedCalls()
            self.assertEqual(len(calls) - before, sweeps)
            self.successResultOf(Deferred.fromCoroutine(stack.aclose()))
