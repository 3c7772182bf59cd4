"""
Tests for L{smtpx.service.workers.zygote}: orders, and the death of workers, on a system
that is not real.
"""

from __future__ import annotations

import os
import signal
import tempfile
from typing import NoReturn

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.workers.channel import Message, hear, pair, tell
from smtpx.service.workers.kinship import threads
from smtpx.service.workers.pulse import Pulses, Watch
from smtpx.service.workers.zygote import (
    BLOCKED,
    Kernel,
    Threaded,
    Zygote,
)

#: A status as C{waitpid} gives it: ended by SIGKILL.
KILLED = signal.SIGKILL


class Child(Exception):
    """This process would be the child now."""


@define
class System:
    """
    A system that notes what is asked of it.

    @ivar children: what C{fork} gives, one after another.
    @ivar ended: what C{waitpid} gives, one after another.
    @ivar killed: who was sent what.
    @ivar now: its time, in seconds.
    """

    children: list[int | OSError] = field(factory=lambda: [101, 102, 103])
    ended: list[tuple[int, int]] = field(factory=list)
    killed: list[tuple[int, int]] = field(factory=list)
    now: float = 0.0
    threads: int = 1

    def reap(self) -> tuple[int, int]:
        """See L{Kernel}."""
        return self.ended.pop(0) if self.ended else (0, 0)

    def sleep(self, seconds: float) -> None:
        """See L{Kernel}."""
        self.now += seconds

    def fork(self) -> int:
        """See L{Kernel}."""
        child = self.children.pop(0)
        if isinstance(child, OSError):
            raise child
        return child

    def kernel(self) -> Kernel:
        """It, as a zygote sees it."""
        return Kernel(
            fork=self.fork,
            kill=lambda pid, which: self.killed.append((pid, which)),
            reap=self.reap,
            threads=lambda: self.threads,
            now=lambda: self.now,
            sleep=self.sleep,
        )


