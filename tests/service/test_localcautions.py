"""Tests for L{smtpx.service.localcautions}."""

from __future__ import annotations

import os

from smtpx.service.localcautions import localCautions
from smtpx.service.places import whoIsThis

from .test_routes import RouteTestCase

HOLD = "[[route]]\ntransport = 'hold'\n"


class LocalCautionsTests(RouteTestCase):
    """Routes that keep mail here."""

    def told(self, text: str) -> list[str]:
        """What is to be known of routes."""
        found = localCautions(self.site.machine, self.read(text))
        return [str(each).removeprefix(str(self.file)) for each in found]

    def test_noWayOn(self) -> None:
        """What is released has to have a way, for each recipient and sender."""
        everybody = "[[route]]\nmatch = ['*']\nsenders = ['a.example']\n"
        match = "match = ['ann@x.example', 'x.example', '*.x.example', '*']\n"
        again = "is released from hold has no other route, so it would be on hold again"
        self.assertEqual(
            self.told(f"{HOLD}{match}"),
            [
                f":3: route[0].match[{at}]: mail for {pattern} that {again}"
                for at, pattern in enumerate(
                    ("ann@x.example", "x.example", "*.x.example", "*")
                )
            ],
        )
        one = "match = ['x.example']\nsenders = ['a.example', '<>']\n"
        [caution] = self.told(f"{HOLD}{one}{everybody}")
        self.assertIn("route[0].match[0]: mail for x.example", caution)
        one = "match = ['x.example']\nsenders = ['a.example']\n"
        self.assertEqual(self.told(f"{HOLD}{one}{everybody}"), [])

    def test_maildirs(self) -> None:
        """Where they stand below a folder of somebody else, they cannot be made."""
        folder = self.site.folder / "mail"
        text = f"[[route]]\nmatch = ['*']\npath = '{folder}/of-{{user}}/x'\n"
        self.assertEqual(self.told(text), [])
        folder.mkdir()
        self.assertEqual(self.told(text), [])
        self.patch(os, "access", lambda path, mode: path != folder)
        self.assertEqual(
            self.told(text),
            [
                f":3: route[0].path: {folder} cannot be written to by {whoIsThis()},"
                " so only Maildirs that are there already can be delivered to"
            ],
        )
