"""
Reports on single messages go out, and not too many of them.
"""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope
from smtpx.core.errors import SMTPXError
from smtpx.core.submitted import Field, fieldsOf
from smtpx.extensions.dkim import SIGNABLE
from smtpx.mailauth.dmarc import Evidence, evaluate
from smtpx.mailauth.dmarcseen import Seen
from smtpx.queue.author import Author
from smtpx.queue.dmarcfailing import FailureBounds, FailureReporting, isAutomatic
from smtpx.testing.dns import StaticResolver

from ..mailauth.test_dmarchistory import seen
from ..mailauth.zone import Zone

HEADER = tuple(fieldsOf(b"From: a@example.com\r\nSubject: hello\r\n\r\n")[0])
RECORD = "p=reject; ruf=mailto:f@example.com"


class FailureReportingTests(SynchronousTestCase):
    """
    To whom there is a report.
    """

    def setUp(self) -> None:
        """
        Nobody has got one.
        """
        self.time = 1_700_000_000.0
        self.sent: list[tuple[Envelope, bytes]] = []
        self.answer: Deferred[str] | None = None
        self.zone = StaticResolver(
            'mail.example.com TXT "v=spf1 -all"\nmail.example.com TXT "other"'
        )

    def mail(self, envelope: Envelope, message: bytes) -> Deferred[str]:
        """
        Stand in for the spool.
        """
        self.sent.append((envelope, message))
        return self.answer or succeed("1abc")

    def reporting(
        self, bounds: FailureBounds | None = None, sender: bytes = b""
    ) -> FailureReporting:
        """
        Make one.
        """
        return FailureReporting(
            lambda: self.time,
            Author("", "dmarc@example.org"),
            sender,
            "mx.example.org",
            self.zone,
            self.mail,
            bounds=bounds or FailureBounds(),
        )

    def told(
        self, text: str = RECORD, fields: tuple[Field, ...] = HEADER
    ) -> list[bytes]:
        """
        To whom there is a report on a message.
        """
        self.sent.clear()
        self.reporting().tell(seen(text), fields)
        return [each.path for envelope, _ in self.sent for each in envelope.recipients]

    def test_ownersAreTold(self) -> None:
        """
        Each of their mailboxes, in a message of its own, from nobody.
        """
        self.assertEqual(
            [b"f@example.com", b"g@example.com"],
            self.told(RECORD + ",mailto:g@example.com"),
        )
        envelope, message = self.sent[0]
        self.assertEqual(b"", envelope.sender)
        self.assertEqual(len(message), envelope.octets)
        self.assertIn(b"\r\nSubject: hello\r\n", message)
        self.assertIn(b'"v=spf1 -all"', message)
        self.assertNotIn(b"other", message)

    def test_theyAreOursToSign(self) -> None:
        """
        RFC 9991 wants reports to pass DMARC themselves, so they are signed by DKIM
        where there is a key.
        """
        self.told()
        self.assertTrue(self.sent[0][0].stamp(SIGNABLE))

    def test_senderIsTheOperatorsWish(self) -> None:
        """
        C{dmarc_forensic_sender}.
        """
        self.reporting(sender=b"dmarc@example.org").tell(seen(RECORD), HEADER)
        self.assertEqual(b"dmarc@example.org", self.sent[0][0].sender)

    def test_whoWantsNoneGetsNone(self) -> None:
        """
        No mailbox, nothing that failed, or a public suffix.
        """
        self.assertEqual([], self.told("p=reject"))
        self.assertEqual([], self.told(RECORD + "; psd=y"))
        self.sent.clear()
        self.reporting().tell(seen(RECORD, b"example.com"), HEADER)
        self.assertEqual([], self.sent)

    def test_reportsAreNotReportedOn(self) -> None:
        """
        Nor is what comes from nobody, or from a program: it could go on for ever.
        """
        for line in (
            b"Content-Type: multipart/report; report-type=x",
            b"Auto-Submitted: auto-generated",
        ):
            header = tuple(fieldsOf(line + b"\r\n\r\n")[0])
            self.assertEqual([], self.told(fields=header))
        self.reporting().tell(evolve(seen(RECORD), sender=b""), HEADER)
        self.assertEqual([], self.sent)
        for line in (b"Auto-Submitted: no (really)", b"Content-Type: text/plain"):
            self.assertFalse(isAutomatic(fieldsOf(line + b"\r\n\r\n")[0]))

    def test_strangersHaveToAgree(self) -> None:
        """
        A mailbox of another owner gets none unless its domain wants them.
        """
        self.assertEqual([], self.told("p=reject; ruf=mailto:f@example.net"))
        self.zone.add('example.com._report._dmarc.example.net TXT "v=DMARC1"')
        self.assertEqual(
            [b"f@example.net"], self.told("p=reject; ruf=mailto:f@example.net")
        )

    def test_troubleWithTheDNSMeansNone(self) -> None:
        """
        What nobody can tell is no permission; the operator reads about it.
        """
        self.zone.fail(b"example.com._report._dmarc.example.net", "TXT")
        self.assertEqual([], self.told("p=reject; ruf=mailto:f@example.net"))

    def test_spoolThatTakesNothing(self) -> None:
        """
        The other mailboxes are tried all the same.
        """
        self.answer = fail(SMTPXError("no room"))
        self.assertEqual(2, len(self.told(RECORD + ",mailto:g@example.com")))

    def test_reportsOfADomainAreBounded(self) -> None:
        """
        So many in an hour; the next one tells how many messages it stands for.
        """
        reporting = self.reporting(FailureBounds(perHour=2))
        for _ in range(5):
            reporting.tell(seen(RECORD), HEADER)
        self.assertEqual(2, len(self.sent))
        self.time += 3600
        reporting.tell(seen(RECORD), HEADER)
        self.assertEqual(3, len(self.sent))
        self.assertIn(b"\r\nIncidents: 4\r\n", self.sent[-1][1])
        reporting.tell(seen(RECORD), HEADER)
        self.assertNotIn(b"\r\nIncidents", self.sent[-1][1])

    def test_reportsOfAllAreBounded(self) -> None:
        """
        And so are the domains that are remembered; those that were quiet are not.
        """
        reporting = self.reporting(FailureBounds(allPerHour=2, domains=3))
        for name in ("a", "b", "c", "d"):
            reporting.tell(ofDomain(f"{name}.example"), HEADER)
        self.assertEqual(2, len(self.sent))
        for _ in range(2):
            self.time += 3600
            reporting.tell(ofDomain("d.example"), HEADER)
        self.assertEqual(4, len(self.sent))

    def test_reportsInTheMakingAreBounded(self) -> None:
        """
        A spool that is slow does not pile them up; stopping ends them.
        """
        self.answer = Deferred()
        reporting = self.reporting(FailureBounds(atOnce=1))
        reporting.tell(seen(RECORD), HEADER)
        reporting.tell(seen(RECORD), HEADER)
        self.assertEqual(1, len(self.sent))
        self.successResultOf(Deferred.fromCoroutine(reporting.stop()))

    def test_brokenSpoolIsTold(self) -> None:
        """
        What nobody expected stops nothing.
        """
        self.answer = fail(ZeroDivisionError())
        self.assertEqual(1, len(self.told()))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))


def ofDomain(domain: str) -> Seen:
    """
    A message of a domain, that fails.
    """
    zone = Zone().dmarc(domain, f"v=DMARC1; p=reject; ruf=mailto:f@{domain}")
    verdict = zone.run(evaluate(Evidence(domain.encode())))
    return evolve(seen(), verdict=verdict)