class ZygoteTests(SynchronousTestCase):
    """A zygote that was given two sockets."""

    def setUp(self) -> None:
        """A zygote on a system that is not real."""
        self.news, mine = pair()
        self.mine = mine
        orders, _ = pair()
        for end in (self.news, mine, orders, _):
            self.addCleanup(end.close)
        self.system = System()
        self.masks: list[tuple[int, frozenset[int]]] = []
        self.patch(
            signal,
            "pthread_sigmask",
            lambda how, which: self.masks.append((how, frozenset(which))),
        )
        self.files = [tempfile.TemporaryFile() for _ in range(2)]
        self.numbers = [os.dup(file.fileno()) for file in self.files]

        def become(number: int, parent: int) -> NoReturn:
            raise Child(number, parent)

        #: Of whom nothing is counted any more.
        self.cleared: list[int] = []
        cleared, kernel = self.cleared.append, self.system.kernel()
        #: When its gate was opened.
        self.opened: list[str] = []
        self.zygote = Zygote(
            orders,
            mine,
            list(self.numbers),
            become,
            lambda: self.opened.append("open"),
            20.0,
            cleared,
            kernel,
        )
        for file in self.files:
            self.addCleanup(file.close)

    def told(self) -> list[Message | None]:
        """What it has told the supervisor."""
        found = []
        while True:
            try:
                found.append(hear(self.news))
            except BlockingIOError:
                return found

    def fork(self, *numbers: int) -> None:
        """Have workers forked."""
        for number in numbers:
            self.zygote.obey({"do": "fork", "number": number})

    def test_fork(self) -> None:
        """A worker is forked; meanwhile signals that it must not miss have to wait."""
        self.fork(2)
        self.assertEqual(self.told(), [{"said": "forked", "number": 2, "pid": 101}])
        self.assertEqual(
            self.masks, [(signal.SIG_BLOCK, BLOCKED), (signal.SIG_UNBLOCK, BLOCKED)]
        )
        os.close(self.numbers[0])
        os.close(self.numbers[1])

    def test_hangs(self) -> None:
        """It is told who does not move any more."""
        self.zygote.look()
        pulses = Pulses(3, 80.0)
        self.zygote._watch = Watch(pulses, 0.0)
        self.fork(2, 3)
        self.told()
        for number in (2, 3):
            pulses.beat(number)
        for _ in range(10):
            pulses.beat(3)
            self.zygote.look()
            self.system.now += 10.0
        self.assertEqual(
            self.told(), [{"said": "hangs", "number": 2, "pid": 101, "seconds": 80.0}]
        )

    def test_child(self) -> None:
        """The child becomes a worker, with the signals still waiting."""
        self.system.children = [0]
        error = self.assertRaises(Child, self.fork, 3)
        self.assertEqual(error.args, (3, os.getpid()))
        self.assertEqual(self.masks, [(signal.SIG_BLOCK, BLOCKED)])
        self.assertEqual(self.told(), [])

    def test_cannotFork(self) -> None:
        """
        Where there is no memory for another process, those that there are go on, and
        the supervisor is told.
        """
        self.system.children = [101, OSError(12, "Cannot allocate memory"), 103]
        self.fork(1, 2)
        [_, told] = self.told()
        why = "[Errno 12] Cannot allocate memory"
        self.assertEqual(told, {"said": "unforked", "number": 2, "why": why})
        self.assertEqual(self.masks[-1], (signal.SIG_UNBLOCK, BLOCKED))
        self.assertEqual(self.zygote.workers, {101: 1})
        self.fork(2)
        self.assertEqual(self.zygote.workers, {101: 1, 103: 2})

    def test_noRoomForNews(self) -> None:
        """
        Where what workers have for the log leaves no room, what the zygote has to say
        waits, and is said in its order.
        """
        while tell(self.mine, {"said": "log", "event": "x" * 1_000}):
            pass
        self.fork(1)
        self.system.ended = [(101, KILLED)]
        self.zygote.reap()
        self.assertEqual(len(self.zygote.unsaid), 2)
        self.assertEqual({each and each["said"] for each in self.told()}, {"log"})
        self.zygote.say()
        said = [each and each["said"] for each in self.told()]
        self.assertEqual(said, ["forked", "ended"])
        self.assertFalse(self.zygote.unsaid)

    def test_threads(self) -> None:
        """With another thread, a fork would not be whole."""
        self.system.threads = 2
        error = self.assertRaises(Threaded, self.fork, 1)
        self.assertEqual(str(error), "the zygote has 2 threads")

    def test_reap(self) -> None:
        """It tells who has ended, and how."""
        self.fork(1, 2)
        self.told()
        self.system.ended = [(102, KILLED), (101, 3 << 8)]
        self.zygote.reap()
        self.assertEqual(
            self.told(),
            [
                {"said": "ended", "number": 2, "pid": 102, "status": -9},
                {"said": "ended", "number": 1, "pid": 101, "status": 3},
            ],
        )
        self.zygote.reap()
        self.assertEqual((self.told(), self.zygote.workers), ([], {}))

    def test_signal(self) -> None:
        """A signal goes to the worker of that number, if there is one."""
        self.fork(1, 2)
        for number in (2, 3):
            self.zygote.obey({"do": "signal", "number": number, "signal": 10})
        self.zygote.obey({"do": "something else"})
        self.assertEqual(self.system.killed, [(102, 10)])

    def test_open(self) -> None:
        """Those who wait may take mail when the supervisor says so."""
        self.fork(1, 2)
        self.assertEqual(self.opened, [])
        self.zygote.obey({"do": "open"})
        self.assertEqual(self.opened, ["open"])

    def test_leave(self) -> None:
        """At the end nobody waits at the sockets any more, and all are told."""
        self.fork(1, 2)
        self.zygote.obey({"do": "leave"})
        for number in self.numbers:
            self.assertRaises(OSError, os.fstat, number)
        term = signal.SIGTERM
        self.assertEqual(self.system.killed, [(101, term), (102, term)])

    def test_end(self) -> None:
        """Without a supervisor, all are told to leave, and are waited for."""
        self.fork(1, 2)
        self.told()
        self.system.ended = [(101, 0), (0, 0), (0, 0), (102, 0)]
        self.zygote.end()
        self.assertEqual([each and each["number"] for each in self.told()], [1, 2])
        # What they had counted, others may have.
        self.assertEqual(self.cleared, [1, 2])
        self.assertEqual({which for _, which in self.system.killed}, {signal.SIGTERM})
        self.assertLess(self.system.now, 1.0)

    def test_stubborn(self) -> None:
        """Who does not leave in time is ended."""
        self.fork(1, 2)
        self.system.ended = [(101, 0)]
        self.zygote.end()
        self.assertEqual(self.system.killed[-1], (102, signal.SIGKILL))
        self.assertGreaterEqual(self.system.now, 20.0)

    def test_realThreads(self) -> None:
        """Threads are counted, as far as the system says how many there are."""
        self.assertGreaterEqual(threads(), 1)

        def fail(path: str) -> list[str]:
            raise FileNotFoundError

        self.patch(os, "listdir", fail)
        self.assertEqual(threads(), 1)
