"""
Tests for L{smtpx.joint.sums}.
"""

from __future__ import annotations

import sys
from collections import Counter

from hypothesis import given, settings, strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.joint.sums import KEPT_SECONDS, JointSums


class SumsTests(SynchronousTestCase):
    """What others have added, and have not told otherwise."""

    def setUp(self) -> None:
        """Three processes with room for four keys each."""
        self.clock = Clock()
        self.joint = JointSums(3, 4)
        self.one, self.two, self.three = (
            self.joint.column(number, self.clock.seconds) for number in (1, 2, 3)
        )

    def test_added(self) -> None:
        """It is added up over all others, and what is one's own is not in it."""
        self.one.add(b"a", 1)
        self.one.add(b"a", 2.5)
        self.one.add(b"b", 7)
        self.two.add(b"a", 10)
        self.assertEqual(self.three.others(b"a", 0), 13.5)
        self.assertEqual(self.two.others(b"a", 0), 3.5)
        self.assertEqual(self.one.others(b"b", 0), 0)
        self.assertEqual(self.one.others(b"c", 0), 0)

    def test_settled(self) -> None:
        """Who has read it does not count it again; who has not does."""
        self.one.add(b"a", 1)
        places = self.one.taken()
        self.one.add(b"a", 2)
        self.assertEqual(self.two.others(b"a", 8), 3)
        self.one.settle(places, 9)
        self.assertEqual(self.two.others(b"a", 8), 3)
        self.assertEqual(self.two.others(b"a", 9), 2)

    def test_settledGoes(self) -> None:
        """What was settled is gone after a while, and nothing else."""
        self.one.add(b"a", 1)
        self.one.settle(self.one.taken(), 9)
        self.one.add(b"a", 2)
        self.clock.advance(KEPT_SECONDS)
        self.one.settle([], 10)
        self.assertEqual(self.two.others(b"a", 0), 2)

    def test_full(self) -> None:
        """Where there is no room, what was added longest ago goes."""
        for number, key in enumerate((b"a", b"b", b"c", b"d", b"e"), 1):
            self.one.add(key, number)
        taken = self.one.taken()
        found = [self.two.others(key, 0) for key in (b"a", b"b", b"e")]
        self.assertEqual(found, [0, 2, 5])
        for key in (b"f", b"g", b"h", b"i"):
            self.one.add(key, 6)
        # What was taken is not there any more, and makes others no older.
        self.one.settle(taken, 9)
        self.clock.advance(KEPT_SECONDS)
        self.one.settle([], 10)
        self.assertEqual(self.two.others(b"f", 99), 6)
        self.one.add(b"f", 1)
        self.assertEqual(self.two.others(b"f", 99), 7)

    @settings(max_examples=100)
    @given(
        st.lists(st.tuples(st.integers(1, 2), st.sampled_from(b"abcd"), st.booleans()))
    )
    def test_likeADictionary(self, steps: list[tuple[int, int, bool]]) -> None:
        """Whatever is added and settled, the others' open sums are seen, exactly."""
        joint = JointSums(2, 4)
        clock = Clock()
        processes = {number: joint.column(number, clock.seconds) for number in (1, 2)}
        sums: dict[int, Counter[int]] = {1: Counter(), 2: Counter()}
        for number, key, settles in steps:
            clock.advance(1)
            processes[number].add(bytes([key]), 1)
            sums[number][key] += 1
            if settles:
                processes[number].settle(processes[number].taken(), 1)
                sums[number].clear()
                clock.advance(KEPT_SECONDS)
                processes[number].settle([], 1)
            for each in b"abcd":
                seen = processes[3 - number].others(bytes([each]), 1)
                self.assertEqual(seen, sums[number][each])

    def test_successor(self) -> None:
        """A process that takes another's place begins with nothing."""
        self.one.add(b"a", 1)
        self.joint.column(1, self.clock.seconds)
        self.assertEqual(self.two.others(b"a", 0), 0)

    def test_betweenDigests(self) -> None:
        """Octets of two digests side by side are not a third."""
        marks = self.joint.marks
        marks[0], marks[1] = 0x1122334455667788, 0x99AABBCCDDEEFF00
        self.joint.values[0] = self.joint.values[1] = 1.0
        self.joint.heads[0] = 2
        octets = bytes(marks.cast("B")[:16])
        for at in range(9):
            mark = int.from_bytes(octets[at : at + 8], sys.byteorder)
            self.patch(self.joint, "mark", lambda key, mark=mark: mark)
            self.assertEqual(self.two.others(b"", 0), at in (0, 8))
