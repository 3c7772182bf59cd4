"""
What is to be written down of a message after a round of attempts.

Nothing is lost here.  A recipient is finished with only where a transport said
DELIVERED, or where its sender is told that it failed, which is put down in the same
step (L{smtpx.queue.telling}).  Where there is nobody to write reports, or the report
cannot be written or has no way to go, the message is put on hold, and an operator is
told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from zlib import crc32

from attrs import evolve, field, frozen

from ..core.envelope import Recipient
from ..core.errors import Untold, UsageError
from ..core.hooks import Action, Schedule
from ..core.queueprofile import EXPANDED, QueueProfile
from ..core.values import value
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
)
from .telling import Teller, Telling
from .told import Told
from .tried import Taken, Tried

#: As L{Teller.owing}, which is asked for each message.
Owing = Callable[
    [SpooledMessage, Mapping[int, Outcome], Sequence[int], Action | None], Sequence[int]
]

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

#: Why it is on hold though everybody has it.
NOT_TOLD = "its sender could not be told what became of it"

#: When something of ours is broken: the first pause, in seconds; the next ones are
#: twice as long, up to an hour.
BROKEN_SECONDS = 60.0


@value
class Settlement:
    """
    What is to be written down of a message.

    @ivar message: the message, as it was leased.
    @ivar outcomes: of each recipient that was tried.
    @ivar due: when to try those that wait; L{None}: on hold, if any wait.  Of a
        message that waits for a lane: for how long it does so at most; L{None}: for
        as long as it takes.
    @ivar held: why it is on hold; L{None}: it is not.
    @ivar wished: is it on hold because its routes say so?
    @ivar reports: what its sender is told.
    @ivar lane: the lane that it waits for in the spool; L{None}: none.
    @ivar told: its sender is told of a delay now, in seconds since the epoch;
        L{None}: is not.
    """

    message: SpooledMessage
    outcomes: tuple[Outcome, ...] = ()
    due: float | None = None
    held: str | None = None
    wished: bool = False
    reports: tuple[Report, ...] = ()
    lane: bytes | None = None
    told: float | None = None


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
    @ivar delays: see L{Teller}.
    @ivar owing: see L{Teller.owing}.
    """

    spool: ISpool
    journal: IDeliveryJournal
    retries: IRetries
    now: Callable[[], float]
    reporter: IReporter | None = None
    profile: QueueProfile | None = None
    routes: IRoutes | None = None
    delays: tuple[float, ...] = ()
    _teller: Teller = field(init=False)
    owing: Owing = field(init=False)

    @_teller.default
    def _made(self) -> Teller:
        return Teller(
            self.spool,
            self.journal,
            self.retries,
            self.reporter,
            self.routes,
            self.delays,
        )

    @owing.default
    def _owing(self) -> Owing:
        return self._teller.owing

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
            return self._givenUp(message, lambda last: _expired(last, OUT_OF_TIME))
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
        if lane is None and len(tried) >= len(message.waiting) and _isOver(tried):
            # So it mostly is.
            for each in tried:
                self._had(message, each)
            return Settlement(message, tuple([each.outcome for each in tried]))
        schedule = self._schedule(message)
        now = self.now()
        known = [self._judged(message, each, now, schedule) for each in tried]
        outcomes = tuple([each.outcome for each, _ in known])
        due = min((at for _, at in known if at is not None), default=None)
        if len(known) < len(message.waiting):
            # Some were not tried: there was no room, or the end came.
            due = now
        news = self._news([each for each, _ in known], schedule, now)
        delays = self._delays(message, known, schedule, now)
        news += delays
        telling = self._teller.tell(message, news)
        if telling.owed:
            return _kept(message, outcomes, due, telling)
        if lane is not None and not telling.reports:
            wake = min(_times(schedule, now), default=None)
            return Settlement(message, outcomes, wake, lane=lane)
        wished = due is None and any(_isKept(each) for each, _ in known)
        return Settlement(
            message,
            outcomes,
            due,
            ON_HOLD if wished else None,
            wished,
            telling.reports,
            told=now if delays and telling.done else None,
        )

    def taken(self, message: SpooledMessage, taken: Taken) -> Settlement:
        """
        The same as C{conclude}, where all who waited have the message.

        @raise Exception: whatever a journal comes up with.
        """
        outcomes, seconds, route = taken.outcomes, taken.seconds, taken.route
        pattern, name = route.pattern, route.transport.name
        delivered = self.journal.delivered
        last: object = None
        for outcome in outcomes:
            via = outcome.via
            first = via is None or via is not last
            delivered(message, outcome, pattern, name, seconds, first)
            last = via
        return Settlement(message, tuple(outcomes))

    def cancelled(self, message: SpooledMessage, text: str) -> Settlement:
        """
        An operator gives a message up, for all who wait.

        @param text: what is said of it.
        @raise UsageError: nobody is known to wait for it, so that it would be lost.
        """
        if not message.waiting:
            raise UsageError(f"nobody is known to wait for {message.id}")
        return self._givenUp(
            message,
            lambda last: Outcome(last.index, Fate.FAILED, text, cause=Cause.OPERATOR),
        )

    def _givenUp(
        self, message: SpooledMessage, end: Callable[[Outcome], Outcome]
    ) -> Settlement:
        """
        Nothing more is tried.

        @param end: what becomes of a recipient, by its last outcome.
        """
        tried = self.served(message)
        done = {each.outcome.index for each in tried}
        last = {each.index: each for each in message.outcomes}
        for index in message.waiting:
            if index not in done:
                known = last.get(index) or Outcome(index, Fate.WAITING)
                tried.append(Tried(None, end(known)))
        return self.conclude(message, tried, None)

    def served(self, message: SpooledMessage) -> list[Tried]:
        """
        Those who wait, and only for their sender to be told: aliases that others
        were put in the place of, and whoever had the message when a process died.
        """
        found: list[Tried] = []
        envelope = message.envelope
        untold: dict[int, Outcome] = {}
        for each in message.outcomes:
            if each.untold:
                untold[each.index] = each
        for index in message.waiting:
            recipient = envelope.recipients[index]
            if recipient.stamp(EXPANDED):
                had = Outcome(index, Fate.DELIVERED, "expanded")
                found.append(Tried(None, had, action=Action.EXPANDED))
            elif index in untold:
                action = self._actionOf(recipient, envelope.sender)
                found.append(Tried(None, untold[index], action=action))
        return found

    def _actionOf(self, recipient: Recipient, sender: bytes) -> Action:
        """What a delivery meant for the sender of which only the ledger tells."""
        routes, path = self.routes, recipient.path
        try:
            route = None if routes is None else routes.find(path, sender, recipient)
        except Untold:
            route = None
        # Only what goes to other hosts is noted there.
        action = None if route is None else route.transport.reports
        return action or Action.RELAYED

    def broken(
        self, message: SpooledMessage, error: Exception, tried: Sequence[Tried]
    ) -> Settlement:
        """
        Something of ours is broken.

        @param tried: what is known of recipients all the same: who has it does not
            get it again, and the sender hears of that the next time.
        """
        self.journal.trouble(message, "queue", error)
        had = tuple(
            [
                evolve(
                    each.outcome,
                    untold=self.owes(message, each.outcome, each.action),
                )
                for each in tried
                if each.outcome.fate is Fate.DELIVERED
            ]
        )
        pause = BROKEN_SECONDS * 2.0 ** min(message.attempts, 6)
        return Settlement(message, had, self.now() + pause)

    @property
    def owes(self) -> Callable[[SpooledMessage, Outcome, Action | None], bool]:
        """See L{Teller.owes}."""
        return self._teller.owes

    def _delays(
        self,
        message: SpooledMessage,
        known: Sequence[tuple[Tried, float | None]],
        schedule: Schedule | None,
        now: float,
    ) -> list[Told]:
        """Who is delayed, if it is time to tell."""
        teller = self._teller
        late = teller.isLate(message, schedule, now)
        if not late and not teller.isDelayed(message, schedule, now):
            return []
        return teller.delayed(message, _waiting(message, known), schedule, late)

    def _news(
        self, tried: Sequence[Tried], schedule: Schedule | None, now: float
    ) -> list[Told]:
        """Who has the message, and who never will."""
        deadline = None if schedule is None else schedule.deadline
        late = deadline is not None and deadline <= now
        news = []
        for each in tried:
            fate = each.outcome.fate
            if fate is Fate.FAILED:
                news.append(Told(each.outcome, late=late))
            elif (
                fate is Fate.DELIVERED
                and each.action is not None
                and each.owed is not False
            ):
                news.append(Told(each.outcome, each.action))
        return news

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
        if outcome.untold:
            # It was told when that became known; only the sender was not.
            return evolve(tried, outcome=evolve(outcome, untold=False)), None
        if outcome.fate is Fate.DELIVERED:
            if tried.action is not Action.EXPANDED:
                self._had(message, tried)
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
        due = min([due, *_times(schedule, now)])
        self.journal.deferred(message, outcome, *names, due, tried.seconds)
        return tried, due

    def _had(self, message: SpooledMessage, tried: Tried) -> None:
        """Tell that somebody has it."""
        route = tried.route
        self.journal.delivered(
            message,
            tried.outcome,
            "" if route is None else route.pattern,
            "" if route is None else route.transport.name,
            tried.seconds,
            tried.first,
        )


