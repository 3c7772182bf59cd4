"""
Tests for L{smtpx.queue.tlscounts}.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue import tlscounts
from smtpx.queue.tlscounts import Applied, Count, Counts, Event, Failed, dayOf
from smtpx.tls.tlsrpt import ResultType

POLICY = Applied("sts", "example.org", ("version: STSv1",), ("mx.example.org",))
GOOD = Event(10, "example.org", POLICY)
BAD = evolve(GOOD, failed=Failed(ResultType.EXPIRED, "198.51.100.1", "mx.example.org"))


class CountsTests(SynchronousTestCase):
    """Counting in memory."""

    def test_added(self) -> None:
        """What happens several times is counted once, with how often."""
        counts = Counts()
        for each in (GOOD, BAD, GOOD):
            counts.add(each)
        self.assertEqual(len(counts), 2)
        self.assertEqual(counts.taken(), [Count(GOOD, 2), Count(BAD, 1)])
        self.assertEqual(counts.taken(), [])

    def test_tooMany(self) -> None:
        """
        Where there is much, details are left out; where there is too much, only how
        much was left out is known.
        """
        counts = Counts(4)
        for number in range(4):
            failed = Failed(ResultType.EXPIRED, reason=str(number))
            counts.add(evolve(GOOD, failed=failed))
        roughly = evolve(GOOD, failed=Failed(ResultType.EXPIRED))
        self.assertEqual(len(counts), 3)
        for domain in ("a.example", "b.example", "c.example"):
            counts.add(evolve(GOOD, domain=domain))
        counts.add(roughly)
        self.assertEqual(counts.lost, 2)
        self.assertIn(Count(roughly, 3), counts.taken())

    def test_returned(self) -> None:
        """What could not be written down is counted on, as far as there is room."""
        counts = Counts(2)
        counts.add(GOOD)
        taken = counts.taken()
        counts.add(GOOD)
        counts.returned([*taken, Count(BAD, 3), Count(evolve(GOOD, day=11), 5)])
        self.assertEqual(counts.lost, 5)
        self.assertEqual(counts.taken(), [Count(GOOD, 2), Count(BAD, 3)])

    def test_bounds(self) -> None:
        """Reasons and policies are cut, and have nothing in them for terminals."""
        self.assertEqual(Failed(ResultType.FAILURE, reason="a\x1bb").reason, "a?b")
        self.assertEqual(len(Failed(ResultType.FAILURE, reason="x" * 999).reason), 200)
        policy = Applied("sts", "a", ["x" * 999] * 999)
        self.assertEqual((len(policy.lines), len(policy.lines[0])), (13, 300))
        policy = Applied("sts", "a", ["x"] * 999)
        self.assertEqual(len(policy.lines), 100)

    def test_manyPolicies(self) -> None:
        """Of many policies some are held in full, each once; the others are counted."""
        self.patch(tlscounts, "_POLICIES_HELD", 2)
        counts = Counts()
        for number in (1, 1, 2, 3, 4, 3):
            policy = Applied("sts", "example.org", (str(number),))
            for failed in (None, Failed(ResultType.EXPIRED)):
                counts.add(evolve(GOOD, policy=policy, failed=failed))
        taken = counts.taken()
        self.assertEqual(len({id(each.event.policy) for each in taken}), 3)
        bare = Applied("sts", "example.org")
        self.assertIn(Count(evolve(GOOD, policy=bare), 3), taken)
        counts.add(GOOD)
        self.assertEqual(counts.taken(), [Count(GOOD, 1)])

    def test_day(self) -> None:
        """Days are those of UTC."""
        self.assertEqual((dayOf(86399.9), dayOf(86400.0)), (0, 1))
