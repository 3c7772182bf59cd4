"""
Aggregate reports of DMARC are counted for, made and sent (RFC 9990), by
L{DMARCReporting}.

When each is made, and what happens if it cannot be, is for
L{smtpx.queue.dailyreporting}.  Then it is looked up where the owner of the domain wants
it, as the record is by now.  A mailbox of another owner has to want it, too
(L{smtpx.mailauth.dmarcdestination}).

What comes from us, as the author of such reports, is not counted: it would be told to
ourselves, for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twisted.logger import Logger

from ..dns.answering import answered
from ..dns.interfaces import IResolver
from ..mailauth.asking import Asking, Unanswered, lookUp
from ..mailauth.dmarc import boundaries
from ..mailauth.dmarcdestination import destination
from ..mailauth.dmarcrecord import RECORD_PREFIX, DMARCRecord, Place
from ..mailauth.dmarcseen import Seen
from ..mailauth.publicsuffix import PublicSuffixes
from .dailyreporting import TIMES, Daily, Errand, Late, Mailer, ReportTimes, Threads
from .dmarccounts import DMARCCounts, Tallied, tallyOf
from .dmarcreport import DMARCReport, reportsOf
from .dmarcreportfile import DMARCReportFile
from .submitter import Submitter

#: How many mailboxes get a report.
PLACES_MOST = 4

#: The longest report that is sent, in octets, compressed.
OCTETS_MOST = 8 << 20

_log = Logger()


class DMARCReporting:
    """
    Counts, and reports.

    @ivar start: begins to write down, and to report.
    @ivar stop: ends it (L{Daily.stop}).
    """

    def __init__(
        self,
        reactor: Any,
        now: Callable[[], float],
        submitter: Submitter,
        open: Callable[[], DMARCReportFile],
        threads: Threads,
        resolver: IResolver,
        mail: Mailer,
        suffixes: Callable[[], PublicSuffixes | None] = lambda: None,
        times: ReportTimes = TIMES,
    ) -> None:
        """
        @param reactor: has time.
        @param now: seconds since the epoch.
        @param open: opens the file; called in a thread.
        @param threads: where it is used; of one thread.
        @param mail: sends reports.
        @param suffixes: gives the list that DMARC goes by; L{None}: by RFC 9989.
        """
        self._submitter = submitter
        self._resolver = resolver
        self._suffixes = suffixes
        self._sender = submitter.contact.address.lower().encode("ascii")
        self._counts = DMARCCounts()
        self._daily: Daily[DMARCReportFile, Tallied] = Daily(
            reactor,
            now,
            "DMARC",
            submitter.server,
            open,
            threads,
            self._counts,
            lambda file, some: file.add(some),
            self._make,
            mail,
            times,
        )
        self.start = self._daily.start
        self.stop = self._daily.stop

    def tell(self, seen: Seen) -> None:
        """Count a message, if the owner of its domain wants to be told."""
        if seen.verdict.aligned and seen.sender.lower() == self._sender:
            return
        tally = tallyOf(seen)
        if tally is not None:
            self._counts.add(tally)

    async def _make(self, errand: Errand) -> Sequence[str]:
        job, daily = errand.job, self._daily
        domain = job.domain.encode("ascii")
        try:
            places = await daily.ask(
                errand, lambda: answered(self._places(domain), self._resolver)
            )
        except (Unanswered, Late) as error:
            return [str(error)]
        if not places:
            return []
        counts = await daily.use(lambda file: file.content(job.day, job.domain))
        problems = []
        for report in reportsOf(self._submitter, job.day, counts):
            # Not in the reactor: it may be long.
            octets: bytes = await daily.threads(report.compressed)
            if len(octets) > OCTETS_MOST:
                _log.warn(
                    "The DMARC report for {domain} is too long: {octets} octets",
                    domain=job.domain,
                    octets=len(octets),
                )
                continue
            for place in places[:PLACES_MOST]:
                problem = await self._bring(errand, report, octets, place)
                if problem is not None:
                    problems.append(f"{place.text}: {problem}")
        return problems

    async def _bring(
        self, errand: Errand, report: DMARCReport, octets: bytes, place: Place
    ) -> str | None:
        # One day may have several reports for a domain.
        name = f"{place.text} {report.id}"
        return await self._daily.mailed(
            errand,
            name,
            report.id,
            self._submitter.contact.address,
            place.mailbox,
            partial(report.message, octets, place),
        )

    def _places(self, domain: bytes) -> Asking[list[Place]]:
        """
        Where reports on a domain go.

        @param domain: where the record is.
        @raise Unanswered: nobody could tell.
        """
        answer = yield from lookUp(RECORD_PREFIX + domain, "TXT")
        record = DMARCRecord.among(answer.records)
        found: dict[Place, None] = {}
        if record is not None:
            limits = boundaries(self._suffixes())
            for place in record.aggregate:
                others = yield from destination(place, domain, limits)
                found.update(dict.fromkeys(others))
        return list(found)


__all__ = ["OCTETS_MOST", "PLACES_MOST", "DMARCReporting"]
