"""
How many messages of users wait to be released (RFC 4865 section 6): what
L{smtpx.extensions.futurerelease} asks before it takes another.

It is kept in memory.  What the spool has from before is counted in the background
when the server starts; until that is done, users may have more.  A message that an
operator removes counts until it would have been released.

Of a server with several processes each keeps what waits with it, and what the others
have told (L{HeldMail.hear}), so that a user has the same room wherever a message
comes.  Two that come at one moment to two processes may be one more than there is room
for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush

from attrs import define, field, frozen
from zope.interface import implementer

from ..core.envelope import Envelope
from ..extensions.futurerelease import HOLD, HOLDER, IHeldMail
from ..spool.interfaces import IOperatedSpool
from .interfaces import Selection

#: How many messages of the spool are looked at at a time.
_PAGE = 200


@frozen
class Held:
    """
    A message that waits to be released.

    @ivar user: whose.
    @ivar release: when, in seconds since the epoch.
    @ivar serial: which it is of those that its process has counted.
    """

    user: bytes
    release: float
    serial: int


@define(eq=False)
class _Waiting:
    """
    What waits with one process.

    @ivar life: which life of that process it is of.
    @ivar times: when messages are released, and their serials, by user, as heaps.
    @ivar serials: all of them.
    """

    life: str = ""
    times: dict[bytes, list[tuple[float, int]]] = field(factory=dict)
    serials: set[int] = field(factory=set)

    def count(self, user: bytes, now: float) -> int:
        """How many messages of a user there are."""
        times = self.times.get(user)
        if times is None:
            return 0
        while times and times[0][0] <= now:
            self.serials.discard(heappop(times)[1])
        if not times:
            del self.times[user]
        return len(times)

    def add(self, held: Held) -> None:
        """There is one more, unless it is known."""
        if held.serial not in self.serials:
            self.serials.add(held.serial)
            entry = held.release, held.serial
            heappush(self.times.setdefault(held.user, []), entry)


def _untold(held: Held) -> None:
    """Nobody wants to know."""


@implementer(IHeldMail)
class HeldMail:
    """
    What waits in one spool, and what other processes say of theirs.

    @ivar tell: told of each message that is counted here.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        """
        @param now: seconds since the epoch.
        """
        self.tell: Callable[[Held], object] = _untold
        self._now = now
        self._ours = _Waiting()
        self._theirs: dict[int, _Waiting] = {}
        self._serial = 0

    def count(self, user: bytes) -> int:
        """See L{IHeldMail}."""
        now = self._now()
        waiting = (self._ours, *self._theirs.values())
        return sum(each.count(user, now) for each in waiting)

    def add(self, user: bytes, release: float) -> None:
        """See L{IHeldMail}."""
        if release > self._now():
            self._serial += 1
            held = Held(user, release, self._serial)
            self._ours.add(held)
            self.tell(held)

    def ours(self) -> list[Held]:
        """All that waits here."""
        return [
            Held(user, *entry)
            for user, times in self._ours.times.items()
            for entry in times
        ]

    def hear(self, process: int, life: str, some: Iterable[Held]) -> None:
        """
        Another process says what waits with it; the same may be said twice.

        @param process: its number.
        @param life: which life of it that is: what waited in an earlier one it counts
            anew, and tells of it again.
        """
        known = self._theirs.get(process)
        if known is None or known.life != life:
            known = self._theirs[process] = _Waiting(life)
        now = self._now()
        for each in some:
            if each.release > now:
                known.add(each)

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


__all__ = ["Held", "HeldMail"]
