"""
Reports on single messages that failed DMARC.
"""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from email.policy import default as modern

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.dmarcseen import Outcome, Signature
from smtpx.queue.author import Author
from smtpx.queue.dmarcfailure import HEADER_OCTETS, Cause, FailureReport, causeOf

from ..mailauth.test_dmarchistory import seen

HEADER = b"From: a@example.com\r\nSubject: hello\r\n"
REPORT = FailureReport(
    seen("p=reject; ruf=mailto:f@example.com"),
    Cause.DMARC,
    HEADER,
    Author("DMARC", "dmarc@example.org"),
    "mx.example.org",
)


def parsed(report: FailureReport) -> Message:
    """
    The message that carries a report.
    """
    octets = report.message(b"f@example.com", 1700000100)
    return message_from_bytes(octets, policy=modern)


def fieldsOf(report: FailureReport) -> Message:
    """
    The fields for programs.
    """
    octets = report.message(b"f@example.com", 1700000100)
    return message_from_bytes(octets.split(b"Encoding: 7bit\r\n\r\n")[2])


class CauseTests(SynchronousTestCase):
    """
    On what there is a report.
    """

    def test_ownersAskForWhatTheyWant(self) -> None:
        """
        C{fo}, as RFC 9989 section 4.7 has it.
        """
        ours = b"example.com"
        for options, spf, cause in (
            ("", None, Cause.DMARC),
            ("; fo=0", ours, None),
            ("; fo=1", ours, Cause.DMARC),
            ("; fo=d", ours, Cause.DKIM),
            ("; fo=s", None, Cause.SPF),
            ("; fo=0:s", None, Cause.DMARC),
            ("; fo=0:s", ours, Cause.SPF),
        ):
            with self.subTest(options=options, spf=spf):
                self.assertEqual(cause, causeOf(seen("p=none" + options, spf)))

    def test_goodSignaturesAreNoCause(self) -> None:
        """
        Nor is that there are none, nor SPF that passes or was not looked at.
        """
        told = evolve(
            seen("p=none; fo=d:s", b"example.com"),
            signatures=(Signature(b"", b"", "none"), Signature(b"a", b"b", "pass")),
        )
        for spf in ("", "pass"):
            self.assertIsNone(causeOf(evolve(told, spf=spf)))

    def test_withoutRecordNobodyAsks(self) -> None:
        """
        There is nobody to tell.
        """
        told = seen()
        self.assertIsNone(
            causeOf(evolve(told, verdict=evolve(told.verdict, published=None)))
        )


class ReportTests(SynchronousTestCase):
    """
    What a report says.
    """

    def test_reportIsOfTheFormOfARF(self) -> None:
        """
        RFC 5965 section 2: three parts, and the type says what it is.
        """
        message = parsed(REPORT)
        self.assertEqual("multipart/report", message.get_content_type())
        self.assertEqual("feedback-report", message.get_param("report-type"))
        self.assertEqual(
            ["text/plain", "message/feedback-report", "text/rfc822-headers"],
            [part.get_content_type() for part in message.get_payload()],  # type: ignore[union-attr] # it has parts
        )
        self.assertEqual("DMARC <dmarc@example.org>", message["From"])
        self.assertEqual("f@example.com", message["To"])
        self.assertEqual("auto-generated", message["Auto-Submitted"])

    def test_fieldsAreThoseOfTheRFCs(self) -> None:
        """
        Those that are required, and what else is known.
        """
        fields = fieldsOf(REPORT)
        expected = {
            "Feedback-Type": "auth-failure",
            "Version": "1",
            "Auth-Failure": "dmarc",
            "Identity-Alignment": "dkim, spf",
            "Original-Mail-From": "<bounce@mail.example.com>",
            "Source-IP": "192.0.2.1",
            "Reported-Domain": "example.com",
            "Delivery-Result": "delivered",
            "DKIM-Domain": "example.com",
            "DKIM-Identity": "@example.com",
            "DKIM-Selector": "s1",
        }
        for name, value in expected.items():
            self.assertEqual(value, fields[name], name)
        self.assertEqual(
            "mx.example.org; dmarc=fail header.from=example.com",
            " ".join(str(fields["Authentication-Results"]).split()),
        )
        self.assertIsNone(fields["Incidents"])
        self.assertIsNone(fields["SPF-DNS"])
        self.assertNotIn("example.org>", str(fields["Original-Rcpt-To"]))

    def test_alignedMethodsAreNotNamed(self) -> None:
        """
        C{none} is the word where both are (RFC 9991 section 4).
        """
        told = REPORT.seen
        for spf, dkim, words in (
            (True, False, "dkim"),
            (False, True, "spf"),
            (True, True, "none"),
        ):
            verdict = evolve(told.verdict, alignedSPF=spf, alignedDKIM=dkim)
            report = evolve(REPORT, seen=evolve(told, verdict=verdict))
            self.assertEqual(words, fieldsOf(report)["Identity-Alignment"])

    def test_messagesThatItStandsForAreCounted(self) -> None:
        """
        C{Incidents} (RFC 5965 section 3.2).
        """
        self.assertEqual("7", fieldsOf(evolve(REPORT, incidents=7))["Incidents"])

    def test_whatBecameOfItIsTold(self) -> None:
        """
        In the words of RFC 6591 section 3.2.2.
        """
        for outcome, text, word in (
            (Outcome.REFUSED, "p=reject", "reject"),
            (Outcome.REFUSED, "p=none", "other"),
            (Outcome.HELD, "p=reject", "policy"),
            (Outcome.TAKEN, "p=reject", "delivered"),
        ):
            told = evolve(seen(text), outcome=outcome)
            self.assertEqual(
                word, fieldsOf(evolve(REPORT, seen=told))["Delivery-Result"]
            )

    def test_policiesOfSPFAreTold(self) -> None:
        """
        As quoted strings.
        """
        report = evolve(REPORT, policies=(b'v=spf1 "a\\\x01" -all',))
        self.assertEqual(
            'txt : mail.example.com : "v=spf1 \\"a\\\\?\\" -all"',
            " ".join(str(fieldsOf(report)["SPF-DNS"]).split()),
        )
        told = evolve(REPORT.seen, spf="pass")
        self.assertIsNone(fieldsOf(evolve(report, seen=told))["SPF-DNS"])

    def test_senderCannotAddFields(self) -> None:
        """
        Whatever came over the wire, it is one word.
        """
        told = evolve(
            REPORT.seen,
            sender=b"a\r\nX: y@b",
            signatures=(Signature(b"d\r\nY: z", b"s s", "fail", "", b"\xff@x"),),
        )
        fields = fieldsOf(evolve(REPORT, seen=told))
        self.assertIsNone(fields["X"])
        self.assertIsNone(fields["Y"])
        self.assertEqual("s?s", fields["DKIM-Selector"])
        self.assertEqual("?@x", fields["DKIM-Identity"])

    def test_longHeaderIsCut(self) -> None:
        """
        At the end of a line; one without lines is left out.
        """
        long = b"X: " + b"y" * 90 + b"\r\n"
        octets = evolve(REPORT, header=long * 1000)._original()
        self.assertLessEqual(len(octets), HEADER_OCTETS + 2)
        self.assertTrue(octets.rstrip().endswith(b"y"))
        self.assertEqual(
            b"", evolve(REPORT, header=b"x" * 2 * HEADER_OCTETS)._original()
        )
