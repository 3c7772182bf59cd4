"""
The reactor's side of the writer: jobs go out, news comes back.

Jobs wait until the reactor is through with the events it was told of together,
and go out together, as one lot.  If each went at once, the writer would wake up for the
first and share neither sync nor interpreter with those that come right behind it.  For
the same reason no lot goes out before the end of the last was heard of.

Removals wait longer, up to C{LINGER_SECONDS}, until there are many, or until they have
waited for the most part of it and can go out with something that somebody waits for.
Nobody waits for them: who has a message is noted already (L{smtpx.spool.ledger}), and
each that went by itself would be a sync more.  To remove many in one step costs little
more than to remove one, and without removals to put something down is the plainest of
all statements.

A L{Desk} counts what is under way, knows whether the spool file is in order,
and has it opened again when it was not: after one second, then two, four, up to
a minute.  Until then everything that is handed in fails at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Callable, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from zope.interface import Interface

from ..core.errors import SMTPXError
from .interfaces import ISpoolReactor, SpoolBroken, SpoolFull
from .stock import Shift
from .store import Store, inWords, isFull
from .threads import IThreads
from .writer import (
    Alter,
    Distrust,
    Done,
    Insert,
    IShelf,
    Query,
    Remove,
    Reopening,
    Stop,
    Witness,
    Write,
    Writer,
    lots,
)

T = TypeVar("T")

#: Seconds until the file is opened again: the first time, and the most.
_FIRST_DELAY, _LONGEST_DELAY = 1.0, 60.0

#: How long a removal waits at most, in seconds, and how many do.
LINGER_SECONDS = 0.05
_LINGER_MOST = 100

#: So many go out with what somebody waits for, or any that have waited for so long.
_COMPANY, _COMPANY_SECONDS = 50, 0.03

#: So many jobs are never too much for one transaction: bodies that are longer than
#: 64 KiB are not among them.
_LOT = 64


class IOwner(Interface):
    """Whose desk it is.  All is called in the reactor's thread but the first."""

    def openStore(again: bool) -> Store:
        """
        Open the file, in the writer's thread.

        @param again: is it after a failure, so that it has to be verified?
        """

    def began() -> None:
        """The file was opened for the first time."""

    def lost(jobs: Sequence[Write]) -> None:
        """Nothing of these counts; their Deferreds fail next."""

    def wrote(jobs: Sequence[Write], shift: Shift) -> bool:
        """
        These are on the disk; their Deferreds fire next.

        @param shift: what is on hold or parked because of them.
        @return: is there something to deliver at once?
        """

    def wake() -> None:
        """The Deferreds have fired, and there is something to deliver."""

    def mended() -> None:
        """
        The file is in order again after a failure; whether what failed is in it,
        nobody knows.
        """

    def ended() -> None:
        """
        The file is closed and will not be opened again; called in the writer's
        thread, at its end.
        """


