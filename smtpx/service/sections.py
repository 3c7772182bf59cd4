"""
The tables of the configuration, as values.

The reference page C{configuration.rst} is made of these classes
(L{smtpx.service.reference}); C{help} in the metadata is its text.
"""

from __future__ import annotations

import json
from enum import Enum
from ipaddress import ip_address
from pathlib import Path

from attrs import Attribute, field, frozen
from zope.interface import implementer

from ..core.bounds import Bounds
from ..core.hostlist import HostList
from ..observe.mainlog import Selector, parseSelectors
from ..queue.mailbox import LineEnds
from ..tls.handshake import readSubject
from .kinds import FilePath, IKind, IReading, Output, StandardOutput, Unwanted
from .nested import ListOf, Optional
from .objects import PythonObject
from .problems import KeyPath, closest


class ListenerTLS(Enum):
    """When TLS begins on a listener."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class TLSVersion(Enum):
    """The oldest TLS that is spoken."""

    TLS12 = "1.2"
    TLS13 = "1.3"


class TransportKind(Enum):
    """How messages leave the spool."""

    MAILDIR = "maildir"
    DISCARD = "discard"
    HOLD = "hold"


class Unknown(Enum):
    """What becomes of an address at a domain of ours that is not listed."""

    ACCEPT = "accept"
    REFUSE = "refuse"


class LogLevel(Enum):
    """How bad an event is."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    CRITICAL = "critical"


def _address(instance: object, attribute: Attribute[str], value: str) -> None:
    try:
        ip_address(value)
    except ValueError:
        raise ValueError(
            f'expected an address of IPv4 or IPv6, got "{value}"'
        ) from None


@frozen
class Listener:
    """Where clients connect."""

    port: int | None = field(
        default=None,
        metadata={"most": 65535, "help": "The TCP port.", "none": None},
    )
    address: str = field(
        default="0.0.0.0",  # noqa: S104  # a mail server is for everybody
        validator=_address,
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
    tls: ListenerTLS = field(
        default=ListenerTLS.STARTTLS,
        metadata={
            "help": "When TLS begins: ``starttls`` when the client asks for it"
            " (RFC 3207), ``implicit`` with the connection (RFC 8314), ``none``"
            " never."
        },
    )

    def __attrs_post_init__(self) -> None:
        """
        @raise ValueError: neither a port nor an endpoint, or both.
        """
        if (self.port is None) == (self.endpoint is None):
            raise ValueError("a listener needs either a port or an endpoint")


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


@frozen
class Limits:
    """Everything that a peer can use up is bounded."""

    bounds: Bounds = field(
        factory=Bounds,
        metadata={
            "flat": True,
            "least": {
                "recipients_max": 1,
                "transactions_max": 1,
                "chunks_max": 1,
                # RFC 5321 sections 4.5.3.1.4 and 4.5.3.1.6.
                "command_octets": 512,
                "text_line_octets": 1000,
                "errors_max": 1,
                "refusals_max": 1,
                "idle_commands_max": 3,
                "command_seconds": 1,
                "body_seconds": 1,
                "body_block_octets": 1,
                "handshake_seconds": 1,
                "answer_seconds": 1,
            },
        },
    )
    connectionsMax: int = field(
        default=10_000,
        metadata={"least": 1, "help": "The most connections at once, in all."},
    )
    connectionsPerAddress: int = field(
        default=100,
        metadata={"least": 1, "help": "The most connections at once from an address."},
    )
    connectionsPerNetwork: int = field(
        default=1000,
        metadata={"least": 1, "help": "The most connections at once from a network."},
    )
    networkPrefixIPv4: int = field(
        default=24,
        metadata={
            "option": "network_prefix_ipv4",
            "most": 32,
            "help": "How many bits of an IPv4 address are its network.",
        },
    )
    networkPrefixIPv6: int = field(
        default=48,
        metadata={
            "option": "network_prefix_ipv6",
            "most": 128,
            "help": "How many bits of an IPv6 address are its network.",
        },
    )
    addressPrefixIPv6: int = field(
        default=64,
        metadata={
            "option": "address_prefix_ipv6",
            "most": 128,
            "help": "How many bits of an IPv6 address are one address: a host has"
            " its whole /64 to choose from.",
        },
    )
    spoolFreeOctets: int = field(
        default=128 << 20,
        metadata={
            "help": "With less room than this on the disk of the spool, no message"
            " is begun (452)."
        },
    )
    memoryFreeOctets: int = field(
        default=64 << 20,
        metadata={
            "help": "With less memory than this, of the machine or of the control"
            " group, no connections are accepted; those that are there go on."
            "  0: any will do."
        },
    )
    descriptorsFree: int = field(
        default=64,
        metadata={
            "help": "Connections are accepted only while this many of the process's"
            " file descriptors stay free, for files."
        },
    )


@frozen
class Local:
    """Whom we are the final host of."""

    domains: tuple[str, ...] | None = field(
        default=None,
        metadata={
            "help": "Our domains.  If not given: ``localhost`` and the server's name."
        },
    )
    addresses: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Addresses that are known, such as ``ann@example.org``.  The"
            " postmaster of each domain is always known (RFC 5321 section 4.5.1)."
        },
    )
    unknown: Unknown = field(
        default=Unknown.ACCEPT,
        metadata={
            "help": "What becomes of other addresses at our domains: ``accept``, or"
            " ``refuse`` with 550 5.1.1."
        },
    )


