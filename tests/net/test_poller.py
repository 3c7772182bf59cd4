"""
Tests for L{smtpx.net.poller}.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.poller import withoutLogContext


class Pipe(FileDescriptor):
    """The reading end of a pipe."""

    def __init__(self, reactor: Any) -> None:
        FileDescriptor.__init__(self, reactor)
        self.end, self.other = os.pipe()
        self.seen: list[bytes] = []
        self.closes: list[Pipe] = []

    def fileno(self) -> int:
        """The number of the reading end."""
        return self.end

    def doRead(self) -> None:
        """Something is there."""
        self.seen.append(os.read(self.end, 99))
        for other in self.closes:
            other.stopReading()

    def remove(self) -> None:
        """Close both ends."""
        self.stopReading()
        os.close(self.end)
        os.close(self.other)


class PollerTests(SynchronousTestCase):
    """
    Tests for L{withoutLogContext}.
    """

    def test_others(self) -> None:
        """
        Any other reactor stays as it is.
        """

        class Own(EPollReactor):
            """Somebody's own."""

        clock = Clock()
        self.assertFalse(withoutLogContext(clock))
        self.assertFalse(withoutLogContext(Own))

    def reactor(self) -> Any:
        """An epoll reactor of the test's own."""
        reactor: Any = EPollReactor()
        self.addCleanup(reactor._poller.close)
        for reader in reactor.removeAll():
            self.addCleanup(reader.connectionLost, None)
        return reactor

    def test_reads(self) -> None:
        """
        What is readable is read, and nothing is waited for when nothing is.
        """
        reactor = self.reactor()
        self.assertTrue(withoutLogContext(reactor))
        pipe = Pipe(reactor)
        self.addCleanup(pipe.remove)
        pipe.startReading()
        reactor.doIteration(0)
        os.write(pipe.other, b"x")
        reactor.doIteration(None)
        self.assertEqual(pipe.seen, [b"x"])

    def test_stoppedMeanwhile(self) -> None:
        """
        Of two that are readable the first may stop the second.
        """
        reactor = self.reactor()
        withoutLogContext(reactor)
        pipes = [Pipe(reactor), Pipe(reactor)]
        for pipe in pipes:
            self.addCleanup(pipe.remove)
            pipe.closes = [other for other in pipes if other is not pipe]
            pipe.startReading()
            os.write(pipe.other, b"x")
        reactor.doIteration(0)
        self.assertEqual(sorted(len(pipe.seen) for pipe in pipes), [0, 1])

    def test_unknownInside(self) -> None:
        """
        A reactor whose inside is not what we know stays as it is.
        """
        reactor = self.reactor()
        poller = reactor._poller
        del reactor._poller
        self.assertFalse(withoutLogContext(reactor))
        reactor._poller = poller

    def test_interrupted(self) -> None:
        """
        A signal in the middle is no trouble.
        """

        class Interrupted:
            """A poller that a signal interrupts."""

            def poll(self, timeout: float, most: int) -> None:
                """Never comes to an end."""
                raise InterruptedError

        reactor = self.reactor()
        poller, reactor._poller = reactor._poller, Interrupted()
        withoutLogContext(reactor)
        reactor.doIteration(0)
        reactor._poller = poller
