"""
Looks into the drop folder: at the start, as something comes, and from time to time.

What cannot be taken now is tried again later, and the log has less and less of it, as
anybody can put there what nobody can take; what is no mail is put aside, with a line in
the log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from itertools import islice

from attrs import define
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    DeferredList,
    DeferredSemaphore,
)
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..spool.dropfile import BadDrop
from ..spool.dropfolder import Claim, DropFolder
from ..spool.interfaces import SpoolBroken
from .droptaking import NotNow

#: How many files are taken at once, and how many in one look.
_AT_ONCE, _MOST = 10, 500

#: When something is tried again, in seconds: what could not be taken, and what could
#: not even be put aside.
_AGAIN_SECONDS, _HARDLY_SECONDS = 60.0, 4 * 3600.0

#: How long what is under way may take when the server stops, in seconds.
_LEAVE_SECONDS = 10.0

#: After a look there is none for so many times as long: whoever fills the folder with
#: rubbish is not to have all of our time.
_REST = 20.0

#: Of how many files that could not be taken something is remembered.
_REMEMBERED = 20_000

#: How long it is remembered how often something was tried, in seconds.
_FORGET_SECONDS = 2 * _HARDLY_SECONDS


@define
class _Delay:
    """
    Something that could not be taken.

    @ivar until: when it is tried again, in seconds since the epoch.
    @ivar times: how often it was tried.
    """

    until: float = 0.0
    times: int = 0

    def again(self, at: float) -> bool:
        """
        Once more.

        @param at: when it is tried again.
        @return: is that worth a line: at the first time, the second, the fourth ...?
        """
        self.until = at
        self.times += 1
        return self.times & (self.times - 1) == 0


class DropWatch:
    """
    Has what is in the folder taken.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        now: Callable[[], float],
        folder: DropFolder,
        take: Callable[[str], Awaitable[None]],
        recover: Callable[[Claim], Awaitable[None]],
        lookSeconds: float,
    ) -> None:
        """
        @param now: seconds since the epoch.
        @param take: takes a file, by name.
        @param recover: goes on with one that somebody had begun to take.
        @param lookSeconds: how often to look.
        """
        self._reactor = reactor
        self._now = now
        self._folder = folder
        self._take = take
        self._recover = recover
        self._lookSeconds = lookSeconds
        self._turns = DeferredSemaphore(_AT_ONCE)
        self._busy: dict[str, Deferred[None]] = {}
        #: What could not be taken, by name.
        self._later: dict[str, _Delay] = {}
        self._next: IDelayedCall | None = None
        self._restUntil = 0.0
        self._stopped = False

    def start(self) -> None:
        """Look now, and from now on."""
        self._look()

    def wake(self) -> None:
        """There is something new: look soon."""
        if not self._stopped:
            self._lookAt(self._restUntil)

    async def stop(self) -> None:
        """
        Begin nothing more, and finish what is under way.  What takes too long, since a
        policy does not answer, is left for the next start.
        """
        self._stopped = True
        if self._next is not None and self._next.active():
            self._next.cancel()
        ended = DeferredList(list(self._busy.values()))
        if not ended.called:
            late = self._reactor.callLater(_LEAVE_SECONDS, ended.cancel)
            await ended
            if late.active():
                late.cancel()

    def _lookAt(self, moment: float) -> None:
        """
        Look at a time, unless that is done before.

        @param moment: of the reactor's clock; in the past: as soon as can be.
        """
        planned = self._next
        if planned is not None and planned.active():
            if planned.getTime() <= moment:
                return
            planned.cancel()
        wait = max(0.0, moment - self._reactor.seconds())
        self._next = self._reactor.callLater(wait, self._look)

    def _look(self) -> None:
        began = self._reactor.seconds()
        more = False
        try:
            more = self._begin()
        except OSError as error:
            self._log.error("The drop folder cannot be read: {why}", why=str(error))
        ended = self._reactor.seconds()
        self._restUntil = ended + (ended - began) * _REST
        usual = ended if more else ended + self._lookSeconds
        self._lookAt(max(self._restUntil, usual))

    def _begin(self) -> bool:
        """
        Begin to take what there is.

        @return: is there more?
        @raise OSError: the folder cannot be read.
        """
        now = self._now()
        self._forget(now)

        def isFree(name: str) -> bool:
            delay = self._later.get(name)
            return name not in self._busy and (delay is None or delay.until <= now)

        for claim in self._folder.claims():
            if isFree(claim.name):
                self._enter(claim.name, partial(self._recover, claim))
        room = max(0, _MOST - len(self._busy))
        found = list(islice(filter(isFree, self._folder.names(now)), room + 1))
        for name in found[:room]:
            self._enter(name, partial(self._take, name))
        return len(found) > room > 0

    def _forget(self, now: float) -> None:
        """
        Remember no more of what could not be taken than is good: whoever drops files
        can remove them again, and drop others.
        """
        for seconds in (_FORGET_SECONDS, 0.0):
            self._later = {
                name: delay
                for name, delay in self._later.items()
                if delay.until > now - seconds
            }
            if len(self._later) <= _REMEMBERED:
                return
        self._later.clear()

    def _enter(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do some work on a file when it is its turn."""

        def turn() -> Deferred[None]:
            return Deferred.fromCoroutine(self._attempt(name, work))

        def ended(result: None) -> None:
            del self._busy[name]

        self._busy[name] = done = self._turns.run(turn)
        done.addCallback(ended)

    async def _attempt(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """This is where the exceptions of the world end."""
        if self._stopped:
            return
        try:
            await work()
            self._later.pop(name, None)
        except CancelledError:
            return
        except FileNotFoundError:
            # Whoever dropped it has taken it back.
            return
        except BadDrop as error:
            self._condemn(name, str(error))
        except (NotNow, OSError, SpoolBroken) as error:
            self._postpone(name, str(error))
        except Exception as error:
            self._log.failure("Trouble with mail in the drop folder")
            self._postpone(name, type(error).__name__)

    def _postpone(self, name: str, why: str) -> None:
        if self._again(name, _AGAIN_SECONDS):
            self._log.warn(
                "Mail in the drop folder cannot be taken now: {name}: {why}",
                name=name,
                why=why,
            )

    def _again(self, name: str, seconds: float) -> bool:
        delay = self._later.setdefault(name, _Delay())
        return delay.again(self._now() + seconds)

    def _condemn(self, name: str, why: str) -> None:
        try:
            where = f"it is now {self._folder.condemn(name)}"
        except OSError as error:
            where = f"it stays there: {error.strerror}"
            if not self._again(name, _HARDLY_SECONDS):
                return
        self._log.warn(
            "What is in the drop folder is no mail: {name}: {why}; {where}",
            name=name,
            why=why,
            where=where,
        )


__all__ = ["DropWatch"]
