"""
Tests for L{smtpx.service.workers.spawning}, with a process that is not real.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Any

from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.config import readConfiguration
from smtpx.service.workers.brief import Brief
from smtpx.service.workers.channel import Message, hear, tell
from smtpx.service.workers.numbers import BRIEF, ERRORS, FIRST, LIFE, NEWS, ORDERS
from smtpx.service.workers.spawning import Spawned

from ..made import FOUND
from .staffed import Lines
from .test_channel import Readers


class Process(Readers):
    """
    A reactor that starts one process, which is not real.

    @ivar words: how it was started.
    @ivar own: the descriptors that it has, by their numbers there.
    @ivar sent: signals that it was sent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.error: OSError | None = None
        self.words: tuple[Any, ...] = ()
        self.own: dict[int, int] = {}
        self.sent: list[str] = []
        self.ended = False

    def spawnProcess(
        self, protocol: Any, *words: Any, childFDs: dict[int, int | str]
    ) -> Any:
        """See C{IReactorProcess}."""
        if self.error is not None:
            raise self.error
        self.words = words
        self.own = {
            number: os.dup(each)
            for number, each in childFDs.items()
            if isinstance(each, int) and number >= ORDERS
        }
        self.others = {
            number: each for number, each in childFDs.items() if number < ORDERS
        }
        return self

    def signalProcess(self, name: str) -> None:
        """See C{IProcessTransport}."""
        if self.ended:
            raise ProcessExitedAlready
        self.sent.append(name)


class SpawnedTests(SynchronousTestCase):
    """A zygote's process."""

    def setUp(self) -> None:
        """One that was started, with one socket."""
        self.process = Process()
        self.told: list[object] = []
        self.listening = socket.socket()
        self.addCleanup(self.listening.close)
        self.log = Lines()
        self.brief = Brief.of(readConfiguration(None, FOUND), [socket.AF_INET])

    def start(self) -> Spawned:
        """Start it."""
        numbers = [self.listening.fileno()]
        spawned = Spawned(self.process, self.brief, numbers, self)
        self.orders = socket.socket(fileno=self.process.own[ORDERS])
        self.news = socket.socket(fileno=self.process.own[NEWS])
        for end in (self.orders, self.news):
            self.addCleanup(end.close)
        return spawned

    def finish(self) -> None:
        """Close what the process has."""
        for number in (LIFE, BRIEF, FIRST):
            os.close(self.process.own[number])

    # What L{Hearer} wants.

    def heard(self, message: Message) -> None:
        """Note it."""
        self.told.append(message)

    def exited(self, how: str) -> None:
        """Note it."""
        self.told.append(how)

    def silent(self) -> None:
        """Note it."""
        self.told.append("silent")

    def test_started(self) -> None:
        """A fresh interpreter has what it wants, by numbers that it knows."""
        self.start()
        program, words, _ = self.process.words
        self.assertEqual(program, sys.executable)
        self.assertEqual(words[1:], ["-P", "-m", "smtpx.service.workers"])
        own = self.process.own
        self.assertEqual(set(own), {ORDERS, NEWS, LIFE, BRIEF, FIRST})
        self.assertEqual(self.process.others[ERRORS], "r")
        self.assertEqual(self.process.others[1], 1)
        self.assertEqual(Brief.read(own[BRIEF]), self.brief)
        same = os.path.samestat(os.fstat(own[FIRST]), os.fstat(self.listening.fileno()))
        self.assertTrue(same)
        self.finish()

    def test_talk(self) -> None:
        """Orders go there, and news come from there, until nobody is left."""
        spawned = self.start()
        spawned.order("fork", number=3)
        self.assertEqual(hear(self.orders), {"do": "fork", "number": 3})
        tell(self.news, {"said": "x"})
        [hearing] = self.process.all
        hearing.doRead()  # type: ignore[attr-defined]  # it is one of ours
        self.news.close()
        hearing.doRead()  # type: ignore[attr-defined]  # it is one of ours
        self.assertEqual(self.told, [{"said": "x"}, "silent"])
        spawned.end()
        self.assertIsNone(hear(self.orders))
        self.finish()

    def test_deaf(self) -> None:
        """One that does not take orders is ended, for nothing goes on without."""
        spawned = self.start()
        self.orders.close()
        spawned.order("fork", number=3)
        self.assertEqual(self.process.sent, ["KILL"])
        self.process.ended = True
        spawned.kill()
        self.assertEqual(self.process.sent, ["KILL"])
        self.finish()

    def test_exited(self) -> None:
        """Its end is told in words, and told to whoever it has left behind."""
        for status, sent, words in (
            (3, None, "with status 3"),
            (None, signal.SIGKILL, "by SIGKILL"),
        ):
            spawned = self.start()
            life = self.process.own[LIFE]
            spawned.processExited(Failure(ProcessTerminated(status, sent)))
            self.assertEqual(self.told.pop(), words)
            self.assertEqual(os.read(life, 1), b"")
            self.finish()

    def test_crash(self) -> None:
        """What a crash has to say is in the log, line by line."""
        spawned = self.start()
        spawned._log = type(spawned._log)("x", observer=self.log)
        spawned.errReceived(b"Traceback\n  Fi")
        spawned.errReceived(b"le\n" + b"x" * 5_000)
        spawned.errReceived(b"\xff\n")
        texts = [text for _, text in self.log.taken()]
        self.assertEqual(texts, ["Traceback", "  File", "x" * 5_000, "\ufffd"])
        self.finish()

    def test_cannot(self) -> None:
        """One that cannot be started leaves nothing open."""
        self.process.error = OSError(2, "No such file")
        before = len(os.listdir("/proc/self/fd"))
        self.assertRaises(OSError, self.start)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_noDescriptors(self) -> None:
        """Nor does one for which there are not enough descriptors."""

        def fail(name: str) -> int:
            raise OSError(24, "Too many open files")

        self.patch(os, "memfd_create", fail)
        before = len(os.listdir("/proc/self/fd"))
        self.assertRaises(OSError, self.start)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)
