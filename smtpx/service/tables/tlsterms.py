"""
What listeners and routes may say of a TLS handshake, with the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...core.tlsterms import TLSTerms
from ...tls.terms import (
    giveCiphers,
    giveGroups,
    giveSignatures,
    giveSuites,
    problemOf,
)
from .tls import TLSVersion

#: Tries a text with OpenSSL.
Give = Callable[[Any, str], None]

#: What tries each, by the option's name.
GIVES: Mapping[str, Give] = {
    "tls_groups": giveGroups,
    "tls_ciphers": giveCiphers,
    "tls_ciphersuites": giveSuites,
    "tls_signature_algorithms": giveSignatures,
}

_LIKE = '  Names, the best first, with ":" between them.'

#: What the manual says of each.
HELP: Mapping[str, str] = {
    "tls_min_version": "the oldest TLS that is spoken.  If not given: ``minimum`` of"
    " the table ``tls``.",
    "tls_groups": "the groups of the key exchange, such as"
    " ``X25519MLKEM768:X25519:P-256``." + _LIKE + "  If not given: OpenSSL's, without"
    " finite fields (``ffdhe2048`` and its like).",
    "tls_ciphers": "the suites of TLS 1.2, such as ``ECDHE+AESGCM:ECDHE+CHACHA20``."
    + _LIKE
    + "  If not given: those with ECDHE and AES-GCM or ChaCha20 (RFC 9325 section"
    " 4.2).",
    "tls_ciphersuites": "the suites of TLS 1.3, such as"
    " ``TLS_AES_128_GCM_SHA256``." + _LIKE + "  If not given: OpenSSL's.",
    "tls_signature_algorithms": "the algorithms by which handshakes and certificates"
    " may be signed, such as ``ed25519:ecdsa_secp256r1_sha256``."
    + _LIKE
    + "  If not given: OpenSSL's.",
}


def wrongTerm(option: str, text: str) -> str | None:
    """
    What is wrong with a text of one of L{GIVES}.

    @return: L{None}: nothing.
    """
    return problemOf(GIVES[option], text)


def termsOf(
    minimum: TLSVersion | None,
    groups: str | None,
    ciphers: str | None,
    suites: str | None,
    signatures: str | None,
) -> TLSTerms:
    """What the TLS room makes of them."""
    version = None if minimum is None else f"TLSv{minimum.value}"
    return TLSTerms(version, groups, ciphers, suites, signatures)


__all__ = ["GIVES", "HELP", "termsOf", "wrongTerm"]
