"""
Tests for L{smtpx.queue.tlsreport}.
"""

from __future__ import annotations

import gzip
import json
from email import message_from_bytes, policy
from email.message import EmailMessage

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.author import Author
from smtpx.queue.submitter import Submitter
from smtpx.queue.tlscounts import Applied, Count, Event, Failed
from smtpx.queue.tlsreport import TLSReport
from smtpx.tls.tlsrpt import MailPlace, ResultType

SUBMITTER = Submitter(
    "Company-X", Author("Reports", "sts-reporting@Company-X.example"), "mail.x.example"
)
#: The first of April 2016.
DAY = 16892
DOMAIN = "company-y.example"
POLICY = Applied(
    "sts",
    DOMAIN,
    (
        "version: STSv1",
        "mode: testing",
        "mx: *.mail.company-y.example",
        "max_age: 86400",
    ),
    ("*.mail.company-y.example",),
)
HOST = "mx1.mail.company-y.example"


def example() -> TLSReport:
    """The report of RFC 8460, appendix B."""
    good = Event(DAY, DOMAIN, POLICY)
    expired = Failed(ResultType.EXPIRED, "2001:db8:abcd:12::1", HOST)
    clear = Failed(
        ResultType.NO_STARTTLS,
        "2001:db8:abcd:13::1",
        "mx2.mail.company-y.example",
        "203.0.113.56",
    )
    odd = Failed(
        ResultType.FAILURE,
        "198.51.100.62",
        "mx-backup.mail.company-y.example",
        "203.0.113.58",
        "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED",
    )
    counts = [Count(good, 5326)]
    for failed, sessions in ((expired, 100), (clear, 200), (odd, 3)):
        counts.append(Count(evolve(good, failed=failed), sessions))
    return TLSReport(SUBMITTER, DAY, DOMAIN, counts)


class TLSReportTests(SynchronousTestCase):
    """What a report says."""

    def test_document(self) -> None:
        """It is the example of RFC 8460, with mx-host an array (erratum 6241)."""
        self.assertEqual(
            example().document(),
            {
                "organization-name": "Company-X",
                "date-range": {
                    "start-datetime": "2016-04-01T00:00:00Z",
                    "end-datetime": "2016-04-01T23:59:59Z",
                },
                "contact-info": "sts-reporting@Company-X.example",
                "report-id": example().id,
                "policies": [
                    {
                        "policy": {
                            "policy-type": "sts",
                            "policy-string": list(POLICY.lines),
                            "policy-domain": "company-y.example",
                            "mx-host": ["*.mail.company-y.example"],
                        },
                        "summary": {
                            "total-successful-session-count": 5326,
                            "total-failure-session-count": 303,
                        },
                        "failure-details": [
                            {
                                "result-type": "certificate-expired",
                                "sending-mta-ip": "2001:db8:abcd:12::1",
                                "receiving-mx-hostname": HOST,
                                "failed-session-count": 100,
                            },
                            {
                                "result-type": "starttls-not-supported",
                                "sending-mta-ip": "2001:db8:abcd:13::1",
                                "receiving-mx-hostname": "mx2.mail.company-y.example",
                                "receiving-ip": "203.0.113.56",
                                "failed-session-count": 200,
                            },
                            {
                                "result-type": "validation-failure",
                                "sending-mta-ip": "198.51.100.62",
                                "receiving-ip": "203.0.113.58",
                                "receiving-mx-hostname": "mx-backup.mail.company-y"
                                ".example",
                                "failed-session-count": 3,
                                "failure-reason-code": "X509_V_ERR_PROXY_PATH_LENGTH"
                                "_EXCEEDED",
                            },
                        ],
                    }
                ],
            },
        )

    def test_severalPolicies(self) -> None:
        """Each policy is told of by itself; without any there is little to say."""
        tlsa = Applied("tlsa", "mx.example", ("3 1 1 ab",), ("mx.example",))
        nothing = Applied("no-policy-found", DOMAIN)
        counts = [Count(Event(DAY, DOMAIN, each), 1) for each in (tlsa, nothing)]
        report = TLSReport(SUBMITTER, DAY, DOMAIN, counts)
        told = report.document()["policies"]
        summary = {
            "total-successful-session-count": 1,
            "total-failure-session-count": 0,
        }
        self.assertEqual(
            told,
            [
                {
                    "policy": {
                        "policy-type": "tlsa",
                        "policy-string": ["3 1 1 ab"],
                        "policy-domain": "mx.example",
                        "mx-host": ["mx.example"],
                    },
                    "summary": summary,
                },
                {
                    "policy": {
                        "policy-type": "no-policy-found",
                        "policy-domain": DOMAIN,
                    },
                    "summary": summary,
                },
            ],
        )

    def test_identity(self) -> None:
        """A report has the same identity however often it is made, and no other has."""
        report = example()
        self.assertRegex(report.id, r"\A2016-04-01\.[0-9a-f]{24}@company-x\.example\Z")
        self.assertEqual(example().id, report.id)
        for other in (
            evolve(report, day=DAY + 1),
            evolve(report, domain="other.example"),
            evolve(report, submitter=evolve(SUBMITTER, server="mail2.x.example")),
        ):
            self.assertNotEqual(other.id, report.id)

    def test_filename(self) -> None:
        """The name of the file is as in RFC 8460 section 5.1."""
        self.assertRegex(
            example().filename,
            r"\Acompany-x\.example!company-y\.example!1459468800!1459555199!"
            r"[0-9a-f]{24}\.json\.gz\Z",
        )

    def test_compressed(self) -> None:
        """What goes over the wire is the document, the same each time."""
        octets = example().compressed()
        self.assertEqual(json.loads(gzip.decompress(octets)), example().document())
        self.assertEqual(example().compressed(), octets)

    def test_message(self) -> None:
        """By mail it is as RFC 8460 section 5.3 has it."""
        place = MailPlace(b"reports@company-y.example")
        octets = example().message(example().compressed(), place, 1459570000.0)
        self.assertTrue(all(len(line) < 500 for line in octets.split(b"\r\n")))
        self.assertNotIn(b"\n", octets.replace(b"\r\n", b""))
        made = message_from_bytes(octets, policy=policy.default)
        assert isinstance(made, EmailMessage)
        self.assertEqual(made["From"], "Reports <sts-reporting@Company-X.example>")
        self.assertEqual(made["To"], "reports@company-y.example")
        self.assertEqual(
            " ".join(made["Subject"].split()),
            "Report Domain: company-y.example Submitter: company-x.example"
            f" Report-ID: <{example().id}>",
        )
        self.assertEqual(made["TLS-Report-Domain"], "company-y.example")
        self.assertEqual(made["TLS-Report-Submitter"], "company-x.example")
        self.assertEqual(made["TLS-Required"], "No")
        self.assertEqual(made["Message-ID"], f"<{example().id}>")
        self.assertEqual(made.get_content_type(), "multipart/report")
        self.assertEqual(made.get_param("report-type"), "tlsrpt")
        first, second = made.iter_parts()
        self.assertEqual(first.get_content_type(), "text/plain")
        self.assertIn("company-y.example", first.get_content())
        self.assertEqual(second.get_content_type(), "application/tlsrpt+gzip")
        self.assertEqual(second.get_filename(), example().filename)
        document = json.loads(gzip.decompress(second.get_content()))
        self.assertEqual(document, example().document())
