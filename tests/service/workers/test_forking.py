"""
Tests for L{smtpx.service.workers.forking}, with a child that is not real.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from typing import Any, NoReturn

from twisted.internet import process
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.service.workers import forking
from smtpx.service.workers.forking import Forked, forked, mayFork
from smtpx.service.workers.kinship import threads
from smtpx.service.workers.numbers import BRIEF, ORDERS

from ..made import FOUND
from .test_channel import Readers

#: A process that there is not: a number that the system gives to nobody.
_PID = 1 << 23


class Told(ProcessProtocol):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.said = b""
        self.ends: list[tuple[int | None, int | None]] = []

    def errReceived(self, data: bytes) -> None:
        """Note it."""
        self.said += data

    def processExited(self, reason: Failure) -> None:
        """Note it."""
        value: Any = reason.value
        self.ends.append((value.exitCode, value.signal))


class Foreign:
    """An extension of somebody else's."""


class MayForkTests(SynchronousTestCase):
    """When a process is as good as a fresh interpreter."""

    def setUp(self) -> None:
        """A reactor that does not run."""
        self.reactor = EPollReactor.__new__(EPollReactor)
        self.reactor.running = False
        self.threads = 1
        self.patch(forking, "threads", lambda: self.threads)

    def test_fresh(self) -> None:
        """Before the reactor runs, and with nothing but what is ours."""
        self.assertTrue(mayFork(self.reactor, FOUND))

    def test_runs(self) -> None:
        """A reactor that runs has descriptors, timers and handlers of signals."""
        self.reactor.running = True
        self.assertFalse(mayFork(self.reactor, FOUND))

    def test_otherReactor(self) -> None:
        """Of another reactor nobody knows what it has."""
        self.assertFalse(mayFork(Readers(), FOUND))

    def test_threads(self) -> None:
        """What a thread holds stays locked for ever."""
        self.threads = 2
        self.assertFalse(mayFork(self.reactor, FOUND))
        self.assertGreaterEqual(threads(), 1)

    def test_foreign(self) -> None:
        """What other people's modules do when they are imported nobody knows."""
        found: Any = {**FOUND, "FOREIGN": Foreign()}
        self.assertFalse(mayFork(self.reactor, found))


class ForkedTests(SynchronousTestCase):
    """A zygote that was forked."""

    def setUp(self) -> None:
        """A system that is not real."""
        self.reactor = Readers()
        self.told = Told()
        self.killed: list[tuple[int, int]] = []
        self.ended: list[tuple[int, int]] = []
        self.pid: int | OSError = _PID
        self.patch(os, "fork", self.fork)
        self.patch(gc, "freeze", lambda: None)
        # Garbage of other tests may have descriptors.
        self.patch(gc, "collect", lambda: 0)
        self.patch(os, "kill", lambda *words: self.killed.append(words))
        self.patch(os, "waitpid", self.waitpid)
        self.addCleanup(process.reapProcessHandlers.pop, _PID, None)

    def fork(self) -> int:
        """See C{os.fork}."""
        if isinstance(self.pid, OSError):
            raise self.pid
        return self.pid

    def waitpid(self, pid: int, options: int) -> tuple[int, int]:
        """See C{os.waitpid}."""
        return self.ended.pop() if self.ended else (0, 0)

    def become(self, own: object) -> NoReturn:
        """Nobody does."""
        raise NotImplementedError

    def start(self) -> Forked:
        """Fork it, and have the other end of what it says."""
        made = forked(self.reactor, self.become, self.told, {})
        reading, self.errors = os.pipe()
        os.set_blocking(reading, False)
        os.dup2(reading, made.fileno())
        os.close(reading)
        return made

    def test_says(self) -> None:
        """What it says without a log is heard, until nobody is left to say more."""
        made = self.start()
        self.assertTrue(verifyObject(IReadDescriptor, made))
        made.doRead()
        os.write(self.errors, b"Traceback")
        made.doRead()
        self.assertEqual(self.told.said, b"Traceback")
        os.close(self.errors)
        made.doRead()
        self.assertEqual((self.reactor.all, made.fileno()), ([], -1))
        made.connectionLost(Failure(OSError()))
        self.assertTrue(made.logPrefix())

    def test_ends(self) -> None:
        """It is reaped when it has ended, and how is told; others are nobody's."""
        for status, end in ((3 << 8, (3, None)), (signal.SIGKILL, (None, 9))):
            made = self.start()
            os.close(self.errors)
            made.signalProcess("KILL")
            self.assertEqual(self.killed.pop(), (_PID, signal.SIGKILL))
            process.reapAllProcesses()
            self.assertEqual(self.told.ends, [])
            self.ended = [(_PID, status)]
            process.reapAllProcesses()
            self.assertEqual(self.told.ends.pop(), end)
            self.assertNotIn(_PID, process.reapProcessHandlers)
            self.assertRaises(ProcessExitedAlready, made.signalProcess, "KILL")
            made.connectionLost(Failure(OSError()))

    def test_cannot(self) -> None:
        """Where it is not to be had, nothing stays open."""
        self.pid = OSError(12, "Cannot allocate memory")
        before = len(os.listdir("/proc/self/fd"))
        self.assertRaises(
            OSError, forked, self.reactor, self.become, self.told, {ORDERS: 1}
        )
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class Ends(BaseException):
    """The child would end now."""


