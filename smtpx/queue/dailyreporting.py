"""
Reports that go out once a day for each domain, by L{Daily}: those of TLSRPT
(L{smtpx.queue.tlsreporting}) and of DMARC (L{smtpx.queue.dmarcreporting}).

What happens is counted in memory and written down once a minute.  Every few minutes it
is looked whose report is due: each domain of which something was counted on a day that
is over has one, at a time between a quarter of an hour and four hours after midnight
that is the same whenever it is asked.  What fails is tried again for a day.  Several
are under way at once, each for a limited time, so that a place that is slow, or a
report that cannot be made, holds up no other.

Of a server with several processes, all count and write down, and one sends: for a
quarter of an hour after midnight each has had time to write down what it counted.

A machine that dies takes with it what was counted in the last minute.  No report is
sent twice because of that (L{smtpx.queue.dailyfile}).

What a report is, and where it goes, is for those to know who have it made: L{Daily}
gives them each L{Errand}, and what several of them need on it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from hashlib import sha256
from typing import Any, Generic, Protocol, TypeVar

from attrs import field, frozen
from attrs.validators import gt
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..core.envelope import Envelope, Recipient
from ..core.errors import SMTPXError
from ..dns.together import together
from ..extensions.dkim import SIGNABLE
from .dailyfile import At, DailyFile, Job
from .tlscounts import DAY_SECONDS, dayOf

T = TypeVar("T")
F = TypeVar("F", bound=DailyFile)
C = TypeVar("C")

_log = Logger()


#: Runs jobs in a thread, one at a time.
Threads = Callable[[Callable[[], Any]], Deferred[Any]]


class Mailer(Protocol):
    """Puts a message of our own into the spool."""

    def __call__(self, envelope: Envelope, message: bytes) -> Deferred[str]:
        """
        @param envelope: is the spool's from then on.
        @return: the message's id, once it is on the disk.
        """


@frozen
class ReportTimes:
    """
    When reports go; all in seconds.

    @ivar writeEvery: how often what was counted is written down.
    @ivar lookEvery: how often it is looked what is due.
    @ivar lookFirst: when that is done for the first time, after the start.
    @ivar delayLeast: after midnight, before which none goes.
    @ivar delayMost: and after which all have.
    @ivar claim: how long nobody else takes a report that somebody makes.
    @ivar job: how long that may take: the network is asked for no longer, and the rest
        is for what is on its way to the disk.
    @ivar again: after how long it is tried again, the first time; then twice that.
    @ivar giveUp: after how long it is given up.
    @ivar atOnce: how many are under way at a time.
    """

    writeEvery: float = field(default=60.0, validator=gt(0))
    lookEvery: float = field(default=300.0, validator=gt(0))
    lookFirst: float = 10.0
    delayLeast: float = 900.0
    delayMost: float = 4 * 3600.0
    claim: float = 900.0
    job: float = field(default=300.0, validator=gt(0))
    again: float = 1800.0
    giveUp: float = 86400.0
    atOnce: int = field(default=5, validator=gt(0))


#: Those of every day.
TIMES = ReportTimes()


class Late(Exception):
    """The network takes too long."""

    def __str__(self) -> str:
        return "it took too long"


@frozen
class Errand:
    """
    A report on its way.

    @ivar ends: until when the network is asked, in seconds of the reactor.
    """

    job: Job
    ends: float


class Counting(Protocol[C]):
    """
    What is counted in memory.

    @ivar lost: how much was not counted, because there is too much of it.
    """

    lost: int

    def taken(self) -> list[C]:
        """All that was counted, which is forgotten here."""

    def returned(self, counts: Sequence[C], /) -> None:
        """What was taken could not be written down: keep what there is room for."""


#: Makes a report, and brings it where it is to go; gives what did not go well.
Make = Callable[[Errand], Coroutine[Any, Any, Sequence[str]]]


def _claimed(now: float, until: float, file: DailyFile) -> Job | None:
    return file.claim(now, until)


class Daily(Generic[F, C]):
    """
    Writes down what is counted, and has the reports made that are due.
    """

    _stopping = False

    def __init__(
        self,
        reactor: Any,
        now: Callable[[], float],
        kind: str,
        server: str,
        open: Callable[[], F],
        threads: Threads,
        counts: Counting[C],
        add: Callable[[F, Sequence[C]], int],
        make: Make,
        mail: Mailer,
        times: ReportTimes = TIMES,
    ) -> None:
        """
        @param reactor: has time.
        @param now: seconds since the epoch.
        @param kind: whose reports these are, for people.
        @param server: what this server calls itself.
        @param open: opens the file; called in a thread.
        @param threads: where it is used; of one thread.
        @param counts: counts in memory.
        @param add: adds what was counted to the file, in a thread; gives how much was
            not.
        @param make: makes a report; what fails with L{Late} or
            L{smtpx.dns.interfaces.LookupFailed} it has to catch.
        @param mail: sends reports.
        """
        self._reactor = reactor
        self._now = now
        self._kind = kind
        self._server = server
        self._open = open
        self.threads = threads
        self._counts = counts
        self._add = add
        self._make = make
        self._mail = mail
        self._times = times
        self._file: F | None = None
        self._work: set[Deferred[None]] = set()
        self._first: IDelayedCall | None = None
        #: What the network is asked.
        self._asking: set[Deferred[Any]] = set()
        self._calls: list[tuple[LoopingCall, float]] = []
        for call, every in (
            (self.write, times.writeEvery),
            (self.look, times.lookEvery),
        ):
            looping = LoopingCall(self._begin, call)
            looping.clock = reactor
            self._calls.append((looping, every))

    # --- beginning and end ----------------------------------------------------------

    def start(self, reports: bool = True) -> None:
        """
        Begin to write down, and to report.

        @param reports: is it for this process to send reports?  Another one of the
            server does otherwise, and what was counted here is in them.
        """
        for looping, every in self._calls if reports else self._calls[:1]:
            looping.start(every, now=False)
        if not reports:
            return
        # What became due while the server was down does not wait for its turn.
        self._first = self._reactor.callLater(
            self._times.lookFirst, self._begin, self.look
        )

    async def stop(self) -> None:
        """
        End it; what was counted is written down.  What is on its way to the spool gets
        there; who is asked over the network is not waited for.
        """
        for looping, _ in self._calls:
            if looping.running:
                looping.stop()
        if self._first is not None and self._first.active():
            self._first.cancel()
        self._stopping = True
        for asking in list(self._asking):
            asking.cancel()
        for work in list(self._work):
            await work
        await self.write()
        file, self._file = self._file, None
        if file is not None:
            await self.threads(file.close)

    def _begin(self, call: Callable[[], Any]) -> Deferred[None]:
        work: Deferred[None] = Deferred.fromCoroutine(call())
        self._work.add(work)

        def over(result: object) -> None:
            self._work.discard(work)
            if isinstance(result, Failure) and not result.check(CancelledError):
                _log.failure("Trouble with {kind} reports", result, kind=self._kind)

        return work.addBoth(over)

    async def ask(self, errand: Errand, ask: Callable[[], Deferred[T]]) -> T:
        """
        Wait for what the network says.

        @raise CancelledError: the server stops.
        @raise Late: it takes too long.
        """
        left = errand.ends - self._reactor.seconds()
        if left <= 0:
            raise Late
        asking = ask()
        self._asking.add(asking)
        try:
            return await asking.addTimeout(left, self._reactor)
        except TimeoutError:
            raise Late from None
        finally:
            self._asking.discard(asking)

    async def use(self, job: Callable[[F], T]) -> T:
        """
        Do something with the file.

        @raise SMTPXError: it cannot be used.
        """

        def work() -> T:
            if self._file is None:
                self._file = self._open()
                if self._file.aside is not None:
                    _log.error(
                        "The file of {kind} reports was damaged, and is {aside} now",
                        kind=self._kind,
                        aside=self._file.aside,
                    )
            return job(self._file)

        try:
            done: T = await self.threads(work)
        except (OSError, sqlite3.Error) as error:
            raise SMTPXError(f"the file of {self._kind} reports: {error}") from error
        return done

    # --- counting -------------------------------------------------------------------

    async def write(self) -> None:
        """Write down what was counted."""
        counts, lost = self._counts.taken(), self._counts.lost
        self._counts.lost = 0
        if not counts:
            return
        try:
            lost += await self.use(lambda file: self._add(file, counts))
        except SMTPXError as error:
            self._counts.returned(counts)
            _log.error(
                "{kind} reports: nothing can be counted: {why}",
                kind=self._kind,
                why=str(error),
            )
            return
        if lost:
            _log.warn(
                "{kind} reports: {count} were not counted", kind=self._kind, count=lost
            )

    # --- reporting ------------------------------------------------------------------

    async def look(self) -> None:
        """Make and send the reports that are due."""
        now, times = self._now(), self._times
        today = dayOf(now)
        try:
            await self.use(lambda file: file.tidy(today))
            await self.use(lambda file: file.plan(today, self._due))
            await together(self._several() for _ in range(times.atOnce))
        except SMTPXError as error:
            _log.error(
                "{kind} reports: none can be sent: {why}",
                kind=self._kind,
                why=str(error),
            )

    async def _several(self) -> None:
        """
        Make and send one report after the other, until none is due.

        @raise SMTPXError: the file cannot be used.
        """
        while not self._stopping:
            now = self._now()
            until = now + self._times.claim
            job = await self.use(partial(_claimed, now, until))
            if job is None:
                return
            try:
                await self._report(job)
            except (SMTPXError, CancelledError):
                raise
            except Exception as error:
                # The others go all the same, and it is given up in the end.
                _log.failure(
                    "Trouble with the {kind} report for {name}",
                    kind=self._kind,
                    name=job.domain,
                )
                await self._again(job, f"there was an error: {error!r}")

    def _due(self, day: int, domain: str) -> float:
        """When a report goes: not all of them at once, nor all servers' (4.1)."""
        digest = sha256(f"{domain} {self._server}".encode()).digest()
        part = int.from_bytes(digest[:4], "big") / 2**32
        least, most = self._times.delayLeast, self._times.delayMost
        return (day + 1) * DAY_SECONDS + least + part * (most - least)

    async def _report(self, job: Job) -> None:
        errand = Errand(job, self._reactor.seconds() + self._times.job)
        problems = await self._make(errand)
        if problems:
            await self._again(job, "; ".join(problems))
        else:
            await self.use(lambda file: file.finish(job))

    async def _again(self, job: Job, why: str) -> None:
        """It failed, at least in part."""
        now, times = self._now(), self._times
        first = job.first or now
        due = now + times.again * 2.0**job.tries
        if due > first + times.giveUp:
            _log.warn(
                "The {kind} report for {domain} is given up: {why}",
                kind=self._kind,
                domain=job.domain,
                why=why,
            )
            await self.use(lambda file: file.finish(job))
            return
        await self.use(lambda file: file.again(job, due))

    async def mailed(
        self,
        errand: Errand,
        place: str,
        id: str,
        sender: str,
        mailbox: bytes,
        message: Callable[[float], bytes],
    ) -> str | None:
        """
        Send a report to a mailbox, unless it has gone there.

        @param place: how it is noted.
        @param id: the report's.
        @param message: makes it, at a time in seconds since the epoch.
        @return: why that failed; L{None}: it did not.
        """
        job = errand.job
        at = job.places.get(place)
        if at is At.DONE:
            return None
        if at is At.BEGUN:
            _log.warn(
                "The {kind} report {id} may not have gone to {place}: it was"
                " interrupted",
                kind=self._kind,
                id=id,
                place=place,
            )
            return None
        if not await self.use(lambda file: file.begin(job, place)):
            # Another process has it by now.
            return None
        now = self._now()
        octets = message(now)
        recipients = [Recipient(mailbox)]
        envelope = Envelope(sender.encode("ascii"), now, recipients, len(octets))
        problem: str | None = None
        done: At | None = At.DONE
        # Whoever gets it wants to know whose it is (RFC 8460 section 3).
        envelope.stamps[SIGNABLE] = True
        try:
            spooled = await self._mail(envelope, octets)
        except SMTPXError as error:
            problem, done = str(error), None
        else:
            _log.info(
                "The {kind} report {report} to {place} is the message {id}",
                kind=self._kind,
                report=id,
                place=place,
                id=spooled,
            )
        await self.use(lambda file: file.note(job, place, done))
        return problem


__all__ = [
    "TIMES",
    "Counting",
    "Daily",
    "Errand",
    "Late",
    "Mailer",
    "Make",
    "ReportTimes",
    "Threads",
]
