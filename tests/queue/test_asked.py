"""Tests for L{smtpx.queue.asked}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.asked import MOST, Asked


class AskedTests(SynchronousTestCase):
    """Who was asked for."""

    def test_untilItIsTried(self) -> None:
        """A message is asked for until it was tried."""
        asked = Asked()
        asked.ask(["a", "b"], 5.0)
        asked.ask(["b"], 6.0)
        found = [asked.when(id) for id in "abc"]
        self.assertEqual(found, [5.0, 6.0, None])
        asked.tried("a")
        asked.tried("c")
        found = [asked.when(id) for id in "abc"]
        self.assertEqual(found, [None, 6.0, None])

    def test_some(self) -> None:
        """It is known whether anybody is remembered."""
        asked = Asked()
        self.assertFalse(asked.some)
        asked.ask(["a", "b"], 5.0)
        found = []
        for id in "cab":
            asked.tried(id)
            found.append(asked.some)
        self.assertEqual(found, [True, True, False])
        asked.ask([str(number) for number in range(MOST + 1)], 5.0)
        asked.tried("0")
        self.assertTrue(asked.some)

    def test_many(self) -> None:
        """Where they are too many, it is all messages; the last time counts."""
        asked = Asked()
        asked.ask([str(number) for number in range(MOST)], 5.0)
        self.assertIs(asked.when("x"), None)
        asked.ask(["0"], 6.0)
        self.assertEqual((asked.when("0"), asked.when("x")), (6.0, None))
        asked.ask(["x"], 7.0)
        self.assertEqual([asked.when(id) for id in ("0", "x", "y")], [7.0] * 3)
        asked.ask(["y"], 8.0)
        asked.tried("x")
        self.assertEqual([asked.when(id) for id in ("0", "x", "y")], [7.0, 7.0, 8.0])
