"""
The DKIM-Signature field (RFC 6376 section 3.5, RFC 8301, RFC 8463, RFC 8616), read.

What an ARC-Message-Signature has in common with it (RFC 8617 section 4.1.2) is read by
L{readSignature}; what is DKIM's alone (C{v=}, C{i=} and that From is signed) by
L{readDKIMSignature}.  L{readAlgorithm} and L{readKeyName} read what an ARC-Seal has,
too.

The grammar is kept to the letter: "being liberal in what you accept is definitely a bad
strategy in this security context" (RFC 6376 section 6.1.1).
"""

from __future__ import annotations

import re
from enum import Enum

from attrs import frozen

from ..core.errors import Malformed
from .bodyhash import BodyHash
from .canonical import Form
from .dkimvalues import DKIMResult, Unusable
from .idn import asciiDomain
from .tagging import TagList, compact, listed, readBase64, readNumber, readTags

#: The name of the field, in lower case.
SIGNATURE = b"dkim-signature"


class Algorithm(Enum):
    """
    How a signature is made.

    @cvar RSA: RFC 6376 section 3.3.2, with a key of 1024 bits at least (RFC 8301).
    @cvar ED25519: RFC 8463 section 3.
    """

    RSA = b"rsa-sha256"
    ED25519 = b"ed25519-sha256"


#: RFC 8301 section 3.1: it "MUST NOT be used for signing or verifying".
_HISTORIC = b"rsa-sha1"

_LABEL = rb"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_labels = re.compile(_LABEL + rb"(?:\." + _LABEL + rb")*\Z").match
_fieldName = re.compile(rb"[!-9<-~]+\Z").match
_method = re.compile(rb"[A-Za-z][A-Za-z0-9-]*(?:/[!-~]+)?\Z").match
_quoted = re.compile(rb"=([0-9A-F]{2})")
_badQuoting = re.compile(rb"=(?![0-9A-F]{2})").search
_algorithm = re.compile(rb"[A-Za-z][A-Za-z0-9]*-[A-Za-z][A-Za-z0-9]*\Z").match

#: How many digits a time may have, and a length (RFC 6376 section 3.5).
_TIME_DIGITS = 12
_LENGTH_DIGITS = 76


@frozen
class KeyName:
    """
    Where a key is to be found.

    @ivar domain: C{d=}, in A-labels, in lower case.
    @ivar selector: C{s=}, likewise.
    """

    domain: bytes
    selector: bytes

    @classmethod
    def parse(cls, domain: bytes, selector: bytes) -> KeyName:
        """
        A name of these, which may have U-labels (RFC 8616 section 5).

        @raise Malformed: they are no names.
        """
        host, which = _ascii(domain), _ascii(selector)
        if host is None or b"." not in host:
            raise Malformed("no domain in the d= tag")
        if which is None:
            raise Malformed("no selector in the s= tag")
        return cls(host, which)

    @property
    def name(self) -> bytes:
        """The name in the DNS (RFC 6376 section 3.6.2.1)."""
        return self.selector + b"._domainkey." + self.domain


@frozen
class Signature:
    """
    A signature, as its field says it was made.

    @ivar key: which key verifies it.
    @ivar value: C{b=}, decoded.
    @ivar digest: C{bh=}, decoded: the hash of the body.
    @ivar wanted: of what of the body that is.
    @ivar headerForm: the form in which the header was signed.
    @ivar names: the fields that were signed, in lower case, in their order.
    @ivar own: the field's value with that of C{b=} deleted, with its CRLF.
    @ivar signed: when; L{None}: it does not say.  In seconds since 1970, like C{until}.
    @ivar until: how long it is good; L{None}: without end.
    @ivar identity: C{i=}, decoded, its domain in ASCII; of DKIM only.
    """

    algorithm: Algorithm
    key: KeyName
    value: bytes
    digest: bytes
    wanted: BodyHash
    headerForm: Form
    names: tuple[bytes, ...]
    own: bytes
    signed: int | None
    until: int | None
    identity: bytes = b""


def readDKIMSignature(tags: TagList) -> Signature:
    """
    Read a DKIM-Signature.

    @raise Malformed: it is not in the grammar.
    @raise Unusable: it is, and can never be verified.
    """
    if tags.required(b"v") != b"1":
        raise Malformed("unknown version")
    found = readSignature(tags)
    identity, strict = tags.get(b"i"), found.key.domain
    read = b"@" + strict if identity is None else _unquoted(identity)
    local, at, written = read.rpartition(b"@")
    domain = _ascii(written)
    if not at or domain is None:
        raise Malformed("no address in the i= tag")
    if domain != strict and not domain.endswith(b"." + strict):
        raise Malformed("the i= tag is not within the domain")
    if b"from" not in found.names:
        raise Unusable(DKIMResult.PERMERROR, "the From field is not signed")
    return Signature(
        found.algorithm,
        found.key,
        found.value,
        found.digest,
        found.wanted,
        found.headerForm,
        found.names,
        found.own,
        found.signed,
        found.until,
        local + at + (written if written.isascii() else domain),
    )


