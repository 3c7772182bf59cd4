"""
The table C{[sending]}: how mail is sent to other hosts, on all routes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import Attribute, field, frozen

from ...core.hostlist import HostList


def _key(instance: Sending, attribute: Any, value: object) -> None:
    if value is not None and instance.tlsCertificate is None:
        raise ValueError("a key wants tls_certificate, whose it is")


def _whole(instance: Sending, attribute: Any, value: HostList) -> None:
    if value.items and not instance.hostsTryFastOpen.items:
        raise ValueError("no connection is opened fast without hosts_try_fastopen")


def _addressesOnly(
    options: object, attribute: Attribute[HostList], value: HostList
) -> None:
    """
    @raise ValueError: a name, of which nobody knows at that time.
    """
    for item in value.items:
        if item.name is not None or item.suffix is not None:
            raise ValueError(f"{item.render()!r} is no address and no network")


@frozen
class Sending:
    """How mail is sent to other hosts, on all routes whose transport is C{smtp}."""

    hostsAvoidTLS: HostList = field(
        factory=HostList,
        metadata={
            "help": "Hosts that TLS is never begun with, unless the route demands it."
        },
    )
    hostsRequireTLS: HostList = field(
        factory=HostList,
        metadata={
            "help": "Hosts that no mail is sent to without TLS: ``encrypted`` at least."
        },
    )
    tlsVerifyHosts: HostList = field(
        factory=HostList,
        metadata={
            "option": "tls_verify_hosts",
            "help": "Hosts that no mail is sent to unless their certificate is good for"
            " their name: ``verified``.",
        },
    )
    hostsRequestOCSP: HostList = field(
        default=HostList.parse(["*"]),
        metadata={
            "option": "hosts_request_ocsp",
            "help": "Hosts that are asked for an OCSP response to their certificate"
            " (RFC 6066).  Where the certificate has to be good, it is not if that says"
            " that it is revoked, or if it demands one (RFC 7633) and there is no good"
            " one.  Hosts with TLSA records of usage 3 are not asked.",
        },
    )
    hostsRequireOCSP: HostList = field(
        factory=HostList,
        metadata={
            "option": "hosts_require_ocsp",
            "help": "Hosts that no mail is sent to unless their certificate is good for"
            " their name and there is a good OCSP response to it: ``verified``, and"
            " more.",
        },
    )
    hostsTryDANE: HostList = field(
        default=HostList.parse(["*"]),
        metadata={
            "option": "hosts_try_dane",
            "help": "Hosts whose TLSA records are looked for, and are binding where"
            " there are some (DANE, RFC 7672).  It takes name servers that check DNSSEC"
            " (``dns.trusted``); without them, none are looked for.",
        },
    )
    hostsRequireDANE: HostList = field(
        factory=HostList,
        metadata={
            "option": "hosts_require_dane",
            "help": "Hosts that no mail is sent to unless they have TLSA records that"
            " can be used and that their certificate matches.",
        },
    )
    tlsVerifyCertificates: Path | None = field(
        default=None,
        metadata={
            "option": "tls_verify_certificates",
            "help": "A PEM file with those whose certificates are believed.  If not"
            " given: those that the system trusts.",
        },
    )
    tlsCertificate: Path | None = field(
        default=None,
        metadata={
            "option": "tls_certificate",
            "help": "A PEM file with our own certificate, then its chain, for hosts"
            " that ask for one.  If not given: they get none.",
        },
    )
    tlsPrivateKey: Path | None = field(
        default=None,
        validator=_key,
        metadata={
            "option": "tls_privatekey",
            "help": "A PEM file with its private key.  If not given: it is in the file"
            " of the certificate.",
        },
    )
    hostsTryFastOpen: HostList = field(
        factory=HostList,
        metadata={
            "option": "hosts_try_fastopen",
            "help": "Hosts to which connections are opened by TCP Fast Open (RFC 7413),"
            " where the kernel knows how (``net.ipv4.tcp_fastopen``, bit 1): what is"
            " said before the greeting (PIPECONNECT), or to begin TLS, leaves with the"
            " first packet.  A message does not, but for ``hosts_whole_in_syn``.",
        },
    )
    hostsWholeInSYN: HostList = field(
        factory=HostList,
        validator=_whole,
        metadata={
            "option": "hosts_whole_in_syn",
            "help": "Those of ``hosts_try_fastopen`` to which a whole message leaves"
            " with the first packet, if there is room for it and they know it again"
            " (``hosts_try_checkpoint`` of the extension CHECKPOINT).  They have to"
            " remember for as long as their cookies are good.",
        },
    )
    mtaSTS: bool = field(
        default=True,
        metadata={
            "option": "mta_sts",
            "help": "Is it done as domains ask by MTA-STS (RFC 8461)?  Then no mail"
            " goes to hosts that the policy of their domain does not name, or without"
            " TLS and a good certificate, where that policy is enforced.  Policies are"
            " fetched by HTTPS.",
        },
    )
    mtaSTSVerifyCertificates: Path | None = field(
        default=None,
        metadata={
            "option": "mta_sts_verify_certificates",
            "help": "A PEM file with those whose certificates are believed of web"
            " servers that policies come from, and that reports on TLS go to.  If not"
            " given: those that the system trusts.",
        },
    )
    mtaSTSAllowNetworks: HostList = field(
        factory=HostList,
        validator=_addressesOnly,
        metadata={
            "option": "mta_sts_allow_networks",
            "help": "Addresses and networks that are connected to for policies, and"
            " reports on TLS, though they are not of the Internet, such as"
            " ``10.0.0.0/8``.  Who writes to the right domain can make the server"
            " connect there, so this is for tests.",
        },
    )
    connections: int = field(
        default=10,
        metadata={
            "least": 1,
            "help": "How many connections to a destination there may be at once.",
        },
    )
    idleSeconds: float = field(
        default=5.0,
        metadata={
            "help": "How long a connection is kept for the next message to the same"
            " host."
        },
    )
