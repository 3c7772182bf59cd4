"""
A message in a spool in memory, and who has it.
"""

from __future__ import annotations

from attrs import define, field
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
