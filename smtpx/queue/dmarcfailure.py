"""
A report on a single message that failed DMARC: what it says, and the message that
carries it (RFC 9991, in the form of RFC 5965 and RFC 6591).

It has a text for people, fields for programs, and the header of the message.  Of the
text of the message, and of who was to get it, it says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from hashlib import sha256

from attrs import frozen

from ..mailauth.dmarcseen import Disposition, Outcome, Seen, Signature
from .author import Author
from .deliverystatus import date
from .multipart import joined, plain, text

#: The longest header that is sent along whole, in octets; of a longer one, as many
#: lines as there is room for.
HEADER_OCTETS = 32 << 10

#: The longest word of somebody else's, and the longest record, in octets.
_WORD_OCTETS = 300
_RECORD_OCTETS = 600

_UNFIT = re.compile(rb"[^\x21-\x7e]+")


class Cause(Enum):
    """
    What a report is on, as C{Auth-Failure} has it (RFC 6591 section 3.3; C{dmarc}: RFC
    9991).
    """

    DMARC = "dmarc"
    DKIM = "signature"
    SPF = "spf"


def causeOf(seen: Seen) -> Cause | None:
    """
    On what the owner of the author domain wants a report (C{fo}, RFC 9989 section 4.7).

    @return: L{None}: he wants none.
    """
    verdict = seen.verdict
    if verdict.published is None:
        return None
    options = verdict.published.record.options
    proven = (verdict.alignedSPF, verdict.alignedDKIM)
    if ("0" in options and not any(proven)) or ("1" in options and not all(proven)):
        return Cause.DMARC
    if "d" in options and any(_failed(each) for each in seen.signatures):
        return Cause.DKIM
    if "s" in options and seen.spf not in ("", "pass"):
        return Cause.SPF
    return None


def _failed(signature: Signature) -> bool:
    return signature.result not in ("pass", "none")


@frozen
class FailureReport:
    """
    A report.

    @ivar cause: see L{causeOf}.
    @ivar header: of the message, with its CRLFs.
    @ivar author: whom it is from.
    @ivar server: what this server calls itself.
    @ivar incidents: how many messages it stands for.
    @ivar policies: the SPF records of the domain that SPF looked at.
    """

    seen: Seen
    cause: Cause
    header: bytes
    author: Author
    server: str
    incidents: int = 1
    policies: tuple[bytes, ...] = ()

    @property
    def domain(self) -> str:
        """Whose it is, in A-labels."""
        return self.seen.verdict.author.decode("ascii")

    def message(self, mailbox: bytes, now: float) -> bytes:
        """
        The message that carries it, with its header.

        @param mailbox: whom it is for.
        @param now: seconds since the epoch.
        """
        seen = self.seen
        when = date(seen.received)
        words = text(
            "This is a report on an email message that failed authentication\n"
            f"(RFC 9991), for the owner of {self.domain}.\n"
            f"It came from {seen.source} on {when}.\n",
            b"Notification",
        )
        fields = b"".join(line + b"\r\n" for line in self._fields(when))
        parts = [
            words,
            plain(b"message/feedback-report", fields, b"Report"),
            plain(b"text/rfc822-headers", self._original(), b"Header of the message"),
        ]
        boundary, content = joined(parts)
        digest = sha256(f"{now} {seen.id} ".encode() + mailbox).hexdigest()[:24]
        subject = f"Failure report: {self.domain}, from {seen.source}"
        lines = [
            b"From: " + self.author.field,
            b"To: <%b>" % mailbox,
            b"Subject: " + _folded(subject),
            b"Date: " + date(now).encode("ascii"),
            f"Message-ID: <dmarc.{digest}@{self.server}>".encode("ascii"),
            b"Auto-Submitted: auto-generated",
            b"MIME-Version: 1.0",
            b'Content-Type: multipart/report; report-type="feedback-report";',
            b'\tboundary="%b"' % boundary,
        ]
        return b"".join(line + b"\r\n" for line in lines) + b"\r\n" + content

    def _fields(self, when: str) -> Iterator[bytes]:
        """Those for programs, without their line ends."""
        seen, verdict = self.seen, self.seen.verdict
        yield b"Feedback-Type: auth-failure"
        yield b"User-Agent: smtpx"
        yield b"Version: 1"
        yield b"Auth-Failure: " + self.cause.value.encode("ascii")
        # RFC 6591 section 3.1: one method's.
        yield (
            f"Authentication-Results: {self.server};\r\n"
            f"\tdmarc={verdict.result} header.from={self.domain}".encode("ascii")
        )
        yield b"Identity-Alignment: " + self._unaligned()
        yield b"Original-Mail-From: <%b>" % _word(seen.sender)
        yield b"Arrival-Date: " + when.encode("ascii")
        yield b"Source-IP: " + seen.source.encode("ascii")
        yield b"Reported-Domain: " + self.domain.encode("ascii")
        yield b"Delivery-Result: " + _deliveryResult(seen)
        if self.incidents > 1:
            yield b"Incidents: %d" % self.incidents
        yield from self._signatures()
        if seen.spf not in ("", "pass"):
            for policy in self.policies:
                yield _spfRecord(seen.spfDomain, policy)

    def _unaligned(self) -> bytes:
        """What has not proven the author domain (RFC 9991 section 4)."""
        verdict = self.seen.verdict
        words = []
        if not verdict.alignedDKIM:
            words.append(b"dkim")
        if not verdict.alignedSPF:
            words.append(b"spf")
        return b", ".join(words) or b"none"

    def _signatures(self) -> Iterator[bytes]:
        """
        The signature that a report can tell of: each of these fields is there once.
        That of the author domain comes first.
        """
        failed = [each for each in self.seen.signatures if _failed(each)]
        author = self.seen.verdict.author
        for each in sorted(failed, key=lambda each: each.domain != author)[:1]:
            if each.domain and each.selector:
                domain = _word(each.domain)
                yield b"DKIM-Domain: " + domain
                yield b"DKIM-Identity: " + (_word(each.identity) or b"@" + domain)
                yield b"DKIM-Selector: " + _word(each.selector)

    def _original(self) -> bytes:
        """The header of the message, cut where it is too long."""
        if len(self.header) <= HEADER_OCTETS:
            return self.header
        cut = self.header.rfind(b"\r\n", 0, HEADER_OCTETS)
        return self.header[: cut + 2] if cut >= 0 else b""


def _deliveryResult(seen: Seen) -> bytes:
    """RFC 6591 section 3.2.2."""
    match seen.outcome:
        case Outcome.REFUSED | Outcome.DEFERRED:
            wanted = seen.disposition is Disposition.REJECT
            return b"reject" if wanted else b"other"
        case Outcome.HELD | Outcome.DISCARDED:
            return b"policy"
    return b"delivered"


def _spfRecord(domain: bytes, policy: bytes) -> bytes:
    """RFC 6591 section 4; C{quoted-string} has no control characters."""
    shown = policy[:_RECORD_OCTETS]
    plainly = re.sub(rb'([\\"])', rb"\\\1", re.sub(rb"[^ -~]", b"?", shown))
    return b'SPF-DNS: txt : %b :\r\n\t"%b"' % (_word(domain), plainly)


def _word(octets: bytes) -> bytes:
    return _UNFIT.sub(b"?", octets)[:_WORD_OCTETS]


def _folded(words: str) -> bytes:
    """A long value on several lines, cut at its spaces."""
    return b"\r\n\t".join(words.encode("ascii").rsplit(b" ", 1))


__all__ = ["HEADER_OCTETS", "Cause", "FailureReport", "causeOf"]