def _ascii(name: bytes) -> bytes | None:
    """A name in A-labels, in lower case; L{None}: it is none."""
    if not name.isascii():
        try:
            name = asciiDomain(name)
        except Malformed:
            return None
    return None if _labels(name) is None else name.lower()


def readSignature(tags: TagList) -> Signature:
    """
    Read the tags that a DKIM-Signature and an ARC-Message-Signature share.

    @raise Malformed: they are not in the grammar.
    @raise Unusable: they are, and can never be verified.
    """
    value, digest = readBase64(tags.required(b"b")), readBase64(tags.required(b"bh"))
    key, names = readKeyName(tags), _names(tags.required(b"h"))
    headerForm, bodyForm = _forms(tags.get(b"c"))
    length = tags.get(b"l")
    octets = None if length is None else readNumber(length, _LENGTH_DIGITS)
    signed, until = readTime(tags, b"t"), readTime(tags, b"x")
    if signed is not None and until is not None and until <= signed:
        raise Malformed("it expires before it is made")
    _checkMethods(tags.get(b"q"))
    return Signature(
        readAlgorithm(tags),
        key,
        value,
        digest,
        BodyHash(bodyForm, octets),
        headerForm,
        names,
        tags.emptied(b"b"),
        signed,
        until,
    )


def readAlgorithm(tags: TagList) -> Algorithm:
    """
    Read C{a=}.

    @raise Malformed: there is none, or not in the grammar.
    @raise Unusable: it is not one of ours.
    """
    value = tags.required(b"a")
    if _algorithm(value) is None:
        raise Malformed("bad a= tag")
    if value == _HISTORIC:
        raise Unusable(DKIMResult.PERMERROR, "SHA-1 is not secure")
    try:
        return Algorithm(value)
    except ValueError:
        raise Unusable(DKIMResult.NEUTRAL, "unknown algorithm") from None


def readKeyName(tags: TagList) -> KeyName:
    """
    Read C{d=} and C{s=}.

    @raise Malformed: there are none, or they are no names.
    """
    return KeyName.parse(tags.required(b"d"), tags.required(b"s"))


def readTime(tags: TagList, name: bytes) -> int | None:
    """
    Read a time.

    @return: in seconds since 1970; L{None}: there is no such tag.
    @raise Malformed: it is no time.
    """
    value = tags.get(name)
    return None if value is None else readNumber(value, _TIME_DIGITS)


def _names(value: bytes) -> tuple[bytes, ...]:
    names = listed(value)
    if not all(map(_fieldName, names)):
        raise Malformed("no list of fields in the h= tag")
    return tuple(name.lower() for name in names)


def _forms(value: bytes | None) -> tuple[Form, Form]:
    """How header and body were signed."""
    if value is None:
        return Form.SIMPLE, Form.SIMPLE
    header, slash, body = value.partition(b"/")
    try:
        return Form(header), Form(body) if slash else Form.SIMPLE
    except ValueError:
        raise Unusable(DKIMResult.NEUTRAL, "unknown canonicalization") from None


def _checkMethods(value: bytes | None) -> None:
    """See that the key is to be had from the DNS."""
    if value is None:
        return
    methods = listed(value)
    if not all(map(_method, methods)):
        raise Malformed("bad q= tag")
    if b"dns/txt" not in methods:
        raise Unusable(DKIMResult.NEUTRAL, "unknown way to get the key")


def _unquoted(value: bytes) -> bytes:
    """
    Decode what is quoted (RFC 6376 section 2.11).

    @raise Malformed: it is not in the grammar.
    """
    value = compact(value)
    if _badQuoting(value) is not None:
        raise Malformed("bad quoting")
    return _quoted.sub(lambda match: bytes.fromhex(match[1].decode("ascii")), value)


def tagsOf(field: bytes) -> TagList:
    """
    The tags of a field.

    @param field: all of it.
    @raise Malformed: there is no list of tags behind its colon.
    """
    return readTags(field.partition(b":")[2])


__all__ = [
    "SIGNATURE",
    "Algorithm",
    "KeyName",
    "Signature",
    "readAlgorithm",
    "readDKIMSignature",
    "readKeyName",
    "readSignature",
    "readTime",
    "tagsOf",
]
