"""
A milter that a server asks, and its connections.

Each session of a client has a connection of its own while it lasts, as milters want it.
One over which the milter would understand that another client follows is kept for that
one.  Where it cannot be connected to, nobody tries again before some time has passed.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory

from .commands import NEXT, QUIT
from .conversation import Conversation
from .link import MilterAway, MilterLink, MilterSlow
from .terms import MilterTerms

#: How long nobody connects after a failure: after the first, and at most.
AGAIN_SECONDS = 0.5
AGAIN_SECONDS_MAX = 30.0

#: How long a connection is kept for the next client.
KEPT_SECONDS = 30.0


def againSeconds(failures: int) -> float:
    """
    How long nobody connects after a failure.

    @param failures: how many there were in a row, with it.
    """
    return min(AGAIN_SECONDS * 2.0 ** min(failures - 1, 10), AGAIN_SECONDS_MAX)


class Milter:
    """
    A milter.

    @ivar name: what it is called in the configuration and in logs.
    @ivar terms: on what terms it is asked.
    @ivar clock: for limits.
    """

    def __init__(
        self,
        name: str,
        endpoint: IStreamClientEndpoint,
        terms: MilterTerms,
        clock: IReactorTime,
    ) -> None:
        """
        @param endpoint: leads to it.
        """
        self.name = name
        self.terms = terms
        self.clock = clock
        self._endpoint = endpoint
        self._links: set[MilterLink] = set()
        self._kept: dict[MilterLink, IDelayedCall] = {}
        self._begun = 0
        self._waiting: deque[Deferred[None]] = deque()
        self._trouble: MilterAway | None = None
        self._failures = 0
        self._notBefore = 0.0
        self._stopped = False

    @property
    def connections(self) -> int:
        """How many connections there are, and are about to be made."""
        return len(self._links) + self._begun

    async def connect(self, fresh: bool = False) -> MilterLink:
        """
        A connection over which all has been agreed on.

        @param fresh: is it to be a new one?
        @raise MilterAway: there is none.
        """
        if not fresh and self._kept:
            link, expires = self._kept.popitem()
            expires.cancel()
            return link
        if self._trouble is not None and self.clock.seconds() < self._notBefore:
            raise self._trouble
        await self._turn()
        if self._stopped:
            raise MilterAway("the server stops")
        return await self._open()

    def free(self, link: MilterLink) -> None:
        """The client has gone: keep a connection for the next, or end it."""
        if link.over is not None:
            return
        conversation = link.conversation
        if conversation.awaiting is not None:
            link.giveUp("the client has gone")
        elif conversation.reusable and not (self._waiting or self._stopped):
            link.tell(NEXT)
            link.used = True
            self._kept[link] = self.clock.callLater(KEPT_SECONDS, link.leave, QUIT)
        else:
            link.leave(QUIT)

    def stop(self) -> None:
        """End all connections."""
        self._stopped = True
        for link in list(self._links):
            link.giveUp("the server stops")
        while self._waiting:
            self._waiting.popleft().callback(None)

    # --- inside -----------------------------------------------------------------------

    async def _turn(self) -> None:
        """
        Wait until there may be one more.

        @raise MilterSlow: that takes too long.
        """
        if self.connections < self.terms.connectionsMax:
            return
        turn: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(turn)
        limit = self.clock.callLater(self.terms.connectSeconds, self._tooMany, turn)
        try:
            await turn
        finally:
            if limit.active():
                limit.cancel()

    def _tooMany(self, turn: Deferred[None]) -> None:
        self._waiting.remove(turn)
        most = self.terms.connectionsMax
        turn.errback(MilterSlow(f"all its {most} connections are in use"))

    async def _open(self) -> MilterLink:
        conversation = Conversation(self.terms.macros)
        link = MilterLink(conversation, self.clock, self._ended)
        factory = Factory.forProtocol(lambda: link)
        # Twisted would say of each when it starts and stops.
        factory.noisy = False
        seconds = self.terms.connectSeconds
        self._begun += 1
        try:
            try:
                connecting = self._endpoint.connect(factory)
                connecting.addTimeout(seconds, self.clock)
                await connecting
                self._links.add(link)
            finally:
                self._begun -= 1
            await link.negotiate(seconds)
        except CancelledError:
            # The client has gone meanwhile, which says nothing of the milter.
            self._ended(link)
            raise
        except Exception as error:
            self._ended(link)
            raise self._failed(error) from error
        self._failures, self._trouble = 0, None
        return link

    def _failed(self, error: Exception) -> MilterAway:
        """Nobody tries again for a while."""
        if isinstance(error, MilterAway):
            trouble = error
        else:
            said = str(error) or type(error).__name__
            trouble = MilterAway(f"it cannot be connected to: {said}")
        self._trouble = trouble
        self._failures += 1
        self._notBefore = self.clock.seconds() + againSeconds(self._failures)
        return trouble

    def _ended(self, link: MilterLink) -> None:
        """A connection is over: somebody else may have one."""
        self._links.discard(link)
        expires = self._kept.pop(link, None)
        if expires is not None and expires.active():
            expires.cancel()
        if self._waiting and self.connections < self.terms.connectionsMax:
            self._waiting.popleft().callback(None)


__all__ = ["AGAIN_SECONDS", "AGAIN_SECONDS_MAX", "KEPT_SECONDS", "Milter"]
