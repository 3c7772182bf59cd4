"""
The table C{[tls]}: certificates, and how they are offered.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from attrs import field, frozen


class TLSVersion(Enum):
    """The oldest TLS that is spoken."""

    TLS12 = "1.2"
    TLS13 = "1.3"


@frozen
class CertificatePair:
    """A certificate and its key."""

    certificate: Path = field(
        metadata={"help": "A PEM file: the certificate, then its chain."}
    )
    key: Path = field(metadata={"help": "A PEM file with the private key."})


@frozen
class TLS:
    """Certificates, and how they are offered."""

    certificates: tuple[CertificatePair, ...] = field(
        default=(),
        metadata={
            "help": "The first is for clients that name no host or one that no"
            " certificate is for; the others are found by the name that the client"
            " asks for (RFC 6066 section 3).  Files are read again when they change."
            "  Without any, a certificate is made in the state folder, signed by a"
            " small CA made there."
        },
    )
    minimum: TLSVersion = field(
        default=TLSVersion.TLS12, metadata={"help": "The oldest version spoken."}
    )
    clientAuthorities: Path | None = field(
        default=None,
        metadata={
            "help": "A PEM file with those who sign certificates for clients.  With"
            " it, clients are asked for a certificate; those without one, or with"
            " one that is not good, are served all the same, but not verified.  The"
            " file is read again when it changes.  If not given: clients are asked"
            " for none."
        },
    )
