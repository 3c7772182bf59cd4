"""
Tests for L{smtpx.joint.recent}.
"""

from __future__ import annotations

import sys

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.joint.recent import JointRecent


class RecentTests(SynchronousTestCase):
    """What was noted of late."""

    def setUp(self) -> None:
        """Three processes, each of which remembers four keys."""
        self.joint = JointRecent(3, 4)
        self.one, self.two, self.three = (
            self.joint.column(number) for number in (1, 2, 3)
        )

    def test_known(self) -> None:
        """What one has noted all know."""
        self.assertFalse(self.one.known(b"a"))
        self.two.note(b"a")
        for each in (self.one, self.two, self.three):
            self.assertTrue(each.known(b"a"))
            self.assertFalse(each.known(b"b"))

    def test_oldestGoes(self) -> None:
        """A process remembers so many, and nobody else's go for them."""
        self.two.note(b"other")
        for key in (b"a", b"b", b"c", b"d", b"e"):
            self.one.note(key)
        self.assertFalse(self.three.known(b"a"))
        for key in (b"b", b"c", b"d", b"e", b"other"):
            self.assertTrue(self.three.known(key))

    def test_successor(self) -> None:
        """A process that takes another's place knows what that one has noted."""
        self.one.note(b"a")
        self.assertFalse(self.joint.column(1).claim(b"a"))
        self.joint.column(1).note(b"b")
        self.assertTrue(self.two.known(b"a"))
        self.assertTrue(self.two.known(b"b"))

    def test_claimedOnce(self) -> None:
        """What one has claimed nobody may claim again, not even itself."""
        self.assertTrue(self.one.claim(b"a"))
        for each in (self.one, self.two, self.three):
            self.assertFalse(each.claim(b"a"))
        self.assertTrue(self.two.claim(b"b"))

    def test_claimedAtTheSameMoment(self) -> None:
        """Where both say it before either looks, neither has it."""
        mark = self.joint.mark(b"a")
        self.two._write(mark)
        self.assertFalse(self.one.claim(b"a"))
        self.assertTrue(self.one._has(0, mark))

    def test_betweenDigests(self) -> None:
        """Octets of two digests side by side are not a third."""
        marks = self.joint.marks
        marks[0], marks[1] = 0x1122334455667788, 0x99AABBCCDDEEFF00
        octets = bytes(marks.cast("B")[:16])
        self.joint.counts[0] = 2
        for at in range(1, 8):
            between = int.from_bytes(octets[at : at + 8], sys.byteorder)
            self.assertFalse(self.two._has(0, between))
        self.assertTrue(self.two._has(0, marks[1]))

    @settings(max_examples=100)
    @given(st.lists(st.tuples(st.integers(1, 3), st.binary(max_size=2))))
    def test_likeASet(self, noted: list[tuple[int, bytes]]) -> None:
        """It is known what each has noted last, and who may claim what."""
        joint = JointRecent(3, 1000)
        processes = {number: joint.column(number) for number in (1, 2, 3)}
        known: set[bytes] = set()
        for number, key in noted:
            self.assertEqual(processes[number].known(key), key in known)
            self.assertEqual(processes[number].claim(key), key not in known)
            known.add(key)
