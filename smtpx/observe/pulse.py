"""
What is looked at all the time: how late the reactor is, and how old the oldest
message is.

The one has to be measured when nobody asks, the other is not known at once when
somebody does.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from .series import Observed

#: How often it is measured how late the reactor is, in seconds.
BEAT_SECONDS = 1.0

#: Once in how many beats it is looked for the oldest message.
LOOK_BEATS = 10


class Pulse:
    """
    Looks, from C{start} to C{stop}.

    @ivar oldest: when the oldest message came, in seconds since the epoch, as it was
        seen last; L{None}: there was none, or it could not be seen.
    """

    def __init__(
        self,
        clock: IReactorTime,
        delays: Observed,
        look: Callable[[], Deferred[float | None]],
    ) -> None:
        """
        @param delays: gets how late the reactor was, in seconds.
        @param look: says when the oldest message came.
        """
        self.oldest: float | None = None
        self._clock = clock
        self._observe = delays.observe
        self._look = look
        self._due = 0.0
        self._beats = 0
        self._call: IDelayedCall | None = None
        self._looking = False

    def start(self) -> None:
        """Begin."""
        self._beats = 0
        self._next()
        self._see()

    def stop(self) -> None:
        """End."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _next(self) -> None:
        self._due = self._clock.seconds() + BEAT_SECONDS
        self._call = self._clock.callLater(BEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        self._observe(max(0.0, self._clock.seconds() - self._due))
        self._beats += 1
        self._next()
        if self._beats % LOOK_BEATS == 0:
            self._see()

    def _see(self) -> None:
        if not self._looking:
            # A spool that hangs is not asked again and again.
            self._looking = True
            self._look().addCallbacks(self._seen, self._unseen)

    def _seen(self, oldest: float | None) -> None:
        self._looking = False
        self.oldest = oldest

    def _unseen(self, failure: Failure) -> None:
        # The spool itself tells of its trouble.
        self._seen(None)
