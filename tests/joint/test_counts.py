"""Tests for L{smtpx.joint.counts}."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any, cast

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.joint import Counts, JointCounts

KEYS = [b"a", b"b", b"c"]


class JointCountsTests(SynchronousTestCase):
    """Numbers that processes count together, by keys."""

    def setUp(self) -> None:
        """Two processes."""
        self.joint = JointCounts(2, 10)
        self.one, self.other = self.joint.column(1), self.joint.column(2)

    def test_boundHoldsForAll(self) -> None:
        """Whoever takes, a key has no more than it may."""
        took = [
            each.take(b"a", 3) for each in (self.one, self.other, self.one, self.other)
        ]
        self.assertEqual(took, [True, True, True, False])
        self.assertEqual((self.one.own(b"a"), self.one.others(b"a")), (2, 1))
        self.assertEqual((self.other.own(b"a"), self.other.others(b"a")), (1, 2))

    def test_keysByThemselves(self) -> None:
        """What one key has is nothing to another."""
        self.assertTrue(self.one.take(b"a", 1))
        self.assertTrue(self.other.take(b"b", 1))
        self.assertFalse(self.other.take(b"a", 1))

    def test_whoGivesMakesRoom(self) -> None:
        """What one gives back another can take."""
        self.one.take(b"a", 1)
        self.assertFalse(self.other.take(b"a", 1))
        self.one.give(b"a")
        self.assertEqual(self.one.own(b"a"), 0)
        self.assertTrue(self.other.take(b"a", 1))

    def test_whatWasNotTakenCannotBeGiven(self) -> None:
        """That is a mistake of ours."""
        self.assertRaises(KeyError, self.one.give, b"a")

    def test_successorBeginsFromNothing(self) -> None:
        """What a process that died had is forgotten, and nothing of the others is."""
        for each in (self.one, self.other):
            each.take(b"a", 9)
        again = self.joint.column(1)
        self.assertEqual((again.own(b"a"), again.others(b"a")), (0, 1))
        self.assertEqual(self.other.others(b"a"), 0)

    def test_noRoomForAnotherKey(self) -> None:
        """Nothing is let in that cannot be counted."""
        keys = [b"%d" % each for each in range(11)]
        self.assertEqual(
            [self.one.take(each, 1) for each in keys], [True] * 10 + [False]
        )
        self.one.give(keys[3])
        self.assertTrue(self.one.take(keys[10], 1))
        self.assertEqual(self.other.others(keys[10]), 1)
        self.assertEqual(self.other.others(keys[3]), 0)

    def test_keysWithoutAnythingMakeRoom(self) -> None:
        """So many keys may come one after the other as like."""
        for each in range(100):
            key = b"%d" % each
            self.assertTrue(self.one.take(key, 1))
            self.assertFalse(self.other.take(key, 1))
            self.one.give(key)
            self.assertTrue(self.other.take(key, 1))
            self.other.give(key)

    def test_onlyTheSieveIsAlike(self) -> None:
        """Keys that share a cell of the sieve still count by themselves."""
        self.joint.cells = 1
        one, other = self.joint.column(1), self.joint.column(2)
        self.assertTrue(all(one.take(each, 1) for each in KEYS))
        self.assertTrue(other.take(b"d", 1))
        self.assertFalse(other.take(b"b", 1))
        self.assertEqual([other.others(each) for each in KEYS], [1, 1, 1])

    def test_digestsBetweenDigests(self) -> None:
        """What looks like a key's digest, but is the seam of two, is none."""
        marks = {b"a": 0x0102030405060708, b"b": 0x0908070605040302, b"c": 0}
        low, high = marks[b"a"], marks[b"b"]
        # As it stands in memory on a machine of either kind.
        octets = b"".join(each.to_bytes(8, sys.byteorder) for each in (low, high))
        marks[b"c"] = int.from_bytes(octets[1:9], sys.byteorder)
        self.joint.cells = 1
        self.patch(self.joint, "mark", marks.__getitem__)
        one, other = self.joint.column(1), self.joint.column(2)
        one.take(b"a", 1), one.take(b"b", 1)
        self.assertEqual(other.others(b"c"), 0)
        one.take(b"c", 5)
        self.assertEqual(other.others(b"c"), 1)

    def test_digestsOfServersDiffer(self) -> None:
        """Nobody can look for keys that count together."""
        self.assertNotEqual(JointCounts(2, 10).mark(b"a"), self.joint.mark(b"a"))

    def test_othersAtTheSameMoment(self) -> None:
        """Where another came, and went away again, there is room all the same."""
        self.assertTrue(_Crossed(self.joint, 2).take(b"a", 1))
        self.assertEqual(self.other.others(b"a"), 1)

    def test_othersAgainAndAgain(self) -> None:
        """It is not tried for ever."""
        self.assertFalse(_Crossed(self.joint, 100).take(b"a", 1))
        self.assertEqual(self.other.others(b"a"), 0)

    @settings(max_examples=60, deadline=None)
    @given(
        st.integers(1, 4),
        st.integers(1, 3),
        st.lists(st.tuples(st.integers(0, 3), st.sampled_from(KEYS), st.booleans())),
    )
    def test_isRightAtAnyTime(
        self, processes: int, most: int, steps: list[tuple[int, bytes, bool]]
    ) -> None:
        """Whatever they do in turns, it is as if one had counted."""
        joint = JointCounts(processes, 3)
        columns = [joint.column(each + 1) for each in range(processes)]
        had: Counter[tuple[int, bytes]] = Counter()
        for which, key, takes in steps:
            place = which % processes
            total = sum(had[each, key] for each in range(processes))
            if takes:
                took = columns[place].take(key, most)
                self.assertEqual(took, total < most)
                had[place, key] += took
            elif had[place, key]:
                columns[place].give(key)
                had[place, key] -= 1
            for each, column in enumerate(columns):
                total = sum(had[other, key] for other in range(processes))
                self.assertEqual(column.own(key), had[each, key])
                self.assertEqual(column.others(key), total - had[each, key])


class _Crossed(Counts):
    """One of two processes, where the other comes and goes with it, so many times."""

    def __init__(self, joint: JointCounts, times: int) -> None:
        super().__init__(joint, 1)
        self._sieve = cast(
            "memoryview[int]", _Sieve(joint.sieve, joint.column(2), times)
        )


class _Sieve:
    """A sieve: whenever one process adds something, another does."""

    def __init__(self, words: memoryview[int], other: Counts, times: int) -> None:
        self.words, self.other, self.times = words, other, times

    def __getitem__(self, place: Any) -> Any:
        return self.words[place]

    def __setitem__(self, place: int, value: int) -> None:
        self.words[place] = value
        if self.other.own(b"a"):
            self.other.give(b"a")
        if value and self.times:
            self.times -= 1
            # More than may be: it says so, and will look after that.
            self.other.take(b"a", 9)
