"""
Gives a check a message that is there already, as fast as it takes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IPushProducer,
    IReactorTime,
)
from zope.interface import implementer

#: How many pieces are given before others get their turn.
_PIECES_AT_ONCE = 16


@implementer(IPushProducer)
class Pump:
    """
    Writes pieces into a check.
    """

    __slots__ = ("_call", "_check", "_clock", "_done", "_paused", "_pieces", "_pumping")

    def __init__(
        self, check: IConsumer, pieces: Iterator[bytes], clock: IReactorTime
    ) -> None:
        self._check = check
        self._pieces = pieces
        self._clock = clock
        self._paused = self._pumping = False
        self._call: IDelayedCall | None = None
        self._done: Deferred[None] = Deferred(lambda _: self._halt())

    def run(self) -> Deferred[None]:
        """
        @return: fires when all is written, or no more is wanted; fails with the
            C{OSError} with which the message could not be read.
        """
        self._check.registerProducer(self, True)
        self._go()
        return self._done

    def _go(self) -> None:
        self._call = None
        self._pumping = True
        try:
            self._turn()
        except Exception as error:
            self._end()
            self._done.errback(error)
        finally:
            self._pumping = False

    def _turn(self) -> None:
        """One turn: some pieces."""
        for _ in range(_PIECES_AT_ONCE):
            if self._paused or self._done.called:
                return
            piece = next(self._pieces, None)
            if piece is None:
                self._end()
                self._done.callback(None)
                return
            self._check.write(piece)
        self._call = self._clock.callLater(0, self._go)

    def _end(self) -> None:
        self._halt()
        self._check.unregisterProducer()

    def _halt(self) -> None:
        self._paused = True
        if self._call is not None:
            self._call.cancel()
            self._call = None

    # --- as a producer --------------------------------------------------------------

    def pauseProducing(self) -> None:
        """See L{IPushProducer}."""
        self._halt()

    def resumeProducing(self) -> None:
        """See L{IPushProducer}."""
        if self._done.called:
            return
        self._paused = False
        if self._call is None:
            # From within a write, the loop below it goes on.
            if not self._pumping:
                self._call = self._clock.callLater(0, self._go)

    def stopProducing(self) -> None:
        """No more is wanted."""
        if not self._done.called:
            self._halt()
            self._done.callback(None)


__all__ = ["Pump"]
