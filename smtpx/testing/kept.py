"""
A message in a spool in memory, and who has it.
"""

from __future__ import annotations

from attrs import define, evolve, field
from twisted.internet.defer import Deferred

from ..spool.format import SpooledMessage


@define(eq=False)
class Kept:
    """
    One message in the spool.

    @ivar message: the message.
    @ivar body: its body.
    @ivar leased: does somebody have it?
    @ivar noted: who has it by then, as was noted since.
    @ivar untold: of whom of them the sender is still to be told.
    @ivar claims: who wants it when it is given back, first come first.
    """

    message: SpooledMessage
    body: bytes
    leased: bool = False
    noted: set[int] = field(factory=set)
    untold: set[int] = field(factory=set)
    claims: list[Deferred[None]] = field(factory=list)

    def isDue(self, now: float) -> bool:
        """Is it to be delivered now?"""
        due, waits = self.message.due, self.message.held or self.message.lane
        return not waits and (due is None or due <= now)

    def unpark(self, due: float) -> None:
        """It waits for no lane any more, and is due then, if not before."""
        wake = self.message.due
        when = due if wake is None else min(due, wake)
        self.message = evolve(self.message, lane=None, due=when)

    def rouse(self, now: float) -> bool:
        """Is it parked, and has been for as long as it may?  Then it is due."""
        message = self.message
        if message.lane is None or message.held or message.due is None:
            return False
        if message.due > now:
            return False
        self.message = evolve(message, lane=None, due=now)
        return True

    def giveBack(self) -> None:
        """Its lease is at an end: it is the turn of the next who wants it."""
        self.leased = bool(self.claims)
        self.noted.clear()
        self.untold.clear()
        if self.claims:
            self.claims.pop(0).callback(None)


def sinceWhen(kept: Kept) -> float:
    """Those that were never tried are due since they came."""
    message = kept.message
    return message.arrived if message.due is None else message.due


__all__ = ["Kept", "sinceWhen"]
