"""Tests for L{smtpx.dns.system}."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.dns import system
from smtpx.dns.interfaces import Answer
from smtpx.dns.system import systemResolver, systemRouter
from smtpx.testing.dns import StaticResolver

from .asked import ScriptedServers, known


class SystemTests(SynchronousTestCase):
    """Resolvers for programs."""

    def setUp(self) -> None:
        """A network with two servers, the second of which the system names."""
        self.reactor = MemoryReactorClock()
        self.network = ScriptedServers()
        for server in ("192.0.2.1", "192.0.2.2"):
            self.network.behave(server, known)
        self.patch(system, "Network", lambda reactor: self.network)
        self.file = Path(self.mktemp())
        self.file.write_text("nameserver 192.0.2.2\n")
        self.patch(system, "SYSTEM_FILE", self.file)

    def records(self, asking: Deferred[Answer]) -> object:
        """What is known at once."""
        return self.successResultOf(asking).records

    def test_servers(self) -> None:
        """The servers are those that were named, or those of the system."""
        named = systemResolver(self.reactor, "192.0.2.1", hosts=None)
        self.assertEqual(self.records(named.lookUp(b"a.test", "A")), (b"192.0.2.80",))
        ofSystem = systemResolver(self.reactor, hosts=None)
        self.records(ofSystem.lookUp(b"a.test", "A"))
        self.assertEqual(
            [asked.server for asked in self.network.asked], ["192.0.2.1", "192.0.2.2"]
        )
        with self.assertRaises(Malformed):
            systemResolver(self.reactor, "ns.example.org")

    def test_hosts(self) -> None:
        """A file of hosts comes first."""
        hosts = Path(self.mktemp())
        hosts.write_text("192.0.2.33 a.test\n")
        resolver = systemResolver(self.reactor, hosts=hosts)
        self.assertEqual(
            self.records(resolver.lookUp(b"a.test", "A")), (b"192.0.2.33",)
        )
        self.assertEqual(self.network.asked, [])

    def test_router(self) -> None:
        """Mail hosts are found with any resolver; nobody is ourselves."""
        zone = StaticResolver("a.test MX 1 localhost\nlocalhost A 127.0.0.1")
        found = self.successResultOf(systemRouter(self.reactor, zone).byMX(b"a.test"))
        self.assertEqual([host.name for host in found.hosts], [b"localhost"])
        self.successResultOf(systemRouter(self.reactor).byMX(b"[127.0.0.1]"))
