"""
Reports of TLSRPT are counted for, made and sent (RFC 8460), by L{TLSReporting}.

What happens is counted in memory and written down once a minute.  Every few minutes it
is looked whose report is due: each domain of which something was counted on a day that
is over has one, at a time between a quarter of an hour and four hours after midnight
that is the same whenever it is asked (section 4.1).  Then it is looked up where the
domain wants it, and it goes there, to each place once; what fails is tried again for a
day (section 5.5).  Several are under way at once, each for a limited time, so that a
place that is slow, or a report that cannot be made, holds up no other.

A machine that dies takes with it what was counted in the last minute.  No report is
sent twice because of that (L{smtpx.queue.tlsreportfile}).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any, Protocol, TypeVar

from attrs import field, frozen
from attrs.validators import gt
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..core.envelope import Envelope, Recipient
from ..core.errors import Malformed, SMTPXError
from ..dns.interfaces import IResolver, LookupFailed, NoSuchDomain
from ..dns.together import together
from ..extensions.dkim import SIGNABLE
from ..net.https import IWeb, WebFailure
from ..tls.tlsrpt import RECORD_PREFIX, MailPlace, Place, ReportRecord, WebPlace
from .dailyfile import At, Job
from .tlscounts import DAY_SECONDS, Counts, dayOf
from .tlsreport import GZIP_TYPE, Submitter, TLSReport
from .tlsreportfile import TLSReportFile

T = TypeVar("T")

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


_TIMES = ReportTimes()


class _Late(Exception):
    """The network takes too long."""

    def __str__(self) -> str:
        return "it took too long"


@frozen
class _Errand:
    """
    A report on its way.

    @ivar ends: until when the network is asked, in seconds of the reactor.
    """

    job: Job
    report: TLSReport
    ends: float


def _claimed(now: float, until: float, file: TLSReportFile) -> Job | None:
    return file.claim(now, until)


class TLSReporting:
    """
    Counts, and reports.

    @ivar count: takes what happened; it costs next to nothing.
    """

    _stopping = False

    def __init__(
        self,
        reactor: Any,
        now: Callable[[], float],
        submitter: Submitter,
        open: Callable[[], TLSReportFile],
        threads: Threads,
        resolver: IResolver,
        web: IWeb,
        mail: Mailer,
        times: ReportTimes = _TIMES,
    ) -> None:
        """
        @param reactor: has time.
        @param now: seconds since the epoch.
        @param open: opens the file; called in a thread.
        @param threads: where it is used; of one thread.
        @param web: hands reports in.
        @param mail: sends reports.
        """
        self._reactor = reactor
        self._now = now
        self._submitter = submitter
        self._open = open
        self._threads = threads
        self._resolver = resolver
        self._web = web
        self._mail = mail
        self._times = times
        self._counts = Counts()
        self.count = self._counts.add
        self._file: TLSReportFile | None = None
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

    def start(self) -> None:
        """Begin to write down, and to report."""
        for looping, every in self._calls:
            looping.start(every, now=False)
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
            await self._threads(file.close)

    def _begin(self, call: Callable[[], Any]) -> Deferred[None]:
        work: Deferred[None] = Deferred.fromCoroutine(call())
        self._work.add(work)

        def over(result: object) -> None:
            self._work.discard(work)
            if isinstance(result, Failure) and not result.check(CancelledError):
                _log.failure("Trouble with TLS reports", result)

        return work.addBoth(over)

    async def _ask(self, errand: _Errand, ask: Callable[[], Deferred[T]]) -> T:
        """
        Wait for what the network says.

        @raise CancelledError: the server stops.
        @raise _Late: it takes too long.
        """
        left = errand.ends - self._reactor.seconds()
        if left <= 0:
            raise _Late
        asking = ask()
        self._asking.add(asking)
        try:
            return await asking.addTimeout(left, self._reactor)
        except TimeoutError:
            raise _Late from None
        finally:
            self._asking.discard(asking)

    async def _with(self, job: Callable[[TLSReportFile], T]) -> T:
        """
        Do something with the file.

        @raise SMTPXError: it cannot be used.
        """

        def work() -> T:
            if self._file is None:
                self._file = self._open()
                if self._file.aside is not None:
                    _log.error(
                        "The file of TLS reports was damaged, and is {aside} now",
                        aside=self._file.aside,
                    )
            return job(self._file)

        try:
            done: T = await self._threads(work)
        except (OSError, sqlite3.Error) as error:
            raise SMTPXError(f"the file of TLS reports: {error}") from error
        return done

    # --- counting -------------------------------------------------------------------

    async def write(self) -> None:
        """Write down what was counted."""
        counts, lost = self._counts.taken(), self._counts.lost
        self._counts.lost = 0
        if not counts:
            return
        try:
            lost += await self._with(lambda file: file.add(counts))
        except SMTPXError as error:
            self._counts.returned(counts)
            _log.error("TLS reports: nothing can be counted: {why}", why=str(error))
            return
        if lost:
            _log.warn("TLS reports: {count} sessions were not counted", count=lost)

    # --- reporting ------------------------------------------------------------------

    async def look(self) -> None:
        """Make and send the reports that are due."""
        now, times = self._now(), self._times
        today = dayOf(now)
        try:
            await self._with(lambda file: file.tidy(today))
            await self._with(lambda file: file.plan(today, self._due))
            await together(self._several() for _ in range(times.atOnce))
        except SMTPXError as error:
            _log.error("TLS reports: none can be sent: {why}", why=str(error))

    async def _several(self) -> None:
        """
        Make and send one report after the other, until none is due.

        @raise SMTPXError: the file cannot be used.
        """
        while not self._stopping:
            now = self._now()
            until = now + self._times.claim
            job = await self._with(partial(_claimed, now, until))
            if job is None:
                return
            try:
                await self._report(job)
            except (SMTPXError, CancelledError):
                raise
            except Exception as error:
                # The others go all the same, and it is given up in the end.
                _log.failure("Trouble with the TLS report for {name}", name=job.domain)
                await self._again(job, f"there was an error: {error!r}")

    def _due(self, day: int, domain: str) -> float:
        """When a report goes: not all of them at once, nor all servers' (4.1)."""
        digest = sha256(f"{domain} {self._submitter.server}".encode()).digest()
        part = int.from_bytes(digest[:4], "big") / 2**32
        least, most = self._times.delayLeast, self._times.delayMost
        return (day + 1) * DAY_SECONDS + least + part * (most - least)

    async def _report(self, job: Job) -> None:
        ends = self._reactor.seconds() + self._times.job
        counts = await self._with(lambda file: file.content(job))
        report = TLSReport(self._submitter, job.day, job.domain, counts)
        errand = _Errand(job, report, ends)
        try:
            record = await self._record(errand)
        except (LookupFailed, _Late) as error:
            await self._again(job, str(error))
            return
        if record is None or not record.places:
            await self._with(lambda file: file.finish(job))
            return
        # Not in the reactor: it may be long.
        octets: bytes = await self._threads(report.compressed)
        problems = []
        for place in record.places:
            problem = await self._bring(errand, octets, place)
            if problem is not None:
                problems.append(f"{place}: {problem}")
        if problems:
            await self._again(job, "; ".join(problems))
        else:
            await self._with(lambda file: file.finish(job))

    async def _record(self, errand: _Errand) -> ReportRecord | None:
        """
        Where a domain wants reports; L{None}: it wants none.

        @raise LookupFailed: nobody knows.
        @raise _Late: nobody has said so in time.
        """
        name = RECORD_PREFIX + errand.job.domain.encode("ascii")
        try:
            answer = await self._ask(
                errand, partial(self._resolver.lookUp, name, "TXT")
            )
            return ReportRecord.among(answer.of(bytes))
        except (NoSuchDomain, Malformed):
            return None

    async def _bring(self, errand: _Errand, octets: bytes, place: Place) -> str | None:
        """
        Bring a report to a place, unless it is there.

        @return: why that failed; L{None}: it did not.
        """
        job, name = errand.job, str(place)
        at = job.places.get(name)
        if at is At.DONE:
            return None
        if isinstance(place, WebPlace):
            problem = await self._handIn(errand, octets, place)
            if problem is None:
                await self._with(lambda file: file.note(job, name, At.DONE))
            return problem
        if at is At.BEGUN:
            _log.warn(
                "The TLS report {id} may not have gone to {place}: it was interrupted",
                id=errand.report.id,
                place=name,
            )
            return None
        if not await self._with(lambda file: file.begin(job, name)):
            # Another process has it by now.
            return None
        problem = await self._send(errand.report, octets, place)
        done = At.DONE if problem is None else None
        await self._with(lambda file: file.note(job, name, done))
        return problem

    async def _handIn(
        self, errand: _Errand, octets: bytes, place: WebPlace
    ) -> str | None:
        where = place.host, place.path, GZIP_TYPE, octets, place.port
        try:
            page = await self._ask(errand, partial(self._web.post, *where))
        except (WebFailure, _Late) as error:
            return str(error)
        if not 200 <= page.status < 300:
            return f"it answers {page.status}"
        report = errand.report.id
        _log.info("The TLS report {id} went to {place}", id=report, place=str(place))
        return None

    async def _send(
        self, report: TLSReport, octets: bytes, place: MailPlace
    ) -> str | None:
        now = self._now()
        message = report.message(octets, place, now)
        sender = self._submitter.contact.address.encode("ascii")
        recipients = [Recipient(place.mailbox)]
        envelope = Envelope(sender, now, recipients, len(message))
        # RFC 8460 section 3: it is to be signed.
        envelope.stamps[SIGNABLE] = True
        try:
            id = await self._mail(envelope, message)
        except SMTPXError as error:
            return str(error)
        _log.info(
            "The TLS report {report} to {place} is the message {id}",
            report=report.id,
            place=str(place),
            id=id,
        )
        return None

    async def _again(self, job: Job, why: str) -> None:
        """It failed, at least in part."""
        now, times = self._now(), self._times
        first = job.first or now
        due = now + times.again * 2.0**job.tries
        if due > first + times.giveUp:
            _log.warn(
                "The TLS report for {domain} is given up: {why}",
                domain=job.domain,
                why=why,
            )
            await self._with(lambda file: file.finish(job))
            return
        await self._with(lambda file: file.again(job, due))


__all__ = ["Mailer", "ReportTimes", "TLSReporting", "Threads"]
