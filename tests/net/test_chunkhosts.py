"""Tests for L{smtpx.net.chunkhosts}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.hooks import Target
from smtpx.core.hostlist import HostList
from smtpx.extensions.chunking import IChunkMemory
from smtpx.net.chunkhosts import ChunkHosts
from smtpx.net.sending import Way
from smtpx.testing import BODY, Fault, answered, closed, reset, silent
from smtpx.testing.client import OctetsBody

from .clients import CHUNKING, HOST, MESSAGE, WAY, Rig, codes, envelopeFor, rig
from .network import watched

#: More than goes with MAIL and RCPT, and more than a chunk.
LARGE = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 60_000


@implementer(IChunkMemory)
class Memory:
    """A memory that trusts until it is told not to."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.trusts = True

    def trusted(self, target: Target) -> bool:
        """See L{IChunkMemory}."""
        return self.trusts

    def failed(self, target: Target) -> None:
        """See L{IChunkMemory}."""
        self.told.append(f"failed {target.host.decode()}")

    def succeeded(self, target: Target) -> None:
        """See L{IChunkMemory}."""
        self.told.append("succeeded")


class ChunkHostsTests(SynchronousTestCase):
    """Which hosts are sent chunks."""

    def setUp(self) -> None:
        """Everybody is trusted."""
        self.memory = Memory()

    def rig(self, *faults: Fault, keywords: tuple[bytes, ...] = CHUNKING) -> Rig:
        """A host with these faults."""
        return rig(*faults, keywords=keywords, chunks=ChunkHosts(self.memory))

    def told(self, *faults: Fault, octets: bytes = b"x\r\n") -> list[str]:
        """What is remembered of a host with these faults, after a message."""
        rigged = self.rig(*faults)
        rigged.send(body=octets)
        rigged.network.run(4000)
        self.assertEqual(rigged.pool.open, 0)
        told, self.memory.told = self.memory.told, []
        return told

    def test_listed(self) -> None:
        """A route may name the hosts; others get their mail by DATA."""
        for items, verb in (
            (["*"], b"BDAT"),
            (["mx.example.org"], b"BDAT"),
            (["192.0.2.0/24"], b"BDAT"),
            (["!192.0.2.25", "*"], b"DATA"),
            ([], b"DATA"),
        ):
            way = Way(chunkingHosts=HostList.parse(items))
            rigged = rig(keywords=CHUNKING)
            self.assertEqual(codes(rigged.send(way=way)), [250])
            self.assertEqual(rigged.commands[3][:4], verb, items)

    def test_notTrusted(self) -> None:
        """Nor does a host that has shown that it cannot do it."""
        self.memory.trusts = False
        rigged = self.rig()
        self.assertEqual(codes(rigged.send()), [250])
        self.assertEqual(rigged.commands[3], b"DATA")
        rigged.network.run(10)
        self.assertEqual(self.memory.told, [])

    def test_itCan(self) -> None:
        """A session that came to its end is to its credit, whatever it answered."""
        for octets in (b"x\r\n", LARGE):
            self.assertEqual(self.told(octets=octets), ["succeeded"])
            self.assertEqual(self.told(closed(BODY), octets=octets), ["succeeded"])
        refused = answered(b"BDAT", b"550 No", nth=None)
        self.assertEqual(self.told(refused, octets=LARGE), ["succeeded"])

    def test_itCannot(self) -> None:
        """One that is gone in the middle of chunks, or silent, has failed."""
        for fault in (reset(BODY), reset(b"BDAT"), silent(BODY), silent(b"BDAT")):
            for octets in (b"x\r\n", LARGE):
                told = self.told(fault, octets=octets)
                self.assertEqual(told, ["failed mx.example.org"], (fault, len(octets)))

    def test_elsewhere(self) -> None:
        """What breaks before or behind the chunks says nothing of them."""
        self.assertEqual(self.told(silent(b"EHLO"), octets=LARGE), [])
        self.assertEqual(self.told(silent(b"QUIT")), ["succeeded"])

    def test_ours(self) -> None:
        """Nor does what we break off ourselves."""
        rigged = self.rig(silent(BODY))
        sending = rigged.pool.send(HOST, WAY, envelopeFor(), OctetsBody(MESSAGE))
        watched(sending)
        rigged.network.run(1)
        sending.cancel()
        rigged.network.run(1)
        self.assertEqual((rigged.pool.open, self.memory.told), (0, []))

    def test_bothInOneSession(self) -> None:
        """One that breaks has failed, whatever it could do before."""
        rigged = self.rig(reset(BODY, nth=2))
        for _ in range(2):
            rigged.send()
        rigged.network.run(10)
        self.assertEqual(self.memory.told[0], "failed mx.example.org")

    def test_byDATA(self) -> None:
        """A host that has no CHUNKING cannot fail in it."""
        rigged = rig(silent(BODY), chunks=ChunkHosts(self.memory))
        rigged.send(way=WAY, host=HOST)
        rigged.network.run(4000)
        self.assertEqual(self.memory.told, [])
