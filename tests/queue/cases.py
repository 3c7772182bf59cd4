"""What tests of rounds begin with."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.queueprofile import QueueProfile
from smtpx.queue.attempting import Attempting
from smtpx.queue.dispatch import Dispatch
from smtpx.queue.hold import Hold
from smtpx.queue.interfaces import IRoutes
from smtpx.queue.lanes import Lane, Lanes
from smtpx.queue.routes import RouteRule, Routes
from smtpx.queue.settlement import Settlement, Settlements
from smtpx.spool.format import SpooledMessage
from smtpx.testing.spool import MemorySpool

from .doubles import (
    Doubling,
    RecordedJournal,
    ScriptedReporter,
    ScriptedTransport,
)


class DispatchCase(SynchronousTestCase):
    """One message, tried once."""

    def setUp(self) -> None:
        """Two transports and one that holds; C{z.example} has no route."""
        self.clock = Clock()
        self.clock.advance(1000)
        self.spool = MemorySpool(self.clock.seconds)
        self.journal = RecordedJournal()
        self.one = ScriptedTransport("one")
        self.two = ScriptedTransport("two")
        self.routes = Routes(
            [
                RouteRule("a.example", "one"),
                RouteRule("b.example", "two"),
                RouteRule("h.example", "hold"),
            ],
            [self.one, self.two, Hold()],
        )
        self.reporter: ScriptedReporter | None = None
        self.profile: QueueProfile | None = None
        self.wayBack: IRoutes | None = None
        self.delays: tuple[float, ...] = ()
        self.refilled: list[bytes] = []
        self.unparked: list[tuple[bytes, float]] = []

    def dispatch(self) -> Dispatch:
        """What is tested."""
        now = self.clock.seconds
        settlements = Settlements(
            self.spool,
            self.journal,
            Doubling(),
            now,
            self.reporter,
            self.profile,
            self.wayBack,
            self.delays,
        )
        self.attempting = Attempting(
            self.spool, self.journal, settlements, now, self.unpark, self.clock
        )
        dispatch = Dispatch(self.routes, settlements, self.attempting, lambda: 2)
        self.lanes = Lanes(self.refill, 100, self.clock)
        self.attempting.lanes = dispatch.lanes = self.lanes
        return dispatch

    def refill(self, lane: Lane) -> None:
        """A lane asks for more."""
        self.refilled.append(lane.key)

    def unpark(self, lane: Lane, due: float) -> None:
        """There is no use in a lane for now."""
        self.unparked.append((lane.key, due))

    def message(self, *recipients: bytes) -> SpooledMessage:
        """A message in the spool."""
        id = self.spool.add(b"s@x", recipients)
        return self.spool.kept[id]

    def make(self, message: SpooledMessage, again: bool = False) -> Settlement:
        """Try it."""
        made = self.begin(message, again)
        settlement = self.successResultOf(made)
        assert settlement is not None
        return settlement

    def begin(
        self,
        message: SpooledMessage,
        again: bool = False,
        drawn: Lane | None = None,
        dispatch: Dispatch | None = None,
    ) -> Deferred[Settlement | None]:
        """Begin to try it."""
        made: Deferred[Settlement | None] = Deferred()

        def over(
            message: SpooledMessage, lane: Lane | None, settlement: Settlement | None
        ) -> None:
            made.callback(settlement)

        (dispatch or self.dispatch()).begin(message, again, drawn, over)
        return made
