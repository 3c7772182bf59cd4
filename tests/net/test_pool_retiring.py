"""
Tests for L{smtpx.net.pool}: connections that are closed, for others to have places.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.testing import BODY, delayed

from .clients import HOST, WAY, rig
from .network import watched


class RetiringTests(SynchronousTestCase):
    """Idle connections are closed before their time."""

    def test_retired(self) -> None:
        """
        Where another process is to have its place, an idle connection is told goodbye,
        and it is known when it is closed.
        """
        rigged = rig(delayed(b"QUIT", 1))
        rigged.send()
        gone = watched(rigged.pool.retire([evolve(HOST, name=b"x.example")], 1))
        self.assertEqual((gone.fired, rigged.pool.cold(HOST, WAY)), (1, 1))
        gone, again = (watched(rigged.pool.retire([HOST], 1)) for _ in range(2))
        self.assertEqual((gone.fired, rigged.pool.cold(HOST, WAY)), (0, 0))
        rigged.network.run(1.5)
        # Who asks while goodbye is being said waits for it as well.
        self.assertEqual((gone.fired, again.fired, rigged.pool.open), (1, 1, 0))
        self.assertEqual(rigged.commands[-1], b"QUIT")

    def test_retiredSoMany(self) -> None:
        """No more are closed than are to be, and none that is in use."""
        rigged = rig(delayed(BODY, 1))
        for _ in range(3):
            rigged.send()
        rigged.network.run(1.5)
        rigged.send()
        gone = watched(rigged.pool.retire([HOST], 1))
        rigged.network.run(0.5)
        self.assertEqual((gone.fired, rigged.pool.open), (1, 2))
