"""
A spool without threads, for tests: everything happens when the test says so.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from typing import Any, Callable, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.envelope import Envelope, Recipient, Stamp
from smtpx.core.hooks import Schedule
from smtpx.spool import store as storeModule
from smtpx.spool.bodies import INSIDE
from smtpx.spool.desk import LINGER_SECONDS
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.spool.interfaces import ISpoolReactor
from smtpx.spool.sqlite import SQLiteSpool
from smtpx.spool.threads import IThreads

T = TypeVar("T")

#: When everything happens, in seconds since the epoch.
NOW = 1763780000.25

PREFIX = b"Received: from client.example by mx.example\r\n"

#: A body that stands in its row, and one that is in a file.
SHORT = b"Subject: x\r\n\r\nhello\r\n"
LONG = bytes(range(256)) * (INSIDE // 256) + b"!"


@implementer(ISpoolReactor)
class Reactor(Clock):
    """A clock that keeps what threads have called in the reactor's."""

    def __init__(self) -> None:
        super().__init__()
        self.called: deque[Callable[[], object]] = deque()

    def callFromThread(
        self, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> None:
        """Keep it for L{Threads.run}."""
        self.called.append(lambda: callable(*args, **kwargs))


@implementer(IThreads)
class Threads:
    """
    No threads: what is submitted waits.

    @ivar stalled: keep what is submitted waiting.
    """

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self.submitted: deque[Callable[[], None]] = deque()
        self.stalled = False
        self._turn: Callable[[], bool] | None = None
        self._end: Callable[[], None] | None = None

    def start(self, turn: Callable[[], bool], end: Callable[[], None]) -> None:
        """Remember the writer."""
        self._turn = turn
        self._end = end

    def submit(self, work: Callable[[], None]) -> None:
        """Remember work."""
        self.submitted.append(work)

    def drain(self) -> None:
        """Do all the work there is."""
        while self.submitted:
            self.submitted.popleft()()

    def run(self, waits: Callable[[], bool]) -> None:
        """
        Do everything until nothing is left to do.

        @param waits: does a job wait for the writer?
        """
        while True:
            if self.submitted and not self.stalled:
                self.submitted.popleft()()
            elif self._turn is not None and self._end is not None and waits():
                if not self._turn():
                    self._turn = None
                    self._end()
            elif self._reactor.called:
                self._reactor.called.popleft()()
            else:
                return


class Rig:
    """
    One spool.

    @ivar now: what its clock says.
    """

    def __init__(
        self,
        folder: str,
        number: int = 1,
        stamps: Mapping[str, Stamp[Any]] | None = None,
        lowWaterOctets: int = 0,
        scheduleFor: Callable[[Envelope], Schedule] | None = None,
        workers: int = 1,
    ) -> None:
        self.now = NOW
        self.reactor = Reactor()
        self.threads = Threads(self.reactor)
        self.folder = folder
        self.spool = SQLiteSpool(
            self.reactor,
            folder,
            queueProfileStamps=stamps or {},
            number=number,
            workers=workers,
            lowWaterOctets=lowWaterOctets,
            clock=lambda: self.now,
            threads=self.threads,
            scheduleFor=scheduleFor,
        )

    def run(self) -> None:
        """Do everything until nothing is left to do."""
        desk = self.spool._desk
        while True:
            self._send()
            self.threads.run(lambda: desk._queue.qsize() > 0)
            if not desk._waiting and not desk._lingering:
                break

    def turn(self) -> bool:
        """
        Let the writer do what waits, so that nobody hears of it yet.

        @return: does it go on?
        """
        self._send()
        return self.spool._desk._writer.turn()

    def _send(self) -> None:
        """Let all jobs go out, those too that wait for company."""
        lingering = self.spool._desk._lingering
        self.reactor.advance(LINGER_SECONDS if lingering else 0)
        self.reactor.advance(0)

    def wait(self, deferred: Deferred[T]) -> T:
        """What C{deferred} comes to when everything was done."""
        self.run()
        found: list[T] = []
        failed: list[Failure] = []
        deferred.addCallbacks(found.append, failed.append)
        if failed:
            failed[0].raiseException()
        return found[0]

    def open(self) -> Rig:
        """Open the spool."""
        self.wait(self.spool.open())
        return self

    def close(self) -> None:
        """Close it."""
        self.wait(self.spool.close())

    def put(self, body: bytes, *paths: bytes, hold: bool = False) -> str:
        """Commit a message; its id."""
        incoming = self.spool.begin()
        incoming.write(body)
        self.wait(incoming.commit(envelope(*paths), PREFIX, hold))
        return incoming.id

    def path(self, *names: str) -> str:
        """A path in the spool's numbered folder."""
        return os.path.join(self.folder, "1", *names)


def envelope(*paths: bytes) -> Envelope:
    """An envelope to these, or to one."""
    recipients = [Recipient(path) for path in paths or (b"b@server.example",)]
    return Envelope(b"a@client.example", NOW, recipients, 5)


def octetsOf(rig: Rig, message: SpooledMessage) -> bytes:
    """A message's body, read to its end."""
    return b"".join(rig.spool.body(message).pieces())


def delivered(*indices: int) -> list[Outcome]:
    """These were delivered."""
    return [Outcome(index, Fate.DELIVERED) for index in indices]


class SpoolTestCase(SynchronousTestCase):
    """A test that has spools in a folder of its own."""

    def setUp(self) -> None:
        """A folder; and no large logs, which take their time to make."""
        self.folder = self.mktemp()
        self.patch(storeModule, "LOG_OCTETS", 64 << 10)

    def rig(self, **options: Any) -> Rig:
        """A spool that is open, closed at the end."""
        rig = Rig(self.folder, **options)
        self.addCleanup(rig.close)
        return rig.open()