@frozen
class RouteEntry:
    """Where the messages of some recipients go."""

    match: tuple[str, ...] = field(
        metadata={
            "help": "Whose: an address, a domain, ``*.example.org`` for the domains"
            " below it, or ``*`` for all.  The narrowest match of all routes decides."
        }
    )
    transport: TransportKind = field(
        default=TransportKind.MAILDIR,
        metadata={
            "help": "``maildir`` writes a file for each recipient, ``discard`` throws"
            " the message away, ``hold`` keeps it in the spool until somebody"
            " releases it."
        },
    )
    path: Path | None = field(
        default=None,
        metadata={
            "kind": Optional(FilePath(template=True)),
            "help": "For ``maildir``: the folder.  ``{local}``, ``{user}`` (the local"
            " part up to a ``+``), ``{domain}`` and ``{address}`` stand for parts of"
            " the recipient's address.  If not given: ``Maildir`` in the state folder.",
        },
    )
    lineEnds: LineEnds = field(
        default=LineEnds.CRLF,
        metadata={
            "help": "For ``maildir``: ``crlf`` keeps the message octet for octet,"
            " ``lf`` makes each CRLF an LF, as most readers of Maildirs expect."
        },
    )

    def __attrs_post_init__(self) -> None:
        """
        @raise ValueError: nobody to match, or a path that is of no use.
        """
        if not self.match:
            raise ValueError("a route needs something to match")
        if self.transport is not TransportKind.MAILDIR and self.path is not None:
            raise ValueError(f'a route to "{self.transport.value}" has no path')


@implementer(IKind)
@frozen
class Subject:
    """The subject of a certificate, read as C{TLSInfo.subject} is written."""

    words: str = 'a subject as in RFC 4514, such as "CN=mail.example.org"'

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if not isinstance(value, str):
            raise Unwanted(self, value)
        try:
            return readSubject(value)
        except ValueError:
            raise Unwanted(self, value) from None

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        return json.dumps(value, ensure_ascii=False)


@frozen
class Relay:
    """Who may send to domains that are not ours."""

    hosts: HostList = field(
        factory=HostList, metadata={"help": "A host list: clients that may."}
    )
    authenticated: bool = field(
        default=True, metadata={"help": "May clients that have authenticated?"}
    )
    certificates: tuple[str, ...] = field(
        default=(),
        metadata={
            "kind": ListOf(Subject()),
            "help": "Clients that may, by the whole subjects of their certificates."
            "  They count only if ``client_authorities`` in the table ``tls`` names"
            " who has signed them.",
        },
    )


@frozen
class Users:
    """Who can authenticate (RFC 4954)."""

    file: Path | None = field(
        default=None,
        metadata={
            "help": "The file that ``smtpx passwd`` writes.  It is read again when it"
            " changes; while there is none, AUTH is not offered.  If not given:"
            " ``users`` in the state folder."
        },
    )
    python: PythonObject | None = field(
        default=None,
        metadata={"help": "A callable that checks passwords, in place of the file."},
    )

    def __attrs_post_init__(self) -> None:
        """
        @raise ValueError: both.
        """
        if self.file is not None and self.python is not None:
            raise ValueError("users come either from a file or from python")


@frozen
class Policy:
    """Who is refused, besides."""

    python: tuple[PythonObject, ...] = field(
        default=(),
        metadata={
            "help": "Policies of yours, asked in this order when our own has no"
            " objection.  Each is an object with the methods of"
            " ``smtpx.net.interfaces.IPolicy``, all or some, or a callable without"
            " arguments that makes one."
        },
    )
    refuseHosts: HostList = field(
        factory=HostList,
        metadata={"help": "A host list: clients that are refused at once (554)."},
    )


@implementer(IKind)
@frozen
class SelectorItem:
    """One item of a choice of log selectors."""

    words: str = "a log selector"

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if not isinstance(value, str):
            raise Unwanted(self, value)
        try:
            parseSelectors([value])
        except ValueError:
            meant = closest(value.lstrip("+-"), [each.value for each in Selector])
            raise Unwanted(self, value, meant) from None
        return value

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        return f'"{value}"'


@frozen
class Log:
    """Where is told what happens."""

    main: Path | StandardOutput | None = field(
        default=None,
        metadata={
            "kind": Output(),
            "help": "A file for the main log, in the format of Exim's; ``-`` is"
            " standard output.  If not given: ``main.log`` in the state folder.",
        },
    )
    json: Path | StandardOutput | None = field(
        default=None,
        metadata={
            "kind": Output(),
            "help": "A file for all events, one JSON object a line; ``-`` is standard"
            " output.  If not given: nowhere.",
        },
    )
    level: LogLevel = field(
        default=LogLevel.WARN,
        metadata={
            "help": "How bad an event has to be to stand in the log of ``twistd`` as"
            " well."
        },
    )
    selectors: tuple[str, ...] = field(
        default=(),
        metadata={
            "kind": ListOf(SelectorItem()),
            "help": "What the main log shows, by Exim's names: ``+name`` adds to what"
            " it shows anyway, ``-name`` takes away, ``all`` is everything.",
        },
    )
