"""Tests for L{smtpx.joint.places}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.joint import ASK_SECONDS, JointPlaces, Places


class PlacesTests(SynchronousTestCase):
    """Two processes share places."""

    def setUp(self) -> None:
        """A clock, and both."""
        self.clock = Clock()
        self.joint = JointPlaces(2, 10)
        self.one, self.other = self.column(1), self.column(2)

    def column(self, number: int) -> Places:
        """What a process has."""
        return self.joint.column(number, self.clock.seconds)

    def test_noMoreThanThereAre(self) -> None:
        """Both together have as many as there are."""
        took = [each.take(b"a", 3) for each in (self.one, self.other) * 2]
        self.assertEqual(took, [True, True, True, False])
        self.assertEqual((self.one.own(b"a"), self.other.own(b"a")), (2, 1))

    def test_whoWantsMoreLeavesItToTheOther(self) -> None:
        """
        Who gives back the only one, and wants it again, waits for the other to have had
        it.
        """
        self.assertTrue(self.one.take(b"a", 1))
        self.assertFalse(self.other.take(b"a", 1))
        self.one.give(b"a", 1)
        self.assertFalse(self.one.take(b"a", 1))
        self.clock.advance(ASK_SECONDS)
        self.assertTrue(self.other.take(b"a", 1))
        self.assertFalse(self.one.take(b"a", 1))
        self.other.give(b"a", 1)
        self.assertFalse(self.other.take(b"a", 1))
        self.assertTrue(self.one.take(b"a", 1))

    def test_wishes(self) -> None:
        """Where others wish for one, it is seen without asking."""
        seen = self.one.wishes(b"a")
        self.assertEqual(list(seen), [0, 0])
        self.one.take(b"a", 1)
        self.other.take(b"a", 1)
        self.assertEqual(list(seen), [0, 1])
        self.assertEqual(list(self.other.wishes(b"a")), [0, 1])
        self.other.leave(b"a")
        self.assertEqual(list(seen), [0, 0])

    def test_notForLong(self) -> None:
        """Where the other does not come for it, the first has it again."""
        self.one.take(b"a", 1)
        self.other.take(b"a", 1)
        self.one.give(b"a", 1)
        self.assertFalse(self.one.take(b"a", 1))
        self.clock.advance(10 * ASK_SECONDS)
        self.assertTrue(self.one.take(b"a", 1))

    def test_nobodyWishesAnyMore(self) -> None:
        """Nor does it wait for one who wants nothing any more, or has died."""
        for dies in (False, True):
            self.setUp()
            self.one.take(b"a", 1)
            self.other.take(b"a", 1)
            self.one.give(b"a", 1)
            if dies:
                self.joint.clear(2)
            else:
                self.other.leave(b"a")
            self.assertTrue(self.one.take(b"a", 1))

    def test_ownPartIsTakenAgain(self) -> None:
        """Who has no more than half gives up nothing, whoever waits."""
        for each in (self.one, self.one, self.other, self.other, self.other):
            self.assertTrue(each.take(b"a", 5))
        self.assertFalse(self.other.take(b"a", 5))
        self.assertEqual(self.one.excess(b"a", 5), 0)
        self.one.give(b"a", 5)
        self.assertTrue(self.one.take(b"a", 5))

    def test_whoHasMoreIsToGiveSomeBack(self) -> None:
        """Who has more than half is to give back, when the other waits."""
        for _ in range(5):
            self.one.take(b"a", 5)
        self.assertEqual(self.one.excess(b"a", 5), 0)
        self.other.take(b"a", 5)
        for excess in (2, 1):
            self.assertEqual(self.one.excess(b"a", 5), excess)
            self.one.give(b"a", 5)
        self.assertEqual(self.one.excess(b"a", 5), 0)
        # The odd one stays where it is.
        for _ in range(2):
            self.assertTrue(self.other.take(b"a", 5))
        self.other.take(b"a", 5)
        self.one.take(b"a", 5)
        self.assertEqual(self.one.excess(b"a", 5), 0)

    def test_fewerThanProcesses(self) -> None:
        """Where not everybody can have one, nobody keeps one that another wants."""
        self.one.take(b"a", 1)
        self.other.take(b"a", 1)
        self.assertEqual(self.one.excess(b"a", 1), 1)

    def test_courtesyIsForgotten(self) -> None:
        """Nothing is kept of keys that nobody asks for again."""
        for key in (b"a", b"b"):
            self.one.take(key, 1)
            self.other.take(key, 1)
        self.one.give(b"a", 1)
        self.clock.advance(10 * ASK_SECONDS)
        self.one.give(b"b", 1)
        self.assertEqual(list(self.one._courtesy), [b"b"])
