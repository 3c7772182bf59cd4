"""
Tests for L{smtpx.service.workers.forked}: a worker, on a reactor in memory.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.service.config import readConfiguration
from smtpx.service.inherited import InheritedUNIXEndpoint
from smtpx.service.workers import Shared, forked
from smtpx.service.workers.channel import Message, hear, pair, tell
from smtpx.service.workers.forked import Charge, Work, adopted, reason
from smtpx.service.workers.leaving import FORSAKEN_SECONDS, leaveSeconds
from smtpx.service.workers.others import Others
from smtpx.service.workers.pulse import Pulses

from ..made import FOUND


class Reactor(Clock):
    """A reactor that remembers who waits for what."""

    def __init__(self) -> None:
        super().__init__()
        self.triggers: list[tuple[Any, ...]] = []
        self.hooks: list[Callable[[], object]] = []
        self.lines: list[Any] = []
        self.stops = 0
        self.running = True

    def addSystemEventTrigger(self, *words: Any) -> None:
        """See C{IReactorCore}."""
        self.triggers.append(words)

    def callWhenRunning(self, call: Callable[[], object]) -> None:
        """See C{IReactorCore}."""
        self.hooks.append(call)

    def addReader(self, reader: Any) -> None:
        """See C{IReactorFDSet}."""
        self.lines.append(reader)

    def removeReader(self, reader: Any) -> None:
        """See C{IReactorFDSet}."""
        self.lines.remove(reader)

    def callFromThread(self, call: Callable[[], object]) -> None:
        """See C{IReactorFromThreads}."""
        call()

    def stop(self) -> None:
        """Note it."""
        self.stops += 1

    def begin(self) -> None:
        """Run."""
        for call in self.hooks:
            call()


class Service:
    """A mail server that the test has in its hand."""

    def __init__(self) -> None:
        self.opened: Deferred[None] = Deferred()
        self.stopped: Deferred[None] = Deferred()
        self.done: list[str] = []
        self.explain: Any = None
        self.ready: Any = None

    def whenOpen(self) -> Deferred[None]:
        """The test says when."""
        return self.opened

    def startService(self) -> None:
        """Note it."""
        self.done.append("start")

    def stopService(self) -> Deferred[None]:
        """Note it."""
        self.done.append("stop")
        return self.stopped

    def reopenLogs(self) -> None:
        """Note it."""
        self.done.append("reopen")


class WorkTests(SynchronousTestCase):
    """A worker at work."""

    def setUp(self) -> None:
        """A worker that is about to begin."""
        self.reactor = Reactor()
        self.service = Service()
        self.made: list[tuple[Any, ...]] = []
        self.signals: dict[int, Any] = {}
        self.masks: list[tuple[int, set[int]]] = []
        self.alarms: list[int] = []
        self.patch(forked, "worker", self._worker)
        self.patch(forked, "collectSeldom", lambda: None)
        self.patch(signal, "signal", self.signals.__setitem__)
        self.patch(signal, "alarm", self.alarms.append)
        self.patch(signal, "pthread_sigmask", lambda *words: self.masks.append(words))
        mine, self.news = pair()
        for end in (mine, self.news):
            self.addCleanup(end.close)
        self.configuration = readConfiguration({"workers": 3}, FOUND)
        self.shared = Shared()
        self.charge = Charge(
            2, self.configuration, FOUND, self.shared, mine, (50, 51), 60, ()
        )
        self.work = Work(self.reactor, self.charge)
        self.work.begin()

    def _worker(self, *words: Any) -> Service:
        self.made.append(words)
        return self.service

    def said(self) -> Message | None:
        """What was told next."""
        return hear(self.news)

    def test_house(self) -> None:
        """It knows which worker it is, and what all have in common."""
        [(machine, configuration, found, endpoints)] = self.made
        self.assertEqual((machine.worker.number, machine.worker.count), (2, 3))
        self.assertIsInstance(machine.worker.others, Others)
        self.assertIs(machine.shared, self.shared)
        self.assertIs(machine.reactor, self.reactor)
        self.assertIs(configuration, self.configuration)
        self.assertEqual((found, endpoints), (FOUND, []))

    def test_serving(self) -> None:
        """It says when it takes mail; signals are heard as soon as it can."""
        self.assertEqual(self.masks, [])
        self.reactor.begin()
        self.assertEqual(
            self.masks, [(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGUSR1})]
        )
        self.assertEqual(self.service.done, ["start"])
        self.assertRaises(BlockingIOError, self.said)
        self.service.opened.callback(None)
        self.assertEqual(self.said(), {"said": "serving", "number": 2})
        self.signals[signal.SIGUSR1](signal.SIGUSR1, None)
        self.assertEqual(self.service.done, ["start", "reopen"])
        self.assertEqual(self.work.status, 0)

    def test_ready(self) -> None:
        """When its house stands it says so, and waits until its doors may be opened."""
        self.reactor.begin()
        lives = list(self.reactor.lines)
        may = self.service.ready()
        self.assertEqual(self.said(), {"said": "ready", "number": 2})
        self.assertNoResult(may)
        [gate] = [each for each in self.reactor.lines if each not in lives]
        self.assertEqual(gate.fileno(), 60)
        gate.doRead()
        self.successResultOf(may)
        self.assertEqual(self.reactor.lines, lives)

    def fillNews(self) -> None:
        """What all have for the log leaves no room."""
        while tell(self.charge.news, {"said": "log", "event": "x" * 1_000}):
            pass

    def saidLater(self) -> str:
        """What was told after the log, as soon as there was room."""
        said = "log"
        while said == "log":
            message = self.said()
            assert message is not None
            said = message["said"]
            self.reactor.advance(0.05)
        self.reactor.advance(10)
        self.assertRaises(BlockingIOError, self.said)
        return said

    def test_noRoomToSaySo(self) -> None:
        """Where there is no room to say that it serves, it is said later."""
        self.fillNews()
        self.reactor.begin()
        self.service.opened.callback(None)
        self.assertEqual(self.saidLater(), "serving")

    def test_noRoomToSayReady(self) -> None:
        """So it is where there is none to say that it is ready."""
        self.fillNews()
        self.reactor.begin()
        self.assertNoResult(self.service.ready())
        self.assertEqual(self.saidLater(), "ready")

    def test_failed(self) -> None:
        """If it cannot start, it says why, once, and ends with status 1."""
        self.reactor.begin()
        failure = Failure(UsageError("no room"))
        self.service.explain(failure)
        self.service.opened.errback(failure)
        self.assertEqual(self.said(), {"said": "failed", "number": 2, "why": "no room"})
        self.assertRaises(BlockingIOError, self.said)
        self.assertEqual((self.reactor.stops, self.work.status), (1, 1))

    def test_moves(self) -> None:
        """It shows that it moves, as long as it does."""
        pulses = Pulses(3, 80.0)
        self.charge = evolve(self.charge, shared=Shared(pulses=pulses))
        self.work = Work(self.reactor, self.charge)
        self.work.begin()
        self.assertEqual(pulses.beats(2), 0)
        self.reactor.begin()
        self.assertEqual(pulses.beats(2), 1)
        self.reactor.pump([10.0] * 3)
        self.assertEqual([pulses.beats(each) for each in (1, 2, 3)], [0, 4, 0])

    def test_leaves(self) -> None:
        """At the end its server stops, and the kernel sees that it does end."""
        [(phase, event, leave)] = self.reactor.triggers
        self.assertEqual((phase, event), ("before", "shutdown"))
        stopped = leave()
        self.assertNoResult(stopped)
        self.assertEqual(self.service.done, ["stop"])
        self.assertEqual(self.alarms, [int(leaveSeconds(self.configuration)) + 1])
        self.service.stopped.callback(None)
        self.successResultOf(stopped)

    def test_forsaken(self) -> None:
        """Without a supervisor, or a zygote, it ends, and soon."""
        self.assertEqual([each.fileno() for each in self.reactor.lines], [50, 51])
        self.reactor.lines[0].doRead()
        self.assertEqual(self.reactor.stops, 1)
        [(_, _, leave)] = self.reactor.triggers
        leave()
        self.assertEqual(set(self.alarms), {int(FORSAKEN_SECONDS) + 1})

    def test_toldTwice(self) -> None:
        """Who is told to end more than once, in whatever way, ends once."""
        self.reactor.begin()
        self.signals[signal.SIGTERM](signal.SIGTERM, None)
        self.assertEqual(self.reactor.stops, 1)
        for line in list(self.reactor.lines):
            line.doRead()
        self.signals[signal.SIGTERM](signal.SIGTERM, None)
        self.service.opened.errback(Failure(UsageError("told to end")))
        self.assertEqual(self.reactor.stops, 1)
        self.assertEqual(self.alarms[0], int(FORSAKEN_SECONDS) + 1)

    def test_forsakenEarly(self) -> None:
        """So it does if that happens before it runs."""
        self.reactor.running = False
        self.reactor.lines[1].doRead()
        self.assertEqual(self.reactor.stops, 0)
        self.reactor.begin()
        self.assertEqual(self.reactor.stops, 1)


class ReasonTests(SynchronousTestCase):
    """Why something failed."""

    def test_expected(self) -> None:
        """What says all in its own words is told in these."""
        self.assertEqual(reason(Failure(OSError("full"))), "full")

    def test_unexpected(self) -> None:
        """Else somebody has to find out."""
        text = reason(Failure(ZeroDivisionError("why")))
        self.assertIn("Traceback", text)
        self.assertIn("ZeroDivisionError: why", text)


class AdoptedTests(SynchronousTestCase):
    """Sockets that somebody else has bound."""

    def test_neverWaits(self) -> None:
        """
        Two that wait for one client do not both get it; who does not must not wait for
        the next one.
        """
        for family, kind in (
            (socket.AF_INET, AdoptedStreamServerEndpoint),
            (socket.AF_UNIX, InheritedUNIXEndpoint),
        ):
            with socket.socket(family) as made:
                made.setblocking(True)
                endpoint = adopted(MemoryReactorClock(), made.fileno(), family)
                self.assertIsInstance(endpoint, kind)
                self.assertFalse(os.get_blocking(made.fileno()))
