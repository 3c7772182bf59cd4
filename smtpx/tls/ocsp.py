"""
OCSP responses, as files (RFC 6960): an authority's word, good for some days, that
it has not revoked a certificate.

A server that sends it within the handshake, as a I{staple} (RFC 6066 section 8),
spares its clients the question, and the authority the knowledge of who asks.  So
a client has to believe it, and what no client would believe is not sent.
L{judge} looks at all of it but the time, which is L{Staple.problem}'s.

A file has DER, or PEM with C{OCSP RESPONSE} in its frame; of several responses in
PEM, the first that can be used for the certificate is.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from attrs import frozen
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import (
    Certificate,
    ExtendedKeyUsage,
    ExtensionNotFound,
    TLSFeature,
    TLSFeatureType,
)
from cryptography.x509.ocsp import (
    OCSPCertStatus,
    OCSPRequestBuilder,
    OCSPResponse,
    OCSPResponseStatus,
    OCSPSingleResponse,
    load_der_ocsp_response,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, SignatureAlgorithmOID

from .certificates import UNREADABLE, CertificateError

#: The most octets that a file may have; real ones have 300 to 3,000.
OCTETS_MOST = 65_536

#: How far in the future a response may begin: a clock may be wrong by this much,
#: and one that was just fetched is the best there is.
TOLERANCE = timedelta(minutes=5)

_FRAMED = re.compile(
    rb"-----BEGIN OCSP RESPONSE-----(.+?)-----END OCSP RESPONSE-----", re.DOTALL
)

#: How many certificates of responders in a response are looked at.
_RESPONDERS_MOST = 4

#: How many answers in one are looked at; there is one.
_ANSWERS_MOST = 64


class StapleError(CertificateError):
    """
    A response that cannot be sent as a staple.

    @ivar withdrawn: is it the authority's word that the certificate is not good?
        Then one from before has no worth any more either.
    @ivar revoked: does it even say that it is revoked?
    """

    def __init__(
        self, problem: str, *, withdrawn: bool = False, revoked: bool = False
    ) -> None:
        CertificateError.__init__(self, problem)
        self.withdrawn = withdrawn or revoked
        self.revoked = revoked


class OrphanError(StapleError):
    """A response that cannot be judged, for nobody knows the certificate's issuer."""


@frozen
class Staple:
    """
    A response that says of a certificate that it is good.

    @ivar octets: the response, as DER.
    @ivar begins: from when on.
    @ivar ends: until when.
    """

    octets: bytes
    begins: datetime
    ends: datetime

    def problem(self, now: datetime, tolerance: timedelta = timedelta(0)) -> str | None:
        """
        Why it is of no use now, because of the time.

        @param tolerance: how long it is after its end: a clock may be wrong.
        @return: L{None}: it is of use.
        """
        if self.ends + tolerance <= now:
            return f"the response expired at {moment(self.ends)}"
        if self.begins > now + TOLERANCE:
            return f"the response is not valid before {moment(self.begins)}"
        return None


def moment(when: datetime) -> str:
    """A time as an operator reads it, to the second and in UTC."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def readStaple(path: Path, chain: Sequence[Certificate]) -> Staple:
    """
    Read the response for a certificate.

    @param chain: the certificate, and those behind it.
    @return: it may not be its time, see L{Staple.problem}.
    @raise StapleError: it cannot be read, or not be sent; the text begins with
        the file's name.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(OCTETS_MOST + 1)
    except OSError as error:
        raise StapleError(f"{path}: {error.strerror}") from None
    if len(octets) > OCTETS_MOST:
        raise StapleError(f"{path}: more than {OCTETS_MOST} octets")
    first: StapleError | None = None
    for response in _responses(octets):
        try:
            return judge(response, chain)
        except StapleError as error:
            first = first or error
    if first is None:
        raise StapleError(f"{path}: no OCSP response in it")
    raise StapleError(f"{path}: {first}", withdrawn=first.withdrawn)


def _responses(octets: bytes) -> Iterator[bytes]:
    """The responses in a file, as DER."""
    if b"-----BEGIN" not in octets:
        if octets:
            yield octets
        return
    for found in _FRAMED.finditer(octets):
        try:
            yield base64.b64decode(b"".join(found[1].split()), validate=True)
        except binascii.Error:
            # What is no DER either is told of as such.
            yield b""


def judge(octets: bytes, chain: Sequence[Certificate]) -> Staple:
    """
    Look at a response.

    @param octets: as DER.
    @param chain: the certificate that it should be for, and those behind it.
    @raise StapleError: no client would take it for that certificate.
    """
    try:
        response = load_der_ocsp_response(octets)
        status = response.response_status
        if status is not OCSPResponseStatus.SUCCESSFUL:
            # RFC 6960 section 4.2.1: then it says nothing else.
            name = status.name.lower().replace("_", " ")
            raise StapleError(f"the responder's answer is an error: {name}")
        issuer = _issuerOf(chain)
        single = _singleFor(response, chain[0], issuer)
        # Before its word counts for anything.
        responder = _responderOf(response, issuer)
        return _good(octets, single, responder)
    except UNREADABLE as error:
        raise StapleError(f"no OCSP response that can be read: {error}") from None


