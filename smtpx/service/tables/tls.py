"""
The table C{[tls]}: certificates, and how they are offered.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from attrs import field, frozen

from ...core.hostlist import HostList
from ...core.tlssession import LIFETIME_SECONDS_MOST
from ...tls.keyring import TICKET_SECONDS
from ..kinds import durationInSeconds

#: The host list that everybody is in.
ANYBODY = HostList.parse(["*"])


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
    tlsOCSPFile: Path | None = field(
        default=None,
        metadata={
            "option": "tls_ocsp_file",
            "help": "A file, DER or PEM, with an OCSP response for the certificate,"
            " which is sent to clients that ask for it (RFC 6066 section 8).  It is"
            " read again when it changes.  A response that no client would believe,"
            " such as an expired one, is not sent, and the log says why.  If not"
            " given: none is sent.",
        },
    )


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
            " one that is not good, are served all the same, but not verified,"
            " unless ``tls_verify_hosts`` says otherwise.  The file is read again"
            " when it changes.  If not given: clients are asked for none."
        },
    )
    tlsVerifyHosts: HostList = field(
        default=HostList(),
        metadata={
            "option": "tls_verify_hosts",
            "help": "The clients that have to show a good certificate when TLS"
            " begins; without one, the handshake fails.  It does not make a client"
            " begin TLS.  Wants ``client_authorities``.",
        },
    )
    tlsTryVerifyHosts: HostList = field(
        default=ANYBODY,
        metadata={
            "option": "tls_try_verify_hosts",
            "help": "The other clients that are asked for a certificate, where"
            " there are ``client_authorities``.",
        },
    )

    tlsResumptionLifetime: float = field(
        default=TICKET_SECONDS,
        metadata={
            "option": "tls_resumption_lifetime",
            "kind": durationInSeconds(False, 60, LIFETIME_SECONDS_MOST),
            "help": "How long a client in ``tls_resumption_hosts`` of its listener may"
            " resume a session.  The keys of tickets turn each half of it, and are in"
            " memory only; with several ``workers``, those of the next days are made"
            " ahead.",
        },
    )

    def __attrs_post_init__(self) -> None:
        """
        @raise ValueError: clients have to show certificates that nobody signs.
        """
        if self.clientAuthorities is not None:
            return
        for name, given in (
            ("tls_verify_hosts", self.tlsVerifyHosts != HostList()),
            ("tls_try_verify_hosts", self.tlsTryVerifyHosts != ANYBODY),
        ):
            if given:
                raise ValueError(
                    f"{name} wants client_authorities, which says who signs"
                    " certificates for clients"
                )
