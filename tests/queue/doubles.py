"""Stand-ins that several tests of the queue use."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import Factory, define, evolve
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Action, Schedule
from smtpx.core.interfaces import IBody
from smtpx.queue.interfaces import (
    Attempt,
    IRelay,
    IReporter,
    IRetries,
    ITransport,
    Leg,
    Located,
)
from smtpx.queue.lanes import Lane
from smtpx.queue.told import Told
from smtpx.spool.format import Fate, Outcome, Report, SpooledMessage
from smtpx.spool.journal import IDeliveryJournal, Operation
from smtpx.spool.via import Cause, Via
from smtpx.testing.spool import memoryID


def messageFor(
    *recipients: bytes,
    sender: bytes = b"sender@example.net",
    arrived: float = 1000.5,
    attempts: int = 0,
    prefix: bytes = b"",
) -> SpooledMessage:
    """A message for C{recipients}, all of whom wait."""
    return SpooledMessage(
        id=memoryID(1),
        arrived=arrived,
        envelope=Envelope(sender, arrived, [Recipient(path) for path in recipients]),
        prefix=prefix,
        waiting=tuple(range(len(recipients))),
        attempts=attempts,
    )


class ScriptedTask:
    """
    What waits in a lane.

    @ivar message: whatever it is of.
    @ivar tries: how often it was begun.
    """

    def __init__(
        self, begin: Callable[[Lane, ScriptedTask], object], priority: int = 0
    ) -> None:
        """
        @param begin: called when it begins.
        """
        self.message = messageFor(b"x@y")
        self.priority = priority
        self.tries = 0
        self._begin = begin

    def begin(self, lane: Lane) -> None:
        """It is its turn."""
        self._begin(lane, self)

    def end(self, results: None) -> None:
        """It does not get its turn."""


@implementer(ITransport)
@define
class ScriptedTransport:
    """
    Does what a test says.

    @ivar fates: what becomes of recipients, by address; others are DELIVERED.
    @ivar error: fails with it; L{None}: does not fail.
    @ivar patient: answers only when the test calls C{finish}.
    @ivar attempts: what it was given, in order.
    """

    name: str = "scripted"
    holds: bool = False
    reports: Action | None = Action.DELIVERED
    fates: dict[bytes, Fate | None] = Factory(dict)
    error: Exception | None = None
    patient: bool = False
    attempts: list[Attempt] = Factory(list)
    waiting: list[Deferred[Sequence[Outcome]]] = Factory(list)

    def deliver(self, attempt: Attempt) -> Deferred[Sequence[Outcome]]:
        """Answer as the test wishes."""
        self.attempts.append(attempt)
        if self.patient:
            self.waiting.append(Deferred())
            return self.waiting[-1]
        return self._answer(attempt)

    def _answer(self, attempt: Attempt) -> Deferred[Sequence[Outcome]]:
        if self.error is not None:
            return fail(self.error)
        outcomes = []
        for index in attempt.indices:
            path = attempt.message.envelope.recipients[index].path
            fate = self.fates.get(path, Fate.DELIVERED)
            if fate is not None:
                outcomes.append(Outcome(index, fate, f"{path.decode()} {fate.value}"))
        return succeed(outcomes)

    def finish(self) -> None:
        """Answer the oldest attempt that was not answered yet."""
        attempt = self.attempts[len(self.attempts) - len(self.waiting)]
        self._answer(attempt).chainDeferred(self.waiting.pop(0))


@implementer(IRelay)
@define
class ScriptedRelay(ScriptedTransport):
    """
    One whose destinations are domains.

    @ivar unroutable: outcomes of recipients for whom there is no way.
    @ivar lost: C{locate} fails with it; L{None}: does not fail.
    @ivar asked: what C{locate} answers with; L{None}: at once.
    @ivar via: what outcomes have.
    @ivar cause: likewise.
    @ivar notBefore: likewise.
    """

    reports: Action | None = Action.RELAYED
    width: int = 9
    gathers: bool = True
    pauseSeconds: float = 0.0
    unroutable: dict[bytes, Outcome] = Factory(dict)
    lost: Exception | None = None
    asked: Deferred[Located] | None = None
    via: Via | None = None
    cause: Cause = Cause.OTHER
    notBefore: float = 0.0

    def locate(
        self, message: SpooledMessage, indices: Sequence[int]
    ) -> Deferred[Located]:
        """By domain."""
        if self.lost is not None:
            return fail(self.lost)
        if self.asked is not None:
            return self.asked
        legs: dict[bytes, list[int]] = {}
        outcomes = []
        for index in indices:
            path = message.envelope.recipients[index].path
            if path in self.unroutable:
                outcomes.append(self.unroutable[path])
            else:
                legs.setdefault(path.rpartition(b"@")[2], []).append(index)
        return succeed(
            Located(
                tuple(Leg(lane, tuple(some), lane) for lane, some in legs.items()),
                tuple(outcomes),
            )
        )

    def _answer(self, attempt: Attempt) -> Deferred[Sequence[Outcome]]:
        def complete(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
            return [
                evolve(each, via=self.via, cause=self.cause, notBefore=self.notBefore)
                if each.fate is Fate.WAITING or self.via
                else each
                for each in outcomes
            ]

        return super()._answer(attempt).addCallback(complete)


@implementer(IRetries)
class Doubling:
    """A minute, then twice as long each time; given up after four days."""

    def due(
        self,
        message: SpooledMessage,
        outcome: Outcome,
        now: float,
        schedule: Schedule | None = None,
    ) -> float | None:
        """When to try again."""
        deadline = None if schedule is None else schedule.deadline
        if now - message.arrived >= 4 * 24 * 3600 or deadline and now >= deadline:
            return None
        return now + 60.0 * 2.0**message.attempts

    def until(
        self,
        message: SpooledMessage,
        outcome: Outcome,
        schedule: Schedule | None = None,
    ) -> float:
        """Until when it is tried."""
        return message.arrived + 4 * 24 * 3600


@implementer(IReporter)
@define
class ScriptedReporter:
    """
    Reports to senders that are somebody.

    @ivar error: fails with it; L{None}: does not fail.
    @ivar wanted: what they want to hear.
    @ivar confused: C{owed} fails with it; L{None}: does not fail.
    @ivar unsure: C{mayOwe} does; likewise.
    """

    error: Exception | None = None
    wanted: tuple[Action, ...] = (Action.FAILED,)
    confused: Exception | None = None
    unsure: Exception | None = None

    def mayOwe(self, message: SpooledMessage, action: Action) -> bool:
        """It looks at each."""
        if self.unsure is not None:
            raise self.unsure
        return True

    def owed(self, message: SpooledMessage, news: Sequence[Told]) -> Sequence[Told]:
        """What they want to hear."""
        if self.confused is not None:
            raise self.confused
        if not message.envelope.sender:
            return ()
        return [each for each in news if each.action in self.wanted]

    def reports(
        self, message: SpooledMessage, owed: Sequence[Told], body: IBody
    ) -> Sequence[Report]:
        """What happened, a line each, above the body."""
        if self.error is not None:
            raise self.error
        sender = message.envelope.sender
        lines = "".join(
            f"{each.outcome.index} {each.outcome.text}\r\n" for each in owed
        )
        text = lines.encode() + b"".join(body.pieces())
        envelope = Envelope(b"", message.arrived, [Recipient(sender)], len(text))
        return (Report(envelope, b"", text),)


@implementer(IDeliveryJournal)
class RecordedJournal:
    """
    Notes what it is told.

    @ivar told: one tuple a call, the message by its id.
    @ivar took: how long each delivery took, in seconds.
    @ivar firsts: whether each was the first of its transaction.
    """

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.took: list[float] = []
        self.firsts: list[bool] = []

    def delivered(
        self,
        message: SpooledMessage,
        outcome: Outcome,
        route: str,
        transport: str,
        took: float,
        first: bool,
    ) -> None:
        """Note it."""
        self.took.append(took)
        self.firsts.append(first)
        self._note("delivered", message, outcome, route, transport)

    def deferred(
        self,
        message: SpooledMessage,
        outcome: Outcome,
        route: str,
        transport: str,
        due: float,
        took: float,
    ) -> None:
        """Note it."""
        self._note("deferred", message, outcome, route, transport, due)

    def failed(
        self,
        message: SpooledMessage,
        outcome: Outcome,
        route: str,
        transport: str,
        took: float,
    ) -> None:
        """Note it."""
        self._note("failed", message, outcome, route, transport)

    def reported(self, message: SpooledMessage, id: str, report: Report) -> None:
        """Note it."""
        self.told.append(("reported", message.id, id))

    def _note(
        self, what: str, message: SpooledMessage, outcome: Outcome, *more: object
    ) -> None:
        """The rest of C{more} comes behind what is told of the recipient."""
        route, transport, *rest = more
        told = what, message.id, outcome.index, route, transport, outcome.text
        self.told.append((*told, *rest))

    def held(self, message: SpooledMessage, reason: str, wished: bool) -> None:
        """Note it."""
        self.told.append(("held", message.id, reason, wished))

    def operated(
        self, message: SpooledMessage, operation: Operation, by: str, why: str
    ) -> None:
        """Note it."""
        self.told.append((operation.value, message.id, by, why))

    def completed(self, message: SpooledMessage) -> None:
        """Note it."""
        self.told.append(("completed", message.id))

    def trouble(
        self, message: SpooledMessage | None, owner: str, error: BaseException
    ) -> None:
        """Note it."""
        id = None if message is None else message.id
        self.told.append(("trouble", id, owner, str(error)))

    def take(self) -> list[tuple[object, ...]]:
        """What was told since this was last called."""
        told, self.told = self.told, []
        return told
