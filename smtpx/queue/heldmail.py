"""
How many messages of users wait to be released (RFC 4865 section 6): what
L{smtpx.extensions.futurerelease} asks before it takes another.

It is kept in memory.  What the spool has from before is counted in the background
when the server starts; until that is done, users may have more.  A message that an
operator removes counts until it would have been released.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush

from zope.interface import implementer

from ..core.envelope import Envelope
from ..extensions.futurerelease import HOLD, HOLDER, IHeldMail
from ..spool.interfaces import IOperatedSpool
from .interfaces import Selection

#: How many messages of the spool are looked at at a time.
_PAGE = 200


@implementer(IHeldMail)
class HeldMail:
    """What waits in one spool."""

    def __init__(self, now: Callable[[], float]) -> None:
        """
        @param now: seconds since the epoch.
        """
        self._now = now
        #: When messages are released, by user, as heaps.
        self._times: dict[bytes, list[float]] = {}

    def count(self, user: bytes) -> int:
        """See L{IHeldMail}."""
        times = self._times.get(user)
        if times is None:
            return 0
        now = self._now()
        while times and times[0] <= now:
            heappop(times)
        if not times:
            del self._times[user]
        return len(times)

    def add(self, user: bytes, release: float) -> None:
        """See L{IHeldMail}."""
        if release > self._now():
            heappush(self._times.setdefault(user, []), release)

    async def load(self, spool: IOperatedSpool) -> None:
        """
        Count what the spool has from before.

        @param spool: open.
        """
        selection = Selection(until=self._now())
        after: str | None = ""
        while after is not None:
            page = await spool.find(selection, after, _PAGE)
            self._addAll(entry.message.envelope for entry in page.entries)
            after = page.after

    def _addAll(self, envelopes: Iterable[Envelope]) -> None:
        for envelope in envelopes:
            hold, user = envelope.stamp(HOLD), envelope.stamp(HOLDER)
            if hold is not None and user is not None:
                self.add(user, hold.release)


__all__ = ["HeldMail"]
