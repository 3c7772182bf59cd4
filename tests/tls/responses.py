"""
OCSP responses that are right or wrong, for those who are to look at them.
"""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.ocsp import (
    OCSPCertStatus,
    OCSPResponderEncoding,
    OCSPResponseBuilder,
)

from smtpx.tls.certificates import CertificateFiles

from .identities import Identity
from .joined import NOW, pem, pemKey, replace, store

#: Certificates and responses tell the time to the second.
SECOND = NOW.replace(microsecond=0)
DAY = timedelta(days=1)
#: When responses begin, from now: later than those who sign them.
BEGUN = timedelta(minutes=-30)

#: The frame of a response in PEM.
BEGIN, END = b"-----BEGIN OCSP RESPONSE-----\n", b"-----END OCSP RESPONSE-----\n"


def answered(
    identity: Identity,
    issuer: Identity,
    *,
    status: OCSPCertStatus = OCSPCertStatus.GOOD,
    begins: timedelta = BEGUN,
    ends: timedelta | None = DAY,
    algorithm: HashAlgorithm | None = None,
    responder: Identity | None = None,
    shown: Identity | None = None,
    hashed: HashAlgorithm | None = None,
) -> bytes:
    """
    What a responder says of a certificate, as DER.

    @param issuer: who is said to have signed the certificate.
    @param begins: when, from now.
    @param ends: when, from now; L{None}: it does not say.
    @param algorithm: hashes the issuer; L{None}: SHA-1, as everywhere.
    @param responder: who signs the response; L{None}: the issuer.
    @param shown: whose certificate is in it besides that of C{responder}; L{None}:
        nobody's.
    @param hashed: hashes what is signed; L{None}: SHA-256, if the key wants one.
    """
    revoked = status is OCSPCertStatus.REVOKED
    builder = OCSPResponseBuilder().add_response(
        identity.certificate,
        issuer.certificate,
        algorithm or SHA1(),
        status,
        SECOND + begins,
        None if ends is None else SECOND + ends,
        SECOND - DAY if revoked else None,
        None,
    )
    if responder is not None:
        others = [] if shown is None else [shown.certificate]
        builder = builder.certificates([responder.certificate, *others])
    return signed(builder, responder or issuer, hashed)


def signed(
    builder: OCSPResponseBuilder, by: Identity, hashed: HashAlgorithm | None = None
) -> bytes:
    """
    A response that is otherwise complete, as DER.

    @param hashed: see L{answered}.
    """
    builder = builder.responder_id(OCSPResponderEncoding.HASH, by.certificate)
    edwards = isinstance(by.key, ed25519.Ed25519PrivateKey)
    response = builder.sign(by.key, None if edwards else hashed or SHA256())
    return response.public_bytes(Encoding.DER)


def framed(*responses: bytes) -> bytes:
    """Responses as PEM."""
    return b"".join(BEGIN + base64.encodebytes(each) + END for each in responses)


def kept(
    folder: Path, identity: Identity, response: bytes | None = None
) -> CertificateFiles:
    """
    Write a certificate and its staple into C{folder}, which is made.

    @param response: L{None}: the staple's file is named, but is not there.
    """
    files = store(folder, pem(*identity.chain), pemKey(identity.key))
    staple = folder / "staple.der"
    if response is not None:
        replace(staple, response)
    return CertificateFiles(files.chain, files.key, staple)


def at(delta: timedelta) -> datetime:
    """A time, from now."""
    return SECOND + delta


__all__ = [
    "BEGIN",
    "BEGUN",
    "DAY",
    "END",
    "SECOND",
    "answered",
    "at",
    "framed",
    "kept",
    "signed",
]