class ChildTests(SynchronousTestCase):
    """The child, as far as it can be looked at in a process that goes on."""

    def setUp(self) -> None:
        """Nothing is really put aside."""
        self.patch(os, "dup2", self.dup2)
        self.patch(forking, "forgetLog", lambda: ["the log"])
        self.patch(forking, "_kept", [])
        self.patch(forking, "internet", type("Package", (), {})())
        self.patch(sys, "stdout", sys.stdout)
        self.patch(sys, "stderr", sys.stderr)
        modules = dict(sys.modules)
        self.patch(sys, "modules", modules)
        modules["twisted.internet.reactor"] = os
        self.over: dict[int, int] = {}

    def dup2(self, number: int, other: int, inheritable: bool = True) -> int:
        """See C{os.dup2}; nobody's descriptor is touched."""
        self.over[other] = number
        return other

    def test_putAside(self) -> None:
        """
        What was handed over has new numbers; all others are F{/dev/null} from now on;
        and there is no reactor.
        """
        files = [os.open(os.devnull, os.O_RDONLY) for _ in range(3)]
        own = forking._putAside(
            {0: files[2], 1: 1, 2: "r", ORDERS: files[0], BRIEF: files[1]}, files[2]
        )
        self.assertEqual(set(own), {ORDERS, BRIEF})
        self.assertEqual(self.over.pop(2), files[2])
        [nothing] = {*self.over.values()}
        self.assertIn(0, self.over)
        self.assertEqual({*files} - {*self.over}, set())
        self.assertEqual({*own.values(), nothing, 1} & {*self.over}, set())
        self.assertNotIn("twisted.internet.reactor", sys.modules)
        self.assertIn(os, forking._kept)
        self.assertIn("the log", forking._kept)
        self.assertIs(sys.stdout, sys.__stdout__)
        for number in (*files, *own.values(), nothing):
            os.close(number)

    def test_ends(self) -> None:
        """Whatever happens, the child never goes on as the supervisor."""

        def end(status: int) -> NoReturn:
            raise Ends(status)

        def become(own: object) -> NoReturn:
            raise ZeroDivisionError

        self.patch(os, "_exit", end)
        self.patch(forking, "_putAside", lambda *words: {})
        self.patch(traceback, "print_exc", lambda: None)
        error = self.assertRaises(Ends, forking._beChild, {}, 2, become)
        self.assertEqual(error.args, (1,))
