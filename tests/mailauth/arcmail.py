"""
Chains for the tests of ARC: made by us, or such as we would never make.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping

from smtpx.core.submitted import Field, fieldsOf
from smtpx.mailauth.arcfields import FIELDS
from smtpx.mailauth.arcseal import SealTerms, seal
from smtpx.mailauth.arcvalues import Chain
from smtpx.mailauth.arcverify import ChainTerms, verifyChain
from smtpx.mailauth.asking import Known
from smtpx.mailauth.bodyhash import BodyHash, BodyHashes
from smtpx.mailauth.canonical import Form, selected
from smtpx.mailauth.dkimsign import signedField
from smtpx.mailauth.resultsclaims import OurNames
from smtpx.mailauth.signingkey import SigningKey

from .dkimmail import BODY, ED25519, ED25519_NAME, HEADER, NOW, RSA, RSA_NAME, asked

#: Who seals, and what it found out.
HOST = b"lists.example.com"
OURS = OurNames.of([HOST])
TERMS = SealTerms(HOST, OURS, RSA_NAME)
ED25519_TERMS = SealTerms(HOST, OURS, ED25519_NAME)
CHAIN_TERMS = ChainTerms()


def found(arc: str, rest: str = "spf=pass smtp.mailfrom=example.net") -> bytes:
    """What the sealer found out when the message came in."""
    head = f"Authentication-Results: {HOST.decode()};\r\n"
    return f"{head}\tarc={arc};\r\n\t{rest}\r\n".encode()


def digestOf(body: bytes, wanted: BodyHash) -> bytes:
    """A hash of a body."""
    hashes = BodyHashes([wanted])
    hashes.write(body)
    hashes.end()
    return hashes.digest(wanted).value


def sealed(
    header: bytes,
    body: bytes = BODY,
    terms: SealTerms = TERMS,
    key: SigningKey = RSA,
    now: float = NOW,
) -> bytes:
    """A header with one more set."""
    fields, _ = fieldsOf(header)
    return seal(fields, digestOf(body, terms.wanted), terms, key, now) + header


def chained(count: int, body: bytes = BODY, both: bool = True) -> bytes:
    """
    A header with some sets, of which the next host took our results out.

    @param both: are there keys of both kinds, by turns?  If not, RSA alone.
    """
    header = HEADER
    for index in range(count):
        kind = (ED25519_TERMS, ED25519) if both and index % 2 else (TERMS, RSA)
        results = found("pass" if index else "none")
        header = sealed(results + header, body, *kind).replace(results, b"")
    return header


def chainOf(
    header: bytes,
    body: bytes | Iterable[bytes] = BODY,
    zone: Mapping[bytes, Known | bytes] | None = None,
    terms: ChainTerms = CHAIN_TERMS,
    now: float = NOW,
) -> Chain:
    """What comes of the chain of a message."""
    pieces = [body] if isinstance(body, bytes) else body
    return asked(verifyChain(header, pieces, now, terms), zone)


def said(
    header: bytes,
    body: bytes = BODY,
    zone: Mapping[bytes, Known | bytes] | None = None,
) -> tuple[str, str, int]:
    """The state of a message's chain, why, and since when it was not changed."""
    chain = chainOf(header, body, zone)
    return chain.state.value, chain.reason, chain.oldestPass


def forged(
    instance: int,
    header: bytes,
    message: Mapping[bytes, bytes | None] | None = None,
    last: Mapping[bytes, bytes | None] | None = None,
    results: bytes | None = None,
    body: bytes = BODY,
) -> bytes:
    """
    A header with one more set, that is signed well and says whatever it is to say.

    @param message: tags of the ARC-Message-Signature that are to be other than they
        would be; L{None}: to be left out.
    @param last: the same of the ARC-Seal.
    @param results: the value of the ARC-Authentication-Results.
    """
    fields, _ = fieldsOf(header)
    number = b"%d" % instance
    digest = digestOf(body, BodyHash(Form.RELAXED))
    tags: dict[bytes, bytes | None] = {
        b"i": number,
        b"a": RSA.algorithm.value,
        b"c": b"relaxed/relaxed",
        b"d": RSA_NAME.domain,
        b"s": RSA_NAME.selector,
        b"t": b"%d" % NOW,
        b"h": b"from:subject",
        b"bh": binascii.b2a_base64(digest, newline=False),
        **(message or {}),
    }
    names = (tags[b"h"] or b"").split(b":")
    chosen = selected(fields, names)
    signature = signedField(
        b"ARC-Message-Signature", _kept(tags), chosen, Form.RELAXED, RSA
    )
    own = results or b" i=%b; %b; none" % (number, HOST)
    own = b"ARC-Authentication-Results:" + own + b"\r\n"
    tags = {
        b"i": number,
        b"a": RSA.algorithm.value,
        b"d": RSA_NAME.domain,
        b"s": RSA_NAME.selector,
        b"t": b"%d" % NOW,
        b"cv": b"pass" if instance > 1 else b"none",
        **(last or {}),
    }
    # Each set stands above the one before, with its fields in the order of a seal
    # from below.
    before = [each for each in reversed(fields) if each.name in FIELDS]
    whole = [*before, Field(b"", own), Field(b"", signature)]
    top = signedField(b"ARC-Seal", _kept(tags), whole, Form.RELAXED, RSA)
    return top + signature + own + header


def _kept(tags: Mapping[bytes, bytes | None]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in tags.items() if value is not None]
