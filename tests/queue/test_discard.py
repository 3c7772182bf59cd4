"""Tests for L{smtpx.queue.discard}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.queue.discard import Discard
from smtpx.queue.interfaces import Attempt, ITransport
from smtpx.spool.format import Fate, Outcome
from smtpx.testing.spool import MemoryBody

from .doubles import messageFor


class DiscardTests(SynchronousTestCase):
    """Messages that are thrown away."""

    def test_everybodyHasIt(self) -> None:
        """To the spool it is a delivery; the log says what it was."""
        self.assertTrue(verifyObject(ITransport, Discard()))
        attempt = Attempt(messageFor(b"a@x", b"b@x"), MemoryBody(b""), (1,))
        self.assertEqual(
            self.successResultOf(Discard().deliver(attempt)),
            [Outcome(1, Fate.DELIVERED, "discarded")],
        )
