"""Tests for L{smtpx.service.workers.parts}."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.config import Configuration
from smtpx.service.workers import Worker
from smtpx.service.workers.parts import DIVIDED, partOf
from tests.service.test_wiring_strangers import configured


class PartsTests(SynchronousTestCase):
    """What a worker has of bounds that are for all."""

    def parts(self, configuration: Configuration, table: str, name: str) -> list[int]:
        """What each of three workers has."""
        found = []
        for number in (1, 2, 3):
            part: Any = getattr(partOf(configuration, Worker(number, 3)), table)
            found.append(getattr(part, name))
        return found

    def test_oneHasAll(self) -> None:
        """With one worker everything is as it is written."""
        configuration = configured("")
        self.assertIs(partOf(configuration, Worker()), configuration)

    def test_togetherAsMany(self) -> None:
        """All workers together have what was wanted, of each bound."""
        configuration = configured("")
        for table, name in DIVIDED:
            found = getattr(configuration, table)
            if isinstance(found, tuple):
                continue
            parts = self.parts(configuration, table, name)
            self.assertEqual(sum(parts), getattr(found, name), (table, name))
            self.assertLessEqual(max(parts) - min(parts), 1)

    def test_ofEachOfSeveral(self) -> None:
        """Each checker and each milter has its own bound, which is divided."""
        configuration = configured(
            "[[checker]]\nname = 'a'\nkind = 'clamd'\naddress = '/a'\nat_once_max = 7\n"
            "[[checker]]\nname = 'b'\nkind = 'clamd'\naddress = '/b'\nat_once_max = 5\n"
        )
        parts = [partOf(configuration, Worker(each, 2)).checkers for each in (1, 2)]
        found = [[each.atOnceMax for each in part] for part in parts]
        self.assertEqual(found, [[4, 3], [3, 2]])

    def test_nothingStaysNothing(self) -> None:
        """A cache that is to have no room gets none."""
        configuration = configured("[dns]\ncache_max = 0\n")
        self.assertEqual(self.parts(configuration, "dns", "cacheMax"), [0, 0, 0])

    def test_connectionsAreNotDivided(self) -> None:
        """What is counted together stays whole."""
        configuration = configured("[sending]\nconnections = 1\n")
        self.assertEqual(self.parts(configuration, "sending", "connections"), [1] * 3)
