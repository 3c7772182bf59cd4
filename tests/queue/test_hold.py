"""Tests for L{smtpx.queue.hold}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.queue.hold import Hold
from smtpx.queue.interfaces import Attempt, ITransport
from smtpx.spool.format import Fate, Outcome
from smtpx.testing.spool import MemoryBody

from .doubles import messageFor


class HoldTests(SynchronousTestCase):
    """Messages that stay in the spool."""

    def test_isATransportThatHolds(self) -> None:
        """Delivering sees that nothing is to be tried."""
        self.assertTrue(verifyObject(ITransport, Hold()))
        self.assertTrue(Hold().holds)

    def test_everybodyWaits(self) -> None:
        """Whoever has it deliver all the same loses nothing."""
        attempt = Attempt(messageFor(b"a@x", b"b@x"), MemoryBody(b""), (0, 1))
        self.assertEqual(
            self.successResultOf(Hold().deliver(attempt)),
            [Outcome(0, Fate.WAITING, "on hold"), Outcome(1, Fate.WAITING, "on hold")],
        )
