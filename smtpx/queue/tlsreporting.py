"""
Reports of TLSRPT are counted for, made and sent (RFC 8460), by L{TLSReporting}.

When each is made, and what happens if it cannot be, is for
L{smtpx.queue.dailyreporting} (sections 4.1 and 5.5).  Then it is looked up where the
domain wants it, and it goes there, to each place once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from attrs import frozen
from twisted.logger import Logger

from ..core.errors import Malformed
from ..dns.interfaces import IResolver, LookupFailed, NoSuchDomain
from ..net.https import IWeb, WebFailure
from ..tls.tlsrpt import RECORD_PREFIX, Place, ReportRecord, WebPlace
from .dailyfile import At
from .dailyreporting import TIMES, Daily, Errand, Late, Mailer, ReportTimes, Threads
from .submitter import Submitter
from .tlscounts import Count, Counts
from .tlsreport import GZIP_TYPE, TLSReport
from .tlsreportfile import TLSReportFile

_log = Logger()


@frozen
class _Made:
    """
    A report on its way.

    @ivar octets: the report, compressed.
    """

    errand: Errand
    report: TLSReport
    octets: bytes


class TLSReporting:
    """
    Counts, and reports.

    @ivar count: takes what happened; it costs next to nothing.
    @ivar start: begins to write down, and to report.
    @ivar stop: ends it (L{Daily.stop}).
    @ivar write: writes down what was counted.
    @ivar look: makes and sends the reports that are due.
    """

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
        times: ReportTimes = TIMES,
    ) -> None:
        """
        @param reactor: has time.
        @param now: seconds since the epoch.
        @param open: opens the file; called in a thread.
        @param threads: where it is used; of one thread.
        @param web: hands reports in.
        @param mail: sends reports.
        """
        self._submitter = submitter
        self._resolver = resolver
        self._web = web
        counts = Counts()
        self.count = counts.add
        self._daily: Daily[TLSReportFile, Count] = Daily(
            reactor,
            now,
            "TLS",
            submitter.server,
            open,
            threads,
            counts,
            lambda file, some: file.add(some),
            self._make,
            mail,
            times,
        )
        self.start = self._daily.start
        self.stop = self._daily.stop
        self.write = self._daily.write
        self.look = self._daily.look

    async def _make(self, errand: Errand) -> Sequence[str]:
        job, daily = errand.job, self._daily
        counts = await daily.use(lambda file: file.content(job))
        report = TLSReport(self._submitter, job.day, job.domain, counts)
        try:
            record = await self._record(errand)
        except (LookupFailed, Late) as error:
            return [str(error)]
        if record is None or not record.places:
            return []
        # Not in the reactor: it may be long.
        octets: bytes = await daily.threads(report.compressed)
        made = _Made(errand, report, octets)
        problems = []
        for place in record.places:
            problem = await self._bring(made, place)
            if problem is not None:
                problems.append(f"{place}: {problem}")
        return problems

    async def _record(self, errand: Errand) -> ReportRecord | None:
        """
        Where a domain wants reports; L{None}: it wants none.

        @raise LookupFailed: nobody knows.
        @raise Late: nobody has said so in time.
        """
        name = RECORD_PREFIX + errand.job.domain.encode("ascii")
        try:
            answer = await self._daily.ask(
                errand, partial(self._resolver.lookUp, name, "TXT")
            )
            return ReportRecord.among(answer.of(bytes))
        except (NoSuchDomain, Malformed):
            return None

    async def _bring(self, made: _Made, place: Place) -> str | None:
        """
        Bring a report to a place, unless it is there.

        @return: why that failed; L{None}: it did not.
        """
        if isinstance(place, WebPlace):
            return await self._handIn(made, place)
        report, octets = made.report, made.octets
        return await self._daily.mailed(
            made.errand,
            str(place),
            report.id,
            self._submitter.contact.address,
            place.mailbox,
            lambda now: report.message(octets, place, now),
        )

    async def _handIn(self, made: _Made, place: WebPlace) -> str | None:
        errand, name = made.errand, str(place)
        if errand.job.places.get(name) is At.DONE:
            return None
        where = place.host, place.path, GZIP_TYPE, made.octets, place.port
        try:
            page = await self._daily.ask(errand, partial(self._web.post, *where))
        except (WebFailure, Late) as error:
            return str(error)
        if not 200 <= page.status < 300:
            return f"it answers {page.status}"
        _log.info("The TLS report {id} went to {place}", id=made.report.id, place=name)
        await self._daily.use(lambda file: file.note(errand.job, name, At.DONE))
        return None


__all__ = ["TLSReporting"]
