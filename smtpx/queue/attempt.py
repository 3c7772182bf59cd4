"""
One message, tried once: who gets it how, and what is to be written down of that.

Nothing is lost here.  A recipient is finished with only where a transport said
DELIVERED; whatever else happens, an exception of ours included, the message
stays in the spool, due again or on hold.  There are no delivery reports yet, so
what will never work is put on hold too, and an operator is told.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from ..core.queueprofile import DISCARDED
from ..spool.format import Fate, Outcome, SpooledMessage, critical
from ..spool.interfaces import ISpool
from ..spool.journal import IDeliveryJournal
from .discard import Discard
from .interfaces import Attempt, IRoutes, Route
from .retry import Retries


@frozen
class Settlement:
    """
    What is to be written down of a message after an attempt.

    @ivar message: the message, as it was leased.
    @ivar outcomes: of each recipient that was tried.
    @ivar due: when to try those that wait; L{None}: on hold, if any wait.
    @ivar held: why it is on hold; L{None}: it is not.
    @ivar wished: is it on hold because its routes say so?
    """

    message: SpooledMessage
    outcomes: tuple[Outcome, ...] = ()
    due: float | None = None
    held: str | None = None
    wished: bool = False


@frozen
class _Tried:
    """
    What came of one recipient.

    @ivar seconds: how long its transport took, with all that it had at once.
    """

    route: Route
    outcome: Outcome
    seconds: float


@frozen
class Attempts:
    """
    Tries messages.

    @ivar spool: where they come from.
    @ivar routes: where they go.
    @ivar journal: who is told.
    @ivar retries: when what did not work is tried again.
    @ivar now: seconds since the epoch.
    """

    spool: ISpool
    routes: IRoutes
    journal: IDeliveryJournal
    retries: Retries
    now: Callable[[], float]

    async def make(self, message: SpooledMessage, again: bool) -> Settlement:
        """
        Try a message.

        @param again: may an earlier attempt have succeeded unknown to the spool?
        """
        try:
            return await self._make(message, again)
        except Exception as error:
            # Routes may be anybody's.  Never let go of a message unsettled.
            self.journal.trouble(message, "queue", error)
            due = self.retries.due(self.now(), message.arrived, message.attempts)
            why = None if due is not None else f"{type(error).__name__}: {error}"
            return Settlement(message, due=due, held=why)

    async def _make(self, message: SpooledMessage, again: bool) -> Settlement:
        unknown = critical(message)
        if unknown:
            # Sending it on would break what somebody was promised.
            return Settlement(message, held=f"no extension is loaded for {unknown}")
        ways, outcomes = self._sort(message)
        results = [
            result
            for route, indices in ways.items()
            for result in await self._try(message, route, indices, again)
        ]
        return self._conclude(message, results, outcomes)

    def _sort(
        self, message: SpooledMessage
    ) -> tuple[dict[Route, list[int]], list[Outcome]]:
        """
        Sort the recipients that wait by where they go.

        @return: the routes to be tried, with their recipients; and outcomes of
            those for whom nothing is to be tried.
        """
        ways: dict[Route, list[int]] = {}
        idle: list[Outcome] = []
        for index in message.waiting:
            recipient = message.envelope.recipients[index]
            if recipient.stamp(DISCARDED):
                route: Route | None = _BLACKHOLE
            else:
                route = self.routes.find(recipient.path, message.envelope.sender)
            if route is None:
                nowhere = Outcome(index, Fate.FAILED, _NO_ROUTE)
                self.journal.failed(message, nowhere, "", "")
                idle.append(nowhere)
            elif route.transport.holds:
                idle.append(Outcome(index, Fate.WAITING, _ON_HOLD))
            else:
                ways.setdefault(route, []).append(index)
        return ways, idle

    async def _try(
        self, message: SpooledMessage, route: Route, indices: list[int], again: bool
    ) -> list[_Tried]:
        """
        Try the recipients of one route.  This is the border at which the
        exceptions of the world, and of transports, end.
        """
        transport = route.transport
        began = self.now()
        try:
            body = self.spool.body(message)
            attempt = Attempt(message, body, tuple(indices), again)
            given = {each.index: each for each in await transport.deliver(attempt)}
        except Exception as error:
            self.journal.trouble(message, transport.name, error)
            why = f"{type(error).__name__}: {error}"
            given = {index: Outcome(index, Fate.WAITING, why) for index in indices}
        took = self.now() - began
        return [_Tried(route, given.get(i) or _silent(i), took) for i in indices]

    def _conclude(
        self,
        message: SpooledMessage,
        results: list[_Tried],
        idle: list[Outcome],
    ) -> Settlement:
        """
        Tell of what was tried, and say what is to come of the message.

        @param idle: outcomes of recipients for whom nothing was tried.
        """
        due = self.retries.due(self.now(), message.arrived, message.attempts)
        tried: list[Outcome] = []
        deferred = False
        for result in results:
            route, outcome = result.route, result.outcome
            told = route.pattern, route.transport.name
            if outcome.fate is Fate.DELIVERED:
                self.journal.delivered(message, outcome, *told, result.seconds, True)
            elif outcome.fate is Fate.FAILED:
                self.journal.failed(message, outcome, *told)
            elif due is None:
                text = f"{outcome.text}; tried for too long"
                outcome = Outcome(outcome.index, Fate.FAILED, text)
                self.journal.failed(message, outcome, *told)
            else:
                self.journal.deferred(message, outcome, *told, due)
                deferred = True
            tried.append(outcome)
        failures = [o.text for o in idle + tried if o.fate is Fate.FAILED]
        outcomes = tuple(map(_kept, idle + tried))
        if deferred:
            return Settlement(message, outcomes, due)
        if failures:
            why = "; ".join(dict.fromkeys(failures))
            return Settlement(message, outcomes, held=why)
        if idle:
            return Settlement(message, outcomes, held=_ON_HOLD, wished=True)
        return Settlement(message, outcomes)


#: Where mail goes that an alias throws away.
_BLACKHOLE = Route(":blackhole:", Discard())

_NO_ROUTE = "no route"
_ON_HOLD = "its route is to hold"


def _silent(index: int) -> Outcome:
    """What a transport said nothing of."""
    return Outcome(index, Fate.WAITING, "the transport did not say what became of it")


def _kept(outcome: Outcome) -> Outcome:
    """
    An outcome as the spool is told of it.  It would drop a recipient that
    FAILED, which nobody would ever hear of as long as there are no reports.
    """
    if outcome.fate is Fate.FAILED:
        return Outcome(outcome.index, Fate.WAITING, outcome.text)
    return outcome


__all__ = ["Attempts", "Settlement"]
