"""
Tests for L{smtpx.tls.sharedkeys}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.tlsterms import USUAL, TLSTerms
from smtpx.tls.sharedkeys import KEYS_LEAST, KEYS_MOST, RingName, SharedKeys

from .forking import forked

ONE = RingName((b"one",), USUAL, False)
TWO = RingName((b"one",), TLSTerms(minimum="TLSv1.3"), True)


class SharedKeysTests(SynchronousTestCase):
    """Keys that are made ahead."""

    def setUp(self) -> None:
        """Two rings, whose keys seal for ten seconds, made for 160."""
        self.clock = Clock()
        self.clock.advance(1005)
        self.keys = SharedKeys((ONE, TWO), 20.0, self.clock.seconds, 160.0)
        self.keys.makeAhead()

    def numbers(self, keys: SharedKeys | None = None) -> list[int]:
        """Which keys there are of the first ring."""
        series = (keys or self.keys).series(ONE)
        assert series is not None
        return sorted(series.contexts)

    def test_ahead(self) -> None:
        """There is a key for the present period, and for each that follows."""
        self.assertEqual(self.numbers(), [*range(100, 116)])
        self.assertFalse(self.keys.due)

    def test_ringsAreApart(self) -> None:
        """Each ring has keys of its own; one that nobody foresaw has none."""
        one, two = self.keys.series(ONE), self.keys.series(TWO)
        assert one is not None and two is not None
        self.assertFalse({*one.contexts.values()} & {*two.contexts.values()})
        self.assertIsNone(self.keys.series(RingName((), USUAL, False)))

    def test_pastIsDestroyed(self) -> None:
        """What is older than the key before goes, also where nobody makes any."""
        self.clock.advance(30)
        self.assertEqual(self.numbers()[0], 100)
        self.keys.tidy()
        self.assertEqual(self.numbers(), [*range(102, 116)])

    def test_runOut(self) -> None:
        """Before they run out it is said; then there are more, beside the others."""
        self.clock.advance(120)
        self.assertFalse(self.keys.due)
        before = self.keys.series(ONE)
        assert before is not None
        old = dict(before.contexts)
        worker = forked(self.keys)
        self.clock.advance(10)
        self.assertTrue(self.keys.due)
        self.assertTrue(worker.due)
        self.keys.makeAhead()
        self.assertFalse(self.keys.due)
        self.assertEqual(self.numbers(), [*range(112, 129)])
        for number in (113, 114, 115):
            self.assertIs(before.contexts[number], old[number])
        self.assertEqual(self.numbers(worker)[-1], 115)

    def test_eraGivesKeysUp(self) -> None:
        """
        Where one process gives the keys up, all of them go on with others: neither the
        present one, nor its neighbours, are taken again.
        """
        worker = forked(self.keys)
        series = worker.series(ONE)
        assert series is not None
        series.table.end()
        worker.tidy()
        self.keys.tidy()
        self.assertEqual(self.numbers(), [*range(102, 116)])
        self.assertEqual(self.numbers(worker), self.numbers())
        self.assertEqual(series.number, 103)
        for _ in range(4):
            series.table.end()
        self.assertTrue(self.keys.due)

    def test_howMany(self) -> None:
        """
        There are never so few that a replacement would come too late, nor so many that
        they cost much.
        """
        for lifetime, count in (
            (7200.0, 72),
            (60.0, KEYS_MOST),
            (604_800.0, KEYS_LEAST),
        ):
            self.assertEqual(SharedKeys((), lifetime).count, count)

    def test_noRings(self) -> None:
        """Where nobody may resume anything, nothing is ever due."""
        keys = SharedKeys(())
        keys.makeAhead()
        self.assertFalse(keys.due)
