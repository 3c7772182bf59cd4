"""
When a message is tried again.

RFC 5321 section 4.5.4.1 asks for half an hour between attempts at least, and for
giving up after four to five days.  The first is about other people's hosts; what
local delivery waits for is our own disk or an operator, so it begins with a
minute.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class Retries:
    """
    Pauses that double.

    @ivar firstSeconds: the first pause.
    @ivar longestSeconds: the longest pause.
    @ivar giveUpSeconds: the age at which a message is no longer tried.
    """

    firstSeconds: float = 60.0
    longestSeconds: float = 3600.0
    giveUpSeconds: float = 4 * 24 * 3600.0

    def due(self, now: float, arrived: float, attempts: int) -> float | None:
        """
        When to try again what has just not worked.

        @param now: in seconds since the epoch, as all times here.
        @param arrived: when the message arrived.
        @param attempts: how many attempts there were before this one.
        @return: L{None}: never.
        """
        if now - arrived >= self.giveUpSeconds:
            return None
        # Beyond 2**64 pauses of any length are the longest.
        pause = self.firstSeconds * 2.0 ** min(attempts, 64)
        return now + min(pause, self.longestSeconds)


__all__ = ["Retries"]
