"""
In what a connection was not as it was demanded, in one word.
"""

from __future__ import annotations

from enum import Enum


class Flaw(Enum):
    """
    In what a connection was not as it was demanded, or not known to be.

    @cvar NO_TLS: the host offers no TLS.
    @cvar HANDSHAKE: the handshake did not succeed, and nobody said why.
    @cvar NAME: the certificate is for others.
    @cvar EXPIRED: a certificate is not valid any more, or not yet.
    @cvar UNTRUSTED: the certificate's chain does not end at somebody who is trusted.
    @cvar REVOKED: the server itself shows that its certificate was revoked.
    @cvar STAPLE: the certificate has no OCSP response that is good, and has to.
    @cvar TLSA: the certificate matches no TLSA record.
    @cvar DNSSEC: the DNS did not tell, or what it said did not stand up to DNSSEC.
    @cvar NO_DANE: DANE is demanded, and there are no TLSA records that can be used.
    @cvar BUSY: nobody could look, for we have too much to do; it is no fault of the
        host's, nor of its domain.
    @cvar BARRED: the host is not one that the domain's policy allows.
    """

    NO_TLS = "no TLS"
    HANDSHAKE = "handshake"
    NAME = "name"
    EXPIRED = "expired"
    UNTRUSTED = "untrusted"
    REVOKED = "revoked"
    STAPLE = "no OCSP"
    TLSA = "TLSA"
    DNSSEC = "DNSSEC"
    NO_DANE = "no DANE"
    BARRED = "barred"
    BUSY = "busy"


__all__ = ["Flaw"]
