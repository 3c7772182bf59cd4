"""
How things are when Prometheus asks.
"""

from __future__ import annotations

from attrs import evolve
from prometheus_client import CollectorRegistry
from twisted.trial.unittest import SynchronousTestCase

from smtpx.knowledge.memory import KnowledgeState
from smtpx.observe.gauges import ofTheProcess
from smtpx.observe.series import exposition
from smtpx.observe.status import DestinationState

from .stories import NOW
from .web.houses import CERTIFICATES, Server, inDays


class GaugesTests(SynchronousTestCase):
    """What a house says."""

    def setUp(self) -> None:
        """A server."""
        self.server = Server()

    def value(self, name: str, **labels: str) -> float | None:
        """A value; L{None}: there is none."""
        return self.server.watch.registry.get_sample_value(name, labels)

    def test_ready(self) -> None:
        """1 while messages are taken."""
        self.assertEqual(self.value("smtpx_ready"), 1)
        self.server.unready.append("no")
        self.assertEqual(self.value("smtpx_ready"), 0)

    def test_sessions(self) -> None:
        """By port; one with nobody is told, too."""
        self.server.visit(b"192.0.2.1", b"a")
        self.server.visit(b"192.0.2.2", b"b")
        self.assertEqual(self.value("smtpx_sessions", port="25"), 2)
        self.assertEqual(self.value("smtpx_sessions", port="465"), 0)

    def test_spool(self) -> None:
        """What is in it, and how much room there is."""
        self.assertEqual(self.value("smtpx_spool_messages"), 12)
        self.assertEqual(self.value("smtpx_spool_held_messages"), 2)
        self.assertEqual(self.value("smtpx_spool_size_bytes"), 3 << 20)
        self.assertEqual(self.value("smtpx_spool_free_bytes"), 5 << 30)
        self.assertEqual(self.value("smtpx_spool_low_water_bytes"), 128 << 20)
        name = "smtpx_spool_oldest_message_timestamp_seconds"
        self.assertEqual(self.value(name), NOW - 7200)
        self.server.oldest = None
        self.assertIsNone(self.value(name))

    def test_aSpoolWithoutADisk(self) -> None:
        """What is not known is not told."""
        assert self.server.spool is not None
        self.server.spool = evolve(self.server.spool, freeOctets=None)
        self.assertEqual(self.value("smtpx_spool_messages"), 12)
        self.assertIsNone(self.value("smtpx_spool_free_bytes"))
        self.server.spool = None
        self.assertIsNone(self.value("smtpx_spool_messages"))

    def test_sending(self) -> None:
        """Where messages under way go, and what is known of peers, if anything."""
        self.assertEqual(self.value("smtpx_destinations"), 0)
        self.assertIsNone(self.value("smtpx_client_connections"))
        self.assertIsNone(self.value("smtpx_peer_knowledge_names"))
        assert self.server.spool is not None
        self.server.spool = evolve(self.server.spool, parked=7)
        self.server.destinations = [
            DestinationState(b"smtp a", 3, 20, True),
            DestinationState(b"smtp b", 1, 0, False),
        ]
        self.server.connections = 0
        self.server.knowledge = KnowledgeState(5, 1024, None)
        for name, value in (
            ("smtpx_spool_parked_messages", 7),
            ("smtpx_destinations", 2),
            ("smtpx_delivery_attempts", 4),
            ("smtpx_delivery_attempts_waiting", 20),
            ("smtpx_client_connections", 0),
            ("smtpx_peer_knowledge_names", 5),
            ("smtpx_peer_knowledge_size_bytes", 1024),
        ):
            self.assertEqual(self.value(name), value, name)

    def test_certificates(self) -> None:
        """When they and their staples end; of two for one name, the sooner."""
        twin = evolve(CERTIFICATES[0], ends=inDays(9), staple=None)
        self.server.certificates = (*CERTIFICATES, twin)
        name = "smtpx_certificate_expiry_timestamp_seconds"
        ends = self.value(name, certificate="mx.example.org")
        self.assertEqual(ends, inDays(9).timestamp())
        ends = self.value(name, certificate="old.example.org")
        self.assertEqual(ends, inDays(2).timestamp())
        name = "smtpx_ocsp_staple_expiry_timestamp_seconds"
        ends = self.value(name, certificate="mx.example.org")
        self.assertEqual(ends, inDays(3).timestamp())

    def test_program(self) -> None:
        """Which program it is."""
        text = exposition(self.server.watch.registry).decode("utf-8")
        self.assertRegex(text, r'smtpx_build_info\{openssl="OpenSSL [^"]+",twisted=')

    def test_process(self) -> None:
        """prometheus_client tells of the process."""
        registry = CollectorRegistry()
        ofTheProcess(registry)
        text = exposition(registry)
        for name in (b"process_cpu_seconds_total", b"python_info", b"python_gc_"):
            self.assertIn(b"\n" + name, text)
