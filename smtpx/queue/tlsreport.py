"""
A report of TLSRPT (RFC 8460): what it says, and the message that carries it.

The text is JSON (section 4.4), compressed (section 5.2).  By mail it is the second part
of a C{multipart/report} (section 5.3), whose header has C{TLS-Required: No} (RFC 8689
section 5): a report on how TLS fails must not fail for that.

It is signed as other mail of our own is, where the operator has a key for the domain of
the contact; a domain that keeps to section 3 ignores one that is not.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from hashlib import sha256

from attrs import frozen

from ..tls.tlsrpt import MailPlace
from .deliverystatus import date
from .multipart import Part, inBase64, joined, text
from .submitter import Submitter, moment
from .tlscounts import DAY_SECONDS, Applied, Count

#: The type of what is compressed (RFC 8460 section 6.5).
GZIP_TYPE = b"application/tlsrpt+gzip"


@frozen
class TLSReport:
    """
    A report for one domain, of one day.

    @ivar day: in days since the epoch.
    @ivar domain: in A-labels.
    """

    submitter: Submitter
    day: int
    domain: str
    counts: Sequence[Count]

    @property
    def id(self) -> str:
        """
        The same whenever it is made again, so that whoever gets it twice knows
        (section 5.3).
        """
        about = f"{self.day} {self.domain} {self.submitter.server}"
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
        """Section 5.1."""
        unique = self.id.partition(".")[2].partition("@")[0]
        return (
            f"{self.submitter.domain}!{self.domain}!{self.begins}!{self.ends}!{unique}"
            ".json.gz"
        )

    def document(self) -> dict[str, object]:
        """The report, as JSON has it (section 4.4)."""
        policies: dict[Applied, list[Count]] = {}
        for count in self.counts:
            policies.setdefault(count.event.policy, []).append(count)
        return {
            "organization-name": self.submitter.organization,
            "date-range": {
                "start-datetime": moment(self.begins),
                "end-datetime": moment(self.ends),
            },
            "contact-info": self.submitter.contact.address,
            "report-id": self.id,
            "policies": [_told(policy, some) for policy, some in policies.items()],
        }

    def compressed(self) -> bytes:
        """The same, as it goes over the wire; for a thread, as it takes its time."""
        octets = json.dumps(self.document(), ensure_ascii=False).encode("utf-8")
        return gzip.compress(octets, mtime=self.ends)

    def message(self, compressed: bytes, place: MailPlace, now: float) -> bytes:
        """
        The message that carries it, with its header.

        @param compressed: what L{compressed} gave.
        @param place: whom it is for.
        @param now: seconds since the epoch.
        """
        submitter = self.submitter
        words = text(
            f"This is an aggregate report on TLS from {submitter.domain}\n"
            f"(RFC 8460): how connections to the mail hosts of\n{self.domain}\n"
            f"went from {moment(self.begins)} to {moment(self.ends)}.\n",
            b"Notification",
        )
        attached = Part(
            GZIP_TYPE,
            inBase64(compressed),
            b"base64",
            b"TLS report",
            disposition=b'attachment;\r\n\tfilename="%b"'
            % self.filename.encode("ascii"),
        )
        boundary, content = joined([words, attached])
        lines = [
            b"From: " + submitter.contact.field,
            b"To: <%b>" % place.mailbox,
            f"Subject: Report Domain: {self.domain}\r\n"
            f"\tSubmitter: {submitter.domain}\r\n"
            f"\tReport-ID: <{self.id}>".encode("ascii"),
            b"Date: " + date(now).encode("ascii"),
            f"Message-ID: <{self.id}>".encode("ascii"),
            b"TLS-Report-Domain: " + self.domain.encode("ascii"),
            b"TLS-Report-Submitter: " + submitter.domain.encode("ascii"),
            b"TLS-Required: No",
            b"Auto-Submitted: auto-generated",
            b"MIME-Version: 1.0",
            b'Content-Type: multipart/report; report-type="tlsrpt";',
            b'\tboundary="%b"' % boundary,
        ]
        header = b"".join(line + b"\r\n" for line in lines)
        return header + b"\r\n" + content


def _told(policy: Applied, counts: Iterable[Count]) -> dict[str, object]:
    """What is said of one policy."""
    described: dict[str, object] = {"policy-type": policy.kind}
    if policy.lines:
        described["policy-string"] = list(policy.lines)
    described["policy-domain"] = policy.domain
    if policy.hosts:
        described["mx-host"] = list(policy.hosts)
    good = bad = 0
    details: list[dict[str, object]] = []
    for each in counts:
        if each.event.failed is None:
            good += each.sessions
        else:
            bad += each.sessions
            details.append(_detail(each))
    told: dict[str, object] = {
        "policy": described,
        "summary": {
            "total-successful-session-count": good,
            "total-failure-session-count": bad,
        },
    }
    if details:
        told["failure-details"] = details
    return told


def _detail(count: Count) -> dict[str, object]:
    failed = count.event.failed
    assert failed is not None, "those that went well have no details"
    words = {
        "result-type": failed.result.value,
        "sending-mta-ip": failed.sender,
        "receiving-mx-hostname": failed.host,
        "receiving-ip": failed.address,
        "failure-reason-code": failed.reason,
    }
    return {
        **{name: word for name, word in words.items() if word},
        "failed-session-count": count.sessions,
    }


__all__ = ["GZIP_TYPE", "TLSReport"]
