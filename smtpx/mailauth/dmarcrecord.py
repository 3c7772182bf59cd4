"""
DMARC Policy Records: what the owner of a domain asks of those who get mail in its name
(RFC 9989 section 4.7; RFC 7489 section 6.3)::

    dmarc-record  = dmarc-version *(dmarc-sep dmarc-tag) [dmarc-sep]
    dmarc-version = "v" equals %s"DMARC1"
    dmarc-sep     = *WSP ";" *WSP
    equals        = *WSP "=" *WSP
    dmarc-tag     = 1*ALPHA equals 1*dmarc-value
    dmarc-value   = %x20-3A / %x3C-7E

They look like the tag lists of DKIM and are read otherwise: an error in one tag takes
nothing from the others, it has its default then (section 4.8).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from urllib.parse import unquote_to_bytes

from attrs import frozen

from ..core.address import parseMailbox
from ..core.domain import lowerDomain
from ..core.errors import Malformed

#: What stands before a domain where its record is.
RECORD_PREFIX = b"_dmarc."

#: The longest record that is read, in octets, and how many places of it are used.
RECORD_OCTETS = 8192
PLACES_MOST = 10

_POLICIES = ("p", "sp", "np")

_version = re.compile(rb"[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)").match
_name = re.compile(rb"[A-Za-z]+\Z").match
_value = re.compile(rb"[\x20-\x7e]+\Z").match
_uri = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*):[\x21-\x2b\x2d-\x7e]+\Z").match
# What RFC 7489 section 6.4 had behind a place: the largest report that is wanted.
_size = re.compile(rb"![0-9]+[kmgtKMGT]?\Z")
_percent = re.compile(rb"[0-9]{1,3}\Z").match


class Policy(Enum):
    """What is to become of mail that fails (RFC 9989 section 4.7, C{p})."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"

    @property
    def milder(self) -> Policy:
        """One level below: what a test of this policy does (C{t})."""
        if self is Policy.REJECT:
            return Policy.QUARANTINE
        return Policy.NONE


class Suffix(Enum):
    """
    Whose a domain is (RFC 9989 section 4.7, C{psd}).

    @cvar PUBLIC: those below belong to others: it is a public suffix.
    @cvar OWN: it is the organizational domain of all that is below.
    @cvar UNSAID: nobody says.
    """

    PUBLIC = "y"
    OWN = "n"
    UNSAID = "u"


@frozen
class Place:
    """
    A mailbox that takes reports.

    @ivar mailbox: in ASCII.
    @ivar text: the URI as it stands in the record, without a size.
    """

    mailbox: bytes
    text: str

    @property
    def host(self) -> bytes:
        """The domain of the mailbox, in lower case."""
        return lowerDomain(self.mailbox.rpartition(b"@")[2])


