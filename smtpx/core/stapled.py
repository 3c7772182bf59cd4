"""
What a client was told of the standing of a server's certificate, by an OCSP response
that is stapled to it (RFC 6066 section 8), and how much it wants to be told.
"""

from __future__ import annotations

from enum import IntEnum


class Stapled(IntEnum):
    """
    What a client was told of a certificate's standing.  The numbers are those of Exim's
    C{$tls_in_ocsp} and C{$tls_out_ocsp}.  A server has the first two and L{SENT}.

    @cvar NOT_ASKED: the client did not ask; or it did, and our certificate has no
        staple configured.
    @cvar NONE_GOOD: it asked, and there was none; of a server: none that is good.
    @cvar UNJUDGED: a staple came, and nobody knows who may have signed it.
    @cvar FAILED: one came that is not good, or says that the certificate is not.
    @cvar SENT: one was sent that is good.
    """

    NOT_ASKED = 0
    NONE_GOOD = 1
    UNJUDGED = 2
    FAILED = 3
    SENT = 4


class StapleWish(IntEnum):
    """
    How much a client wants a staple.

    @cvar NONE: it does not ask for one.
    @cvar ASKED: it asks.  No certificate is good that is said to be revoked, or that
        demands a staple (RFC 7633) and has no good one.
    @cvar REQUIRED: no certificate is good that has no good one.
    """

    NONE = 0
    ASKED = 1
    REQUIRED = 2


__all__ = ["StapleWish", "Stapled"]
