"""
Tests for L{smtpx.queue.tlsreporting}.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, execute, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.envelope import Envelope
from smtpx.core.errors import SMTPXError
from smtpx.extensions.dkim import SIGNABLE
from smtpx.net.https import Fault, IWeb, Page, WebFailure
from smtpx.queue.dailyfile import At, Job
from smtpx.queue.dailyreporting import Daily, ReportTimes
from smtpx.queue.tlscounts import DAY_SECONDS
from smtpx.queue.tlsreportfile import TLSReportFile
from smtpx.queue.tlsreporting import TLSReporting
from smtpx.testing.dns import StaticResolver

from .test_tlscounts import BAD, GOOD
from .test_tlsreport import SUBMITTER

MAIL = '_smtp._tls.example.org TXT "v=TLSRPTv1; rua=mailto:reports@example.org"'
WEB = '_smtp._tls.example.org TXT "v=TLSRPTv1; rua=https://r.example.org:8443/v1"'
BOTH = (
    "_smtp._tls.example.org TXT"
    ' "v=TLSRPTv1; rua=mailto:reports@example.org,https://r.example.org/v1"'
)
HOUR = 3600.0
#: Midnight after the day of the counts.
MIDNIGHT = 11.0 * DAY_SECONDS


@implementer(IWeb)
@frozen
class Web:
    """The web of a test."""

    test: TLSReportingTests

    def get(self, host: bytes, path: bytes, most: int) -> Deferred[Page]:
        """See L{IWeb}."""
        raise AssertionError("nobody fetches anything")

    def post(
        self, host: bytes, path: bytes, kind: bytes, body: bytes, port: int = 443
    ) -> Deferred[Page]:
        """See L{IWeb}."""
        self.test.posted.append((host, path, kind, body, port))
        return self.test.post()


class TLSReportingTests(SynchronousTestCase):
    """Reports, as days go by."""

    def setUp(self) -> None:
        """Noon of the tenth day."""
        self.clock = Clock()
        self.clock.advance(10.5 * DAY_SECONDS)
        self.path = Path(self.mktemp())
        self.resolver = StaticResolver(MAIL)
        self.mailed: list[tuple[Envelope, bytes]] = []
        self.posted: list[tuple[bytes, bytes, bytes, bytes, int]] = []
        self.mail: Callable[[], Deferred[str]] = lambda: succeed("1abc")
        self.post: Callable[[], Deferred[Page]] = lambda: succeed(Page(201, b"", b""))
        self.reporting = self.begun()

    def begun(
        self, threads: Callable[..., Any] = execute, reports: bool = True
    ) -> TLSReporting:
        """A server that has started, or one process of it that sends no reports."""

        def mail(envelope: Envelope, message: bytes) -> Deferred[str]:
            self.mailed.append((envelope, message))
            return self.mail()

        reporting = TLSReporting(
            self.clock,
            self.clock.seconds,
            SUBMITTER,
            lambda: TLSReportFile(str(self.path)),
            threads,
            self.resolver,
            Web(self),
            mail,
        )
        reporting.start(reports)
        self.addCleanup(self.ended, reporting)
        return reporting

    def ended(self, reporting: TLSReporting) -> None:
        """It stops."""
        self.successResultOf(Deferred.fromCoroutine(reporting.stop()))

    def restarted(self) -> None:
        """The server stops and starts again."""
        self.ended(self.reporting)
        self.reporting = self.begun()

    def until(self, seconds: float) -> None:
        """Let time go by, until so long after midnight."""
        while self.clock.seconds() < MIDNIGHT + seconds:
            self.clock.advance(60)

    def counted(self) -> None:
        """Two sessions, of which one failed."""
        for each in (GOOD, BAD):
            self.reporting.count(each)

    def test_mailed(self) -> None:
        """The day after, within four hours, a domain has its report, and one only."""
        self.counted()
        self.until(15 * 60 - 1)
        self.assertEqual(self.mailed, [])
        self.until(4 * HOUR + 600)
        ((envelope, message),) = self.mailed
        self.assertEqual(envelope.sender, b"sts-reporting@Company-X.example")
        self.assertEqual(
            [each.path for each in envelope.recipients], [b"reports@example.org"]
        )
        self.assertTrue(envelope.stamp(SIGNABLE))
        self.assertEqual(envelope.octets, len(message))
        self.assertIn(b"\r\nTLS-Report-Domain: example.org\r\n", message)
        self.until(100 * HOUR)
        self.assertEqual(len(self.mailed), 1)

    def test_restart(self) -> None:
        """A restart neither loses what was counted, nor doubles the report."""
        self.reporting.count(GOOD)
        self.restarted()
        self.reporting.count(BAD)
        self.restarted()
        self.until(5 * HOUR)
        for _ in range(3):
            self.restarted()
            self.until(24 * HOUR)
        self.assertEqual(len(self.mailed), 1)

    def test_processes(self) -> None:
        """Several processes count, and one sends what all have counted."""
        other = self.begun(reports=False)
        self.reporting.count(GOOD)
        other.count(BAD)
        other.count(GOOD)
        self.until(4 * HOUR + 600)
        ((_, message),) = self.mailed
        (part,) = [
            each.get_payload(decode=True)
            for each in message_from_bytes(message).walk()
            if each.get_content_type() == "application/tlsrpt+gzip"
        ]
        assert isinstance(part, bytes)
        (policy,) = json.loads(gzip.decompress(part))["policies"]
        self.assertEqual(policy["summary"]["total-successful-session-count"], 2)
        self.assertEqual(policy["summary"]["total-failure-session-count"], 1)

    def test_sendsNone(self) -> None:
        """A process that is not to send any writes down what it counts, and no more."""
        self.ended(self.reporting)
        other = self.begun(reports=False)
        other.count(GOOD)
        self.until(24 * HOUR)
        self.assertEqual(self.mailed, [])
        self.reporting = self.begun()
        self.until(25 * HOUR)
        self.assertEqual(len(self.mailed), 1)

    def test_posted(self) -> None:
        """A report is handed in at a web server, compressed, with its own type."""
        self.resolver = StaticResolver(WEB)
        self.restarted()
        self.counted()
        self.until(24 * HOUR)
        ((host, path, kind, body, port),) = self.posted
        self.assertEqual((host, path, port), (b"r.example.org", b"/v1", 8443))
        self.assertEqual(kind, b"application/tlsrpt+gzip")
        document = json.loads(gzip.decompress(body))
        (policy,) = document["policies"]
        self.assertEqual(policy["summary"]["total-successful-session-count"], 1)
        self.assertEqual(policy["summary"]["total-failure-session-count"], 1)
        self.assertEqual(self.mailed, [])

    def test_notWanted(self) -> None:
        """A domain that has no record for that is told nothing."""
        for zone in (
            "",
            '_smtp._tls.example.org TXT "v=TLSRPTv1; rua=x"',
            '_smtp._tls.example.org TXT "v=TLSRPTv1; rua=ftp://a.example/"',
            MAIL + "\n" + WEB,
        ):
            self.resolver = StaticResolver(zone)
            self.path = Path(self.mktemp())
            self.restarted()
            self.counted()
            self.until(24 * HOUR)
        self.assertEqual((self.mailed, self.posted), ([], []))

    def test_unknownForNow(self) -> None:
        """Where the DNS fails, it is tried again later."""
        self.resolver.fail(b"_smtp._tls.example.org", "TXT")
        self.counted()
        self.until(5 * HOUR)
        self.assertEqual(self.mailed, [])
        self.resolver.recover(b"_smtp._tls.example.org", "TXT")
        self.until(24 * HOUR)
        self.assertEqual(len(self.mailed), 1)

    def test_triedAgain(self) -> None:
        """
        What fails is tried again, ever more seldom, for a day; what did not fail does
        not go twice (RFC 8460 section 5.5).
        """
        self.resolver = StaticResolver(BOTH)
        self.restarted()
        answers: list[Any] = [
            WebFailure(Fault.UNREACHABLE, "no"),
            Page(500, b"", b""),
            Page(302, b"", b""),
        ]

        def post() -> Deferred[Page]:
            answer = answers.pop(0) if answers else Page(200, b"", b"")
            return fail(answer) if isinstance(answer, Exception) else succeed(answer)

        self.post = post
        self.counted()
        self.until(30 * HOUR)
        self.assertEqual((len(self.posted), len(self.mailed)), (4, 1))

    def test_givenUp(self) -> None:
        """After a day it is given up."""
        self.resolver = StaticResolver(WEB)
        self.restarted()
        self.post = lambda: succeed(Page(500, b"", b""))
        self.counted()
        self.until(30 * HOUR)
        count = len(self.posted)
        self.assertIn(count, range(4, 8))
        self.until(90 * HOUR)
        self.assertEqual(len(self.posted), count)

    def test_spoolFull(self) -> None:
        """Where the spool takes nothing, it is tried again later."""
        self.mail = lambda: fail(SMTPXError("no room"))
        self.counted()
        self.until(4 * HOUR + 600)
        count = len(self.mailed)
        self.assertGreater(count, 0)
        self.mail = lambda: succeed("1abc")
        self.until(20 * HOUR)
        self.assertEqual(len(self.mailed), count + 1)

    def test_interrupted(self) -> None:
        """
        Should the machine have failed while a report went into the spool, it does not
        go again: it may be there.
        """
        self.counted()
        self.ended(self.reporting)
        file = TLSReportFile(str(self.path))
        file.plan(11, lambda day, domain: MIDNIGHT)
        job = Job(10, "example.org", 0.0, 0, {})
        file.note(job, "mailto:reports@example.org", At.BEGUN)
        file.close()
        self.reporting = self.begun()
        self.until(48 * HOUR)
        self.assertEqual(self.mailed, [])

    def test_stoppedWhilePosting(self) -> None:
        """Who stops while a web server thinks does not wait for it; it goes later."""
        self.resolver = StaticResolver(WEB)
        self.restarted()
        self.post = Deferred
        self.counted()
        while not self.posted:
            self.clock.advance(60)
        self.post = lambda: succeed(Page(200, b"", b""))
        self.restarted()
        self.until(24 * HOUR)
        self.assertEqual(len(self.posted), 2)

    def test_stoppedWhileMailing(self) -> None:
        """Who stops while the spool writes waits for that."""
        writing: Deferred[str] = Deferred()
        self.mail = lambda: writing
        self.counted()
        self.until(4 * HOUR + 600)
        stopped = Deferred.fromCoroutine(self.reporting.stop())
        self.assertNoResult(stopped)
        writing.callback("1abc")
        self.successResultOf(stopped)
        self.reporting = self.begun()
        self.until(48 * HOUR)
        self.assertEqual(len(self.mailed), 1)

    def test_noFile(self) -> None:
        """Where the file cannot be used, nothing is lost but for lack of room."""
        self.ended(self.reporting)
        self.path = Path(self.mktemp()) / "nowhere" / "file"
        self.reporting = self.begun()
        self.counted()
        self.clock.advance(600)
        self.path = Path(self.mktemp())
        self.until(24 * HOUR)
        ((_, message),) = self.mailed
        self.assertIn(b"example.org", message)

    def test_tooMuch(self) -> None:
        """What could not be counted is told, and no more than that."""
        self.patch(TLSReportFile, "add", lambda file, counts: 7)
        self.counted()
        self.clock.advance(60)
        self.until(24 * HOUR)
        self.assertEqual(self.mailed, [])

    def test_damagedFile(self) -> None:
        """A damaged file is put aside, and it is told."""
        self.ended(self.reporting)
        self.path.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
        self.reporting = self.begun()
        self.counted()
        self.until(24 * HOUR)
        self.assertEqual(len(self.mailed), 1)
        self.assertTrue(self.path.with_name(self.path.name + ".damaged").exists())

    def test_unforeseen(self) -> None:
        """What nobody foresaw is logged, and the rest goes on."""
        self.mail = lambda: fail(ZeroDivisionError())
        self.counted()
        self.until(4 * HOUR + 600)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.until(6 * HOUR)

    def three(self) -> None:
        """Three domains with reports by the web, all due at once."""
        self.patch(Daily, "_due", lambda *about: MIDNIGHT + HOUR)
        names = [f"d{number}.example" for number in range(3)]
        for name in names:
            self.resolver.add(
                f'_smtp._tls.{name} TXT "v=TLSRPTv1; rua=https://{name}/"'
            )
            self.reporting.count(evolve(GOOD, domain=name))

    def test_oneReportCannotBeMade(self) -> None:
        """A report that cannot be made keeps nobody else from his."""
        self.three()
        answers: list[Callable[[], Deferred[Page]]] = [lambda: 1 // 0]  # type: ignore[list-item, return-value]  # it never returns
        post = self.post
        self.post = lambda: (answers.pop() if answers else post)()
        self.until(HOUR + 600)
        self.assertEqual(len(self.posted), 3)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        # That one is tried again.
        self.until(6 * HOUR)
        self.assertEqual(len(self.posted), 4)

    def test_slowPlace(self) -> None:
        """A place that is slow holds up nobody else, and not for ever itself."""
        self.three()
        post, slow = self.post, [Deferred[Page]()]
        self.post = lambda: slow.pop() if slow else post()
        self.until(HOUR + 300)
        self.assertEqual(len(self.posted), 3)
        self.until(HOUR + 1200)
        self.assertEqual(self.reporting._daily._asking, set())
        self.until(6 * HOUR)
        self.assertEqual(len(self.posted), 4)

    def test_slowestPlaces(self) -> None:
        """All places of a domain together have a limit, and then nothing is asked."""
        urls = ",".join(f"https://r{each}.example/" for each in range(3))
        self.resolver = StaticResolver(
            f'_smtp._tls.example.org TXT "v=TLSRPTv1; rua={urls}"'
        )
        self.restarted()
        self.post = Deferred
        self.counted()
        self.until(4 * HOUR + 600)
        self.assertEqual({each[0] for each in self.posted}, {b"r0.example"})

    def test_slowNames(self) -> None:
        """So has the question where reports go."""
        self.resolver.hold(b"_smtp._tls.example.org", "TXT")
        self.counted()
        self.until(4 * HOUR + 600)
        self.assertEqual(self.reporting._daily._asking, set())
        self.resolver.release(b"_smtp._tls.example.org", "TXT")
        self.until(12 * HOUR)
        self.assertEqual(len(self.mailed), 1)

    def test_soManyAtOnce(self) -> None:
        """Only so many are under way at once."""
        self.patch(Daily, "_due", lambda *about: MIDNIGHT + HOUR)
        for number in range(9):
            name = f"d{number}.example"
            self.resolver.add(
                f'_smtp._tls.{name} TXT "v=TLSRPTv1; rua=https://{name}/"'
            )
            self.reporting.count(evolve(GOOD, domain=name))
        self.post = Deferred
        self.until(HOUR + 240)
        self.assertEqual(len(self.posted), ReportTimes().atOnce)

    def test_madeInAThread(self) -> None:
        """What takes long is made where it holds up nobody."""
        jobs: list[str] = []

        def threads(job: Callable[[], Any]) -> Deferred[Any]:
            jobs.append(getattr(job, "__name__", ""))
            return execute(job)

        self.ended(self.reporting)
        self.reporting = self.begun(threads)
        self.counted()
        self.until(4 * HOUR + 600)
        self.assertEqual(jobs.count("compressed"), 1)
        self.assertEqual(len(self.mailed), 1)

    def test_taken(self) -> None:
        """A report that another process has taken over meanwhile does not go twice."""
        self.patch(TLSReportFile, "begin", lambda file, job, place: False)
        self.counted()
        self.until(24 * HOUR)
        self.assertEqual(self.mailed, [])

    def test_severalDomains(self) -> None:
        """Each domain has its own, at a time of its own."""
        times = set()
        names = [f"d{number}.example" for number in range(5)]
        for name in names:
            self.resolver.add(
                f'_smtp._tls.{name} TXT "v=TLSRPTv1; rua=mailto:r@{name}"'
            )
            self.reporting.count(evolve(GOOD, domain=name))
        before = 0
        while self.clock.seconds() < MIDNIGHT + 5 * HOUR:
            self.clock.advance(60)
            if len(self.mailed) > before:
                before = len(self.mailed)
                times.add(self.clock.seconds())
        self.assertEqual(before, 5)
        self.assertGreater(len(times), 2)

    def test_times(self) -> None:
        """Times are more than nothing."""
        self.assertRaises(ValueError, ReportTimes, atOnce=0)
