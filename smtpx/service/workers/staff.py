"""
The workers, as their supervisor sees them.

Each worker has a post.  At a start the leading worker is first, alone, for what is made
once in the life of a server is made by it; when it is ready the others follow, side by
side; and when all are ready they open their doors, so that the first clients are not
all one worker's.  A post that becomes vacant is filled again, at once, or after a while
where that happens again and again; one whose worker hangs is made vacant.  Where the
zygote ends, all workers leave, and all begins anew as soon as the last has gone; the
sockets are the supervisor's, so that clients wait meanwhile, and so nobody who is ready
waits for the others then.

Where the zygote has made something new for them all, such as keys of TLS tickets, the
workers are replaced, one after another: each sees its clients out and ends, and the
next one's turn is when its successor serves.  So there are always others that accept.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Protocol

from attrs import define
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger, globalLogPublisher

from ...core.errors import SMTPXError, UsageError
from ...net.factory import SMTPServerFactory
from ...queue.interfaces import IQueueControl
from ..tables import Listener
from .channel import Message
from .leaving import FORSAKEN_SECONDS
from .patience import Patience
from .posts import Post, Stage
from .relayedlog import relayed
from .rota import Rota

#: What a worker is sent so that it goes on in new log files.
REOPEN = signal.SIGUSR1

#: How long workers may take to be gone whose zygote is, in seconds.
_SILENCE_SECONDS = FORSAKEN_SECONDS + 5.0

#: How long the rest may take, once all workers should be gone, in seconds.
_REST_SECONDS = 5.0


class CannotStart(SMTPXError):
    """The workers cannot start."""


class Hearer(Protocol):
    """Whom a zygote tells."""

    def heard(self, message: Message) -> None:
        """The zygote, or one of its workers, says something."""

    def exited(self, how: str) -> None:
        """
        The zygote has ended.

        @param how: in words, such as C{with status 1}.
        """

    def silent(self) -> None:
        """Neither it nor any of its workers is left."""


class IZygote(Protocol):
    """A zygote, as its supervisor sees it."""

    def order(self, do: str, **fields: object) -> None:
        """Have it do something."""

    def end(self) -> None:
        """There is nothing more to do: let it end itself, and what it has left."""

    def kill(self) -> None:
        """End it at once.  Does nothing if it has ended."""


class Staff:
    """
    All workers: the house of a supervisor (L{smtpx.service.mail.House}).

    @ivar posts: by their numbers.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        count: int,
        spawn: Callable[[Hearer], IZygote],
        leaveSeconds: float,
    ) -> None:
        """
        @param count: how many workers there are to be.
        @param spawn: starts a zygote; fails with L{OSError}.
        @param leaveSeconds: how long they may take to leave.
        """
        self.posts = {number: Post(number) for number in range(1, count + 1)}
        self._clock = clock
        self._spawn = spawn
        self._leaveSeconds = leaveSeconds
        self._zygote: IZygote | None = None
        #: Whom the zygote of now tells.
        self._ear: Ear | None = None
        self._patience = Patience()
        self._timer: IDelayedCall | None = None
        self._started: Deferred[None] | None = None
        self._gone: Deferred[None] | None = None
        self._ended: Deferred[None] | None = None
        self._leaving = False
        self._rota = Rota(list(self.posts.values()), self._letGo)

    # --- what a supervisor's service wants ------------------------------------------

    async def begin(self) -> None:
        """
        Have all workers at work.

        @raise CannotStart: one cannot, and the others are gone again.
        """
        started = self._started = Deferred()
        self._beginZygote()
        try:
            await started
        except BaseException:
            await self.farewell()
            await self.close()
            raise
        finally:
            self._started = None
        processes = ", ".join(str(post.pid) for post in self.posts.values())
        self._log.info(
            "{count} workers take mail (processes {processes})",
            count=len(self.posts),
            processes=processes,
        )

    def abandon(self) -> None:
        """
        See L{smtpx.service.mail.Builder}: whoever waits for C{begin} is told that it
        cannot be.
        """
        self._cannot("it was told to end before all workers were there")

    @property
    def queue(self) -> IQueueControl:
        """
        See L{smtpx.service.mail.House}.

        @raise UsageError: each worker has its own, in its own process.
        """
        raise UsageError("a server of several processes has its queues in these")

    def factory(self, listener: Listener) -> SMTPServerFactory | None:
        """See L{smtpx.service.mail.House}: nobody is let in here."""
        return None

    def farewell(self) -> Deferred[None]:
        """See L{smtpx.service.mail.House}: tell all workers to leave."""
        self._leaving = True
        for call in (self._timer, *(post.retry for post in self.posts.values())):
            if call is not None and call.active():
                call.cancel()
        if self._isEmpty():
            return succeed(None)
        gone = self._gone = Deferred()
        self._order("leave")
        self._timer = self._clock.callLater(self._leaveSeconds, self._cut)
        return gone

    def reopenLogs(self) -> None:
        """See L{smtpx.service.mail.House}: have all workers do it."""
        for post in self.posts.values():
            # One that is only ordered may have opened them before its process is known
            # here; who forks it has that order first.
            if post.stage is not Stage.VACANT:
                self._signal(post, REOPEN)

    async def close(self) -> None:
        """See L{smtpx.service.mail.House}: there are no workers any more."""
        zygote = self._zygote
        if zygote is None:
            return
        ended: Deferred[None] = Deferred()
        self._ended = ended
        zygote.end()
        cut = self._clock.callLater(_REST_SECONDS, zygote.kill)
        await ended
        if cut.active():
            cut.cancel()

    # --- what a zygote and workers say ----------------------------------------------

    def heard(self, message: Message) -> None:
        """Somebody of those that are at work now says something."""
        match message:
            case {"said": "prepared"}:
                if self._started is None:
                    # Clients wait already.
                    self._order("open")
                self._fill(self.posts[1])
            case {"said": "unprepared", "why": str(why)}:
                if not self._cannot(why):
                    self._log.error("The workers cannot start again: {why}", why=why)
            case {"said": "renewed"}:
                self._log.info(
                    "There are new keys of TLS tickets: all workers are replaced, one"
                    " after another"
                )
                self._rota.begin()
            case {"number": int(number)} if number in self.posts:
                self._heardOf(self.posts[number], message)

    def _heardOf(self, post: Post, message: Message) -> None:
        match message:
            case {"said": "forked", "pid": int(pid)}:
                post.pid = pid
                # What the zygote had no room to say comes late.
                if post.stage is Stage.ORDERED:
                    post.stage = Stage.STARTING
            case {"said": "ready"}:
                self._isReady(post)
            case {"said": "serving"}:
                self._serves(post)
            case {"said": "failed", "why": str(why)}:
                post.why = why
            case {"said": "unforked", "why": str(why)}:
                post.why = f"it cannot be forked: {why}"
                self._vacate(post, "")
            case {"said": "hangs", "pid": int(pid), "seconds": seconds}:
                if pid == post.pid and post.stage is Stage.SERVING:
                    self._endHanging(post, seconds)
            case {"said": "ended", "status": int(status)}:
                self._vacate(post, worded(status))

    def exited(self, how: str) -> None:
        """The zygote of now has ended; its workers leave."""
        self._zygote = None
        ended, self._ended = self._ended, None
        if ended is not None:
            ended.callback(None)
        elif self._started is not None:
            self._cannot(f"the zygote has ended {how}")
        elif not self._leaving:
            self._log.error(
                "The zygote has ended {how}: all workers begin anew", how=how
            )
            self._timer = self._clock.callLater(_SILENCE_SECONDS, self._anew)

    def silent(self) -> None:
        """Neither the zygote of now nor any of its workers is left."""
        self._forget()
        if self._gone is not None:
            self._finish()
        elif self._timer is not None and self._timer.active() and not self._leaving:
            self._timer.cancel()
            self._anew()

    # --- step by step ---------------------------------------------------------------

    def _beginZygote(self) -> None:
        self._patience.begun(self._clock.seconds())
        self._ear = ear = Ear(self)
        try:
            self._zygote = self._spawn(ear)
        except OSError as error:
            why = f"the zygote cannot be started: {error}"
            if not self._cannot(why):
                self._log.error("The workers cannot start again: {why}", why=why)
                self._anew()

    def _anew(self) -> None:
        """All are gone, or should be: begin again, unless that happens too often."""
        self._forget()
        # Whoever is left of those of before is not of ours any more.
        if self._ear is not None:
            self._ear.isOld = True
        delay = self._patience.ended(self._clock.seconds())
        self._timer = self._clock.callLater(delay, self._beginZygote)

    def _forget(self) -> None:
        self._rota.forget()
        for post in self.posts.values():
            post.stage, post.pid, post.leaves = Stage.VACANT, 0, False
            if post.retry is not None and post.retry.active():
                post.retry.cancel()

    def _fill(self, post: Post) -> None:
        if self._zygote is None or self._leaving or post.stage is not Stage.VACANT:
            return
        post.stage, post.why = Stage.ORDERED, ""
        post.patience.begun(self._clock.seconds())
        self._zygote.order("fork", number=post.number)

    def _isReady(self, post: Post) -> None:
        if post.begins:
            post.stage = Stage.READY
        self._fillOthers()
        ready = all(each.stage is Stage.READY for each in self.posts.values())
        if ready and self._beginning is not None:
            self._order("open")

    def _serves(self, post: Post) -> None:
        post.stage = Stage.SERVING
        if self._started is None:
            self._log.info(
                "Worker {number} takes mail (process {pid})",
                number=post.number,
                pid=post.pid,
            )
        self._rota.go()
        done = all(each.stage is Stage.SERVING for each in self.posts.values())
        beginning = self._beginning
        if done and beginning is not None:
            beginning.callback(None)

    @property
    def _beginning(self) -> Deferred[None] | None:
        """Fires when all take mail; L{None}: this is no first start, or no more."""
        started = self._started
        return None if started is None or started.called else started

    def _fillOthers(self) -> None:
        for post in self.posts.values():
            if post.retry is None or not post.retry.active():
                self._fill(post)

    def _vacate(self, post: Post, how: str) -> None:
        pid, wasServing = post.pid, post.stage is Stage.SERVING
        post.stage, post.pid = Stage.VACANT, 0
        if self._leaving:
            if self._isEmpty():
                self._finish()
            return
        if self._cannot(post.why or f"worker {post.number} has ended {how}"):
            return
        if post.leaves:
            post.leaves = False
            self._log.info(
                "Worker {number} (process {pid}) has left; another begins",
                number=post.number,
                pid=pid,
            )
            self._fill(post)
            return
        delay = post.patience.ended(self._clock.seconds())
        self._log.error(
            "Worker {number}{process} {what}; {then}",
            number=post.number,
            process=f" (process {pid})" if pid else "",
            what=f"cannot start: {post.why}" if post.why else f"has ended {how}",
            then=f"another begins in {delay:g} s" if delay else "another begins",
        )
        post.retry = self._clock.callLater(delay, self._fill, post)
        if not wasServing:
            # The others need not wait for a leading one that cannot start.
            self._fillOthers()

    def _endHanging(self, post: Post, seconds: float) -> None:
        """It does not move any more, and so does not leave by itself either."""
        if self._leaving or post.leaves:
            # It has its time for that.
            return
        self._log.error(
            "Worker {number} (process {pid}) hangs: it has done nothing for"
            " {seconds:g} s, and is ended",
            number=post.number,
            pid=post.pid,
            seconds=seconds,
        )
        self._signal(post, signal.SIGKILL)

    def _letGo(self, post: Post) -> None:
        """Another is to take its place."""
        self._signal(post, signal.SIGTERM)
        self._clock.callLater(self._leaveSeconds, self._endLate, post, post.pid)

    def _endLate(self, post: Post, pid: int) -> None:
        """It had time enough."""
        if post.leaves and post.pid == pid and not self._leaving:
            self._tellLate(post)
            self._signal(post, signal.SIGKILL)

    def _cannot(self, why: str) -> bool:
        """
        A first start has failed.

        @return: L{False}: this is none.
        """
        if self._started is None:
            return False
        if not self._started.called:
            self._started.errback(CannotStart(why))
        return True

    def _isEmpty(self) -> bool:
        return all(post.stage is Stage.VACANT for post in self.posts.values())

    def _cut(self) -> None:
        """Some did not leave in time."""
        late = [post for post in self.posts.values() if post.stage is not Stage.VACANT]
        for post in late:
            self._tellLate(post)
            self._signal(post, signal.SIGKILL)
        self._timer = self._clock.callLater(_REST_SECONDS, self._finish)

    def _tellLate(self, post: Post) -> None:
        self._log.error(
            "Worker {number} (process {pid}) does not leave, and is ended",
            number=post.number,
            pid=post.pid,
        )

    def _finish(self) -> None:
        gone, self._gone = self._gone, None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if gone is not None:
            gone.callback(None)

    def _signal(self, post: Post, which: int) -> None:
        self._order("signal", number=post.number, signal=int(which))

    def _order(self, do: str, **fields: object) -> None:
        if self._zygote is not None:
            self._zygote.order(do, **fields)


@define(eq=False)
class Ear:
    """
    Hears one zygote, and its workers.

    @ivar isOld: is there another by now?  Then only what they have for the log counts.
    """

    _staff: Staff
    isOld: bool = False

    _log = Logger()

    def heard(self, message: Message) -> None:
        """See L{Hearer}."""
        match message:
            case {"said": "log", "event": str(event)}:
                globalLogPublisher(relayed(event))
            case {"said": "lost", "number": int(number), "events": int(events)}:
                self._log.error(
                    "Worker {number}: {events} events are missing in this log",
                    number=number,
                    events=events,
                )
            case _ if not self.isOld:
                self._staff.heard(message)

    def exited(self, how: str) -> None:
        """See L{Hearer}."""
        if not self.isOld:
            self._staff.exited(how)

    def silent(self) -> None:
        """See L{Hearer}."""
        if not self.isOld:
            self._staff.silent()


def worded(status: int) -> str:
    """
    How a process has ended, in words.

    @param status: its status, or the number of a signal, negative.
    """
    if status >= 0:
        return f"with status {status}"
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"


__all__ = [
    "REOPEN",
    "CannotStart",
    "Hearer",
    "IZygote",
    "Post",
    "Staff",
    "Stage",
    "worded",
]
