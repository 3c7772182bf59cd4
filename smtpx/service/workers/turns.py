"""
Whose turn it is to let a client in.

All workers wait at the same sockets, and who looks first gets the client.  Where
clients come a few at a time, and stay, that is often the same worker again and again,
and the others have nothing to do.  So a worker takes one client at a time, and if it
has more than the one with the fewest, it lets the others go first for a moment.  Where
nobody takes who waits meanwhile, because the others are full, busy or dead, it soon
goes on without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import define
from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: A worker may have so many more clients than another without letting it go first.
AHEAD = 1

#: How long the others may go first, in seconds.
TURN_SECONDS = 0.003

#: Who is there so soon after a turn of the others was there in it, in seconds.
_AT_ONCE_SECONDS = 0.001

#: After so many turns that nobody took, one after another, there are none for a while.
_VAIN = 3

#: How long that is, in seconds.
_WHILE_SECONDS = 1.0


class Doorway(Protocol):
    """A door, as far as turns are concerned."""

    def hold(self) -> None:
        """Let nobody in for now."""

    def release(self) -> None:
        """Go on, unless there is another reason not to."""


@define(eq=False)
class Turns:
    """
    The turns of one worker.
    """

    _clock: IReactorTime
    #: How many clients this worker has.
    _own: Callable[[], int]
    #: How many of the others the one with the fewest has; none of them may be there.
    _least: Callable[[], int | None]
    _doors: Sequence[Doorway]
    _call: IDelayedCall | None = None
    _resumed: float = -1.0
    _vain: int = 0
    _until: float = 0.0

    def taken(self) -> None:
        """A client was let in."""
        now = self._clock.seconds()
        if self._call is not None or now < self._until:
            return
        least = self._least()
        if least is None or self._own() <= least + AHEAD:
            self._vain = 0
            return
        self._vain = self._vain + 1 if now - self._resumed < _AT_ONCE_SECONDS else 0
        if self._vain >= _VAIN:
            self._vain, self._until = 0, now + _WHILE_SECONDS
            return
        for door in self._doors:
            door.hold()
        self._call = self._clock.callLater(TURN_SECONDS, self._over)

    def stop(self) -> None:
        """There are no more turns."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _over(self) -> None:
        self._call = None
        self._resumed = self._clock.seconds()
        for door in self._doors:
            door.release()


__all__ = ["AHEAD", "TURN_SECONDS", "Doorway", "Turns"]
