"""
Who has a message, while an attempt is still under way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define, field

from ..spool.format import Fate, Outcome, SpooledMessage
from ..spool.interfaces import ISpool
from .interfaces import Route
from .settlement import Settlements, Tried


@define(eq=False)
class Heard:
    """
    Who has a message in an attempt, as soon as that is known, and whatever happens
    until it is written down.

    @ivar route: which way it goes.
    @ivar relayed: does it go to where nobody can tell that it came before?
    @ivar left: who does not have it.
    @ivar had: who does.
    @ivar untold: those of them of whom the sender is still to hear, as far as it is
        noted.
    """

    spool: ISpool
    settlements: Settlements
    message: SpooledMessage
    route: Route
    relayed: bool
    left: set[int]
    had: dict[int, Outcome] = field(factory=dict, init=False)
    untold: set[int] = field(factory=set, init=False)

    def note(self, outcomes: Iterable[Outcome]) -> None:
        """See L{Attempt}."""
        fresh: list[int] = []
        for each in outcomes:
            if each.fate is Fate.DELIVERED and each.index in self.left:
                fresh.append(each.index)
                self.left.remove(each.index)
                self.had[each.index] = each
        if fresh and self.relayed:
            owes, message = self.settlements.owes, self.message
            action = self.route.transport.reports
            untold = [each for each in fresh if owes(message, self.had[each], action)]
            self.untold.update(untold)
            self.spool.delivered(message, fresh, untold)

    def tried(self, outcomes: Sequence[Outcome], seconds: float) -> list[Tried]:
        """
        What came of the attempt.  Of those that had the message in one transaction,
        the first is marked.

        @param seconds: how long it took.
        """
        tried: list[Tried] = []
        last: object = None
        route = self.route
        action = route.transport.reports
        for each in outcomes:
            first, owed = True, None
            if each.fate is Fate.DELIVERED:
                first = each.via is None or each.via is not last
                last = each.via
                owed = each.index in self.untold if self.relayed else None
            tried.append(Tried(route, each, seconds, first, action, owed))
        return tried


__all__ = ["Heard"]
