"""
Tests for L{smtpx.policy.checkers.pump} and L{smtpx.policy.checkers.taps}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.checkers.interfaces import Message
from smtpx.policy.checkers.pump import Pump
from smtpx.policy.checkers.taps import Junction

from .made import MadeCheck


class PumpTests(SynchronousTestCase):
    """A message that is there is given to a check."""

    def setUp(self) -> None:
        """A check, and a message in many pieces."""
        self.clock = Clock()
        self.check = MadeCheck(Message("", None))
        self.pieces = [b"%d\r\n" % number for number in range(50)]
        self.pump = Pump(self.check, iter(self.pieces), self.clock)

    def test_othersGetTheirTurn(self) -> None:
        """A long message does not keep the server from everything else."""
        done = self.pump.run()
        self.assertEqual(b"".join(self.pieces[:16]), self.check.octets)
        self.assertNoResult(done)
        self.clock.advance(0)
        self.successResultOf(done)
        self.assertEqual(b"".join(self.pieces), self.check.octets)
        self.assertIsNone(self.check.producer)

    def test_itWaits(self) -> None:
        """Where the check does not keep up, nothing is read."""
        self.check.pausesAt = 3
        done = self.pump.run()
        self.clock.advance(1)
        self.assertEqual(self.pieces[0], self.check.octets)
        producer = self.check.producer
        assert producer is not None
        self.check.pausesAt = None
        producer.resumeProducing()
        producer.resumeProducing()
        for _ in range(4):
            self.clock.advance(0)
        self.successResultOf(done)
        producer.resumeProducing()
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_noMoreIsWanted(self) -> None:
        """A check that knows enough ends it."""
        done = self.pump.run()
        producer = self.check.producer
        assert producer is not None
        producer.stopProducing()
        producer.stopProducing()
        self.successResultOf(done)
        self.clock.advance(1)
        self.assertEqual(b"".join(self.pieces[:16]), self.check.octets)

    def test_cancelled(self) -> None:
        """So does who wants no opinion any more."""
        done = self.pump.run()
        done.cancel()
        self.failureResultOf(done)
        self.assertEqual([], self.clock.getDelayedCalls())


class JunctionTests(SynchronousTestCase):
    """One producer, and several who may pause it."""

    def test_allOfThem(self) -> None:
        """It goes on when all can, and is let go of at the end."""
        producer = StringTransport()
        junction = Junction(producer)
        first, second = junction.tap(), junction.tap()
        first.pauseProducing()
        second.pauseProducing()
        first.resumeProducing()
        self.assertEqual("paused", producer.producerState)
        self.assertTrue(second.waits)
        junction.close()
        self.assertEqual("producing", producer.producerState)
        first.pauseProducing()
        self.assertEqual("producing", producer.producerState)
        junction.close()

    def test_oneWantsNoMore(self) -> None:
        """The others still do."""
        producer = StringTransport()
        junction = Junction(producer)
        tap = junction.tap()
        tap.pauseProducing()
        tap.stopProducing()
        self.assertEqual("producing", producer.producerState)
