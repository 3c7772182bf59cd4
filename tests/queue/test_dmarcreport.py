"""
Aggregate reports of DMARC, as the schema of RFC 9990 has them.

C{dmarcxsd/dmarc-2.0.xsd} is that of the package C{dmarc} of PyPI.
"""

from __future__ import annotations

import gzip
from email import message_from_bytes
from pathlib import Path
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis.strategies import text
from lxml import etree
from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.dmarcrecord import Place
from smtpx.queue.author import Author
from smtpx.queue.dmarccounts import Row, Tallied, tallyOf
from smtpx.queue.dmarcreport import DMARCReport, reportsOf
from smtpx.queue.submitter import Submitter

from ..mailauth.test_dmarchistory import seen
from .test_dmarccounts import DAY, tally

SUBMITTER = Submitter(
    "Company <X> & Sons", Author("DMARC", "dmarc@Example.org"), "mx1.example.org"
)
SCHEMA = etree.XMLSchema(
    file=str(Path(__file__).with_name("dmarcxsd") / "dmarc-2.0.xsd")
)

#: Elements of which there may be several, and those that are numbers.
_SEVERAL = {"record", "reason", "dkim"}
_NUMBERS = {"begin", "end", "count"}


def read(octets: bytes) -> dict[str, Any]:
    """
    What a report says, once the schema has found it good.

    @raise etree.DocumentInvalid: it has not.
    """
    root = etree.fromstring(octets)
    SCHEMA.assertValid(root)
    return _children(root)


