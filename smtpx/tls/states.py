"""
What is known of a server's certificates and staples, as values: for those who show
it to an operator.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from attrs import frozen


@frozen
class StapleState:
    """
    What is known of a certificate's staple (RFC 6066 section 8).

    @ivar file: C{tls_ocsp_file}.
    @ivar sent: is there one that is sent, now?
    @ivar ends: until when that one is good, in UTC; L{None}: none was ever read
        that is for this certificate.
    @ivar problem: why it is not sent, or what is wrong with the file while one
        from before is sent; L{None}: nothing.
    """

    file: Path
    sent: bool
    ends: datetime | None
    problem: str | None


@frozen
class CertificateState:
    """
    What is known of a certificate that is offered.

    @ivar file: where it came from.
    @ivar names: the host names it is for.
    @ivar begins: from when on it is valid, in UTC.
    @ivar ends: until when, in UTC.
    @ivar problem: what is wrong with it, or with the files that were to take its
        place while it stays in use; L{None}: nothing.
    @ivar staple: L{None}: it has none configured.
    """

    file: Path
    names: tuple[str, ...]
    begins: datetime
    ends: datetime
    problem: str | None = None
    staple: StapleState | None = None


__all__ = ["CertificateState", "StapleState"]
