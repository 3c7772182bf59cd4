"""Tests for L{smtpx.knowledge.chunks}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.hooks import Target
from smtpx.extensions.chunking import IChunkMemory
from smtpx.knowledge.chunks import ChunkMemory
from smtpx.knowledge.kinds import CHUNKS, ChunkTrouble, Shelf
from smtpx.knowledge.memory import MemoryKnowledge

_TARGET = Target(b"mx.example.org", b"192.0.2.1")
_DAY = 86400.0


class ChunkMemoryTests(SynchronousTestCase):
    """Hosts that offer CHUNKING and cannot do it."""

    def setUp(self) -> None:
        """Nothing is known."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.knowledge = MemoryKnowledge(self.clock.seconds)
        self.memory = ChunkMemory(self.knowledge, self.clock.seconds, 5 * _DAY)

    def trusted(self) -> bool:
        """Is the host sent chunks?"""
        return self.memory.trusted(_TARGET)

    def test_provides(self) -> None:
        """It is what CHUNKING wants."""
        verifyObject(IChunkMemory, self.memory)

    def test_onceIsNothing(self) -> None:
        """A host that has failed once may try again, and be as good as new."""
        self.assertTrue(self.trusted())
        self.memory.failed(_TARGET)
        self.assertTrue(self.trusted())
        self.memory.succeeded(_TARGET)
        self.assertEqual(len(self.knowledge), 0)
        self.memory.failed(_TARGET)
        self.assertTrue(self.trusted())

    def test_goodHostsLeaveNoTrace(self) -> None:
        """Nothing is kept of a host that does what it says."""
        self.memory.succeeded(_TARGET)
        self.assertEqual(len(self.knowledge), 0)

    def test_twiceIsTooOften(self) -> None:
        """Then it is sent none for a day, and for longer if it has not learnt."""
        self.memory.failed(_TARGET)
        for days in (1, 2, 4):
            self.memory.failed(_TARGET)
            self.clock.advance(days * _DAY - 1)
            self.assertFalse(self.trusted(), days)
            self.clock.advance(1)
            self.assertTrue(self.trusted(), days)

    def test_notForEver(self) -> None:
        """Whatever was, it expires."""
        for _ in range(50):
            self.memory.failed(_TARGET)
        self.clock.advance(5 * _DAY - 1)
        self.assertFalse(self.trusted())
        self.clock.advance(1)
        self.assertTrue(self.trusted())

    def test_eachAddressByItself(self) -> None:
        """Another address of the host may be another host."""
        for _ in range(2):
            self.memory.failed(_TARGET)
        other = Target(b"mx.example.org", b"192.0.2.2")
        self.assertTrue(self.memory.trusted(other))

    def test_isShown(self) -> None:
        """An operator can see it."""
        shelf = Shelf(self.knowledge, CHUNKS)
        self.memory.failed(_TARGET)
        name = b"mx.example.org [192.0.2.1]:25"
        self.assertEqual(shelf.recall(name), ChunkTrouble(1_000_000.0, 1))
        self.assertEqual(
            CHUNKS.facts(ChunkTrouble(1.0, 1)), {"failures": 1, "last_at": 1.0}
        )
        self.assertEqual(
            CHUNKS.facts(ChunkTrouble(1.0, 2, 5.0)),
            {"failures": 2, "last_at": 1.0, "not_used_until_at": 5.0},
        )
