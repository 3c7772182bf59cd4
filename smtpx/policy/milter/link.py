"""
One connection to a milter.

L{MilterLink} carries what is said, and sees to it that a milter which says nothing, or
nonsense, is given up.  Whoever waits then gets L{MilterAway}.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Protocol as TypingProtocol, cast

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ...core.errors import Malformed, SMTPXError
from .answers import CONTINUE, PROGRESS, Answer, Wish
from .commands import END_OF_MESSAGE, Command
from .conversation import Conversation, Values, nothing
from .negotiation import Agreed

#: Told of each wish, as it comes; it may raise L{Malformed}.
Wished = Callable[[Wish], None]

#: Not on all platforms.
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class MilterAway(SMTPXError):
    """
    A milter cannot be asked, or not any more; the message says why, for the log.

    @ivar slow: was it only too slow?
    """

    slow = False


class MilterSlow(MilterAway):
    """It has not answered in time."""

    slow = True


class _Transport(TypingProtocol):
    """What transports of sockets have."""

    def write(self, data: bytes) -> None:
        """Send."""

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """Have one that is paused."""

    def loseConnection(self) -> None:
        """End it, behind what was written."""

    def abortConnection(self) -> None:
        """End it at once."""

    def getHandle(self) -> Any:
        """The socket."""


def ignored(wish: Wish) -> None:
    """For who expects no wishes: there are none but behind the end of a message."""


@implementer(IPushProducer)
class MilterLink(Protocol):
    """
    A connection to a milter.

    @ivar conversation: what is said over it.
    @ivar over: was it given up, or lost?
    @ivar used: has a client used it before?
    """

    def __init__(
        self,
        conversation: Conversation,
        clock: IReactorTime,
        gone: Callable[[MilterLink], None],
    ) -> None:
        """
        @param gone: told once that it is over.
        """
        self.conversation = conversation
        self.over: MilterAway | None = None
        self.used = False
        self._clock = clock
        self._gone = gone
        self._limit: IDelayedCall | None = None
        self._seconds = 0.0
        self._answered: Deferred[Answer] | None = None
        self._negotiated: Deferred[Agreed] | None = None
        self._wished: Wished = ignored
        self._roomy: Deferred[None] | None = None
        self._full = False

    @property
    def _wire(self) -> _Transport:
        return cast(_Transport, self.transport)

    @property
    def inflow(self) -> IPushProducer:
        """What is paused to hear no more for a while."""
        return cast(IPushProducer, self.transport)

    # --- for who asks ---------------------------------------------------------------

    def connectionMade(self) -> None:
        """Have what is written bounded."""
        self._wire.registerProducer(self, True)

    def negotiate(self, seconds: float) -> Deferred[Agreed]:
        """
        Agree on what is said, first of all.

        @return: fails with L{MilterAway}, where that comes to nothing.
        """
        self._negotiated = Deferred(self._cancelled)
        found = self._negotiated
        self._await(seconds)
        self._write(self.conversation.open())
        return found

    def ask(
        self,
        command: Command,
        values: Values,
        seconds: float,
        wished: Wished = ignored,
    ) -> Deferred[Answer] | Answer:
        """
        Say something, and give the answer; at once, where none comes.

        @param values: of macros.
        @param seconds: how long it may take.
        @param wished: told of what it wants changed.
        @return: fails with L{MilterAway}.
        """
        if self.over is not None:
            return fail(self.over)
        conversation = self.conversation
        octets = conversation.say(command, values)
        if octets:
            self._write(octets)
        if conversation.awaiting is not command:
            return CONTINUE
        self._wished = wished
        answered = self._answered = Deferred(self._cancelled)
        self._await(seconds)
        return answered

    def tell(self, command: Command) -> None:
        """Say something that is not answered."""
        if self.over is None:
            self._write(self.conversation.say(command, nothing))

    def room(self, seconds: float) -> Deferred[None] | None:
        """
        Wait until there is room for more to be written.

        @return: L{None}: there is.  Fails with L{MilterAway}.
        """
        if self.over is not None:
            return fail(self.over)
        if not self._full:
            return None
        self._roomy = Deferred(self._cancelled)
        found = self._roomy
        self._await(seconds)
        return found

    def needNoRoom(self) -> None:
        """Nobody waits for room any more."""
        if self._roomy is not None:
            self._roomy = None
            self._stopClock()

    def settled(self) -> Deferred[None] | None:
        """
        Wait for an answer that was asked for by somebody who has given up since.

        @return: L{None}: there is nothing to be answered.
        """
        answered = self._answered
        if answered is None:
            return None
        found: Deferred[None] = Deferred()

        def there(result: Answer | Failure) -> Answer | Failure:
            if not found.called:
                found.callback(None)
            return result

        answered.addBoth(there)
        return found

    def leave(self, command: Command) -> None:
        """Say goodbye, and end it."""
        self.tell(command)
        if self.over is None:
            self._end(MilterAway("it was left"))
            self._wire.loseConnection()

    def giveUp(self, why: str) -> None:
        """End it at once; whoever waits is told why."""
        self._abandon(MilterAway(why))

    # --- Twisted's --------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """The milter says something."""
        if self.over is not None:
            return
        self._acknowledge()
        try:
            for said in self.conversation.feed(data):
                self._hear(said)
        except Malformed as error:
            self.giveUp(f"it says what is not of the protocol: {error}")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The milter has gone."""
        self._end(MilterAway(f"the connection ended: {reason.getErrorMessage()}"))

    def pauseProducing(self) -> None:
        """There is more to be written than the milter reads."""
        self._full = True

    def resumeProducing(self) -> None:
        """It has read it."""
        self._full = False
        roomy, self._roomy = self._roomy, None
        if roomy is not None:
            self._stopClock()
            roomy.callback(None)

    def stopProducing(self) -> None:
        """The connection ends; C{connectionLost} says so."""

    # --- inside -----------------------------------------------------------------------

    def _hear(self, said: Agreed | Answer | object) -> None:
        if said is PROGRESS:
            # Of all else there is no work that takes so long, and no other bound.
            if self.conversation.awaiting is END_OF_MESSAGE:
                self._await(self._seconds)
        elif isinstance(said, Answer):
            self._stopClock()
            answered, self._answered = self._answered, None
            assert answered is not None
            answered.callback(said)
        elif isinstance(said, Agreed):
            self._stopClock()
            negotiated, self._negotiated = self._negotiated, None
            assert negotiated is not None
            negotiated.callback(said)
        else:
            self._wished(cast(Wish, said))

    def _write(self, octets: bytes) -> None:
        self._wire.write(octets)
        self._acknowledge()

    def _acknowledge(self) -> None:
        """
        Have what comes acknowledged at once: milters write an answer in two parts, and
        the second would wait for that, 40 ms.
        """
        handle = self._wire.getHandle()
        if _QUICKACK is not None and _isTCP(handle):
            handle.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def _await(self, seconds: float) -> None:
        self._stopClock()
        self._seconds = seconds
        self._limit = self._clock.callLater(seconds, self._late)

    def _late(self) -> None:
        self._abandon(MilterSlow(f"it has said nothing for {self._seconds:g} s"))

    def _stopClock(self) -> None:
        limit, self._limit = self._limit, None
        if limit is not None and limit.active():
            limit.cancel()

    def _cancelled(self, waiting: Deferred[Any]) -> None:
        # What it answers now would be taken for the answer to what is asked next.
        self._answered = self._negotiated = self._roomy = None
        self.giveUp("nobody waits for it any more")

    def _abandon(self, why: MilterAway) -> None:
        if self.over is None:
            self._end(why)
            if self.transport is not None:
                # Not an orderly end: who does not read would keep it open.
                self._wire.abortConnection()

    def _end(self, why: MilterAway) -> None:
        if self.over is not None:
            return
        self.over = why
        self._stopClock()
        waiting: tuple[Deferred[Any] | None, ...]
        waiting = (self._answered, self._negotiated, self._roomy)
        self._answered = self._negotiated = self._roomy = None
        self._gone(self)
        for each in waiting:
            if each is not None:
                each.errback(why)


def _isTCP(handle: Any) -> bool:
    return getattr(handle, "family", None) in (socket.AF_INET, socket.AF_INET6)


__all__ = ["MilterAway", "MilterLink", "MilterSlow", "Wished"]
