"""
A checker that does what a test wants.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProducer, IPushProducer
from zope.interface import implementer

from smtpx.core.envelope import Envelope
from smtpx.core.interfaces import IServerSession
from smtpx.policy.checkers.interfaces import (
    ICheck,
    IChecker,
    Message,
    Opinion,
    Terms,
)


@implementer(ICheck)
@define(eq=False)
class MadeCheck:
    """
    A check.

    @ivar octets: what it got.
    @ivar outcome: what C{finish} gave; L{None}: it was not called.
    @ivar pausesAt: how many octets it takes before it pauses; L{None}: all.
    """

    message: Message
    octets: bytes = b""
    producer: IPushProducer | None = None
    outcome: Deferred[Opinion] | None = None
    aborted: bool = False
    pausesAt: int | None = None
    answer: Opinion | Exception | None = None

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """See L{ICheck}."""
        assert streaming
        self.producer = producer  # type: ignore[assignment]  # it is streaming

    def unregisterProducer(self) -> None:
        """See L{ICheck}."""
        self.producer = None

    def write(self, data: bytes) -> None:
        """See L{ICheck}."""
        self.octets += data
        if self.pausesAt is not None and len(self.octets) >= self.pausesAt:
            assert self.producer is not None
            self.producer.pauseProducing()

    def finish(self) -> Deferred[Opinion]:
        """See L{ICheck}."""
        self.outcome = Deferred()
        answer = self.answer
        if isinstance(answer, Opinion):
            self.outcome.callback(answer)
        elif answer is not None:
            self.outcome.errback(answer)
        return self.outcome

    def abort(self) -> None:
        """See L{ICheck}."""
        self.aborted = True


@implementer(IChecker)
@define(eq=False)
class MadeChecker:
    """
    A checker.

    @ivar answers: what its next checks answer; without any: when the test wants.
    @ivar pausesAt: see L{MadeCheck}.
    @ivar absent: is it for no message?
    @ivar error: what C{begin} raises.
    """

    name: str = "made"
    terms: Terms = Terms()
    finds: frozenset[str] = frozenset({"made"})
    answers: list[Opinion | Exception] = field(factory=list)
    pausesAt: int | None = None
    absent: bool = False
    error: Exception | None = None
    checks: list[MadeCheck] = field(factory=list)

    def begin(
        self, session: IServerSession, envelope: Envelope, message: Message
    ) -> ICheck | None:
        """See L{IChecker}."""
        if self.error is not None:
            raise self.error
        if self.absent:
            return None
        check = MadeCheck(message, pausesAt=self.pausesAt)
        if self.answers:
            check.answer = self.answers.pop(0)
        self.checks.append(check)
        return check
