"""Tests for L{smtpx.policy.lookups.complaints}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.lookups import Complaints
from smtpx.policy.lookups.complaints import spelled

from .tables import Heard


class ComplaintTests(SynchronousTestCase):
    """What is told of a look-up."""

    def setUp(self) -> None:
        """Somebody listens."""
        self.heard = Heard()
        self.now = 0.0

    def test_once(self) -> None:
        """Each thing is told once, and that all is well again."""
        complaints = self.heard.complaints()
        complaints.works()
        for why in ("gone", "gone", "locked"):
            complaints.fails(why)
        complaints.works()
        complaints.works()
        self.assertEqual(
            self.heard.told,
            [
                ("lookup.broken", "gone"),
                ("lookup.broken", "locked"),
                ("lookup.works", None),
            ],
        )

    def test_comesAndGoes(self) -> None:
        """Of one that comes and goes it is told once a minute."""
        complaints = Complaints("some", self.heard.publish, lambda: self.now)
        for n in range(5):
            complaints.fails(f"key {n}")
            complaints.works()
        self.assertEqual(
            self.heard.told, [("lookup.broken", "key 0"), ("lookup.works", None)]
        )
        self.now = 60.0
        complaints.fails("key 5")
        self.assertEqual(self.heard.told[2:], [("lookup.broken", "key 5")])

    def test_spelled(self) -> None:
        """What is wrong, in few words."""
        self.assertEqual(spelled(OSError(13, "No")), "cannot be read: No")
        self.assertEqual(spelled(ValueError("bad")), "bad")
        self.assertEqual(spelled(ValueError()), "ValueError")
