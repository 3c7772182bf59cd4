"""
Tests for L{smtpx.commands.features}.
"""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands import features
from smtpx.core.errors import Conflict
from smtpx.service.extensions import findExtensions
from tests.commands.terminals import Terminal


class FeaturesTests(SynchronousTestCase):
    """C{smtpx features}."""

    def test_people(self) -> None:
        """A table."""
        ran = Terminal().run("features")
        self.assertEqual((ran.status, ran.err), (0, ""))
        self.assertIn("Extensions:\n", ran.out)
        for name in findExtensions():
            self.assertIn(f"  {name} ", ran.out)

    def test_programs(self) -> None:
        """JSON."""
        ran = Terminal().run("features", "--json")
        listed = json.loads(ran.out)
        self.assertEqual(set(listed[0]), {"group", "name", "found", "what"})
        named = {each["name"] for each in listed}
        self.assertLess({"AUTH", "twisted", "SQLite", "SSL_session_reused"}, named)

    def test_conflict(self) -> None:
        """Two extensions of one name are said to be there."""

        def find() -> object:
            raise Conflict("a and b both bring X")

        self.patch(features, "findExtensions", find)
        ran = Terminal().run("features")
        self.assertEqual(
            (ran.status, ran.out, ran.err), (1, "", "smtpx: a and b both bring X\n")
        )
