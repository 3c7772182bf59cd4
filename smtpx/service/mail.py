"""
The mail server as a Twisted service: what starts and stops in which order.

Start: the doors are bound (UNIX sockets only when C{twistd} has given up its
privileges, for they need none), but their ports are silent; then the house is entered
(logs, spool, certificates, users, delivery, in the order of L{smtpx.service.wiring});
and then the doors are opened: of a worker, when all others are as far.  So nobody finds
a server that has no room for mail, and a port below 1024 can be taken before C{twistd}
gives up its privileges.

Stop: the doors are closed; sessions are told 421, each when it has had the answer
to what it said; deliveries that are under way are finished; the spool is closed,
and the logs last, since the others still tell of what they do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol

from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred, DeferredList, succeed
from twisted.internet.error import CannotListenError
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from ..core.errors import SMTPXError, UsageError
from ..net.factory import SMTPServerFactory
from ..queue.interfaces import IQueueControl
from .listening import Door
from .tables import Listener

#: What a start can fail with that says all in its own words.
EXPECTED = (CannotListenError, OSError, SMTPXError)


class House(Protocol):
    """
    What is behind the doors, once it stands.
    """

    @property
    def queue(self) -> IQueueControl:
        """What can be done with its queue."""

    def factory(self, listener: Listener) -> SMTPServerFactory | None:
        """
        What is behind the door of a listener; L{None}: nobody is let in here, for it
        is another process that does it.
        """

    def farewell(self) -> Deferred[None]:
        """
        Tell everybody that is inside to leave.

        @return: fires when they have.
        """

    def reopenLogs(self) -> None:
        """Go on in new log files, after the old ones were moved away."""

    async def close(self) -> None:
        """Finish what is under way, then put everything away."""


class Builder(Protocol):
    """
    Who makes a house, if it takes its time and can be spoken to meanwhile.
    """

    def abandon(self) -> None:
        """Do not go on: making it fails, after what there was is put away."""

    def reopenLogs(self) -> None:
        """Go on in new log files, where there are some already."""


class ToldToEnd(SMTPXError):
    """A server was told to end before its doors were opened."""


class MailService(MultiService):
    """
    A mail server.

    @ivar doors: where it listens.
    @ivar house: what is behind the doors; L{None}: it is not running.
    @ivar builder: makes the house; L{None}: it cannot be spoken to meanwhile.
    @ivar ready: called when the house stands: the doors are opened when what it returns
        fires, and not at all if the server is stopped before, who then cancels that;
        L{None}: they are opened at once.
    @ivar explain: says why it cannot start; as long as nobody is told of that
        otherwise, the log is.
    @ivar insists: does C{privilegedStartService} itself fail where a port is not to
        be had?  C{twistd} wants it so when it goes into the background: whoever
        started it is told, and nobody else would be there to hear it.
    """

    insists = False

    _log = Logger()

    def __init__(
        self,
        doors: Sequence[Door],
        enter: Callable[[], Awaitable[House]],
        opened: Callable[[Sequence[Door]], None] = lambda doors: None,
    ) -> None:
        """
        @param enter: makes the house.
        @param opened: told when the doors have been opened.
        """
        MultiService.__init__(self)
        self.doors = tuple(doors)
        self.house: House | None = None
        self.builder: Builder | None = None
        self._enter = enter
        self._opened = opened
        self._bound: Deferred[None] | None = None
        self.ready: Callable[[], Deferred[None]] | None = None
        self._waiting: Deferred[None] = succeed(None)
        self.explain: Callable[[Failure], object] = self._explain
        self._begun: Deferred[None] = succeed(None)
        self._watchers: list[Deferred[None]] = []

    def whenOpen(self) -> Deferred[None]:
        """
        Wait for the next start to be done.

        @return: fires when mail is taken; fails with what the start failed with.
        """
        watcher: Deferred[None] = Deferred()
        self._watchers.append(watcher)
        return watcher

    def privilegedStartService(self) -> None:
        """
        Take the ports that root may be needed for.  Where that fails,
        C{startService} does.

        @raise CannotListenError: a port is not to be had, and it L{insists}.
        """
        MultiService.privilegedStartService(self)
        doors = [door for door in self.doors if door.privileged]
        self._bound = bound = Deferred.fromCoroutine(self._bind(doors))
        result = bound.result if self.insists and bound.called else None
        if isinstance(result, Failure) and result.value is not None:
            bound.addErrback(lambda failure: None)
            self.explain(result)
            # Where in Twisted it was raised helps nobody.
            raise result.value.with_traceback(None) from None

    def startService(self) -> None:
        """Enter the house and open the doors; L{whenOpen} tells how it went."""
        MultiService.startService(self)
        bound, self._bound = self._bound, None
        begun = Deferred.fromCoroutine(self._start(bound))
        self._begun = begun.addCallbacks(self._tell, self._giveUp)

    def stopService(self) -> Deferred[None]:
        """
        Close the doors, see everybody out, finish, put away.

        @return: fires when all is done.
        """
        return Deferred.fromCoroutine(self._stop(MultiService.stopService(self)))

    @property
    def queue(self) -> IQueueControl:
        """
        What an operator, or a program that the server is a part of, can do with its
        queue: find messages, have them tried, held, returned, removed.

        @raise UsageError: the server does not run.
        """
        if self.house is None:
            raise UsageError("a server has a queue while it runs: see whenOpen")
        return self.house.queue

    def reopenLogs(self) -> None:
        """Go on in new log files, after the old ones were moved away."""
        there = self.house or self.builder
        if there is not None:
            there.reopenLogs()

    # --- step by step ---------------------------------------------------------------

    async def _bind(self, doors: Sequence[Door]) -> None:
        for door in doors:
            await door.bind()

    async def _start(self, bound: Deferred[None] | None) -> None:
        if bound is not None:
            await bound
        await self._bind(self.doors)
        house = self.house = await self._enter()
        if self.ready is not None:
            await self._wait(self.ready)
        for door in self.doors:
            factory = house.factory(door.listener)
            if factory is not None:
                door.open(factory)
        self._opened(self.doors)

    async def _wait(self, ready: Callable[[], Deferred[None]]) -> None:
        if self.running:
            self._waiting = ready()
            with suppress(CancelledError):
                await self._waiting
        if not self.running:
            raise ToldToEnd("it was told to end before its doors were open")

    async def _stop(self, children: Deferred[object]) -> None:
        if self.house is None and self.builder is not None:
            # Who is to make it may never come to an end.
            self.builder.abandon()
        self._waiting.cancel()
        await self._begun
        closed = [Deferred.fromCoroutine(door.close()) for door in self.doors]
        house, self.house = self.house, None
        if house is not None:
            # Before anything else happens: nobody is let in again meanwhile.
            await house.farewell()
        await DeferredList(closed)
        await children
        if house is not None:
            await house.close()

    def _tell(self, result: None) -> None:
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            watcher.callback(None)

    async def _withdraw(self, failure: Failure) -> None:
        for door in self.doors:
            await door.close()
        self.explain(failure)
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            watcher.errback(failure)

    def _explain(self, failure: Failure) -> None:
        if isinstance(failure.value, EXPECTED):
            self._log.critical("Cannot start: {reason}", reason=str(failure.value))
        else:
            self._log.failure("Cannot start", failure, LogLevel.critical)

    def _giveUp(self, failure: Failure) -> Deferred[None]:
        return Deferred.fromCoroutine(self._withdraw(failure))
