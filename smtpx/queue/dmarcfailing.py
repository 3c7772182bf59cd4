"""
Reports on single messages that failed DMARC go out (RFC 9991), by L{FailureReporting}.

There is none on a message from the null sender, nor on one that is a report or was made
by a program: a report on a report could go on for ever.  The record of a public suffix
is not heeded: its owner is not the owner of the domain.  A mailbox of another owner has
to want them (L{smtpx.mailauth.dmarcdestination}).  And there are so many in an hour for
a domain, and so many in all: whoever sends a million messages in somebody's name must
not make us send him a million.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from attrs import define, field, frozen
from attrs.validators import gt
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..core.envelope import Envelope, Recipient
from ..core.errors import SMTPXError
from ..core.submitted import Field
from ..dns.answering import answered
from ..dns.interfaces import IResolver
from ..extensions.dkim import SIGNABLE
from ..mailauth.asking import Asking, Unanswered, lookUp
from ..mailauth.dmarc import boundaries
from ..mailauth.dmarcdestination import destination
from ..mailauth.dmarcrecord import Place, Suffix
from ..mailauth.dmarcseen import Seen
from ..mailauth.publicsuffix import PublicSuffixes
from .author import Author
from .dailyreporting import Mailer
from .dmarcfailure import Cause, FailureReport, causeOf

_HOUR_SECONDS = 3600.0

_REPORT = re.compile(rb"\s*multipart\s*/\s*report\b", re.IGNORECASE).match
_AUTOMATIC = re.compile(rb"\s*no\s*(?:;|\(|\Z)", re.IGNORECASE).match
_SPF = re.compile(rb"v=spf1(?: |\Z)", re.IGNORECASE).match

_log = Logger()


@frozen
class FailureBounds:
    """
    How many reports there are.

    @ivar perHour: for one domain.
    @ivar allPerHour: for all.
    @ivar atOnce: how many are in the making.
    @ivar domains: for how many it is remembered how many there were.
    @ivar places: how many mailboxes get one.
    """

    perHour: int = field(default=10, validator=gt(0))
    allPerHour: int = field(default=1000, validator=gt(0))
    atOnce: int = field(default=20, validator=gt(0))
    domains: int = field(default=2000, validator=gt(0))
    places: int = field(default=4, validator=gt(0))


_BOUNDS = FailureBounds()


@define
class _Hour:
    """
    What there was for a domain in an hour.

    @ivar reports: how many went out.
    @ivar withheld: how many messages there was none on, since the last one.
    """

    reports: int = 0
    withheld: int = 0


class FailureReporting:
    """
    Reports.
    """

    def __init__(
        self,
        now: Callable[[], float],
        author: Author,
        sender: bytes,
        server: str,
        resolver: IResolver,
        mail: Mailer,
        suffixes: Callable[[], PublicSuffixes | None] = lambda: None,
        bounds: FailureBounds = _BOUNDS,
    ) -> None:
        """
        @param now: seconds since the epoch.
        @param author: whom reports are from, for people.
        @param sender: for mail servers; empty: nobody.
        @param server: what this server calls itself.
        @param mail: sends them.
        @param suffixes: gives the list that DMARC goes by; L{None}: by RFC 9989.
        """
        self._now = now
        self._author = author
        self._sender = sender
        self._server = server
        self._resolver = resolver
        self._mail = mail
        self._suffixes = suffixes
        self._bounds = bounds
        self._hour = 0
        self._all = 0
        self._hours: dict[bytes, _Hour] = {}
        self._work: set[Deferred[None]] = set()

    def tell(self, seen: Seen, fields: Sequence[Field]) -> None:
        """
        Send a report on a message, if its domain wants one.

        @param fields: the header of the message.
        """
        published = seen.verdict.published
        cause = causeOf(seen)
        if published is None or cause is None or not published.record.failure:
            return
        if published.record.suffix is Suffix.PUBLIC:
            return
        if not seen.sender or isAutomatic(fields):
            return
        incidents = self._admitted(seen.verdict.author)
        if not incidents:
            return
        header = b"".join(each.octets for each in fields)
        work: Deferred[None] = Deferred.fromCoroutine(
            self._report(seen, cause, header, incidents)
        )
        self._work.add(work)

        def over(result: object) -> None:
            self._work.discard(work)
            if isinstance(result, Failure) and not result.check(CancelledError):
                _log.failure("Trouble with a DMARC failure report", result)

        work.addBoth(over)

    async def stop(self) -> None:
        """End it; what is not in the spool yet does not go out."""
        for work in list(self._work):
            work.cancel()
            await work

    def _admitted(self, domain: bytes) -> int:
        """
        May there be a report?

        @return: how many messages it stands for; 0: there is to be none.
        """
        hour = int(self._now() // _HOUR_SECONDS)
        if hour != self._hour:
            self._hour, self._all = hour, 0
            # Of those that were quiet for an hour nothing is remembered.
            self._hours = {
                name: each
                for name, each in self._hours.items()
                if each.reports and each.withheld
            }
            for each in self._hours.values():
                each.reports = 0
        bounds = self._bounds
        found = self._hours.get(domain)
        if found is None:
            if len(self._hours) >= bounds.domains:
                return 0
            found = self._hours[domain] = _Hour()
        if (
            found.reports >= bounds.perHour
            or self._all >= bounds.allPerHour
            or len(self._work) >= bounds.atOnce
        ):
            found.withheld += 1
            return 0
        incidents, found.withheld = found.withheld + 1, 0
        found.reports += 1
        self._all += 1
        return incidents

    async def _report(
        self, seen: Seen, cause: Cause, header: bytes, incidents: int
    ) -> None:
        domain = seen.verdict.author.decode("ascii")
        try:
            places = await answered(self._places(seen), self._resolver)
            policies = await answered(_policies(seen), self._resolver)
        except Unanswered as error:
            _log.warn(
                "No failure report on a message of {domain}: {why}",
                domain=domain,
                why=str(error),
            )
            return
        report = FailureReport(
            seen, cause, header, self._author, self._server, incidents, policies
        )
        for place in places[: self._bounds.places]:
            now = self._now()
            message = report.message(place.mailbox, now)
            recipients = [Recipient(place.mailbox)]
            envelope = Envelope(self._sender, now, recipients, len(message))
            envelope.stamps[SIGNABLE] = True
            try:
                id = await self._mail(envelope, message)
            except SMTPXError as error:
                _log.error(
                    "No failure report to {place}: {why}",
                    place=place.text,
                    why=str(error),
                )
                continue
            _log.info(
                "The failure report for {domain} to {place} is the message {id}",
                domain=domain,
                place=place.text,
                id=id,
            )

    def _places(self, seen: Seen) -> Asking[list[Place]]:
        """
        Where it goes.

        @raise Unanswered: nobody could tell.
        """
        published = seen.verdict.published
        assert published is not None, "without a record nobody wants a report"
        limits = boundaries(self._suffixes())
        found: dict[Place, None] = {}
        for place in published.record.failure:
            others = yield from destination(place, published.domain, limits, True)
            found.update(dict.fromkeys(others))
        return list(found)


def isAutomatic(fields: Sequence[Field]) -> bool:
    """
    Is a message a report (RFC 6522), or made by a program (RFC 3834 section 5)?
    """
    for each in fields:
        if each.name == b"content-type" and _REPORT(each.value):
            return True
        if each.name == b"auto-submitted" and not _AUTOMATIC(each.value):
            return True
    return False


def _policies(seen: Seen) -> Asking[tuple[bytes, ...]]:
    """
    The SPF records that were looked at, if they matter (RFC 6591 section 3.2.6).

    @raise Unanswered: nobody could tell.
    """
    if seen.spf in ("", "pass", "none") or not seen.spfDomain:
        return ()
    found = yield from lookUp(seen.spfDomain, "TXT")
    return tuple(filter(_SPF, found.records))[:2]


__all__ = ["FailureBounds", "FailureReporting", "isAutomatic"]
