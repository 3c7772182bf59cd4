"""
The tables C{[[listener]]}: where clients connect.
"""

from __future__ import annotations

import re
from enum import Enum
from ipaddress import ip_address
from typing import Any

from attrs import Attribute, field, frozen

from ...core.hooks import Dialect
from ...core.hostlist import HostList
from ...core.tlsterms import TLSTerms
from .tls import TLSVersion
from .tlsterms import HELP, termsOf, wrongTerm


class ListenerTLS(Enum):
    """When TLS begins on a listener."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class ListenerProtocol(Enum):
    """What is spoken on a listener."""

    SMTP = "smtp"
    LMTP = "lmtp"

    @property
    def dialect(self) -> Dialect:
        """The same, as the core has it."""
        return Dialect[self.name]


class Role(Enum):
    """Whom a listener is for."""

    MX = "mx"
    SUBMISSION = "submission"


#: RFC 2033 section 5.
_FORBIDDEN_PORT = 25

#: The same as an endpoint.
_isForbidden = re.compile(r"(tcp6?|ssl):(.*:)?(port=)?0*25(:|\Z)").match


def checkAddress(instance: object, attribute: Attribute[str], value: str) -> None:
    """
    A validator: is this an address?

    @raise ValueError: it is not.
    """
    try:
        ip_address(value)
    except ValueError:
        raise ValueError(
            f'expected an address of IPv4 or IPv6, got "{value}"'
        ) from None


def _addresses(
    instance: object, attribute: Attribute[HostList], value: HostList
) -> None:
    for item in value.items:
        if not (item.anybody or item.networks):
            raise ValueError(
                f'a proxy is known by its address or network, not as "{item.text}"'
            )


def _protected(instance: Listener, attribute: Attribute[Any], value: object) -> None:
    if value is not None and instance.tls is ListenerTLS.NONE:
        raise ValueError("there is no TLS on this listener")


def _resumable(
    instance: Listener, attribute: Attribute[HostList], value: HostList
) -> None:
    _protected(instance, attribute, value.items or None)


def _begun(help: str) -> str:
    """Help that begins a sentence."""
    return help[0].upper() + help[1:]


def _term(option: str) -> Any:
    def validate(
        instance: Listener, attribute: Attribute[Any], value: str | None
    ) -> None:
        _protected(instance, attribute, value)
        wrong = None if value is None else wrongTerm(option, value)
        if wrong is not None:
            raise ValueError(wrong)

    metadata = {"option": option, "help": _begun(HELP[option])}
    return field(default=None, validator=validate, metadata=metadata)


@frozen
class Listener:
    """Where clients connect."""

    port: int | None = field(
        default=None,
        metadata={"most": 65535, "help": "The TCP port.", "none": None},
    )
    address: str = field(
        default="0.0.0.0",  # noqa: S104  # a mail server is for everybody
        validator=checkAddress,
        metadata={
            "help": "The address of ours; ``0.0.0.0`` is every IPv4 address and"
            " ``::`` every IPv6 address.  A listener for both needs two entries."
        },
    )
    endpoint: str | None = field(
        default=None,
        metadata={
            "help": "A Twisted server endpoint, such as ``unix:/run/smtp.sock`` or"
            " ``systemd:domain=INET:index=0``, in place of address and port."
        },
    )
    protocol: ListenerProtocol = field(
        default=ListenerProtocol.SMTP,
        metadata={
            "help": "What is spoken: ``smtp``, or ``lmtp`` (RFC 2033), which has a"
            " reply for each recipient behind a message, and is for mail servers that"
            " have been told of it; never at port 25."
        },
    )
    role: Role = field(
        default=Role.MX,
        metadata={
            "help": "Whom it is for: ``mx`` for other mail servers, ``submission`` for"
            " people's mail programs (RFC 6409), who have to log in; see the table"
            " ``submission``."
        },
    )
    tls: ListenerTLS = field(
        metadata={
            "help": "When TLS begins: ``starttls`` when the client asks for it"
            " (RFC 3207), ``implicit`` with the connection (RFC 8314), ``none``"
            " never.  If not given: ``implicit`` at port 465 for submission,"
            " ``starttls`` elsewhere."
        },
    )

    tlsMinVersion: TLSVersion | None = field(
        default=None,
        validator=_protected,
        metadata={
            "option": "tls_min_version",
            "help": _begun(HELP["tls_min_version"]),
        },
    )
    tlsGroups: str | None = _term("tls_groups")
    tlsCiphers: str | None = _term("tls_ciphers")
    tlsCiphersuites: str | None = _term("tls_ciphersuites")
    tlsSignatureAlgorithms: str | None = _term("tls_signature_algorithms")
    tlsResumptionHosts: HostList = field(
        factory=HostList,
        validator=_resumable,
        metadata={
            "option": "tls_resumption_hosts",
            "help": "A host list: the clients that may resume TLS sessions, and so are"
            " given tickets (RFC 8446 section 2.2).  A ticket shows whoever listens"
            " that two connections are one client's, so think twice for"
            " ``submission``.",
        },
    )
    tlsNoTicketHosts: HostList = field(
        factory=HostList,
        validator=_resumable,
        metadata={
            "option": "tls_no_ticket_hosts",
            "help": "A host list: clients that break off when they are sent a ticket."
            "  They are sent none, and get TLS 1.2 at most, for under TLS 1.3 OpenSSL"
            " always sends some.",
        },
    )
    proxyHosts: HostList = field(
        factory=HostList,
        validator=_addresses,
        metadata={
            "help": "A host list, of addresses and networks: proxies, whose"
            " connections begin with a header of the PROXY protocol (version 1 or"
            " 2) that says whom they bring.  Nobody else may send one."
        },
    )
    fastOpen: bool = field(
        default=True,
        metadata={
            "help": "May clients open connections by TCP Fast Open (RFC 7413), where"
            " the kernel takes them (``net.ipv4.tcp_fastopen``, bit 2)?  Nothing that"
            " came with a first packet is taken for a message before the client has"
            " shown that it is where the packet said."
        },
    )
    proxySeconds: float = field(
        default=10.0,
        metadata={
            "least": 1,
            "help": "How long such a header may take to come.",
        },
    )

    @tls.default
    def _usualTLS(self) -> ListenerTLS:
        # RFC 8314 section 3.3: the port of "submissions".
        if self.role is Role.SUBMISSION and self.port == 465:
            return ListenerTLS.IMPLICIT
        return ListenerTLS.STARTTLS

    @property
    def terms(self) -> TLSTerms:
        """What is said of handshakes, as the TLS room has it."""
        return termsOf(
            self.tlsMinVersion,
            self.tlsGroups,
            self.tlsCiphers,
            self.tlsCiphersuites,
            self.tlsSignatureAlgorithms,
        )

    def __attrs_post_init__(self) -> None:
        """
        @raise ValueError: neither a port nor an endpoint, or both; or nothing for
            LMTP.
        """
        if (self.port is None) == (self.endpoint is None):
            raise ValueError("a listener needs either a port or an endpoint")
        if self.protocol is ListenerProtocol.LMTP:
            if self.port == _FORBIDDEN_PORT or _isForbidden(self.endpoint or ""):
                raise ValueError("RFC 2033 forbids LMTP at port 25")
            if self.role is Role.SUBMISSION:
                raise ValueError("mail programs do not submit by LMTP")
