"""
Tests for L{smtpx.core.occasion}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Stamp
from smtpx.core.grammar import FLAG
from smtpx.core.hooks import Capability
from smtpx.core.occasion import ALWAYS, Occasion, occasionOf, when

_HERE = Capability(b"HERE", FLAG)
_THERE = Capability(b"THERE", FLAG)
_NOTE = Stamp[bool]("note", None, bool)


def _hook(number: int) -> int:
    return number + 1


class OccasionTests(SynchronousTestCase):
    """
    Tests for L{Occasion} and L{when}.
    """

    def test_always(self) -> None:
        """A hook of which nothing is said is always asked."""
        self.assertIs(occasionOf(_hook), ALWAYS)
        self.assertTrue(ALWAYS.suits(()))

    def test_offered(self) -> None:
        """A hook may be for peers only that offer something."""
        occasion = Occasion(offers=_HERE)
        self.assertTrue(occasion.suits({b"HERE"}))
        self.assertFalse(occasion.suits({b"THERE"}))

    def test_lacking(self) -> None:
        """A hook may be for peers only that lack something."""
        occasion = Occasion(lacks=_THERE)
        self.assertTrue(occasion.suits({b"HERE"}))
        self.assertFalse(occasion.suits({b"THERE"}))

    def test_both(self) -> None:
        """Both have to be so, where both are said."""
        occasion = Occasion(_HERE, _THERE)
        self.assertTrue(occasion.suits({b"HERE"}))
        self.assertFalse(occasion.suits({b"HERE", b"THERE"}))
        self.assertFalse(occasion.suits(()))

    def test_stillTheHook(self) -> None:
        """Whoever knows nothing of occasions calls the hook as ever."""
        hook = when(_hook, offers=_HERE, lacks=_THERE, of=(_NOTE,))
        self.assertEqual(hook(1), 2)
        occasion = occasionOf(hook)
        self.assertIs(occasion.offers, _HERE)
        self.assertIs(occasion.lacks, _THERE)
        self.assertEqual(occasion.of, {_NOTE})

    def test_whatAUsualMessageIs(self) -> None:
        """It has to be said that a hook need not be asked for one."""
        self.assertEqual(
            (ALWAYS.lasting, ALWAYS.foreign, ALWAYS.plain), (False, False, None)
        )
        occasion = occasionOf(when(_hook, lasting=True, foreign=True, plain=bool))
        self.assertTrue(occasion.lasting)
        self.assertTrue(occasion.foreign)
        self.assertIs(occasion.plain, bool)
