"""
Aggregate reports of DMARC go out, as days go by.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from email import message_from_bytes
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, execute, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope
from smtpx.core.errors import SMTPXError
from smtpx.mailauth.dmarcseen import Seen
from smtpx.queue import dmarcreporting
from smtpx.queue.dmarcreportfile import DMARCReportFile
from smtpx.queue.dmarcreporting import DMARCReporting
from smtpx.testing.dns import StaticResolver

from ..mailauth.test_dmarchistory import seen
from .test_dmarccounts import DAY
from .test_dmarcreport import SUBMITTER, read

HOUR = 3600.0
MIDNIGHT = (DAY + 1) * 86400.0
RECORD = '_dmarc.example.com TXT "v=DMARC1; p=reject; rua=mailto:a@example.com"'
TOLD = "p=reject; rua=mailto:a@example.com"


def reportIn(message: bytes) -> dict[str, Any]:
    """
    What a message tells, once the schema has found it good.
    """
    attached = list(message_from_bytes(message).walk())[-1]
    content = attached.get_payload(decode=True)
    assert isinstance(content, bytes)
    return read(gzip.decompress(content))


class DMARCReportingTests(SynchronousTestCase):
    """
    From the message to the report.
    """

    def setUp(self) -> None:
        """
        Noon of the day of the messages.
        """
        self.clock = Clock()
        self.clock.advance(MIDNIGHT - 12 * HOUR)
        self.path = self.mktemp()
        self.resolver = StaticResolver(RECORD)
        self.mailed: list[tuple[Envelope, bytes]] = []
        self.mail: Callable[[], Deferred[str]] = lambda: succeed("1abc")
        self.reporting = self.begun()

    def begun(self) -> DMARCReporting:
        """
        A server that has started.
        """

        def mail(envelope: Envelope, message: bytes) -> Deferred[str]:
            self.mailed.append((envelope, message))
            return self.mail()

        reporting = DMARCReporting(
            self.clock,
            self.clock.seconds,
            SUBMITTER,
            lambda: DMARCReportFile(self.path),
            execute,
            self.resolver,
            mail,
        )
        reporting.start()
        self.addCleanup(self.ended, reporting)
        return reporting

    def ended(self, reporting: DMARCReporting) -> None:
        """
        It stops.
        """
        self.successResultOf(Deferred.fromCoroutine(reporting.stop()))

    def restarted(self) -> None:
        """
        The server stops and starts again.
        """
        self.ended(self.reporting)
        self.reporting = self.begun()

    def until(self, seconds: float) -> None:
        """
        Let time go by, until so long after midnight.
        """
        while self.clock.seconds() < MIDNIGHT + seconds:
            self.clock.advance(60)

    def zone(self, text: str) -> None:
        """
        The DNS says something else.
        """
        self.resolver = StaticResolver(text)
        self.restarted()

    def told(self, message: Seen | None = None) -> list[bytes]:
        """
        To whom there is a report on a message, two days later.
        """
        self.reporting.tell(message or seen(TOLD))
        self.until(48 * HOUR)
        return [
            each.path for envelope, _ in self.mailed for each in envelope.recipients
        ]

    def test_ownerIsTold(self) -> None:
        """
        Once, within four hours after midnight.
        """
        self.reporting.tell(seen(TOLD))
        self.reporting.tell(seen(TOLD, b"example.com"))
        self.reporting.tell(seen(TOLD))
        self.until(14 * 60)
        self.assertEqual([], self.mailed)
        self.until(4 * HOUR + 600)
        [(envelope, message)] = self.mailed
        self.assertEqual(b"dmarc@Example.org", envelope.sender)
        self.assertEqual(len(message), envelope.octets)
        counts = {
            each["row"]["policy_evaluated"]["spf"]: each["row"]["count"]
            for each in reportIn(message)["record"]
        }
        self.assertEqual({"fail": 2, "pass": 1}, counts)
        self.until(100 * HOUR)
        self.assertEqual(1, len(self.mailed))

    def test_restartDoesNoHarm(self) -> None:
        """
        Nothing is lost, and nothing goes twice.
        """
        self.reporting.tell(seen(TOLD))
        self.restarted()
        self.reporting.tell(seen(TOLD))
        for hour in range(6):
            self.restarted()
            self.until(hour * HOUR)
        [(_, message)] = self.mailed
        [record] = reportIn(message)["record"]
        self.assertEqual(2, record["row"]["count"])

    def test_onlyWhereItIsWanted(self) -> None:
        """
        Not where the record is gone, or wants none any more.
        """
        for zone in ("", '_dmarc.example.com TXT "v=DMARC1; p=reject"'):
            self.zone(zone)
            self.assertEqual([], self.told())

    def test_strangersHaveToWantIt(self) -> None:
        """
        Or anybody could have a stranger's mailbox filled; an owner who agrees may name
        another mailbox.
        """
        record = (
            '_dmarc.example.com TXT "v=DMARC1; rua=mailto:a@example.com,'
            'mailto:b@x.example,mailto:c@y.example,mailto:d@z.example"\n'
            'example.com._report._dmarc.x.example TXT "v=DMARC1"\n'
            "example.com._report._dmarc.z.example TXT"
            ' "v=DMARC1; rua=mailto:e@z.example"\n'
        )
        self.zone(record)
        self.assertEqual(
            [b"a@example.com", b"b@x.example", b"e@z.example"], self.told()
        )

    def test_soManyMailboxes(self) -> None:
        """
        And no more get one.
        """
        places = ",".join(f"mailto:{each}@example.com" for each in "abcdefg")
        self.zone(f'_dmarc.example.com TXT "v=DMARC1; rua={places}"')
        self.assertEqual(dmarcreporting.PLACES_MOST, len(self.told()))

    def test_unknownForNow(self) -> None:
        """
        Where the DNS fails, it is tried again later.
        """
        self.resolver.fail(b"_dmarc.example.com", "TXT")
        self.reporting.tell(seen(TOLD))
        self.until(5 * HOUR)
        self.assertEqual([], self.mailed)
        self.resolver.recover(b"_dmarc.example.com", "TXT")
        self.until(24 * HOUR)
        self.assertEqual(1, len(self.mailed))

    def test_spoolThatIsFull(self) -> None:
        """
        Gets it again, within a day, and then not.
        """
        self.mail = lambda: fail(SMTPXError("no room"))
        self.reporting.tell(seen(TOLD))
        self.until(5 * HOUR)
        self.assertGreater(len(self.mailed), 0)
        self.mail = lambda: succeed("1abc")
        before = len(self.mailed)
        self.until(12 * HOUR)
        self.assertEqual(before + 1, len(self.mailed))

    def test_givenUp(self) -> None:
        """
        After a day.
        """
        self.mail = lambda: fail(SMTPXError("no room"))
        self.told()
        before = len(self.mailed)
        self.until(200 * HOUR)
        self.assertEqual(before, len(self.mailed))

    def test_ownReportsAreNotCounted(self) -> None:
        """
        They would be told of for ever; what a stranger sends under our name is.
        """
        ours = evolve(seen(TOLD, b"example.com"), sender=b"DMARC@example.org")
        self.assertEqual([], self.told(ours))
        forged = evolve(seen(TOLD), sender=b"DMARC@example.org")
        self.reporting.tell(evolve(forged, received=self.clock.seconds()))
        self.until(96 * HOUR)
        self.assertEqual(1, len(self.mailed))

    def test_tooLong(self) -> None:
        """
        Is not sent.
        """
        self.patch(dmarcreporting, "OCTETS_MOST", 10)
        self.assertEqual([], self.told())

    def test_whoAsksForNothing(self) -> None:
        """
        Is not counted.
        """
        self.assertEqual([], self.told(seen("p=reject")))

    def test_recordThatChanged(self) -> None:
        """
        Has a report for each, once.
        """
        self.reporting.tell(seen("p=none; rua=mailto:a@example.com"))
        self.assertEqual([b"a@example.com"] * 2, self.told())
        policies = [
            reportIn(message)["policy_published"]["p"] for _, message in self.mailed
        ]
        self.assertEqual(["none", "reject"], policies)
