"""Tests for L{smtpx.knowledge.rooms}, in memory and in the file."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.knowledge.file import Change, KnowledgeFile
from smtpx.knowledge.interfaces import IPeerKnowledge, Record
from smtpx.knowledge.kinds import POLICY, KnownPolicy, Shelf
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.knowledge.rooms import ROOM, Name, Room, shareOf, zoneOf

#: Room for three of anything, and for four policies, of two of one zone.
_SMALL = Room(3, 5000, 2000, apart={"mta-sts": Room(4, 2000, 2000, 2)})

_DAY = 86400.0


def policy(mode: str = "enforce", mx: tuple[bytes, ...] = (b"mx.example",)) -> bytes:
    """The value of a policy."""
    return POLICY.dump(KnownPolicy(b"1", mode, 86400, mx, 0.0, 0.0))


class RoomTests(SynchronousTestCase):
    """What goes first, in memory."""

    def setUp(self) -> None:
        """Knowledge with little room."""
        self.clock = Clock()
        self.clock.advance(100 * _DAY)
        self.knowledge = MemoryKnowledge(self.clock.seconds, _SMALL)

    def keep(self, name: bytes, value: bytes | None = None, days: float = 9.0) -> None:
        """Remember a policy, by default one that is enforced."""
        now = self.clock.seconds()
        value = policy() if value is None else value
        record = Record(1, value, now, now + days * _DAY)
        self.knowledge.remember("mta-sts", name, record)

    def kept(self) -> list[bytes]:
        """Whose policies are kept."""
        return sorted(self.knowledge.names("mta-sts"))

    def test_trafficTakesNoPolicyAway(self) -> None:
        """However much else is found out, the policies that are known stay."""
        self.keep(b"kept.example")
        now = self.clock.seconds()
        for number in range(100):
            record = Record(1, b"x" * 1900, now, now + _DAY)
            self.knowledge.remember("retry", b"%d.example" % number, record)
        self.assertEqual(self.kept(), [b"kept.example"])
        self.assertEqual(len(self.knowledge.names("retry")), 2)

    def test_policiesTakeNothingElseAway(self) -> None:
        """Nor do policies push out anything else."""
        now = self.clock.seconds()
        self.knowledge.remember("retry", b"a", Record(1, b"x", now, now + _DAY))
        for number in range(20):
            self.keep(b"%d.example" % number)
        self.assertEqual(self.knowledge.names("retry"), [b"a"])

    def test_held(self) -> None:
        """The names that are held are always those that something is kept under."""
        held = {kind: self.knowledge.held(kind) for kind in ("retry", "mta-sts")}
        for number in range(20):
            now = self.clock.seconds()
            name = b"%d.example" % (number % 7)
            record = Record(number % 2, b"x", now, now + _DAY)
            self.knowledge.remember("retry", name, record)
            self.keep(name, days=number % 3)
            if number % 4 == 0:
                self.knowledge.forget("retry", name)
            if number % 5 == 0:
                self.clock.advance(_DAY)
                self.knowledge.tidy()
            self.knowledge.recall("retry", name, 1)
            for kind, names in held.items():
                self.assertEqual(names, set(self.knowledge.names(kind)))
        self.knowledge.clear()
        self.assertEqual((held["retry"], held["mta-sts"]), (set(), set()))

    def test_expiredGoesFirst(self) -> None:
        """What expired goes before what counts, however little that protects."""
        self.keep(b"a.one", policy("none"))
        self.keep(b"b.two", days=1)
        self.clock.advance(2 * _DAY)
        for name in (b"c.three", b"d.four", b"e.five"):
            self.keep(name)
        self.assertEqual(self.kept(), [b"a.one", b"c.three", b"d.four", b"e.five"])

    def test_sweptNowAndThen(self) -> None:
        """What expired is looked for once a minute, not for each record."""
        for name in (b"a.one", b"b.two", b"c.three", b"d.four", b"e.five"):
            self.keep(name)
        self.assertEqual(self.kept()[0], b"b.two")
        self.keep(b"f.six", days=1e-4)
        self.clock.advance(20)
        self.keep(b"g.seven")
        self.assertEqual(self.kept(), [b"d.four", b"e.five", b"f.six", b"g.seven"])

    def test_enforcedGoesLast(self) -> None:
        """Policies that protect nothing go before older ones that do."""
        for name in (b"a.one", b"b.two", b"c.three"):
            self.keep(name)
        self.keep(b"x.test", policy("testing"))
        self.keep(b"y.none", policy("none"))
        self.keep(b"d.four")
        self.assertEqual(self.kept(), [b"a.one", b"b.two", b"c.three", b"d.four"])

    def test_enforcedIsNotDisplaced(self) -> None:
        """What protects nothing is not kept at the cost of what does."""
        for name in (b"a.one", b"b.two", b"c.three", b"d.four"):
            self.keep(name)
        self.keep(b"x.test", policy("testing"))
        self.assertEqual(self.kept(), [b"a.one", b"b.two", b"c.three", b"d.four"])

    def test_usedStays(self) -> None:
        """Of those that protect, what was not asked for the longest goes."""
        for name in (b"a.one", b"b.two", b"c.three", b"d.four"):
            self.keep(name)
        self.knowledge.recall("mta-sts", b"a.one", 1)
        self.keep(b"e.five")
        self.assertEqual(self.kept(), [b"a.one", b"c.three", b"d.four", b"e.five"])

    def test_zoneIsBounded(self) -> None:
        """A zone with thousands of names pushes out its own policies alone."""
        self.keep(b"kept.example")
        self.keep(b"kept.example.org")
        for number in range(1000):
            self.keep(b"%d.hostile.test" % number)
        hostile = [b"998.hostile.test", b"999.hostile.test"]
        self.assertEqual(self.kept(), [*hostile, b"kept.example", b"kept.example.org"])

    def test_zoneWithoutProtection(self) -> None:
        """Within a zone, too, what protects nothing goes first."""
        self.keep(b"a.same.test", policy("none"))
        self.keep(b"b.same.test")
        self.keep(b"c.same.test")
        self.keep(b"d.same.test", policy("testing"))
        self.assertEqual(self.kept(), [b"b.same.test", b"c.same.test"])

    def test_neighboursInAZone(self) -> None:
        """
        Where a zone is one in which anybody may have a name, who has many below his
        own pushes out none of his neighbours.
        """
        self.keep(b"kept.co.test")
        for number in range(9):
            self.keep(b"%d.hostile.co.test" % number)
        self.assertEqual(self.kept(), [b"8.hostile.co.test", b"kept.co.test"])

    def test_zoneForgets(self) -> None:
        """What was forgotten does not count for its zone."""
        for number in range(10):
            self.keep(b"%d.same.test" % number)
            self.knowledge.forget("mta-sts", b"%d.same.test" % number)
        self.keep(b"a.same.test")
        self.keep(b"b.same.test")
        self.assertEqual(self.kept(), [b"a.same.test", b"b.same.test"])

    def test_longestGoes(self) -> None:
        """Long policies push out long ones, not the many short ones."""
        long = policy(mx=(b"x" * 900,))
        self.keep(b"kept.example")
        for number in range(9):
            self.keep(b"a.zone-%d" % number, long)
        self.assertEqual(self.kept(), [b"a.zone-8", b"kept.example"])

    def test_whatIsEnforced(self) -> None:
        """A host cannot call itself a policy that is enforced."""
        value = policy("none", (b'"mode":"enforce"', b'\\"mode":"enforce"'))
        self.keep(b"a.one", value)
        for name in (b"b.two", b"c.three", b"d.four", b"e.five"):
            self.keep(name)
        self.assertNotIn(b"a.one", self.kept())

    def test_byDefault(self) -> None:
        """Policies have room of their own where nobody says anything else."""
        self.assertIn(POLICY.name, ROOM.apart)
        self.assertEqual(ROOM.of("retry"), ROOM)
        self.assertIsNot(ROOM.of(POLICY.name), ROOM)

    def test_cleared(self) -> None:
        """All of it can be forgotten."""
        self.keep(b"a.one")
        self.knowledge.clear()
        self.assertEqual((len(self.knowledge), self.knowledge.octets), (0, 0))

    def test_typed(self) -> None:
        """The view of the kind finds what is kept."""
        knowledge: IPeerKnowledge = self.knowledge
        shelf = Shelf(knowledge, POLICY)
        known = KnownPolicy(b"1", "enforce", 86400, (b"mx.example",), 0.0, 0.0)
        now = self.clock.seconds()
        shelf.remember(b"a.one", known, now, now + 9)
        self.assertEqual(shelf.recall(b"a.one"), known)

    def test_zones(self) -> None:
        """A zone is the last two labels."""
        self.assertEqual(zoneOf(b"a.b.example.org"), b"example.org")
        self.assertEqual(zoneOf(b"example.org"), b"example.org")
        self.assertEqual(zoneOf(b"org"), b"org")
        self.assertEqual(shareOf(b"a.b.c.example.org"), b"c.example.org")
        self.assertEqual(shareOf(b"example.org"), b"example.org")


class FileRoomTests(SynchronousTestCase):
    """The same in the file."""

    now = 100 * _DAY

    def setUp(self) -> None:
        """A file with little room."""
        self.path = self.mktemp()
        self.file = self.opened()

    def opened(self) -> KnowledgeFile:
        """The file, once more."""
        file = KnowledgeFile(self.path, _SMALL)
        self.addCleanup(file.close)
        return file

    def keep(self, kind: str, names: list[bytes], value: bytes) -> None:
        """Write records down, each a second after the one before."""
        for name in names:
            self.now += 1
            record = Record(1, value, self.now, self.now + 9 * _DAY)
            place = Name(kind, name)
            self.file.exchange({place: Change(records=(record,))}, {}, self.now)

    def left(self, kind: str = "mta-sts") -> list[bytes]:
        """What tidying leaves."""
        self.file.tidy(self.now)
        return [row.place.name for row in self.file.all() if row.place.kind == kind]

    def read(self, kind: str = "mta-sts") -> list[bytes]:
        """What another process reads at its start."""
        _, rows = self.opened().exchange({}, {}, self.now)
        return [row.place.name for row in rows if row.place.kind == kind]

    def test_trafficTakesNoPolicyAway(self) -> None:
        """However much else is written down, the policies stay, and are read."""
        self.keep("mta-sts", [b"kept.example"], policy())
        self.keep("retry", [b"%d" % number for number in range(20)], b"x")
        self.assertEqual(self.read(), [b"kept.example"])
        self.assertEqual(self.left(), [b"kept.example"])
        self.assertEqual(self.left("retry"), [b"17", b"18", b"19"])

    def test_enforcedGoesLast(self) -> None:
        """Policies that protect nothing go first, and are not read first."""
        self.keep("mta-sts", [b"a.one", b"b.two", b"c.three"], policy())
        self.keep("mta-sts", [b"x.four", b"y.five", b"z.six"], policy("testing"))
        self.assertEqual(self.read(), [b"z.six", b"a.one", b"b.two", b"c.three"])
        self.assertEqual(self.left(), [b"a.one", b"b.two", b"c.three", b"z.six"])

    def test_zoneIsBounded(self) -> None:
        """A zone with many names pushes out its own policies alone."""
        self.keep("mta-sts", [b"kept.example"], policy())
        names = [b"%d.hostile.test" % number for number in range(9)]
        self.keep("mta-sts", names, policy())
        expected = [b"7.hostile.test", b"8.hostile.test", b"kept.example"]
        # Nor does it so until the next tidying, where a process starts meanwhile.
        self.assertEqual(sorted(self.read()), expected)
        self.assertEqual(self.left(), expected)

    def test_neighboursInAZone(self) -> None:
        """Nor those of his neighbours, where many have names in a zone."""
        self.keep("mta-sts", [b"kept.co.test"], policy())
        names = [b"%d.hostile.co.test" % number for number in range(9)]
        self.keep("mta-sts", names, policy())
        expected = [b"8.hostile.co.test", b"kept.co.test"]
        self.assertEqual(sorted(self.read()), expected)
        self.assertEqual(self.left(), expected)

    def test_readAsManyOctets(self) -> None:
        """No more is read than there is room for, and expired ones take none of it."""
        long = policy(mx=(b"x" * 900,))
        self.keep("mta-sts", [b"gone.1", b"gone.2"], long)
        self.now += 10 * _DAY
        self.keep("mta-sts", [b"kept.example"], policy())
        self.keep("mta-sts", [b"a.1", b"a.2", b"a.3"], long)
        self.assertEqual(self.read(), [b"kept.example", b"a.3"])

    def test_longestGoes(self) -> None:
        """Long policies push out long ones."""
        self.keep("mta-sts", [b"kept.example"], policy())
        self.keep("mta-sts", [b"a.1", b"a.2", b"a.3"], policy(mx=(b"x" * 900,)))
        self.assertEqual(self.left(), [b"a.3", b"kept.example"])

    def test_oddNames(self) -> None:
        """A row that somebody else has written is no harm."""
        self.keep("mta-sts", [b"kept.example"], policy())
        self.file._connection.execute("UPDATE record SET name = 'text'")
        self.assertEqual(self.left(), [])
