"""
What an operator wants of a TLS handshake, on one listener or route.

The values are in OpenSSL's spelling.  The core only carries them to the TLS room
(L{smtpx.tls.terms}), which knows what they mean.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class TLSTerms:
    """
    Terms of a handshake.  L{None} everywhere means: as the TLS room has it.

    @ivar minimum: the oldest version to speak, such as C{TLSv1.3}.
    @ivar groups: the groups of the key exchange, the best first, as
        C{X25519MLKEM768:X25519}.
    @ivar ciphers: the suites of TLS 1.2, the best first.
    @ivar suites: those of TLS 1.3.
    @ivar signatures: the signature algorithms, the best first.
    """

    minimum: str | None = None
    groups: str | None = None
    ciphers: str | None = None
    suites: str | None = None
    signatures: str | None = None


#: Whatever the TLS room has.
USUAL = TLSTerms()

__all__ = ["USUAL", "TLSTerms"]
