"""
Tests for L{smtpx.service.workers.worker}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.service.workers import IOthers, Worker
from smtpx.service.workers.worker import Alone


class WorkerTests(SynchronousTestCase):
    """Which worker a process is."""

    def test_alone(self) -> None:
        """A server of one process leads, and has nobody to ask."""
        worker = Worker()
        self.assertTrue(worker.leads)
        verifyObject(IOthers, worker.others)
        self.assertEqual(self.successResultOf(Alone().ask("status", {}, 1.0)), {})

    def test_oneLeads(self) -> None:
        """One of several does."""
        leads = [Worker(number, 3).leads for number in (1, 2, 3)]
        self.assertEqual(leads, [True, False, False])

    def test_shares(self) -> None:
        """Shares sum up to the whole; none is without any."""
        for most, expected in ((10, [4, 3, 3]), (9, [3, 3, 3]), (2, [1, 1, 1])):
            shares = [Worker(number, 3).share(most) for number in (1, 2, 3)]
            self.assertEqual(shares, expected)
