"""Tests for L{smtpx.policy.rules.faults}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.rules.faults import BadRule, Fault


class FaultTests(SynchronousTestCase):
    """What is wrong with a rule."""

    def test_faultSaysWhereItIs(self) -> None:
        """An option, and an item of its list."""
        self.assertEqual(str(Fault(("spf", 1), "no")), "spf[1]: no")
        self.assertEqual(str(Fault((), "no")), "no")

    def test_faultOfAPartIsOneOfTheWhole(self) -> None:
        """The way to it gets longer in front."""
        inside = Fault((1,), "no", "x", ("y",)).inside("spf")
        self.assertEqual(inside, Fault(("spf", 1), "no", "x", ("y",)))

    def test_allThatIsWrongIsSaid(self) -> None:
        """With the rule's name, where there is one."""
        faults = [Fault(("a",), "one"), Fault((), "two")]
        self.assertEqual(str(BadRule(faults)), "a: one; two")
        self.assertEqual(str(BadRule(faults, "mine")), "mine: a: one; two")
