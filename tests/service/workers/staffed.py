"""
A supervisor with a zygote that is not real.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.service.workers.staff import Hearer, Staff

#: How long workers may take to leave, in seconds.
LEAVE_SECONDS = 20.0


@define(eq=False)
class FakeZygote:
    """
    A zygote as the test wants it to be.

    @ivar orders: what it was told, in short.
    @ivar isOpen: was its gate opened?
    @ivar waiting: who waits there.
    """

    hearer: Hearer
    orders: list[str] = field(factory=list)
    isOpen: bool = False
    waiting: list[int] = field(factory=list)
    _pid: int = 100

    def order(self, do: str, **fields: object) -> None:
        """See C{IZygote}."""
        self.orders.append(" ".join([do, *map(str, fields.values())]))
        self.isOpen |= do == "open"

    def end(self) -> None:
        """See C{IZygote}."""
        self.orders.append("end")

    def kill(self) -> None:
        """See C{IZygote}."""
        self.orders.append("kill")

    def say(self, said: str, **fields: object) -> None:
        """Say something to the supervisor."""
        self.hearer.heard({"said": said, **fields})

    def fork(self, number: int, serves: bool = True) -> None:
        """Do as it was told: a worker is there, and takes mail as soon as it may."""
        self._pid += 1
        self.say("forked", number=number, pid=self._pid)
        if serves:
            self.waiting.append(number)
            self.say("ready", number=number)
        while self.isOpen and self.waiting:
            self.say("serving", number=self.waiting.pop(0))

    def lose(self, number: int, status: int = -9) -> None:
        """A worker has ended."""
        self.waiting = [each for each in self.waiting if each != number]
        self.say("ended", number=number, pid=self._pid, status=status)

    def taken(self) -> list[str]:
        """What it was told since this was asked last."""
        taken, self.orders = self.orders, []
        return taken


@implementer(ILogObserver)
@define
class Lines:
    """What an operator reads."""

    all: list[tuple[str, str | None]] = field(factory=list)

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""
        self.all.append((event["log_level"].name, formatEvent(event)))

    def taken(self) -> list[tuple[str, str | None]]:
        """What was told since this was asked last."""
        taken, self.all = self.all, []
        return taken


class StaffTestCase(SynchronousTestCase):
    """Workers, as their supervisor sees them."""

    count = 3

    def setUp(self) -> None:
        """A supervisor that begins."""
        self.clock = Clock()
        self.zygotes: list[FakeZygote] = []
        self.error: OSError | None = None
        self.log = Lines()
        globalLogPublisher.addObserver(self.log)
        self.addCleanup(globalLogPublisher.removeObserver, self.log)
        self.staff = Staff(self.clock, self.count, self._spawn, LEAVE_SECONDS)
        self.begun: Deferred[None] = Deferred()

    def _spawn(self, hearer: Hearer) -> FakeZygote:
        if self.error is not None:
            raise self.error
        self.zygotes.append(FakeZygote(hearer))
        return self.zygotes[-1]

    @property
    def zygote(self) -> FakeZygote:
        """The zygote of now."""
        return self.zygotes[-1]

    def begin(self) -> None:
        """Begin."""
        self.begun = Deferred.fromCoroutine(self.staff.begin())

    def serve(self) -> None:
        """All workers are at work."""
        self.begin()
        self.fill()
        self.successResultOf(self.begun)
        self.log.taken()

    def fill(self) -> None:
        """The zygote does what it should."""
        self.zygote.say("prepared")
        for number in range(1, self.count + 1):
            self.zygote.fork(number)
        self.zygote.taken()
