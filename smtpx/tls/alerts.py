"""
What a peer's alert means (RFC 8446 section 6.2), in words for who runs the other end.
"""

from __future__ import annotations

import re

_alert = re.compile(
    r"(?:sslv3|tlsv1|tlsv13|ssl/tls) alert (.+)", re.IGNORECASE
).fullmatch

#: By which a client says that it does not like a certificate.
_CERTIFICATE = frozenset(
    (
        "bad certificate",
        "bad certificate hash value",
        "bad certificate status response",
        "certificate expired",
        "certificate revoked",
        "certificate unknown",
        "unknown ca",
        "unsupported certificate",
    )
)


def clearer(reason: str) -> str:
    """
    Why a handshake with a client failed.

    @param reason: as OpenSSL has it.
    """
    found = _alert(reason)
    if found is None:
        return reason
    word = found[1].lower()
    said = f"the client ended it with the alert {word!r}"
    if word in _CERTIFICATE:
        return f"{said}: it does not accept the certificate of this server"
    if word == "internal error":
        # What OpenSSL sends where not it, but who uses it, refuses a certificate: our
        # own client does, and others that know DANE or MTA-STS.
        return (
            f"{said}: perhaps the certificate of this server does not match its TLSA"
            " records, or is not for the name that the client wants"
        )
    return said


__all__ = ["clearer"]
