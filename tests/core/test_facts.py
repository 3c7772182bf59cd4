"""
Tests for L{smtpx.core.facts}.
"""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.facts import _IDs, freshID


class FreshIDTests(SynchronousTestCase):
    """Ids of sessions."""

    def test_fresh(self) -> None:
        """No two sessions have the same."""
        ids = [freshID() for _ in range(3)]
        self.assertEqual(len(set(ids)), 3)
        for id in ids:
            self.assertRegex(id, re.compile(r"\A[0-9a-f]{8}-[0-9a-f]+\Z"))

    def test_forked(self) -> None:
        """A process that was forked off another does not go on as that one does."""
        ids = _IDs()
        first = ids.next()
        ids.begin()
        other = ids.next()
        self.assertNotEqual(other.partition("-")[0], first.partition("-")[0])
        self.assertEqual(other.partition("-")[2], "1")
