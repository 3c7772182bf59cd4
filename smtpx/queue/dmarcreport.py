"""
An aggregate report of DMARC (RFC 9990): what it says, and the message that carries it.

It is XML in the namespace L{NAMESPACE}, compressed.  What it tells comes out of mail of
strangers: whatever XML cannot have is replaced, and the rest is escaped.

It is for one record.  Where the owner of a domain has changed it within the day, there
is a report for each.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from hashlib import sha256
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from attrs import frozen

from ..mailauth.dmarcrecord import Place
from .deliverystatus import date
from .dmarccounts import AuthResult, PolicyPublished, Row, Tallied
from .multipart import Part, inBase64, joined, text
from .submitter import Submitter, moment
from .tlscounts import DAY_SECONDS

#: What the names of elements belong to.
NAMESPACE = "urn:ietf:params:xml:ns:dmarc-2.0"

#: The type of what is compressed (RFC 6713).
GZIP_TYPE = b"application/gzip"

#: What XML 1.0 (section 2.2) cannot have, and controls that it would rather not.
_UNFIT = re.compile("[^\t\n\r -~\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_MARK = "?"


@frozen
class DMARCReport:
    """
    A report for one record, of one day.

    @ivar day: in days since the epoch.
    @ivar rows: what there is to tell, and of how many messages; at least one.
    @ivar leftOut: how many messages of the domain it does not tell of, for want of
        room.
    """

    submitter: Submitter
    day: int
    policy: PolicyPublished
    rows: Sequence[tuple[Row, int]]
    leftOut: int = 0

    @property
    def id(self) -> str:
        """
        The same whenever it is made again, so that whoever gets it twice knows.
        """
        about = f"{self.day} {self.policy} {self.submitter.server}"
        digest = sha256(about.encode("utf-8")).hexdigest()[:24]
        return f"{moment(self.begins)[:10]}.{digest}@{self.submitter.domain}"

    @property
    def begins(self) -> int:
        """From when on it tells, in seconds since the epoch."""
        return self.day * DAY_SECONDS

    @property
    def ends(self) -> int:
        """Until when, likewise."""
        return self.begins + DAY_SECONDS - 1

    @property
    def filename(self) -> str:
        """C{receiver!policy-domain!begin!end!unique-id.xml.gz}."""
        unique = self.id.partition(".")[2].partition("@")[0]
        return (
            f"{self.submitter.domain}!{self.policy.domain}!{self.begins}!{self.ends}"
            f"!{unique}.xml.gz"
        )

    def document(self) -> bytes:
        """The report, as XML."""
        root = Element("feedback", xmlns=NAMESPACE)
        _said(root, "version", "1.0")
        self._metadata(SubElement(root, "report_metadata"))
        _published(SubElement(root, "policy_published"), self.policy)
        for row, messages in self.rows:
            _record(SubElement(root, "record"), row, messages)
        ElementTree.indent(root)
        octets: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
        return octets

    def compressed(self) -> bytes:
        """The same, as it goes over the wire; for a thread, as it takes its time."""
        return gzip.compress(self.document(), mtime=self.ends)

    def _metadata(self, at: Element) -> None:
        submitter = self.submitter
        _said(at, "org_name", submitter.organization)
        _said(at, "email", submitter.contact.address)
        _said(at, "report_id", self.id)
        dates = SubElement(at, "date_range")
        _said(dates, "begin", str(self.begins))
        _said(dates, "end", str(self.ends))
        if self.leftOut:
            words = f"{self.leftOut} more messages were counted without details"
            _said(at, "error", words)
        _said(at, "generator", "smtpx")

    def message(self, compressed: bytes, place: Place, now: float) -> bytes:
        """
        The message that carries it, with its header.

        @param compressed: what L{compressed} gave.
        @param place: whom it is for.
        @param now: seconds since the epoch.
        """
        submitter, domain = self.submitter, self.policy.domain
        words = text(
            f"This is an aggregate report on DMARC from {submitter.domain}\n"
            f"(RFC 9990): what came in the name of\n{domain}\n"
            f"from {moment(self.begins)} to {moment(self.ends)}.\n",
            b"Notification",
        )
        attached = Part(
            GZIP_TYPE,
            inBase64(compressed),
            b"base64",
            b"DMARC report",
            disposition=b'attachment;\r\n\tfilename="%b"'
            % self.filename.encode("ascii"),
        )
        boundary, content = joined([words, attached])
        lines = [
            b"From: " + submitter.contact.field,
            b"To: <%b>" % place.mailbox,
            f"Subject: Report Domain: {domain}\r\n"
            f"\tSubmitter: {submitter.domain}\r\n"
            f"\tReport-ID: <{self.id}>".encode("ascii"),
            b"Date: " + date(now).encode("ascii"),
            f"Message-ID: <{self.id}>".encode("ascii"),
            b"Auto-Submitted: auto-generated",
            b"MIME-Version: 1.0",
            b'Content-Type: multipart/mixed; boundary="%b"' % boundary,
        ]
        header = b"".join(line + b"\r\n" for line in lines)
        return header + b"\r\n" + content


def reportsOf(
    submitter: Submitter, day: int, counts: Sequence[Tallied]
) -> list[DMARCReport]:
    """
    The reports for a domain.

    @param day: in days since the epoch.
    @param counts: what was counted for it on that day.
    """
    rows: dict[PolicyPublished, list[tuple[Row, int]]] = {}
    leftOut = 0
    for each in counts:
        policy, row = each.tally.policy, each.tally.row
        if policy is None or row is None:
            leftOut += each.messages
        else:
            rows.setdefault(policy, []).append((row, each.messages))
    return [
        DMARCReport(submitter, day, policy, some, leftOut)
        for policy, some in rows.items()
    ]


def _said(at: Element, name: str, words: str) -> None:
    SubElement(at, name).text = _UNFIT.sub(_MARK, words)


def _published(at: Element, policy: PolicyPublished) -> None:
    said = {
        "domain": policy.domain,
        "p": policy.policy,
        "sp": policy.subdomains,
        "np": policy.missing,
        "adkim": policy.alignDKIM,
        "aspf": policy.alignSPF,
        "discovery_method": policy.discovery,
        "fo": policy.options,
        "testing": "y" if policy.testing else "n",
    }
    for name, word in said.items():
        if word:
            _said(at, name, word)


def _record(at: Element, row: Row, messages: int) -> None:
    about = SubElement(at, "row")
    _said(about, "source_ip", row.source)
    _said(about, "count", str(messages))
    evaluated = SubElement(about, "policy_evaluated")
    _said(evaluated, "disposition", row.disposition)
    _said(evaluated, "dkim", _passed(row.alignedDKIM))
    _said(evaluated, "spf", _passed(row.alignedSPF))
    for word, why in row.reasons:
        reason = SubElement(evaluated, "reason")
        _said(reason, "type", word)
        if why:
            _said(reason, "comment", why)
    identifiers = SubElement(at, "identifiers")
    _said(identifiers, "header_from", row.author)
    _said(identifiers, "envelope_from", row.sender)
    results = SubElement(at, "auth_results")
    for each in row.dkim:
        _result(SubElement(results, "dkim"), each, "selector", each.selector)
    if row.spf is not None:
        # Of the null path another name was looked at (RFC 7208 section 2.4), for which
        # the schema has no scope.
        scope = "mfrom" if row.sender else ""
        _result(SubElement(results, "spf"), row.spf, "scope", scope)


def _result(at: Element, result: AuthResult, more: str, word: str) -> None:
    _said(at, "domain", result.domain)
    if word or more == "selector":
        _said(at, more, word)
    _said(at, "result", result.result)


def _passed(aligned: bool) -> str:
    return "pass" if aligned else "fail"


__all__ = ["GZIP_TYPE", "NAMESPACE", "DMARCReport", "reportsOf"]
