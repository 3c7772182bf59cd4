"""
The other workers of a server, over their sockets: the implementation of
L{smtpx.service.workers.interfaces.IOthers}.

Each request has a connection of its own, so that none waits for another; how many
there are at once of short ones is bounded.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .conversation import Conversation
from .interfaces import Away, Fields, IOthers, unheard, untold
from .pulse import Pulses
from .sockets import socketOf

#: How long a worker may take to let us in, and again to say who it is, in seconds.
#: For what it is asked then, it has as long as it takes, if it moves.
CONNECT_SECONDS = 5.0

#: Who has not moved for so many times of the time in which it should does not.
_MOVES = 2

#: How many short questions one worker has at once of us.
AT_ONCE = 16

#: The longest answer to a short question, in octets, as near as it matters.
MOST_OCTETS = 16 << 20


class _Quiet(Factory):
    """Makes connections of which the log need not tell: there are many."""

    noisy = False


class TooLong(Exception):
    """An answer is longer than is good."""

    def __str__(self) -> str:
        return "its answer is too long"


@implementer(IOthers)
class Others:
    """
    All workers of a server but one.

    @ivar numbers: theirs.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        folder: Path,
        number: int,
        count: int,
        pulses: Pulses | None = None,
    ) -> None:
        """
        @param reactor: has time and UNIX sockets.
        @param folder: C{Configuration.workersFolder}.
        @param number: which worker this one is.
        @param count: how many there are.
        @param pulses: by which it is seen whether they move; L{None}: it is not.
        """
        self._reactor = reactor
        self._pulses = pulses
        self._folder = folder
        self.numbers: Sequence[int] = [
            each for each in range(1, count + 1) if each != number
        ]
        self._turns = {each: DeferredSemaphore(AT_ONCE) for each in self.numbers}

    def ask(
        self, verb: str, fields: Fields, seconds: float
    ) -> Deferred[Mapping[int, Sequence[Fields]]]:
        """See L{IOthers}."""
        answers: dict[int, Sequence[Fields]] = {}
        asked = [
            Deferred.fromCoroutine(self._short(each, verb, fields))
            .addTimeout(seconds, self._reactor)
            .addCallbacks(
                partial(answers.__setitem__, each), partial(self._tell, each, verb)
            )
            for each in self.numbers
        ]
        return DeferredList(asked).addCallback(lambda _: answers)

    def _tell(self, number: int, verb: str, failure: Failure) -> None:
        # Who asks knows who has not answered; why that is, a developer may want to.
        self._log.debug(
            "Worker {number} does not answer {verb}: {why}",
            number=number,
            verb=verb,
            why=failure.value,
        )

    async def _short(self, number: int, verb: str, fields: Fields) -> Sequence[Fields]:
        """
        One answer, as a whole.

        @raise Exception: there is none.
        """
        parts: list[Fields] = []
        octets = 0

        async def keep(part: Fields) -> None:
            nonlocal octets
            octets += _size(part)
            if octets > MOST_OCTETS:
                raise TooLong
            parts.append(part)

        turns = self._turns[number]
        await turns.acquire()
        try:
            done = await self.talk(number, verb, fields, "", keep)
        finally:
            turns.release()
        return [*parts, done]

    def talk(
        self,
        number: int,
        verb: str,
        fields: Fields,
        asker: str,
        part: Callable[[Fields], Awaitable[None]] = unheard,
        progress: Callable[[Fields], None] = untold,
    ) -> Deferred[Fields]:
        """See L{IOthers}."""
        return Deferred.fromCoroutine(
            self._talk(number, verb, fields, asker, part, progress)
        )

    async def _talk(
        self,
        number: int,
        verb: str,
        fields: Fields,
        asker: str,
        part: Callable[[Fields], Awaitable[None]],
        progress: Callable[[Fields], None],
    ) -> Fields:
        """
        @raise Away: it is not there, or goes away meanwhile.
        @raise smtpx.service.control.exchange.Refused: nothing came of it.
        """
        path = os.fspath(socketOf(self._folder, number))
        endpoint = UNIXClientEndpoint(self._reactor, path, CONNECT_SECONDS)
        conversation = Conversation(number)
        try:
            await endpoint.connect(_Quiet.forProtocol(lambda: conversation))
        except ConnectError as error:
            raise Away(number, "it does not listen") from error
        late = self._reactor.callLater(CONNECT_SECONDS, conversation.giveUp)
        watching = self._watch(number, conversation)
        try:
            return await conversation.ask(verb, fields, asker, part, progress)
        finally:
            if late.active():
                late.cancel()
            if watching is not None:
                watching.stop()

    def _watch(self, number: int, conversation: Conversation) -> LoopingCall | None:
        """Wait for nobody who does not move any more."""
        pulses = self._pulses
        if pulses is None:
            return None
        beats = pulses.beats(number)

        def look() -> None:
            nonlocal beats
            before, beats = beats, pulses.beats(number)
            if beats == before:
                conversation.forsake()

        watching = LoopingCall(look)
        watching.clock = self._reactor
        watching.start(_MOVES * pulses.everySeconds, now=False)
        return watching


def _size(part: Fields) -> int:
    """How much room a part takes, roughly, in octets."""
    return 100 + sum(len(str(each)) for each in part.values())


__all__ = ["AT_ONCE", "CONNECT_SECONDS", "MOST_OCTETS", "Others"]
