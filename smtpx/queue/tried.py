"""
What came of attempts, recipient by recipient, as values: what attempts hand to whoever
says what is to be written down (L{smtpx.queue.settlement}).
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from ..core.hooks import Action
from ..core.values import value
from ..spool.format import Fate, Outcome
from .interfaces import Route

# A member of an enumeration takes time to look up.
_DELIVERED = Fate.DELIVERED


@value
class Tried:
    """
    What came of one recipient.

    @ivar route: which way it went; L{None}: there is none.
    @ivar outcome: what came of it.
    @ivar seconds: how long that took, with all that were tried at once.
    @ivar first: is it the first of those that had it in one transaction?
    @ivar action: what it means for the sender that it was DELIVERED
        (C{ITransport.reports}); L{None}: nothing of ours.
    @ivar owed: where it was DELIVERED, has the sender to be told of that?  L{None}:
        that was not asked yet.
    """

    route: Route | None
    outcome: Outcome
    seconds: float = 0.0
    first: bool = True
    action: Action | None = None
    owed: bool | None = None


class Taken:
    """
    What came of all the recipients of a leg, where each has the message, and nobody is
    to be told of that: the same as a L{Tried} for each, as it mostly is.

    @ivar route: which way they went.
    @ivar outcomes: what came of them, in the order of the leg.
    @ivar seconds: how long that took.
    """

    __slots__ = ("outcomes", "route", "seconds")

    def __init__(
        self, route: Route, outcomes: Sequence[Outcome], seconds: float
    ) -> None:
        self.route = route
        self.outcomes = outcomes
        self.seconds = seconds

    def tried(self) -> list[Tried]:
        """The same, one by one."""
        return triedOf(self.route, self.outcomes, self.seconds, ())


def triedOf(
    route: Route, outcomes: Sequence[Outcome], seconds: float, untold: Container[int]
) -> list[Tried]:
    """
    What came of an attempt.  Of those that had the message in one transaction, the
    first is marked.

    @param seconds: how long it took.
    @param untold: those who have it of whom the sender is still to hear, as far as
        that was asked.
    """
    action, relayed = route.transport.reports, route.relay is not None
    tried: list[Tried] = []
    last: object = None
    for each in outcomes:
        first, owed = True, None
        if each.fate is _DELIVERED:
            first = each.via is None or each.via is not last
            last = each.via
            owed = each.index in untold if relayed else None
        tried.append(Tried(route, each, seconds, first, action, owed))
    return tried


__all__ = ["Taken", "Tried", "triedOf"]
