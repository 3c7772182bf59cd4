"""Tests for L{smtpx.dns.cache}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.dns.cache import Cache, CacheBounds

A = (b"a.test", "A")
B = (b"b.test", "A")
C = (b"c.test", "A")


class CacheTests(SynchronousTestCase):
    """What is kept."""

    def setUp(self) -> None:
        """An empty cache for three answers."""
        self.clock = Clock()
        self.cache = Cache[str](self.clock.seconds, 3)

    def test_goodForItsTime(self) -> None:
        """An answer is good until it expires, for its own question."""
        self.cache.keep(A, "a", 10.0)
        self.clock.advance(9.9)
        self.assertEqual(self.cache.get(A), "a")
        self.assertIsNone(self.cache.get(B))
        self.assertIsNone(self.cache.get((b"a.test", "AAAA")))
        self.clock.advance(0.1)
        self.assertIsNone(self.cache.get(A))
        self.assertEqual(len(self.cache), 0)

    def test_newerReplacesOlder(self) -> None:
        """There is one answer to a question."""
        self.cache.keep(A, "old", 10.0)
        self.cache.keep(A, "new", 20.0)
        self.clock.advance(15)
        self.assertEqual(self.cache.get(A), "new")
        self.assertEqual(len(self.cache), 1)

    def test_leastWantedGoesFirst(self) -> None:
        """Where there is no room, what nobody has wanted for longest goes."""
        for question in (A, B, C):
            self.cache.keep(question, "x", 10.0)
        self.cache.get(A)
        self.cache.keep((b"d.test", "A"), "d", 10.0)
        self.assertEqual(len(self.cache), 3)
        self.assertIsNone(self.cache.get(B))
        self.assertEqual(self.cache.get(A), "x")

    def test_longAnswersTakeMoreRoom(self) -> None:
        """A long answer counts as several; one that is too long is not kept."""
        for question in (A, B, C):
            self.cache.keep(question, "x", 10.0)
        self.cache.keep((b"d.test", "A"), "long", 10.0, octets=600)
        self.assertEqual(len(self.cache), 2)
        self.cache.keep((b"d.test", "A"), "longer", 10.0, octets=5000)
        self.assertIsNone(self.cache.get((b"d.test", "A")))
        for question in (A, B, C):
            self.cache.keep(question, "x", 10.0)
        self.assertEqual(len(self.cache), 3)

    def test_expiredMakesRoom(self) -> None:
        """What expired and was asked for takes no room any more."""
        for round in range(5):
            for question in (A, B, C):
                self.cache.keep(question, "x", 10.0 * round + 5)
            self.assertEqual(len(self.cache), 3)
            self.clock.advance(10)
            for question in (A, B, C):
                self.assertIsNone(self.cache.get(question))
        self.cache.keep(A, "long", 1000.0, octets=600)
        self.assertEqual(self.cache.get(A), "long")


class LifetimeTests(SynchronousTestCase):
    """How long an answer is good."""

    def test_bounds(self) -> None:
        """The time to live counts within bounds, which are tighter for nothing."""
        bounds = CacheBounds(minSeconds=2.0, maxSeconds=1000.0, nothingSeconds=100.0)
        for ttl, nothing, expected in (
            (0, False, 2.0),
            (500, False, 500),
            (5000, False, 1000.0),
            (float("inf"), False, 1000.0),
            (0, True, 2.0),
            (50, True, 50),
            (500, True, 100.0),
        ):
            self.assertEqual(bounds.lifetime(ttl, nothing), expected)
