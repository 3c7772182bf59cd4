"""
Tests for L{smtpx.observe.journey}.
"""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.journey import Talk

from .talks import JOURNEY, SLOW


class JourneyTests(SynchronousTestCase):
    """A message's way, as a value."""

    def test_asJSON(self) -> None:
        """Everything is there, under the names of the attributes."""
        read = json.loads(json.dumps(JOURNEY.asJSON()))
        self.assertEqual(read["seconds"], 2.85)
        look, refused, _, talk = read["parts"]
        self.assertEqual(
            look,
            {
                "kind": "lookup",
                "seconds": 0.0,
                "untilSeconds": 0.02,
                "name": "x.example",
                "found": ["mx.example.org:25 [192.0.2.25]"],
                "problem": None,
            },
        )
        self.assertEqual(
            refused,
            {
                "kind": "connect",
                "seconds": 0.02,
                "untilSeconds": 0.1,
                "host": "mx.example.org",
                "address": "2001:db8::25",
                "port": 25,
                "problem": "No route to host",
            },
        )
        self.assertEqual(talk["trace"]["address"], "192.0.2.25")
        self.assertAlmostEqual(talk["untilSeconds"], 2.81)

    def test_talks(self) -> None:
        """The sessions are found."""
        self.assertEqual(JOURNEY.talks, (Talk(0.15, SLOW),))
