"""
Who has a message, while an attempt is still under way.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    """

    spool: ISpool
    settlements: Settlements
    message: SpooledMessage
    route: Route
    relayed: bool
    left: set[int]
    had: dict[int, Outcome] = field(factory=dict, init=False)

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """See L{Attempt}."""
        fresh = {
            each.index: each
            for each in outcomes
            if each.fate is Fate.DELIVERED and each.index in self.left
        }
        self.had.update(fresh)
        self.left.difference_update(fresh)
        if fresh and self.relayed:
            untold = [index for index in fresh if self._isUntold(fresh[index])]
            self.spool.delivered(self.message, tuple(fresh), untold)

    def _isUntold(self, outcome: Outcome) -> bool:
        """Has the sender to hear of it?"""
        route = self.route
        tried = Tried(route, outcome, action=route.transport.reports)
        return self.settlements.owes(self.message, tried)


__all__ = ["Heard"]
