"""
Tests for L{smtpx.spool.headroom}: how much room there is.
"""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from smtpx.spool.headroom import Headroom


class HeadroomTests(SynchronousTestCase):
    """A disk, and its mark."""

    def test_octets(self) -> None:
        """It knows what the file system says."""
        folder = self.mktemp()
        os.mkdir(folder)
        headroom = Headroom(folder, 0, lambda: 0.0)
        self.assertGreater(headroom.octets(), 0)
        self.assertIsNone(headroom.lately())

    def test_short(self) -> None:
        """Below the mark there is too little, and it says how much that is."""
        headroom = Headroom("spool", 4096, lambda: 0.0)
        self.assertIsNone(headroom.short(4096))
        self.assertEqual(
            headroom.short(4095), "spool: only 4095 octets of room are left"
        )

    def test_onceASecond(self) -> None:
        """It is looked once a second, and when the clock was set back."""
        room, now = [9], [5.0]
        headroom = Headroom("spool", 8, lambda: now[0])
        self.patch(headroom, "octets", lambda: room[0])
        for seconds, octets, short in (
            (5.0, 9, False),
            (5.9, 7, False),
            (6.0, 7, True),
            (6.5, 9, True),
            (6.4, 9, True),
            (5.5, 9, False),
        ):
            now[0], room[0] = seconds, octets
            self.assertEqual(headroom.lately() is not None, short, seconds)
