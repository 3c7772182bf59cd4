"""
Lanes of several processes that go to the same destination: how many attempts there are,
and how soon one may follow another, holds for all of them together.

A place is what a connection to the destination needs.  It is kept for a moment when an
attempt is over, for so is the connection; where others wish for it, and this process
has had it for long enough, the connection is closed first, and then the place given
back.  So a host that allows one connection never sees two.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import Interface, implementer

from ..joint import ASK_SECONDS, Places

#: How long a process may go on with a place that others wish for, in seconds: to hand
#: it over costs a connection.
TURN_SECONDS = 1.0

#: How often it is looked which places are not needed any more, in seconds.
_LOOK_SECONDS = 0.1

#: The shortest time to wait for a turn in a lane with a pace, in seconds.
_SHORTEST_SECONDS = 0.005

#: Closes at most so many connections that nobody uses; fires when that is done.
Retire = Callable[[int], "Deferred[None]"]


class ILanePlaces(Interface):
    """Says whether a lane may have another attempt, where others have such lanes."""

    def begin(
        key: bytes, width: int, pauseSeconds: float, retire: Retire | None
    ) -> float | None:
        """
        An attempt is to begin.

        @param key: of the lane.
        @param width: the most attempts at once, in all processes.
        @param pauseSeconds: the least time between the beginnings of two, likewise.
        @param retire: closes connections that nobody uses; L{None}: there are none.
        @return: after how many seconds to ask again; L{None}: it may begin.
        """

    def ended(key: bytes) -> None:
        """An attempt has ended."""

    def woken(key: bytes) -> None:
        """The pause since the beginning of the last attempt is over."""

    def leave(key: bytes) -> None:
        """There is nothing to be begun any more."""


@define(eq=False)
class _Held:
    """
    What a lane has here.

    @ivar wishes: see L{Places.wishes}.
    @ivar since: when it had its first place, in seconds of the clock.
    @ivar rested: since when it has a place more than it needs.
    @ivar own: how many places it has.
    @ivar active: how many attempts there are.
    @ivar leaving: how many places are given back as soon as connections are closed.
    """

    key: bytes
    wishes: memoryview[int]
    since: float
    width: int
    retire: Retire | None
    rested: float = 0.0
    own: int = 0
    active: int = 0
    leaving: int = 0


@implementer(ILanePlaces)
@define(eq=False)
class LanePlaces:
    """
    See L{ILanePlaces}.

    @ivar keepSeconds: how long a connection is kept that nobody uses.
    """

    _places: Places
    _clock: IReactorTime
    keepSeconds: float
    _held: dict[bytes, _Held] = field(factory=dict, init=False)
    _looking: IDelayedCall | None = field(default=None, init=False)

    def begin(
        self, key: bytes, width: int, pauseSeconds: float, retire: Retire | None
    ) -> float | None:
        """See L{ILanePlaces}."""
        held = self._held.get(key)
        if (
            held is not None
            and not pauseSeconds
            and held.own > held.active + held.leaving
            and not sum(held.wishes)
        ):
            # As nearly always: a place that nobody else wishes for.
            held.width, held.retire = width, retire
            held.active += 1
            return None
        if pauseSeconds and not self._places.take(_turnOf(key), 1):
            return max(_SHORTEST_SECONDS, min(ASK_SECONDS, pauseSeconds / 8))
        if self._take(key, width, retire):
            return None
        if pauseSeconds:
            self._places.give(_turnOf(key), 1)
        return ASK_SECONDS

    def _take(self, key: bytes, width: int, retire: Retire | None) -> bool:
        held = self._held.get(key)
        if held is not None:
            held.width, held.retire = width, retire
            spare = self._spare(held)
            if spare > 0 and self._due(held):
                self._giveBack(held, 1)
                spare -= 1
            if spare > 0:
                held.active += 1
                return True
        if not self._places.take(key, width):
            return False
        if held is None:
            wishes, now = self._places.wishes(key), self._clock.seconds()
            held = self._held[key] = _Held(key, wishes, now, width, retire)
        held.own += 1
        held.active += 1
        return True

    def ended(self, key: bytes) -> None:
        """See L{ILanePlaces}."""
        held = self._held[key]
        held.active -= 1
        held.rested = self._clock.seconds()
        if self._looking is None:
            self._looking = self._clock.callLater(_LOOK_SECONDS, self._look)

    def woken(self, key: bytes) -> None:
        """See L{ILanePlaces}."""
        if self._places.own(_turnOf(key)):
            self._places.give(_turnOf(key), 1)

    def leave(self, key: bytes) -> None:
        """See L{ILanePlaces}."""
        self._places.leave(key)
        self._places.leave(_turnOf(key))

    def _spare(self, held: _Held) -> int:
        """How many places it has that nothing needs."""
        return held.own - held.active - held.leaving

    def _due(self, held: _Held) -> int:
        """How many are to be given back to others, as soon as nothing needs them."""
        if self._clock.seconds() - held.since < TURN_SECONDS:
            return 0
        return max(0, self._places.excess(held.key, held.width) - held.leaving)

    def _giveBack(self, held: _Held, count: int) -> None:
        """Close connections, and then give back their places."""
        held.leaving += count
        gone = succeed(None) if held.retire is None else held.retire(count)

        def closed(result: object) -> None:
            held.leaving -= count
            held.own -= count
            for _ in range(count):
                self._places.give(held.key, held.width)
            if not held.own:
                del self._held[held.key]

        gone.addBoth(closed)

    def _look(self) -> None:
        """Give back what is not needed any more."""
        self._looking = None
        now, some = self._clock.seconds(), False
        for held in list(self._held.values()):
            spare = self._spare(held)
            if spare <= 0:
                continue
            if now - held.rested < self.keepSeconds:
                some = True
                spare = min(spare, self._due(held))
            if spare:
                self._giveBack(held, spare)
        if some:
            self._looking = self._clock.callLater(_LOOK_SECONDS, self._look)


def _turnOf(key: bytes) -> bytes:
    """What the right to begin is counted by."""
    return b"turn " + key


__all__ = ["TURN_SECONDS", "ILanePlaces", "LanePlaces", "Retire"]
