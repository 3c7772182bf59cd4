"""Tests for L{smtpx.joint.number}."""

from __future__ import annotations

from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from smtpx.joint import JointCount


class JointCountTests(SynchronousTestCase):
    """A number that processes count together."""

    def setUp(self) -> None:
        """Two of them."""
        self.joint = JointCount(2)
        self.one, self.other = self.joint.column(1), self.joint.column(2)

    def test_boundHoldsForAll(self) -> None:
        """Whoever takes, there are no more than there may be."""
        took = [each.take(3) for each in (self.one, self.other, self.one, self.other)]
        self.assertEqual(took, [True, True, True, False])
        self.assertEqual((self.one.own, self.other.own), (2, 1))
        self.assertEqual(self.one.all, 3)

    def test_whoGivesMakesRoom(self) -> None:
        """What one gives back another can take."""
        self.assertTrue(self.one.take(1))
        self.assertFalse(self.other.take(1))
        self.one.give()
        self.assertTrue(self.other.take(1))
        self.assertFalse(self.one.take(1))

    def test_successorBeginsFromNothing(self) -> None:
        """What a process that died had is forgotten, and nothing of the others is."""
        self.one.take(9)
        self.other.take(9)
        again = self.joint.column(1)
        self.assertEqual((again.own, again.all), (0, 1))

    def test_least(self) -> None:
        """It is known what the process has that has the fewest, of those at work."""
        joint = JointCount(3)
        one = joint.column(1)
        self.assertIsNone(one.least)
        other = joint.column(2)
        for _ in range(3):
            other.take(9)
            one.take(9)
        one.take(9)
        self.assertEqual((one.least, other.least), (3, 4))
        third = joint.column(3)
        self.assertEqual((one.least, third.least), (0, 3))
        joint.clear(3)
        self.assertEqual(one.least, 3)

    def test_cleared(self) -> None:
        """It is forgotten without a successor, too."""
        self.one.take(9)
        self.joint.clear(1)
        self.assertEqual(self.other.all, 0)

    def meet(self, times: int) -> bool:
        """Take the only one there is, while another wants it so many times."""
        self.joint.words = cast("memoryview[int]", _Crossed(times))
        return self.joint.column(1).take(1)

    def test_othersAtTheSameMoment(self) -> None:
        """Where another came, and went away again, there is room all the same."""
        self.assertTrue(self.meet(2))
        self.assertEqual(self.joint.words[0], 1)

    def test_othersAgainAndAgain(self) -> None:
        """It is not tried for ever."""
        self.assertFalse(self.meet(100))
        self.assertEqual(self.joint.words[0], 0)


class _Crossed(list[int]):
    """Numbers of two processes: the second comes and goes whenever the first does."""

    def __init__(self, times: int) -> None:
        super().__init__([0, 0])
        self.times = times

    def __setitem__(self, place: Any, value: Any) -> None:
        super().__setitem__(place, value)
        self.times -= value
        super().__setitem__(1, int(bool(value) and self.times >= 0))
