"""
DANE: does a server's certificate match the TLSA records of its host?  (RFC 6698, 7671
and 7672.)

Usages 2 (DANE-TA: an authority) and 3 (DANE-EE: the certificate itself) are for mail;
0 and 1, which want a chain that is trusted besides, cannot be used (RFC 7672 section
3.1.3).  Of several records for one usage and selector that hold digests, those with the
strongest count (digest agility, RFC 7671 section 9).

What a record matches is taken from the octets of the certificate, as they came: nothing
is made anew from what somebody has read in them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    ExtensionNotFound,
    load_der_x509_certificate,
)

from ..core.tlsa import TLSA
from .certificates import UNREADABLE

#: Usages, selectors and kinds of matching (RFC 7218).
DANE_TA, DANE_EE = 2, 3
CERT, SPKI = 0, 1
FULL, SHA2_256, SHA2_512 = 0, 1, 2

_LENGTHS = {SHA2_256: 32, SHA2_512: 64}


def usable(records: Iterable[TLSA]) -> tuple[TLSA, ...]:
    """
    Those records that a certificate can be judged by.

    @return: those that are in force: weaker digests beside stronger ones are not among
        them.
    """
    good = [each for each in records if _isUsable(each)]
    strongest: dict[tuple[int, int], int] = {}
    for each in good:
        kind = each.usage, each.selector
        strongest[kind] = max(each.matching, strongest.get(kind, FULL))
    return tuple(
        each
        for each in good
        if each.matching in (FULL, strongest[each.usage, each.selector])
    )


def _isUsable(record: TLSA) -> bool:
    if record.usage not in (DANE_TA, DANE_EE) or record.selector not in (CERT, SPKI):
        return False
    if record.matching == FULL:
        return _isWhole(record)
    return len(record.association) == _LENGTHS.get(record.matching, -1)


def _isWhole(record: TLSA) -> bool:
    """Is what a record has in full a certificate, or a key?"""
    try:
        if record.selector == CERT:
            load_der_x509_certificate(record.association)
        else:
            load_der_public_key(record.association)
    except (*UNREADABLE, TypeError):
        return False
    return True


def association(der: bytes, selector: int, matching: int) -> bytes:
    """
    What a record has of a certificate.

    @param der: the certificate.
    @raise ValueError: it is none, or there is no such selector or matching type.
    """
    if selector not in (CERT, SPKI):
        raise ValueError(f"no selector: {selector}")
    octets = der if selector == CERT else publicKeyOf(der)
    if matching == FULL:
        return octets
    if matching == SHA2_256:
        return hashlib.sha256(octets).digest()
    if matching == SHA2_512:
        return hashlib.sha512(octets).digest()
    raise ValueError(f"no matching type: {matching}")


def matches(record: TLSA, der: bytes) -> bool:
    """
    Is a certificate the one of a record, whatever the record says that it is to do?

    @param record: one that is L{usable}.
    @param der: the certificate.
    """
    try:
        return association(der, record.selector, record.matching) == record.association
    except ValueError:
        return False


def publicKeyOf(der: bytes) -> bytes:
    """
    The public key of a certificate (SubjectPublicKeyInfo, RFC 5280 section 4.1), as it
    stands there::

        Certificate ::= SEQUENCE { tbsCertificate, ... }
        TBSCertificate ::= SEQUENCE {
            version [0] OPTIONAL, serialNumber, signature, issuer, validity, subject,
            subjectPublicKeyInfo, ... }

    @raise ValueError: it is no certificate.
    """
    _, begins, ends = _element(der, 0, len(der))
    _, at, ends = _element(der, begins, ends)
    tag, _, after = _element(der, at, ends)
    if tag == 0xA0:
        at = after
    for _ in range(5):
        _, _, at = _element(der, at, ends)
    tag, _, after = _element(der, at, ends)
    if tag != 0x30:
        raise ValueError("no key where one should be")
    return der[at:after]


def _element(der: bytes, at: int, ends: int) -> tuple[int, int, int]:
    """
    An element of DER with a tag of one octet.

    @return: its tag, where what is in it begins, and where that ends.
    @raise ValueError: there is none.
    """
    head = der[at : min(at + 2, ends)]
    if len(head) < 2:
        raise ValueError("cut short")
    tag, length = head
    begins = at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4:
            raise ValueError("no length")
        digits = der[begins : begins + count]
        length, begins = int.from_bytes(digits, "big"), begins + count
    if begins + length > ends:
        raise ValueError("cut short")
    return tag, begins, begins + length


def signsFor(record: TLSA, certificate: Certificate) -> bool:
    """
    Has the authority that a record has in full signed a certificate?  Such an authority
    need not be sent by the server (RFC 7671 section 5.2.2).

    @param record: one that is L{usable}.
    """
    if record.usage != DANE_TA or record.matching != FULL:
        return False
    try:
        if record.selector == SPKI:
            _checkSignature(load_der_public_key(record.association), certificate)
            return True
        authority = load_der_x509_certificate(record.association)
        if not _isAuthority(authority):
            return False
        certificate.verify_directly_issued_by(authority)
    except (*UNREADABLE, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _isAuthority(certificate: Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(BasicConstraints)
    except ExtensionNotFound:
        # Before version 3 nobody could say so.
        return True
    return found.value.ca


def _checkSignature(key: object, certificate: Certificate) -> None:
    """
    @raise InvalidSignature: it is not by this key.
    @raise TypeError: it is of another kind.
    """
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    how = certificate.signature_algorithm_parameters
    digest = certificate.signature_hash_algorithm
    if isinstance(key, rsa.RSAPublicKey) and digest is not None:
        if isinstance(how, ec.ECDSA) or how is None:
            raise TypeError("not signed by RSA")
        key.verify(signature, signed, how, digest)
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(how, ec.ECDSA):
        key.verify(signature, signed, how)
    elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        key.verify(signature, signed)
    else:
        raise TypeError("signed by another kind of key")


def ofUsage(records: Iterable[TLSA], usage: int) -> Sequence[TLSA]:
    """Those records with a usage."""
    return [each for each in records if each.usage == usage]


def recordFor(
    certificate: Certificate,
    usage: int = DANE_EE,
    selector: int = SPKI,
    matching: int = SHA2_256,
) -> TLSA:
    """
    The record for a certificate, to be published.

    @param certificate: the server's, or for usage 2 its authority's.
    """
    der = certificate.public_bytes(Encoding.DER)
    return TLSA(usage, selector, matching, association(der, selector, matching))


__all__ = [
    "CERT",
    "DANE_EE",
    "DANE_TA",
    "FULL",
    "SHA2_256",
    "SHA2_512",
    "SPKI",
    "association",
    "matches",
    "ofUsage",
    "publicKeyOf",
    "recordFor",
    "signsFor",
    "usable",
]
