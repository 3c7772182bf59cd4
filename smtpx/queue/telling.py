"""
Telling senders: of whom there is news after a round of attempts, who wants to hear
it, and the reports of it.

Who failed, who is delayed, who has the message: all that one round brings stands in
one report, which is put down in the same step as what it tells of
(L{smtpx.queue.settlement}).  So none is lost and none is doubled, whenever a process
dies.

A delay is told once at each of the ages that the operator has set, and once when the
time has come that the sender has set (L{smtpx.core.hooks.Schedule}); the spool
remembers when that was last done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from ..core.errors import SMTPXError
from ..core.hooks import Action, Schedule
from ..spool.format import Outcome, Report, SpooledMessage
from ..spool.interfaces import ISpool
from ..spool.journal import IDeliveryJournal
from .interfaces import IReporter, IRetries, IRoutes
from .told import Told


class NoWayBack(SMTPXError):
    """No route leads to the sender of a message, to report to him."""


@frozen
class Telling:
    """
    What came of telling a sender.

    @ivar reports: what he is told.
    @ivar owed: recipients, by index, of whom he has to be told and is not.
    @ivar noWay: did no route lead to him?
    @ivar done: is there nothing more that could be said, now or the next time?
    """

    reports: tuple[Report, ...] = ()
    owed: frozenset[int] = frozenset()
    noWay: bool = False
    done: bool = True


@frozen
class Teller:
    """
    Finds out what there is to tell, and has it written.

    @ivar spool: where messages are.
    @ivar journal: who is told of trouble.
    @ivar retries: until when messages are tried.
    @ivar reporter: who writes reports; L{None}: nobody does.
    @ivar routes: where reports go; L{None}: that is not asked.
    @ivar delays: how old a message is, in seconds, when its sender is told that
        somebody does not have it yet.
    """

    spool: ISpool
    journal: IDeliveryJournal
    retries: IRetries
    reporter: IReporter | None
    routes: IRoutes | None
    delays: tuple[float, ...]

    # --- what there is to tell ---------------------------------------------------

    def owes(
        self, message: SpooledMessage, outcome: Outcome, action: Action | None
    ) -> bool:
        """
        Is the sender to be told of a recipient who has the message?

        @param action: what that means for the sender; L{None}: nothing of ours.
        """
        if action is None:
            return False
        try:
            reporter = self.reporter
            told = [Told(outcome, action)]
            return reporter is not None and bool(reporter.owed(message, told))
        except Exception as error:
            # The border: what a sender is told may depend on anything.
            self.journal.trouble(message, "report", error)
            return False

    def owing(
        self,
        message: SpooledMessage,
        had: Mapping[int, Outcome],
        indices: Sequence[int],
        action: Action | None,
    ) -> Sequence[int]:
        """
        Of whom is the sender to be told, of several who have the message?  That is
        C{owes} for each.

        @param had: what became of recipients, by index.
        @param indices: those of them that are meant.
        @param action: as of C{owes}.
        """
        reporter = self.reporter
        if action is None or reporter is None:
            return ()
        try:
            mayOwe = reporter.mayOwe(message, action)
        except Exception as error:
            # The border, as of each of them.
            self.journal.trouble(message, "report", error)
            return ()
        if not mayOwe:
            return ()
        return [each for each in indices if self.owes(message, had[each], action)]

    def isLate(
        self, message: SpooledMessage, schedule: Schedule | None, now: float
    ) -> bool:
        """Is it the time at which the sender wants to hear of a delay?"""
        at = None if schedule is None else schedule.noticeAt
        return at is not None and at <= now and _isNews(message, at)

    def isDelayed(
        self, message: SpooledMessage, schedule: Schedule | None, now: float
    ) -> bool:
        """Is it one of the times at which senders are told of a delay?"""
        began = message.arrived
        if schedule is not None:
            # What was to wait (RFC 4865) is not delayed by that.
            began = max(began, schedule.notBefore)
        ages = [began + seconds for seconds in self.delays]
        return any(at <= now and _isNews(message, at) for at in ages)

    def delayed(
        self,
        message: SpooledMessage,
        waiting: Sequence[tuple[Outcome, bool]],
        schedule: Schedule | None,
        late: bool,
    ) -> list[Told]:
        """
        What is told of those who wait.

        @param waiting: their last outcomes, and whether they were tried just now.
        @param late: is it the time that the sender has set?
        """
        return [
            Told(
                outcome,
                Action.DELAYED,
                self.retries.until(message, outcome, schedule),
                late,
                tried,
            )
            for outcome, tried in waiting
        ]

    # --- telling it ----------------------------------------------------------------

    def tell(self, message: SpooledMessage, news: Sequence[Told]) -> Telling:
        """
        Write what the sender is to be told.

        @param news: each recipient at most once.
        """
        owed = [each for each in news if each.action is Action.FAILED]
        if self.reporter is None:
            return Telling((), _lost(owed, False))
        try:
            owed = self._owed(message, news)
            return Telling(self._written(message, owed))
        except Exception as error:
            # The border: what a sender is told may depend on anything.
            noWay = isinstance(error, NoWayBack)
            if not (noWay and any(each.action is Action.FAILED for each in owed)):
                self.journal.trouble(message, "report", error)
            return Telling((), _lost(owed, noWay), noWay, done=noWay)

    def _owed(self, message: SpooledMessage, news: Sequence[Told]) -> list[Told]:
        """What the sender wants to hear, quickly, as mostly that is nothing."""
        if self.reporter is None or not news:
            return []
        return list(self.reporter.owed(message, news))

    def _written(
        self, message: SpooledMessage, owed: Sequence[Told]
    ) -> tuple[Report, ...]:
        """
        The reports.

        @raise NoWayBack: they would be lost.
        """
        if self.reporter is None or not owed:
            return ()
        body = self.spool.body(message)
        reports = tuple(self.reporter.reports(message, owed, body))
        sender = message.envelope.sender
        if reports and self.routes is not None and not self.routes.find(sender, b""):
            raise NoWayBack("no route leads to the sender, to report to him")
        return reports


def _isNews(message: SpooledMessage, at: float) -> bool:
    """Was the sender not told since then?"""
    return message.told is None or message.told < at


def _lost(owed: Sequence[Told], noWay: bool) -> frozenset[int]:
    """
    Those of whom the sender has to be told another time.  A delay is told with the
    next attempt, or is none any more; and good news that has no way to go is no
    reason to keep a message.
    """
    return frozenset(
        [
            each.outcome.index
            for each in owed
            if each.action is Action.FAILED
            or not (noWay or each.action is Action.DELAYED)
        ]
    )


__all__ = ["NoWayBack", "Teller", "Telling"]