def _issuerOf(chain: Sequence[Certificate]) -> Certificate:
    """
    Who signed the first certificate of a chain.

    @raise StapleError: the chain does not say.
    """
    for candidate in chain[1:]:
        if _issued(candidate, chain[0]):
            return candidate
    raise OrphanError(
        "the certificate's file has not its issuer's behind it, without which no"
        " response can be judged"
    )


def _issued(issuer: Certificate, certificate: Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _singleFor(
    response: OCSPResponse, certificate: Certificate, issuer: Certificate
) -> OCSPSingleResponse:
    """
    What a response says of one certificate: the whole of CertID counts (RFC 6960
    section 4.1.1), for a serial number alone may be another authority's too.

    @raise StapleError: nothing.
    """
    for single in islice(response.responses, _ANSWERS_MOST):
        algorithm = single.hash_algorithm
        wanted = (
            OCSPRequestBuilder().add_certificate(certificate, issuer, algorithm).build()
        )
        if (
            single.serial_number == wanted.serial_number
            and single.issuer_name_hash == wanted.issuer_name_hash
            and single.issuer_key_hash == wanted.issuer_key_hash
        ):
            return single
    raise StapleError("the response is for another certificate")


def _responderOf(response: OCSPResponse, issuer: Certificate) -> Certificate:
    """
    Who signed a response: the issuer, or somebody whom the issuer has authorised
    (RFC 6960 section 4.2.2.2).

    @raise StapleError: neither.
    """
    if _signed(response, issuer):
        return issuer
    for candidate in response.certificates[:_RESPONDERS_MOST]:
        if (
            _authorised(candidate)
            and _issued(issuer, candidate)
            and _signed(response, candidate)
        ):
            return candidate
    raise StapleError(
        "the response is signed neither by the certificate's issuer nor by a"
        " responder that the issuer authorised"
    )


def _authorised(certificate: Certificate) -> bool:
    """Is it one for signing OCSP responses?"""
    try:
        uses = certificate.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in uses


def _signed(response: OCSPResponse, signer: Certificate) -> bool:
    """Is the signature of a response right, and by the key of C{signer}?"""
    key = signer.public_key()
    signature, signed = response.signature, response.tbs_response_bytes
    try:
        if isinstance(key, Ed25519PublicKey | Ed448PublicKey):
            key.verify(signature, signed)
            return True
        if response.signature_algorithm_oid == SignatureAlgorithmOID.RSASSA_PSS:
            # Nobody signs responses so, and its salt cannot be read here.
            return False
        algorithm = response.signature_hash_algorithm
        if algorithm is not None and isinstance(key, EllipticCurvePublicKey):
            key.verify(signature, signed, ECDSA(algorithm))
            return True
        if algorithm is None or not isinstance(key, RSAPublicKey):
            return False
        key.verify(signature, signed, PKCS1v15(), algorithm)
        return True
    except InvalidSignature:
        return False


def _good(octets: bytes, single: OCSPSingleResponse, responder: Certificate) -> Staple:
    """
    A response as a staple.

    @raise StapleError: it does not say that the certificate is good, or not for
        how long.
    """
    status = single.certificate_status
    if status is OCSPCertStatus.REVOKED:
        # To send it would not be wrong, but of use to nobody: a client that is
        # told so ends the handshake, and one that wants to know may ask.
        raise StapleError("the certificate is revoked", revoked=True)
    if status is OCSPCertStatus.UNKNOWN:
        raise StapleError("the responder does not know the certificate", withdrawn=True)
    ends = single.next_update_utc
    if ends is None:
        # RFC 6960 section 4.2.2.1: there is always newer information.
        raise StapleError("the response does not say until when it is valid")
    # No longer than the word of whoever signed it counts.
    return Staple(
        octets,
        max(single.this_update_utc, responder.not_valid_before_utc),
        min(ends, responder.not_valid_after_utc),
    )


def demandsStaple(certificate: Certificate) -> bool:
    """
    Does a certificate say that it is to be refused without a staple (RFC 7633)?
    """
    try:
        features = certificate.extensions.get_extension_for_class(TLSFeature).value
    except ExtensionNotFound:
        return False
    return TLSFeatureType.status_request in features


__all__ = [
    "OCTETS_MOST",
    "TOLERANCE",
    "OrphanError",
    "Staple",
    "StapleError",
    "demandsStaple",
    "judge",
    "moment",
    "readStaple",
]
