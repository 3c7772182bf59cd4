"""
Tests for L{smtpx.service.workers.kinship}.
"""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.net.poller import withoutLogContext
from smtpx.service.workers.kinship import Lifeline, call, dieWith

from .test_channel import Readers


class Library:
    """The C library, which notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def prctl(self, *words: object) -> int:
        """See prctl(2)."""
        self.asked.append(words)
        return 0


class KinshipTests(SynchronousTestCase):
    """What Linux is asked for."""

    def setUp(self) -> None:
        """A library of C that is not real."""
        self.library: object = Library()
        self.patch(ctypes, "CDLL", lambda name: self.library)
        self.killed: list[tuple[int, int]] = []
        self.patch(os, "kill", lambda *words: self.killed.append(words))

    def asked(self) -> list[tuple[object, ...]]:
        """What was asked for."""
        assert isinstance(self.library, Library)
        return self.library.asked

    def test_dieWith(self) -> None:
        """A process is sent SIGTERM when its parent dies, be that ever so early."""
        dieWith(os.getppid())
        self.assertEqual(self.asked(), [(1, signal.SIGTERM, 0, 0, 0)])
        self.assertEqual(self.killed, [])
        dieWith(-1)
        self.assertEqual(self.killed, [(os.getpid(), signal.SIGTERM)])

    def test_call(self) -> None:
        """A process has a name, which is short."""
        call("smtpx worker 64 and more")
        self.assertEqual(self.asked(), [(15, b"smtpx worker 64", 0, 0, 0)])

    def test_elsewhere(self) -> None:
        """Where there is nothing of that kind, nothing happens."""
        self.library = object()
        call("x")
        dieWith(os.getppid())
        self.assertEqual(self.killed, [])


class LifelineTests(SynchronousTestCase):
    """A pipe whose end says that somebody is gone."""

    def setUp(self) -> None:
        """Nobody is gone yet."""
        self.gone: list[str] = []

    def line(self, reactor: object, number: int = 7) -> Lifeline:
        """A pipe that is looked at."""
        line = Lifeline(reactor, number, lambda: self.gone.append("gone"))
        line.begin()
        return line

    def test_gone(self) -> None:
        """It is told once."""
        readers = Readers()
        line = self.line(readers)
        verifyObject(IReadDescriptor, line)
        self.assertEqual((readers.all, line.fileno()), ([line], 7))
        self.assertEqual(line.logPrefix(), "life")
        line.doRead()
        self.assertEqual((readers.all, self.gone), ([], ["gone"]))

    def test_reactorEnds(self) -> None:
        """That a reactor ends is not the end of anybody else."""
        self.line(Readers()).connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.gone, [])

    def test_epoll(self) -> None:
        """
        The reactor of a worker, which does not say of the end of a pipe that it can be
        read, tells it all the same, once.
        """
        for change in (bool, withoutLogContext):
            reactor: Any = EPollReactor()
            self.addCleanup(reactor._poller.close)
            for reader in reactor.removeAll():
                self.addCleanup(reader.connectionLost, None)
            self.assertTrue(change(reactor))
            ours, other = os.pipe()
            self.addCleanup(os.close, ours)
            self.gone.clear()
            self.line(reactor, ours)
            reactor.doIteration(0)
            self.assertEqual(self.gone, [])
            os.close(other)
            for _ in range(2):
                reactor.doIteration(0)
            self.assertEqual(self.gone, ["gone"])
