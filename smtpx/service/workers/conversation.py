"""
The client's end of a connection to another worker: one request and its answer, in the
control protocol (L{smtpx.service.control.wire}).

What comes faster than it is taken waits at the other end: only so much of it is held
here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from ...core.errors import Malformed
from ..control.exchange import Refused
from ..control.wire import ANSWER_OCTETS, PROTOCOL, Kind, parse, render
from .interfaces import Away, Fields, unheard, untold

#: How many octets of answers are held, beside what is read at once.
_HELD_OCTETS = 128 << 10


class Conversation(LineOnlyReceiver):
    """A connection to another worker."""

    delimiter = b"\n"
    MAX_LENGTH = ANSWER_OCTETS

    def __init__(self, number: int) -> None:
        """
        @param number: whose.
        """
        self._number = number
        self._lines: deque[bytes] = deque()
        self._held = 0
        self._paused = False
        self._over = False
        self._asked = False
        self._waiting: Deferred[None] | None = None
        self._late = False

    # --- what comes ------------------------------------------------------------------

    def lineReceived(self, line: bytes) -> None:
        """Some of the answer."""
        self._lines.append(line)
        self._held += len(line)
        if self._held > _HELD_OCTETS and not self._paused:
            self._paused = True
            self._transport.pauseProducing()
        self._wake()

    def lineLengthExceeded(self, line: bytes) -> None:
        """That is no answer."""
        self._transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """No more comes."""
        self._over = True
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    @property
    def _transport(self) -> Any:
        # Twisted's types do not say which one it is.
        return self.transport

    def giveUp(self) -> None:
        """It is not waited for any longer to say who it is."""
        if not self._asked and not self._over:
            self.forsake()

    def forsake(self) -> None:
        """It is not waited for any longer, whatever it was asked."""
        self._late = True
        self._transport.abortConnection()

    async def _next(self) -> Fields:
        """
        One line.

        @raise Away: there is none.
        """
        while not self._lines:
            if self._over:
                why = "it does not answer" if self._late else "it has gone away"
                raise self._away(why)
            self._waiting = Deferred()
            await self._waiting
        line = self._lines.popleft()
        self._held -= len(line)
        if self._paused and not self._lines and not self._over:
            self._paused = False
            self._transport.resumeProducing()
        try:
            return parse(line)
        except Malformed as error:
            raise self._away(str(error)) from error

    def _away(self, why: str) -> Away:
        return Away(self._number, why, self._asked)

    # --- what is said ----------------------------------------------------------------

    async def ask(
        self,
        verb: str,
        fields: Fields,
        asker: str,
        part: Callable[[Fields], Awaitable[None]] = unheard,
        progress: Callable[[Fields], None] = untold,
    ) -> Fields:
        """
        Ask, and hang up.

        @param asker: in whose name.
        @raise Away: it is not there, or goes away meanwhile.
        @raise Refused: nothing came of it, or not all.
        """
        try:
            hello = await self._next()
            _checkRefusal(hello)
            if hello.get("protocol") != PROTOCOL:
                raise self._away("it does not speak as we do")
            self._asked = True
            request = {**fields, "do": verb, "id": 1, "asker": asker}
            self._transport.write(render(request))
            return await self._answer(part, progress)
        finally:
            if not self._over:
                # Nothing of ours is on its way any more that matters.
                self._transport.abortConnection()

    async def _answer(
        self,
        part: Callable[[Fields], Awaitable[None]],
        progress: Callable[[Fields], None],
    ) -> Fields:
        while True:
            said = await self._next()
            _checkRefusal(said)
            found, so, done = (said.get(each) for each in ("part", "progress", "done"))
            if isinstance(found, Mapping):
                await part(found)
            elif isinstance(so, Mapping):
                progress(so)
            elif isinstance(done, Mapping):
                return done


def _checkRefusal(said: Fields) -> None:
    """
    @raise Refused: that is what was said.
    """
    error = said.get("error")
    if not isinstance(error, Mapping):
        return
    try:
        kind = Kind(error.get("kind"))
    except ValueError:
        kind = Kind.FAILED
    raise Refused(kind, str(error.get("text", "it does not say why")))


__all__ = ["Conversation"]
