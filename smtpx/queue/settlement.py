"""
What is to be written down of a message after a round of attempts.

Nothing is lost here.  A recipient is finished with only where a transport said
DELIVERED, or where its sender is told that it failed, which is put down in the same
step.  Where there is nobody to write reports, or the report cannot be written or has
no way to go, the message is put on hold, and an operator is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from zlib import crc32

from attrs import evolve, frozen

from ..core.errors import UsageError
from ..core.hooks import Schedule
from ..core.queueprofile import QueueProfile
from ..spool.format import Fate, Outcome, Report, SpooledMessage
from ..spool.interfaces import ISpool
from ..spool.journal import IDeliveryJournal
from ..spool.via import Cause
from .interfaces import (
    OUT_OF_TIME,
    TOO_LONG,
    IReporter,
    IRetries,
    IRoutes,
    Route,
)

#: When a host may be tried again, not everything that waits for it comes at once;
#: in seconds, and as a part of the time until then.
_SPREAD_SECONDS = 60.0
_SPREAD = 0.1

#: Why a message is on hold whose route says so.
ON_HOLD = "its route is to hold"

#: Why it is on hold rather than reported, besides what went wrong.
NO_WAY_BACK = "; and no route leads to its sender, to say so"

#: Why it is not tried, where its sender wants it to go later.
NOT_TO_GO_YET = "its sender wants it to go later"

#: When something of ours is broken: the first pause, in seconds; the next ones are
#: twice as long, up to an hour.
BROKEN_SECONDS = 60.0


@frozen
class Tried:
    """
    What came of one recipient.

    @ivar route: which way it went; L{None}: there is none.
    @ivar outcome: what came of it.
    @ivar seconds: how long that took, with all that were tried at once.
    @ivar first: is it the first of those that had it in one transaction?
    """

    route: Route | None
    outcome: Outcome
    seconds: float = 0.0
    first: bool = True


@frozen
class Settlement:
    """
    What is to be written down of a message.

    @ivar message: the message, as it was leased.
    @ivar outcomes: of each recipient that was tried.
    @ivar due: when to try those that wait; L{None}: on hold, if any wait.
    @ivar held: why it is on hold; L{None}: it is not.
    @ivar wished: is it on hold because its routes say so?
    @ivar reports: what its sender is told.
    @ivar lane: the lane that it waits for in the spool; L{None}: none.
    """

    message: SpooledMessage
    outcomes: tuple[Outcome, ...] = ()
    due: float | None = None
    held: str | None = None
    wished: bool = False
    reports: tuple[Report, ...] = ()
    lane: bytes | None = None


@frozen
class Settlements:
    """
    Says what is to be written down, and tells the journal of each recipient.

    @ivar spool: where messages are.
    @ivar journal: who is told.
    @ivar retries: when what did not work is tried again.
    @ivar now: seconds since the epoch.
    @ivar reporter: who writes reports; L{None}: nobody does.
    @ivar profile: what extensions say of when messages go; L{None}: nothing.
    @ivar routes: where reports go; L{None}: that is not asked.
    """

    spool: ISpool
    journal: IDeliveryJournal
    retries: IRetries
    now: Callable[[], float]
    reporter: IReporter | None = None
    profile: QueueProfile | None = None
    routes: IRoutes | None = None

    def untimely(self, message: SpooledMessage) -> Settlement | None:
        """
        Is nothing to be tried, because its sender does not want it to go yet (RFC
        4865), or no more (RFC 2852)?  What was put down says when it goes, but it
        may have been woken, and clocks are set.

        @return: what is to be written down then; L{None}: it may go.
        """
        schedule = self._schedule(message)
        if schedule is None:
            return None
        if schedule.deadline is not None and schedule.deadline <= self.now():
            known = {each.index: each for each in message.outcomes}
            gone = [known.get(i) or Outcome(i, Fate.WAITING) for i in message.waiting]
            tried = [Tried(None, _expired(each, OUT_OF_TIME)) for each in gone]
            return self.conclude(message, tried, None)
        due = schedule.notBefore
        if due <= self.now():
            return None
        for index in message.waiting:
            outcome = Outcome(index, Fate.WAITING, NOT_TO_GO_YET)
            self.journal.deferred(message, outcome, "", "", due, 0.0)
        return Settlement(message, due=due)

    def conclude(
        self, message: SpooledMessage, tried: Sequence[Tried], lane: bytes | None
    ) -> Settlement:
        """
        All attempts have come to an end.

        @param tried: what came of whom.
        @param lane: the lane that the others wait for; L{None}: there are no
            others, or they are due at once.
        """
        schedule = self._schedule(message)
        now = self.now()
        known = [self._judged(message, each, now, schedule) for each in tried]
        outcomes = tuple([each.outcome for each, _ in known])
        due = min((at for _, at in known if at is not None), default=None)
        if len(known) < len(message.waiting):
            # Some were not tried: there was no room, or the end came.
            due = now
        onHold = any(_isKept(each) for each, _ in known)
        failures = [each for each in outcomes if each.fate is Fate.FAILED]
        if failures:
            return self._failed(message, outcomes, failures, due, onHold)
        if lane is not None:
            return Settlement(message, outcomes, lane=lane)
        if due is None and onHold:
            return Settlement(message, outcomes, held=ON_HOLD, wished=True)
        return Settlement(message, outcomes, due)

    def cancelled(self, message: SpooledMessage, text: str) -> Settlement:
        """
        An operator gives a message up, for all who wait.

        @param text: what is said of it.
        @raise UsageError: nobody is known to wait for it, so that it would be lost.
        """
        if not message.waiting:
            raise UsageError(f"nobody is known to wait for {message.id}")
        outcomes = tuple(
            [
                Outcome(index, Fate.FAILED, text, cause=Cause.OPERATOR)
                for index in message.waiting
            ]
        )
        for outcome in outcomes:
            self.journal.failed(message, outcome, "", "", 0.0)
        return self._failed(message, outcomes, outcomes, None, False)

    def broken(
        self, message: SpooledMessage, error: Exception, tried: Sequence[Tried]
    ) -> Settlement:
        """
        Something of ours is broken.

        @param tried: what is known of recipients all the same: who has it does not
            get it again.
        """
        self.journal.trouble(message, "queue", error)
        done = [each.outcome for each in tried]
        had = tuple([each for each in done if each.fate is Fate.DELIVERED])
        pause = BROKEN_SECONDS * 2.0 ** min(message.attempts, 6)
        return Settlement(message, had, self.now() + pause)

    def _schedule(self, message: SpooledMessage) -> Schedule | None:
        profile = self.profile
        if profile is None or not profile.schedulers:
            return None
        return profile.scheduleFor(message.envelope)

    def _judged(
        self,
        message: SpooledMessage,
        tried: Tried,
        now: float,
        schedule: Schedule | None,
    ) -> tuple[Tried, float | None]:
        """
        Say when somebody who waits is tried again, and tell of it.

        @return: what came of it in the end, and when to try again, if so.
        """
        outcome, route = tried.outcome, tried.route
        names = ("", "") if route is None else (route.pattern, route.transport.name)
        if outcome.fate is Fate.DELIVERED:
            self.journal.delivered(message, outcome, *names, tried.seconds, tried.first)
            return tried, None
        if outcome.fate is Fate.FAILED:
            self.journal.failed(message, outcome, *names, tried.seconds)
            return tried, None
        if _isKept(tried):
            return tried, None
        due = self.retries.due(message, outcome, now, schedule)
        if due is None:
            outcome = _expired(outcome)
            self.journal.failed(message, outcome, *names, tried.seconds)
            return evolve(tried, outcome=outcome), None
        if outcome.cause is Cause.EARLY and outcome.notBefore:
            due = _spread(message, outcome.notBefore, now)
            if schedule is not None and schedule.deadline is not None:
                # Who set it wants to hear then, whenever the host may be tried.
                due = min(due, schedule.deadline)
        self.journal.deferred(message, outcome, *names, due, tried.seconds)
        return tried, due

    def _failed(
        self,
        message: SpooledMessage,
        outcomes: tuple[Outcome, ...],
        failures: Sequence[Outcome],
        due: float | None,
        onHold: bool,
    ) -> Settlement:
        """
        Some will never have it: their sender is to know.

        @param onHold: are others on hold, as their routes have it?
        """
        why = "; ".join(dict.fromkeys([each.text for each in failures]))
        if self.reporter is not None:
            try:
                body = self.spool.body(message)
                reports = tuple(self.reporter.failures(message, failures, body))
                arrives = not reports or self._canTell(message.envelope.sender)
            except Exception as error:
                # The border: what a sender is told may depend on anything.
                self.journal.trouble(message, "report", error)
            else:
                if arrives:
                    wished = onHold and due is None
                    held = ON_HOLD if wished else None
                    return Settlement(message, outcomes, due, held, wished, reports)
                why += NO_WAY_BACK
        # The spool drops a recipient that FAILED, and nobody would hear of it.
        waiting = tuple([_unsettled(each) for each in outcomes])
        if due is not None:
            return Settlement(message, waiting, due)
        return Settlement(message, waiting, held=why)

    def _canTell(self, sender: bytes) -> bool:
        """Would a report have any way to go?"""
        return self.routes is None or self.routes.find(sender, b"") is not None


def _isKept(tried: Tried) -> bool:
    """Is it on hold, as its route has it?"""
    route = tried.route
    return route is not None and route.transport.holds


def _expired(outcome: Outcome, why: str = TOO_LONG) -> Outcome:
    """It waited for too long."""
    return evolve(
        outcome,
        fate=Fate.FAILED,
        text=(outcome.text + why).removeprefix("; "),
        cause=Cause.EXPIRED,
    )


def _unsettled(outcome: Outcome) -> Outcome:
    if outcome.fate is not Fate.FAILED:
        return outcome
    return evolve(outcome, fate=Fate.WAITING)


def _spread(message: SpooledMessage, notBefore: float, now: float) -> float:
    """A host may be tried again: when this message may."""
    most = min(_SPREAD_SECONDS, max(0.0, notBefore - now) * _SPREAD)
    return notBefore + most * (crc32(message.id.encode("ascii")) % 1000) / 1000


__all__ = ["ON_HOLD", "Settlement", "Settlements", "Tried"]
