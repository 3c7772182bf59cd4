"""
Tests for L{smtpx.service.workers.gate}.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.service.workers.gate import Waiting, makeGate, openGate

from .test_channel import Readers


class GateTests(SynchronousTestCase):
    """A gate, and those who wait there."""

    def setUp(self) -> None:
        """A gate that is closed."""
        self.gate = makeGate()
        self.addCleanup(os.close, self.gate)

    def reactor(self) -> Any:
        """The reactor of a worker."""
        reactor: Any = EPollReactor()
        self.addCleanup(reactor._poller.close)
        for reader in reactor.removeAll():
            self.addCleanup(reader.connectionLost, None)
        return reactor

    def test_all(self) -> None:
        """It is open to all who wait, and to all who come later."""
        self.assertFalse(os.get_inheritable(self.gate))
        reactors = [self.reactor() for _ in range(3)]
        waiting = [Waiting(reactor, self.gate).opened for reactor in reactors[:2]]
        for reactor in reactors:
            reactor.doIteration(0)
        for opened in waiting:
            self.assertNoResult(opened)
        openGate(self.gate)
        waiting.append(Waiting(reactors[2], self.gate).opened)
        for reactor in reactors:
            # It is told once, and the second time there is nothing any more.
            reactor.doIteration(0)
            reactor.doIteration(0)
        for opened in waiting:
            self.successResultOf(opened)

    def test_openTwice(self) -> None:
        """To open what is open changes nothing."""
        reactor = self.reactor()
        for _ in range(2):
            openGate(self.gate)
        opened = Waiting(reactor, self.gate).opened
        reactor.doIteration(0)
        self.successResultOf(opened)

    def test_noMore(self) -> None:
        """Who does not want to wait any more is forgotten."""
        readers = Readers()
        line = Waiting(readers, self.gate)
        verifyObject(IReadDescriptor, line)
        self.assertEqual((readers.all, line.fileno()), ([line], self.gate))
        self.assertEqual(line.logPrefix(), "gate")
        line.opened.cancel()
        self.assertEqual(readers.all, [])
        self.failureResultOf(line.opened, CancelledError)

    def test_reactorEnds(self) -> None:
        """That a reactor ends opens nothing."""
        line = Waiting(Readers(), self.gate)
        line.connectionLost(Failure(ConnectionLost()))
        self.assertNoResult(line.opened)