def _children(element: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for child in element:
        name = etree.QName(child).localname
        value: Any = _children(child) if len(child) else child.text or ""
        if name in _NUMBERS:
            value = int(value)
        if name in _SEVERAL and value not in ("pass", "fail"):
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found


class DMARCReportTests(SynchronousTestCase):
    """
    A report.
    """

    def report(self, text: str = "p=reject; rua=mailto:a@example.com") -> DMARCReport:
        """
        One on some messages.
        """
        passed = tallyOf(seen(text, b"example.com"))
        assert passed is not None
        counts = [Tallied(tally(text), 3), Tallied(passed, 2), Tallied(passed.bare, 7)]
        [report] = reportsOf(SUBMITTER, DAY, counts)
        return report

    def test_reportIsAsTheSchemaHasIt(self) -> None:
        """
        And says what was counted.
        """
        found = read(self.report().document())
        metadata = found["report_metadata"]
        self.assertEqual("Company <X> & Sons", metadata["org_name"])
        self.assertEqual("dmarc@Example.org", metadata["email"])
        self.assertEqual(
            {"begin": DAY * 86400, "end": DAY * 86400 + 86399}, metadata["date_range"]
        )
        self.assertIn("7 more messages", str(metadata["error"]))
        self.assertEqual(
            {
                "domain": "example.com",
                "p": "reject",
                "adkim": "r",
                "aspf": "r",
                "discovery_method": "treewalk",
                "fo": "0",
                "testing": "n",
            },
            found["policy_published"],
        )
        failed, passed = found["record"]
        self.assertEqual(
            {
                "source_ip": "192.0.2.1",
                "count": 3,
                "policy_evaluated": {
                    "disposition": "none",
                    "dkim": "fail",
                    "spf": "fail",
                    "reason": [{"type": "local_policy"}],
                },
            },
            failed["row"],
        )
        self.assertEqual(
            {"header_from": "example.com", "envelope_from": "mail.example.com"},
            failed["identifiers"],
        )
        self.assertEqual(
            {"domain": "mail.example.com", "scope": "mfrom", "result": "softfail"},
            failed["auth_results"]["spf"],
        )
        self.assertEqual(
            [("example.net", "s2", "pass"), ("example.com", "s1", "fail")],
            [tuple(each.values()) for each in failed["auth_results"]["dkim"]],
        )
        evaluated = passed["row"]["policy_evaluated"]
        self.assertEqual(
            {"disposition": "pass", "dkim": "fail", "spf": "pass"}, evaluated
        )

    def test_everyRecordIsAsTheSchemaHasIt(self) -> None:
        """
        Whatever it says, and whatever was not looked at.
        """
        for record in (
            "p=none; sp=reject; np=quarantine; adkim=s; aspf=s; fo=1:d:s; t=y",
            "p=quarantine; psd=y",
            "sp=none",
        ):
            read(self.report(record + "; rua=mailto:a@example.com").document())
        message = evolve(
            seen("p=reject; rua=mailto:a@example.com"),
            sender=b"",
            signatures=(),
            spfDomain=b"ehlo.example",
        )
        found = tallyOf(message)
        assert found is not None and found.row is not None
        bare = evolve(found, row=evolve(found.row, spf=None))
        [report] = reportsOf(SUBMITTER, DAY, [Tallied(found, 1), Tallied(bare, 1)])
        one, other = read(report.document())["record"]
        self.assertEqual(
            {"spf": {"domain": "ehlo.example", "result": "softfail"}},
            one["auth_results"],
        )
        self.assertFalse(other["auth_results"])

    @settings(max_examples=60, deadline=None)
    @given(text(max_size=40), text(max_size=40))
    def test_strangersNamesDoNoHarm(self, one: str, two: str) -> None:
        """
        Whatever stands in a message, the report can be read, and has no more rows.
        """
        report = self.report()
        row, number = report.rows[0]
        odd = evolve(row, sender=one, dkim=(evolve(row.dkim[0], selector=two),))
        found = read(evolve(report, rows=[(odd, number)]).document())
        [record] = found["record"]
        self.assertEqual(number, record["row"]["count"])

    def test_markupIsText(self) -> None:
        """
        Nobody writes elements into our report, nor what XML cannot have.
        """
        report = self.report()
        row: Row = report.rows[0][0]
        odd = evolve(row, sender="</envelope_from>]]>&\x00\x1b\ud800\uffff")
        octets = evolve(report, rows=[(odd, 1)]).document()
        [record] = read(octets)["record"]
        self.assertEqual(
            "</envelope_from>]]>&????", record["identifiers"]["envelope_from"]
        )

    def test_eachRecordHasAReport(self) -> None:
        """
        Where it changed within the day; each is known by its own name.
        """
        counts = [
            Tallied(tally(f"p={policy}; rua=mailto:a@example.com"), 1)
            for policy in ("none", "reject")
        ]
        one, other = reportsOf(SUBMITTER, DAY, counts)
        self.assertEqual("none", one.policy.policy)
        self.assertEqual("reject", other.policy.policy)
        self.assertNotEqual(one.id, other.id)
        self.assertEqual([], reportsOf(SUBMITTER, DAY, [Tallied(tally().bare, 5)]))

    def test_message(self) -> None:
        """
        It is known by its subject, and carries the report under the name that is due.
        """
        report = self.report()
        place = Place(b"a@example.com", "mailto:a@example.com")
        octets = report.message(report.compressed(), place, 1_700_100_000.0)
        message = message_from_bytes(octets)
        self.assertEqual(
            f"Report Domain: example.com Submitter: example.org Report-ID:"
            f" <{report.id}>",
            " ".join(str(message["Subject"]).split()),
        )
        self.assertEqual("<a@example.com>", message["To"])
        self.assertEqual("auto-generated", message["Auto-Submitted"])
        self.assertEqual("multipart/mixed", message.get_content_type())
        attached = list(message.walk())[-1]
        self.assertEqual("application/gzip", attached.get_content_type())
        unique = report.id.partition(".")[2].partition("@")[0]
        begin = DAY * 86400
        self.assertEqual(
            f"example.org!example.com!{begin}!{begin + 86399}!{unique}.xml.gz",
            attached.get_filename(),
        )
        content = attached.get_payload(decode=True)
        assert isinstance(content, bytes)
        self.assertEqual(report.document(), gzip.decompress(content))
        self.assertEqual(octets, report.message(report.compressed(), place, 1.7001e9))
        self.assertLessEqual(max(map(len, octets.split(b"\r\n"))), 998)
