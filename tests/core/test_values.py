"""Tests for L{smtpx.core.values}."""

from __future__ import annotations

from attrs import evolve, field, frozen
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.values import value


@value
class Pair:
    """Two, and one that makes no difference."""

    one: int
    other: str = ""
    aside: float = field(default=0.0, eq=False)


@frozen
class FrozenPair:
    """The same, frozen."""

    one: int
    other: str = ""
    aside: float = field(default=0.0, eq=False)


@value(eq=False)
class Single:
    """One that is the same as no other."""

    one: list[int]


class ValueTests(SynchronousTestCase):
    """Values."""

    def test_equality(self) -> None:
        """Two that have the same are the same, and have the same hash."""
        for made in (Pair, FrozenPair):
            pair = made(1, "x", 2.0)
            self.assertEqual(pair, made(1, "x"))
            self.assertNotEqual(pair, made(1, "y"))
            self.assertEqual(len({pair, made(1, "x"), made(2, "x")}), 2)
        self.assertEqual(repr(Pair(1)), "Pair(one=1, other='', aside=0.0)")

    def test_identity(self) -> None:
        """Others are themselves only, whatever they have."""
        one, other = Single([1]), Single([1])
        self.assertNotEqual(one, other)
        self.assertEqual(len({one, other, one}), 2)

    def test_evolved(self) -> None:
        """Another is made, and the first stays what it was."""
        pair = Pair(1, "x")
        self.assertEqual(evolve(pair, one=2), Pair(2, "x"))
        self.assertEqual(pair, Pair(1, "x"))

    def test_noPlaceForMore(self) -> None:
        """There is nothing else on them."""
        self.assertFalse(hasattr(Pair(1), "__dict__"))