@frozen
class DMARCRecord:
    """
    What a record says.

    @ivar policy: L{None}: none is said, or none that is one.
    @ivar subdomains: of what is below the domain; L{None}: the same.
    @ivar missing: of what is below it and does not exist; L{None}: as the others below.
    @ivar faulty: a policy is said that is none.
    @ivar strictDKIM: only the very domain will do for DKIM.
    @ivar strictSPF: likewise, for SPF.
    @ivar testing: the policy is not to be applied in full.
    @ivar percent: to how much of the mail it is to be applied (RFC 7489 only).
    @ivar options: when failure reports are wanted: C{0}, C{1}, C{d} and C{s}.
    @ivar aggregate: where aggregate reports go, as far as we can send any there.
    @ivar failure: where failure reports go, likewise.
    @ivar reported: some place for aggregate reports is named, of whatever kind.
    """

    policy: Policy | None = None
    subdomains: Policy | None = None
    missing: Policy | None = None
    faulty: bool = False
    strictDKIM: bool = False
    strictSPF: bool = False
    suffix: Suffix = Suffix.UNSAID
    testing: bool = False
    percent: int = 100
    options: tuple[str, ...] = ("0",)
    aggregate: tuple[Place, ...] = ()
    failure: tuple[Place, ...] = ()
    reported: bool = False

    @classmethod
    def parse(cls, text: bytes) -> DMARCRecord:
        """
        Read a record, its strings joined.

        @raise Malformed: it is none of DMARC.
        """
        version = _version(text)
        if version is None:
            raise Malformed("the record does not begin with v=DMARC1")
        if len(text) > RECORD_OCTETS:
            raise Malformed(f"the record is longer than {RECORD_OCTETS} octets")
        tags = _tags(text[version.end() :])
        here, below, missing = (_policy(tags.get(name)) for name in _POLICIES)
        return cls(
            here,
            below,
            missing,
            faulty=any(
                name in tags and _policy(tags[name]) is None for name in _POLICIES
            ),
            strictDKIM=_word(tags, "adkim") == "s",
            strictSPF=_word(tags, "aspf") == "s",
            suffix=_suffix(_word(tags, "psd")),
            testing=_word(tags, "t") == "y",
            percent=_percentage(tags.get("pct", b"")),
            options=_options(_word(tags, "fo")),
            aggregate=_places(tags.get("rua", b"")),
            failure=_places(tags.get("ruf", b"")),
            reported=any(map(_uri, _uris(tags.get("rua", b"")))),
        )

    @classmethod
    def among(cls, texts: Iterable[bytes]) -> DMARCRecord | None:
        """
        The record of a domain, of all that stand under its name (RFC 9989 section
        4.10).

        @return: L{None}: there is none, or more than one.
        """
        found = [each for each in texts if _version(each)]
        if len(found) != 1 or len(found[0]) > RECORD_OCTETS:
            return None
        return cls.parse(found[0])

    def policyBelow(self, exists: bool) -> Policy:
        """
        What is to become of mail from below the domain.

        @param exists: is there such a name?
        """
        below = self.subdomains or self.policyHere
        return below if exists else self.missing or below

    @property
    def policyHere(self) -> Policy:
        """
        What is to become of mail from the very domain.  With none that is one it is
        L{Policy.NONE} (RFC 9989 sections 4.7 and 4.10.1).
        """
        return self.policy or Policy.NONE


def _tags(rest: bytes) -> dict[str, bytes]:
    """
    The tags behind the version; of several with one name, the first.
    """
    tags: dict[str, bytes] = {}
    for part in rest.split(b";"):
        name, _, value = (half.strip(b" \t") for half in part.partition(b"="))
        if _name(name) and _value(value):
            tags.setdefault(name.decode("ascii").lower(), value)
    return tags


def _word(tags: dict[str, bytes], name: str) -> str:
    return tags.get(name, b"").decode("ascii").lower()


def _policy(value: bytes | None) -> Policy | None:
    try:
        return Policy((value or b"").decode("ascii").lower())
    except ValueError:
        return None


def _suffix(word: str) -> Suffix:
    try:
        return Suffix(word)
    except ValueError:
        return Suffix.UNSAID


def _percentage(value: bytes) -> int:
    if _percent(value) is None:
        return 100
    return min(int(value), 100)


def _options(word: str) -> tuple[str, ...]:
    """
    C{fo}; those that are unknown are passed over (RFC 7489 section 6.3).
    """
    words = dict.fromkeys(each.strip() for each in word.split(":"))
    return tuple(each for each in words if each in ("0", "1", "d", "s")) or ("0",)


def _uris(value: bytes) -> list[bytes]:
    """
    The places of a list, each without its size, which is not to be heeded (RFC 9989
    section 4.8).
    """
    return [_size.sub(b"", each.strip(b" \t")) for each in value.split(b",")]


def _places(value: bytes) -> tuple[Place, ...]:
    found = dict.fromkeys(filter(None, map(_place, _uris(value))))
    return tuple(found)[:PLACES_MOST]


def _place(uri: bytes) -> Place | None:
    """
    A mailbox (RFC 6068); L{None}: it is another kind of place, or none at all.
    """
    match = _uri(uri)
    if match is None or match[1].lower() != b"mailto":
        return None
    written = uri.partition(b":")[2].partition(b"?")[0]
    try:
        mailbox = parseMailbox(unquote_to_bytes(written))
    except Malformed:
        return None
    if mailbox.domain.startswith(b"[") or b"." not in mailbox.domain:
        # A stranger's record leads to nothing inside.
        return None
    return Place(mailbox.render(), uri.decode("ascii"))


__all__ = [
    "PLACES_MOST",
    "RECORD_OCTETS",
    "RECORD_PREFIX",
    "DMARCRecord",
    "Place",
    "Policy",
    "Suffix",
]
