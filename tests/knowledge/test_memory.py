"""Tests for L{smtpx.knowledge.memory}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.knowledge.interfaces import IPeerKnowledge, Record
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.knowledge.rooms import Name, Room


class MemoryTests(SynchronousTestCase):
    """Records in memory."""

    def setUp(self) -> None:
        """Knowledge with room for three records."""
        self.clock = Clock()
        self.clock.advance(10_000)
        self.knowledge = MemoryKnowledge(self.clock.seconds, Room(3, 1000, 500))

    def record(self, value: bytes = b"x", version: int = 1) -> Record:
        """A record that counts for ten seconds."""
        now = self.clock.seconds()
        return Record(version, value, now, now + 10)

    def known(self) -> list[bytes]:
        """The names of what is kept, in the order in which they would go."""
        return [place.name for place, _ in self.knowledge]

    def test_provides(self) -> None:
        """It is peer knowledge."""
        verifyObject(IPeerKnowledge, self.knowledge)

    def test_remembered(self) -> None:
        """What was remembered is known, by its kind and name alone."""
        record = self.record()
        self.knowledge.remember("retry", b"a", record)
        self.assertEqual(self.knowledge.recall("retry", b"a", 1), record)
        self.assertIsNone(self.knowledge.recall("ehlo", b"a", 1))
        self.assertIsNone(self.knowledge.recall("retry", b"b", 1))

    def test_forgotten(self) -> None:
        """What was forgotten is not known, and to forget it twice is no harm."""
        self.knowledge.remember("retry", b"a", self.record())
        self.knowledge.forget("retry", b"a")
        self.knowledge.forget("retry", b"a")
        self.assertIsNone(self.knowledge.recall("retry", b"a", 1))
        self.assertEqual(self.knowledge.octets, 0)

    def test_names(self) -> None:
        """One may look by which names something of a kind is kept."""
        self.knowledge.remember("retry", b"a", self.record(b"1"))
        self.knowledge.remember("ehlo", b"b", self.record(b"1"))
        self.assertEqual(self.knowledge.names("retry"), [b"a"])

    def test_expired(self) -> None:
        """What expired is not known, whether or not anybody tidied up."""
        self.knowledge.remember("retry", b"a", self.record())
        self.clock.advance(10)
        self.assertIsNone(self.knowledge.recall("retry", b"a", 1))
        self.assertEqual(len(self.knowledge), 1)

    def test_ofTheFuture(self) -> None:
        """What was written when the clock was far ahead does not count."""
        now = self.clock.seconds()
        self.knowledge.remember("retry", b"a", Record(1, b"", now + 4000, now + 9000))
        self.assertIsNone(self.knowledge.recall("retry", b"a", 1))

    def test_tidied(self) -> None:
        """Tidying lets go of what expired, and of nothing else."""
        self.knowledge.remember("retry", b"old", self.record())
        self.clock.advance(9)
        self.knowledge.remember("retry", b"new", self.record(b"12"))
        self.clock.advance(1)
        self.knowledge.tidy()
        self.assertEqual(self.known(), [b"new"])
        self.assertEqual(self.knowledge.octets, 5)

    def test_newerVersionIsKeptAndIgnored(self) -> None:
        """A record that only a newer smtpx can read stands beside one's own."""
        mine, newer = self.record(b"1", 1), self.record(b"2", 2)
        self.knowledge.remember("retry", b"a", newer)
        self.assertIsNone(self.knowledge.recall("retry", b"a", 1))
        self.knowledge.remember("retry", b"a", mine)
        self.assertEqual(self.knowledge.recall("retry", b"a", 1), mine)
        self.assertEqual(self.knowledge.recall("retry", b"a", 2), newer)

    def test_olderVersionIsRead(self) -> None:
        """A newer smtpx is given what an older one wrote."""
        old = self.record(b"1", 1)
        self.knowledge.remember("retry", b"a", old)
        self.assertEqual(self.knowledge.recall("retry", b"a", 3), old)

    def test_oneVersionDropped(self) -> None:
        """A record can go without those of other versions."""
        old = self.record(b"1", 1)
        self.knowledge.remember("retry", b"a", old)
        self.knowledge.remember("retry", b"a", self.record(b"2", 2))
        self.knowledge.drop(Name("retry", b"a"), 2)
        self.knowledge.drop(Name("retry", b"b"), 2)
        self.assertEqual(self.knowledge.recall("retry", b"a", 2), old)

    def test_leastRecentlyUsedGoes(self) -> None:
        """Where there is no room, what was not asked for the longest goes."""
        for name in (b"a", b"b", b"c"):
            self.knowledge.remember("retry", name, self.record())
        self.knowledge.recall("retry", b"a", 1)
        self.knowledge.remember("retry", b"d", self.record())
        self.assertEqual(self.known(), [b"c", b"a", b"d"])

    def test_octetsAreBounded(self) -> None:
        """Long records push others out before there are many."""
        for name in (b"a", b"b", b"c"):
            self.knowledge.remember("retry", name, self.record(b"x" * 400))
        self.assertEqual(self.known(), [b"b", b"c"])
        self.assertEqual(self.knowledge.octets, 802)

    def test_tooLong(self) -> None:
        """What is too long is not kept, nor what it was to replace."""
        self.knowledge.remember("retry", b"a", self.record())
        self.knowledge.remember("retry", b"a", self.record(b"x" * 501))
        self.knowledge.remember("retry", b"n" * 513, self.record())
        self.assertEqual(self.known(), [])

    def test_noRoomAtAll(self) -> None:
        """A record that fills everything is not kept."""
        small = MemoryKnowledge(self.clock.seconds, Room(3, 10, 500))
        self.assertFalse(small.put(Name("retry", b"a"), self.record(b"x" * 20), 0.0))
        self.assertEqual((len(small), small.octets), (0, 0))

    def test_cleared(self) -> None:
        """All of it can be forgotten."""
        self.knowledge.remember("retry", b"a", self.record())
        self.knowledge.clear()
        self.assertEqual((self.known(), self.knowledge.octets), ([], 0))
