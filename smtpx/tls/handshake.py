"""
What both sides of TLS have in common: how a context is set up (RFC 9325), and
what a handshake came to.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate, InvalidVersion, Name
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from OpenSSL.crypto import X509

from ..core.hooks import TLSInfo
from ..core.stapled import Stapled
from ..core.tlssession import Resumption
from ..core.tlsterms import USUAL, TLSTerms
from .openssl import extendedMasterSecret, groupName, resumed
from .terms import VERSIONS, applyTerms, setMinimum, usualGroups
from .verdict import Verdict

#: The suites of TLS 1.2: ECDHE and AEAD, and nothing else (RFC 9325 section
#: 4.2).  Those of TLS 1.3 are all good.
SUITES = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384": "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305": ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    "ECDHE-RSA-CHACHA20-POLY1305": "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}

#: RFC 9266 section 4.
_EXPORTER_LABEL = b"EXPORTER-Channel-Binding"
_EXPORTER_OCTETS = 32

#: The longest subject that is told of.  A certificate may be as long as 100 kB,
#: and its subject goes into the log with each message.
_SUBJECT_CHARACTERS = 1024

#: What OpenSSL calls a part of a subject, where RFC 4514 has no name for it.
_SPELLINGS = {"emailAddress": NameOID.EMAIL_ADDRESS}

#: One for all contexts of a side: with a random one, which is Twisted's way, to
#: resume a session under another context is a fatal error.
_SESSION_CONTEXT = b"smtpx"

_NO_VERDICT = Verdict()


def makeContext(method: int, minimum: str, terms: TLSTerms = USUAL) -> SSL.Context:
    """
    Make a context that has neither certificate nor trust yet.

    @param method: C{SSL.TLS_SERVER_METHOD} or C{SSL.TLS_CLIENT_METHOD}.
    @param minimum: the oldest version to speak, one of L{VERSIONS}.
    @param terms: what the operator wants otherwise.
    @raise smtpx.tls.terms.BadTerms: C{minimum} is none of them, or OpenSSL cannot
        keep C{terms}.
    """
    context = SSL.Context(method)
    furnish(context, minimum, terms)
    return context


def furnish(context: SSL.Context, minimum: str, terms: TLSTerms = USUAL) -> None:
    """
    Say how a context that is bare makes handshakes.

    Session caches are off, for sessions are kept elsewhere or not at all, and
    buffers are given back while a connection is idle, which spares 25 kB each.

    @param minimum: the oldest version to speak, one of L{VERSIONS}.
    @param terms: what the operator wants otherwise.
    @raise smtpx.tls.terms.BadTerms: C{minimum} is none of them, or OpenSSL cannot
        keep C{terms}.
    """
    setMinimum(context, minimum)
    context.set_cipher_list(":".join(SUITES).encode("ascii"))
    context.set_options(
        SSL.OP_NO_COMPRESSION
        | SSL.OP_NO_RENEGOTIATION
        | SSL.OP_CIPHER_SERVER_PREFERENCE
    )
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(_SESSION_CONTEXT)
    usualGroups(context)
    applyTerms(context, terms)


def trust(context: SSL.Context, authorities: Iterable[Certificate]) -> None:
    """Have a context trust whoever these authorities sign for."""
    store = context.get_cert_store()
    assert store is not None, "a context is made with one"
    for authority in authorities:
        store.add_cert(X509.from_cryptography(authority))


def describe(
    connection: SSL.Connection,
    *,
    certificate: Certificate | None,
    endPoint: bytes | None,
    verified: bool,
    serverName: bytes | None,
    problem: str | None = None,
    stapled: Stapled = Stapled.NOT_ASKED,
    verdict: Verdict = _NO_VERDICT,
    resumption: Resumption = Resumption.SUPPORTED,
) -> TLSInfo:
    """
    Say what the handshake of C{connection}, which is complete, came to.

    @param certificate: the peer's, or L{None} where it sent none.
    @param endPoint: the channel binding C{tls-server-end-point}, or L{None}
        where there is none.
    @param verified: was the peer's certificate good?
    @param serverName: the SNI, or L{None} where there was none.
    @param problem: what was wrong with the peer's certificate, or L{None}.
    @param stapled: was a staple sent?
    @param verdict: what a client found of the server's certificate.
    @param resumption: what it had to do with sessions from before.
    """
    version = connection.get_protocol_version_name()
    cipher = connection.get_cipher_name() or ""
    bindings = {}
    if version == "TLSv1.3" or extendedMasterSecret(connection):
        bindings["tls-exporter"] = connection.export_keying_material(
            _EXPORTER_LABEL, _EXPORTER_OCTETS, b""
        )
    if endPoint is not None:
        bindings["tls-server-end-point"] = endPoint
    return TLSInfo(
        version=version,
        cipher=cipher,
        bits=connection.get_cipher_bits() or 0,
        verified=verified,
        resumed=resumed(connection),
        subject=None if certificate is None else subjectOf(certificate),
        serverName=serverName,
        bindings=bindings,
        suite=registeredName(cipher),
        problem=problem or verdict.problem,
        flaw=verdict.flaw,
        dane=verdict.dane,
        proof=verdict.proof,
        stapled=stapled,
        resumption=resumption,
        group=groupName(connection),
    )


def peerCertificate(connection: SSL.Connection) -> Certificate | None:
    """
    What the peer of a complete handshake showed.

    @return: L{None}: nothing, or nothing that can be read.
    """
    certificate = connection.get_peer_certificate()
    return None if certificate is None else readable(certificate)


def readable(certificate: X509) -> Certificate | None:
    """
    A certificate of OpenSSL's, to be looked at.

    @return: L{None}: OpenSSL takes more than it should, and a peer may send what
        it likes; this is such a thing, and nothing that it says may count.
    """
    try:
        with warnings.catch_warnings():
            # Of what is odd in it, but not too odd: a peer writes no log of ours.
            warnings.simplefilter("ignore")
            return certificate.to_cryptography()
    except (ValueError, InvalidVersion):
        return None


def subjectOf(certificate: Certificate) -> str | None:
    """
    The subject of a certificate (RFC 4514).

    @return: L{None}: it cannot be read, or is too long to be told.
    """
    try:
        with warnings.catch_warnings():
            # As in "readable".
            warnings.simplefilter("ignore")
            subject = certificate.subject.rfc4514_string()
    except ValueError:
        return None
    return subject if len(subject) <= _SUBJECT_CHARACTERS else None


def readSubject(text: str) -> str:
    """
    A subject that somebody wrote, as L{subjectOf} spells it.

    @raise ValueError: it is none (RFC 4514 section 3), or is empty.
    """
    subject = Name.from_rfc4514_string(text, _SPELLINGS).rfc4514_string()
    if not subject:
        raise ValueError("empty")
    return subject


def registeredName(cipher: str) -> str:
    """
    IANA's name of a cipher suite, for the C{tls} clause of the Received field
    (RFC 8314 section 4.3).

    @param cipher: as OpenSSL spells it, which for TLS 1.3 is the same.
    @return: empty where it is not known.
    """
    return cipher if cipher.startswith("TLS_") else SUITES.get(cipher, "")


def endPointOf(certificate: Certificate) -> bytes | None:
    """
    The channel binding C{tls-server-end-point} (RFC 5929 section 4.1): the
    server's certificate, hashed as its signature does, by SHA-256 where that is
    MD5 or SHA-1.

    @return: L{None} where it is undefined: a signature without a hash of its
        own, such as Ed25519.
    """
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    if algorithm is None:
        return None
    name = algorithm.name
    if name in ("md5", "sha1"):
        name = "sha256"
    return hashlib.new(name, certificate.public_bytes(Encoding.DER)).digest()


__all__ = [
    "SUITES",
    "VERSIONS",
    "describe",
    "endPointOf",
    "makeContext",
    "peerCertificate",
    "readSubject",
    "readable",
    "registeredName",
    "subjectOf",
    "trust",
]
