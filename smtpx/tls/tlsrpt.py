"""
Where a domain wants to be told how TLS with its hosts goes: the record of TLSRPT (RFC
8460 section 3), a TXT record C{_smtp._tls}::

    tlsrpt-record  = tlsrpt-version 1*(field-delim tlsrpt-field) [field-delim]
    field-delim    = *WSP ";" *WSP
    tlsrpt-field   = tlsrpt-rua / tlsrpt-extension
    tlsrpt-version = %s"v=TLSRPTv1"
    tlsrpt-rua     = %s"rua=" tlsrpt-uri *(*WSP "," *WSP tlsrpt-uri)

Two kinds of places are known: a mailbox (C{mailto:}, RFC 6068) and a web server
(C{https:}).  Others, and those that nothing can be sent to, are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from attrs import frozen

from ..core.address import parseMailbox
from ..core.domain import checkDomain
from ..core.errors import Malformed
from .txtfields import isPlain, txtFields

#: Where a domain says so.
RECORD_PREFIX = b"_smtp._tls."

#: The longest record that is read, in octets, and how many places of it are used.
RECORD_OCTETS = 4096
PLACES_MOST = 5

_BEGINNING = b"v=TLSRPTv1;"
_HTTPS_PORT = 443

# RFC 3986, as far as it matters: what can stand in a URI at all, but for what RFC 8460
# section 3 wants encoded.
_uri = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+\Z").match
_path = re.compile(r"[A-Za-z0-9._~%!$&'(),*;=:@/?+-]*\Z").match


class ResultType(Enum):
    """In what a session was not as a policy wants it (RFC 8460 section 4.3)."""

    NO_STARTTLS = "starttls-not-supported"
    HOST_MISMATCH = "certificate-host-mismatch"
    EXPIRED = "certificate-expired"
    NOT_TRUSTED = "certificate-not-trusted"
    FAILURE = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    DANE_REQUIRED = "dane-required"
    STS_FETCH = "sts-policy-fetch-error"
    STS_INVALID = "sts-policy-invalid"
    STS_WEBPKI = "sts-webpki-invalid"


@frozen
class MailPlace:
    """
    A mailbox that takes reports.

    @ivar mailbox: in ASCII.
    """

    mailbox: bytes

    def __str__(self) -> str:
        return f"mailto:{self.mailbox.decode('ascii')}"


@frozen
class WebPlace:
    """
    A web server that takes reports.

    @ivar host: in lower case.
    @ivar path: with what stands behind a question mark.
    """

    host: bytes
    port: int
    path: bytes

    def __str__(self) -> str:
        port = "" if self.port == _HTTPS_PORT else f":{self.port}"
        return f"https://{self.host.decode('ascii')}{port}{self.path.decode('ascii')}"


#: Where reports go.
Place = MailPlace | WebPlace


@frozen
class ReportRecord:
    """
    What stands in the DNS.

    @ivar places: where reports go, as far as we can send any there; at most
        L{PLACES_MOST}.
    """

    places: tuple[Place, ...]

    @classmethod
    def parse(cls, text: bytes) -> ReportRecord:
        """
        Read a record, its strings joined.

        @raise Malformed: it is none.
        """
        if not text.startswith(_BEGINNING):
            raise Malformed("the record does not begin with v=TLSRPTv1;")
        if len(text) > RECORD_OCTETS:
            raise Malformed(f"the record is longer than {RECORD_OCTETS} octets")
        for name, value in txtFields(text[len(_BEGINNING) - 1 :], _fits):
            if name == b"rua":
                return cls(tuple(dict.fromkeys(_places(value)))[:PLACES_MOST])
        raise Malformed("the record has no rua")

    @classmethod
    def among(cls, texts: Iterable[bytes]) -> ReportRecord | None:
        """
        The record of a domain, of all that stand under its name.

        @return: L{None}: there is none, or more than one.
        @raise Malformed: it is not in the grammar.
        """
        found = [each for each in texts if each.startswith(_BEGINNING)]
        return cls.parse(found[0]) if len(found) == 1 else None


def _fits(name: bytes, value: bytes) -> bool:
    """A list of URIs has a grammar of its own, which has white space."""
    return name == b"rua" or isPlain(name, value)


def _places(value: bytes) -> Iterator[Place]:
    """
    The places that a field names.

    @raise Malformed: one of them is no URI.
    """
    for text in value.split(b","):
        uri = text.strip(b" \t")
        if _uri(uri) is None:
            raise Malformed("a place in rua is no URI")
        place = _place(uri.decode("ascii"))
        if place is not None:
            yield place


def _place(uri: str) -> Place | None:
    """A place; L{None}: it is one that nothing can be sent to."""
    try:
        parts = urlsplit(uri)
        if parts.scheme == "mailto":
            return _mailPlace(parts)
        if parts.scheme == "https":
            return _webPlace(parts)
    except ValueError:
        # Of the port, of brackets, and Malformed.
        return None
    return None


def _mailPlace(parts: SplitResult) -> MailPlace | None:
    mailbox = unquote_to_bytes(parts.path)
    if not mailbox.isascii():
        return None
    parseMailbox(mailbox)
    domain = mailbox.rpartition(b"@")[2]
    if domain.startswith(b"[") or b"." not in domain:
        # What has no name in the DNS is not for others to say.
        return None
    return MailPlace(mailbox)


def _webPlace(parts: SplitResult) -> WebPlace | None:
    host = (parts.hostname or "").encode("ascii")
    checkDomain(host)
    if host.startswith(b"[") or parts.username is not None:
        return None
    if host.rpartition(b".")[2].isdigit() or b":" in host:
        # An address, for which nobody has a certificate.
        return None
    path = parts.path or "/"
    if parts.query:
        path += f"?{parts.query}"
    if _path(path) is None:
        return None
    return WebPlace(host, parts.port or _HTTPS_PORT, path.encode("ascii"))


__all__ = [
    "PLACES_MOST",
    "RECORD_OCTETS",
    "RECORD_PREFIX",
    "MailPlace",
    "Place",
    "ReportRecord",
    "ResultType",
    "WebPlace",
]