def _isOver(tried: Sequence[Tried]) -> bool:
    """Do all have it, and is it known that nobody wants to hear of that?"""
    for each in tried:
        if each.owed is not False:
            # So is who does not have it.
            return False
    return True


def _waiting(
    message: SpooledMessage, known: Sequence[tuple[Tried, float | None]]
) -> list[tuple[Outcome, bool]]:
    """
    Those who go on waiting: their last outcomes, and whether they were tried just
    now.  Who is on hold, as an operator has it, is not among them.
    """
    now = {each.outcome.index: each.outcome for each, due in known if due is not None}
    done = {each.outcome.index for each, _ in known}
    before = {each.index: each for each in message.outcomes}
    found = [(outcome, True) for outcome in now.values()]
    for index in message.waiting:
        if index not in done:
            last = before.get(index, Outcome(index, Fate.WAITING))
            if last.fate is Fate.WAITING:
                found.append((last, False))
    return found


def _kept(
    message: SpooledMessage,
    outcomes: Sequence[Outcome],
    due: float | None,
    telling: Telling,
) -> Settlement:
    """
    The sender could not be told.  The spool drops a recipient that FAILED, and
    nobody would hear of it.
    """
    failures = [each.text for each in outcomes if each.fate is Fate.FAILED]
    why = "; ".join(dict.fromkeys(failures)) or NOT_TOLD
    if telling.noWay:
        why += NO_WAY_BACK
    left = tuple(
        [_unsettled(each) if each.index in telling.owed else each for each in outcomes]
    )
    if due is not None:
        return Settlement(message, left, due)
    return Settlement(message, left, held=why)


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
    if outcome.fate is Fate.FAILED:
        return evolve(outcome, fate=Fate.WAITING)
    return evolve(outcome, untold=True)


def _times(schedule: Schedule | None, now: float) -> list[float]:
    """When the sender wants to hear, whenever a host may be tried."""
    if schedule is None:
        return []
    times = (schedule.deadline, schedule.noticeAt)
    return [at for at in times if at is not None and at > now]


def _spread(message: SpooledMessage, notBefore: float, now: float) -> float:
    """A host may be tried again: when this message may."""
    most = min(_SPREAD_SECONDS, max(0.0, notBefore - now) * _SPREAD)
    return notBefore + most * (crc32(message.id.encode("ascii")) % 1000) / 1000


__all__ = ["NOT_TOLD", "ON_HOLD", "Settlement", "Settlements"]
