"""
What a client was told of the standing of a server's certificate.
"""

from __future__ import annotations

from enum import IntEnum


class Stapled(IntEnum):
    """
    What a client was told of our certificate's standing (RFC 6066 section 8).
    The numbers are those of Exim's C{$tls_in_ocsp}.
    """

    #: It did not ask, or the certificate has no staple configured.
    NOT_ASKED = 0
    #: It asked, and there was none that is good.
    NONE_GOOD = 1
    #: It was sent one.
    SENT = 4


__all__ = ["Stapled"]