class Desk:
    """
    Hands jobs to the writer.

    @ivar trouble: why nothing is taken; L{None}: all is well.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: ISpoolReactor,
        path: str,
        shelf: IShelf,
        threads: IThreads,
        owner: IOwner,
    ) -> None:
        """
        @param path: the spool file, for messages.
        @param shelf: the files of long bodies.
        @param threads: where blocking work is done.
        """
        self.trouble: SMTPXError | None = SpoolBroken(f"{path} is not open")
        self._reactor = reactor
        self._path = path
        self._threads = threads
        self._owner = owner
        #: Jobs that have not gone out.
        self._waiting: list[Write | Query] = []
        #: Removals that wait for company.
        self._lingering: list[Remove] = []
        self._linger: IDelayedCall | None = None
        #: When they have waited for most of it.
        self._ripe = 0.0
        #: Lots whose end was not yet heard of.
        self._out = 0
        #: Jobs whose end was not yet heard of.
        self._underway = 0
        self._delay = _FIRST_DELAY
        self._again: IDelayedCall | None = None
        self._opening: Deferred[None] | None = None
        self._closing: list[Deferred[None]] | None = None
        #: Is the writer's thread there?
        self._living = False
        self._writer = Writer(
            owner.openStore,
            shelf,
            reactor.callFromThread,
            Witness(self._did, self._broke, self._opened),
        )
        self._queue = self._writer.queue

    # --- beginning and end ---------------------------------------------------

    def start(self) -> Deferred[None]:
        """
        Have the file opened and the thread run.

        @return: fails with what went wrong; the thread ends then.
        """
        self._opening = Deferred()
        self._living = True
        self._queue.put(Reopening())
        self._threads.start(self._writer.turn, self._end)
        return self._opening

    def stop(self) -> Deferred[None]:
        """Take nothing more, finish what is under way, end the thread."""
        done: Deferred[None] = Deferred()
        if not self._living:
            self.trouble = SpoolBroken(f"{self._path} is closed")
            done.callback(None)
        elif self._closing is not None:
            self._closing.append(done)
        else:
            self._closing = [done]
            self.trouble = SpoolBroken(f"{self._path} is closed")
            if self._again is not None:
                self._again.cancel()
                self._again = None
            if self._lingering:
                self._sendLingering()
            self._maybeStop()
        return done

    def _maybeStop(self) -> None:
        """While closing: end the writer once nothing is under way."""
        if self._closing is not None and not self._underway:
            self._queue.put(Stop())

    def _end(self) -> None:
        """The last that the writer's thread does."""
        self._threads.drain()
        self._owner.ended()
        self._reactor.callFromThread(self._ended)

    def _ended(self) -> None:
        """The writer's thread is at its end."""
        self._living = False
        for done in self._closing or ():
            done.callback(None)

    # --- what is wrong -------------------------------------------------------

    def failure(self, error: BaseException) -> SMTPXError:
        """What an error of the world comes to for our callers."""
        kind = SpoolFull if isFull(error) else SpoolBroken
        raised = kind(f"{self._path}: {inWords(error)}")
        raised.__cause__ = error
        return raised

    def refusal(self, trouble: SMTPXError) -> SMTPXError:
        """
        C{trouble} once more: an exception that is raised again and again
        collects the tracebacks.
        """
        again = type(trouble)(*trouble.args)
        again.__cause__ = trouble.__cause__
        return again

    def distrust(self, error: Exception) -> None:
        """
        Something beside the file failed in a way that says that the disk is
        not to be trusted.  In any thread.
        """
        self._queue.put(Distrust(error))

    def _opened(self, error: Exception | None) -> None:
        """The writer opened the file, or could not."""
        opening, self._opening = self._opening, None
        if opening is None:
            if error is not None:
                self._broke(error)
            elif self._closing is None:
                self._log.info("The spool {path} is in order again", path=self._path)
                self.trouble = None
                self._owner.mended()
        elif error is None:
            if self._closing is None:
                self.trouble = None
            self._owner.began()
            opening.callback(None)
        else:
            if self._closing is None:
                self._queue.put(Stop())
            named = isinstance(error, sqlite3.Error)
            opening.errback(self.failure(error) if named else error)

    def _broke(self, error: Exception) -> None:
        """The file was closed after a failure; open it again in a while."""
        self._log.critical(
            "The spool {path} failed and takes no mail;"
            " it is opened again in {seconds} s: {error}",
            path=self._path,
            seconds=self._delay,
            error=inWords(error),
        )
        if self._closing is None:
            self.trouble = self.failure(error)
            self._again = self._reactor.callLater(self._delay, self._reopen)
            self._delay = min(2 * self._delay, _LONGEST_DELAY)

    def _reopen(self) -> None:
        """Have the file opened again."""
        self._again = None
        self._queue.put(Reopening())

    # --- jobs ------------------------------------------------------------------

    def insert(self, job: Insert) -> Deferred[None]:
        """Have a message put down."""
        if self.trouble is not None:
            return fail(self.refusal(self.trouble))
        self._send(job)
        return job.done

    def write(self, job: Remove | Alter) -> Deferred[Sequence[str]]:
        """Have something else written down."""
        if self.trouble is not None:
            return fail(self.refusal(self.trouble))
        if type(job) is Remove and not job.reports:
            self._stay(job)
        else:
            if self._lingering:
                self._sendLingering()
            self._send(job)
        return job.done

    def _send(self, job: Write | Query) -> None:
        """Have a job done, and hear of its end."""
        self._underway += 1
        waiting = self._waiting
        if not waiting and not self._out:
            self._reactor.callLater(0, self._sendSome)
        waiting.append(job)

    def _sendSome(self) -> None:
        """Let the jobs go out, if they are the next."""
        if not self._out and self._waiting:
            lingering = self._lingering
            if lingering and (
                len(lingering) >= _COMPANY or self._reactor.seconds() >= self._ripe
            ):
                self._sendLingering()
            self._sendAll()

    def _sendAll(self) -> None:
        """Let the jobs go out."""
        waiting, self._waiting = self._waiting, []
        for lot in (waiting,) if len(waiting) <= _LOT else lots(waiting):
            if lot:
                self._out += 1
                self._queue.put(lot)

    def _stay(self, job: Remove) -> None:
        """Have a removal done, but not for its own sake."""
        lingering = self._lingering
        lingering.append(job)
        if len(lingering) >= _LINGER_MOST:
            self._sendLingering()
        elif self._linger is None:
            self._ripe = self._reactor.seconds() + _COMPANY_SECONDS
            self._linger = self._reactor.callLater(LINGER_SECONDS, self._lingered)

    def _sendLingering(self) -> None:
        """Let removals go with the next lot."""
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        lingering, self._lingering = self._lingering, []
        self._underway += len(lingering)
        if not self._waiting and not self._out:
            self._reactor.callLater(0, self._sendSome)
        self._waiting += lingering

    def _lingered(self) -> None:
        """They have waited for long enough."""
        self._linger = None
        self._sendLingering()

    def writeOnce(
        self, job: Write, prepare: Callable[[Callable[[OSError | None], None]], None]
    ) -> None:
        """
        Have something written down once something else was done.

        @param prepare: does it; calls its argument in any thread, with what went
            wrong or L{None}.
        """
        if type(job) is not Insert or job.name is not None:
            # A name that was forgotten before is not to be forgotten behind it.
            self._sendAll()
        self._underway += 1

        def then(error: OSError | None) -> None:
            if error is None:
                self._queue.put(job)
            else:
                self.distrust(error)
                done = Done(writes=[job], error=error)
                self._reactor.callFromThread(self._did, done)

        prepare(then)

    def query(self, read: Callable[[Store], T]) -> Deferred[T]:
        """Read something, in the writer's thread, between two transactions."""
        if self.trouble is not None:
            return fail(self.refusal(self.trouble))
        done: Deferred[T] = Deferred()

        def run(store: Store) -> Callable[[], None]:
            result = read(store)
            return lambda: done.callback(result)

        self._send(Query(run, done.errback))
        return done

    def _did(self, done: Done) -> None:
        """The writer did what it had."""
        if done.lots:
            self._out -= done.lots
            # Before anybody hears of it, so that the disk has something to do.
            self._sendSome()
        if done.writes:
            self._wrote(done.writes, done.error, done.shift)
        if done.queries:
            self._answered(done.queries)
        self._maybeStop()

    def _wrote(
        self, jobs: Sequence[Write], error: Exception | None, shift: Shift
    ) -> None:
        """A transaction ended."""
        self._underway -= len(jobs)
        if error is None:
            # Not before: a file that opens and then fails again is not well.
            self._delay = _FIRST_DELAY
            due = self._owner.wrote(jobs, shift)
            for job in jobs:
                if type(job) is Insert:
                    job.done.callback(None)
                else:
                    job.done.callback(job.ids)
            if due:
                # Behind the callbacks: the log has the arrival of a message before
                # what becomes of it.
                self._owner.wake()
        else:
            self._owner.lost(jobs)
            for job in jobs:
                job.done.errback(self.failure(error))

    def _answered(self, jobs: Sequence[Query]) -> None:
        """Queries have their answers."""
        self._underway -= len(jobs)
        for job in jobs:
            if job.error is not None:
                job.fail(self.failure(job.error))
            elif job.answer is not None:
                job.answer()
