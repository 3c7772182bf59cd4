"""
The greylist of a server: asked on the reactor, kept in a file by a thread.

All who ask while the thread is at work have the next turn together.  Several processes
share the file, and each sees at once what another has written: so it does not matter
to which of them a client comes again.

A file that cannot be used is told of once.  Meanwhile clients are let in, or put off,
as the operator has it, and the file is tried again after a while.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from .greylistfile import GreylistFile, GreylistTerms
from .interfaces import Standing, Triples
from .sharedfile import FileKeeper, Turn

#: What is said while the file cannot be used: mail is let in, or put off.
AWAY_ACCEPTS = Standing(True, "the greylist cannot be used")
AWAY_DEFERS: Standing | None = None

#: How long the file is left alone that could not be used, in seconds.
AGAIN_SECONDS = 10.0

#: Runs a job in a thread.
Work = Callable[[Callable[[], Turn[list[Standing]]]], "Deferred[Turn[list[Standing]]]"]

_Asked = tuple[Triples, "Deferred[Standing | None]"]


def _uncounted(answer: str) -> None:
    """Nobody counts."""


class Greylist:
    """
    Remembers who was here before (L{smtpx.policy.strangers.interfaces.IGreylist}).

    @ivar trouble: why the file cannot be used; empty: it can.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], float],
        work: Work,
        path: str,
        terms: GreylistTerms = GreylistTerms(),  # noqa: B008 - it does not change
        away: Standing | None = AWAY_ACCEPTS,
        count: Callable[[str], object] = _uncounted,
    ) -> None:
        """
        @param now: seconds since the epoch.
        @param work: runs a job in a thread; never two at a time.
        @param path: the file; its folder is there.
        @param away: what is said while the file cannot be used.
        @param count: told of each answer: C{waits}, C{passed}, C{known} or C{away}.
        """
        self.trouble = ""
        self._clock = clock
        self._now = now
        self._work = work
        self._path = path
        self._terms = terms
        self._away = away
        self._count = count
        self._keeper = FileKeeper(
            path, lambda name, make: GreylistFile(name, terms, make=make)
        )
        self._waiting: list[_Asked] = []
        self._isAtWork = False
        self._turn: Deferred[None] = succeed(None)
        self._restsUntil = float("-inf")

    def ask(self, triples: Triples) -> Deferred[Standing | None]:
        """See L{smtpx.policy.strangers.interfaces.IGreylist}."""
        if self._clock.seconds() < self._restsUntil:
            self._count("away")
            return succeed(self._away)
        answer: Deferred[Standing | None] = Deferred()
        self._waiting.append((triples, answer))
        if not self._isAtWork:
            self._isAtWork = True
            self._turn = Deferred.fromCoroutine(self._turns())
        return answer

    def look(self, triples: Triples) -> Deferred[Standing | None]:
        """See L{smtpx.policy.strangers.interfaces.IGreylist}."""
        return Deferred.fromCoroutine(self._look(triples))

    async def stop(self) -> None:
        """Close the file, once all who wait have their answer."""
        await self._turn
        await self._work(self._closed)

    def _closed(self) -> Turn[list[Standing]]:
        self._keeper.close()
        return Turn([])

    async def _turns(self) -> None:
        """Have the thread answer who waits, until nobody does."""
        while self._waiting:
            asked, self._waiting = self._waiting, []
            job = partial(self._ask, [each for each, _ in asked])
            told = await self._done(job, len(asked))
            for (_, answer), standing in zip(asked, told, strict=True):
                self._count(self._called(standing))
                answer.callback(standing)
        self._isAtWork = False

    def _called(self, standing: Standing | None) -> str:
        """What an answer is called, where answers are counted."""
        if standing is None or standing is self._away:
            return "away"
        if not standing.passes:
            return "waits"
        return "passed" if standing.delayedSeconds else "known"

    def _ask(self, several: Sequence[Triples]) -> Turn[list[Standing]]:
        now = self._now()
        return self._keeper.turn(lambda file: file.ask(several, now))

    def _glance(self, triples: Triples) -> Turn[list[Standing]]:
        now = self._now()
        new = Standing(False, "it was not here before", self._terms.delay)
        return self._keeper.glance(lambda file: file.look([triples], now)) or Turn(
            [new]
        )

    async def _look(self, triples: Triples) -> Standing | None:
        job = partial(self._glance, triples)
        (found,) = await self._done(job, 1)
        return found

    async def _done(
        self, job: Callable[[], Turn[list[Standing]]], number: int
    ) -> Sequence[Standing | None]:
        """What the file says, or what is said instead."""
        try:
            turn = await self._work(job)
        except Exception as error:
            # The keeper tells of what the world does; this is a fault of our own.
            self._log.failure("The greylist went wrong")
            turn = Turn(None, f"{self._path}: {error}")
        self._tell(turn)
        return [self._away] * number if turn.result is None else turn.result

    def _tell(self, turn: Turn[list[Standing]]) -> None:
        """Tell the operator of what changed."""
        before, self.trouble = self.trouble, turn.trouble
        if turn.aside:
            self._log.error(
                "The file of the greylist {path} was damaged; it is now {aside}, and a"
                " new one begins",
                path=self._path,
                aside=turn.aside,
            )
        if turn.trouble:
            self._restsUntil = self._clock.seconds() + AGAIN_SECONDS
            if not before:
                told = "clients are let in" if self._away else "clients are put off"
                self._log.error(
                    "The greylist cannot be used, and {told}: {error}",
                    told=told,
                    error=turn.trouble,
                )
        elif before:
            self._log.info("The greylist is in {path} again", path=self._path)


__all__ = ["AGAIN_SECONDS", "AWAY_ACCEPTS", "AWAY_DEFERS", "Greylist"]
