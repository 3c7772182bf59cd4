"""
What routes with the transports C{smtp} and C{lmtp} have besides.

Some options go together only in one way.  Each says itself what is wrong with it, so
that the fault has its line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from attrs import field, frozen
from zope.interface import implementer

from ...core.domain import checkDomain
from ...core.hooks import TLSLevel
from ...core.hostlist import HostList
from ...dns.mailhosts import SMTP_PORT, ManualHost
from ...net.ownname import OwnName
from ..kinds import IKind, IReading, Unwanted, Wrong
from ..nested import ListOf
from ..problems import KeyPath
from .routelmtp import FORBIDDEN_PORT, LMTP_PORT, LMTPOptions
from .routeoptions import TransportKind, only

# RFC 5321 section 4.1.1.1: ehlo-keyword.
_keyword = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*\Z").match

#: What the server may call itself that depends on where a connection comes from.
_OWN_NAMES = tuple(each.value for each in OwnName)

#: Where TLS begins with the connection (RFC 8314).
TLS_PORT = 465


class Lookup(Enum):
    """How the hosts of a recipient's domain are found."""

    MX = "mx"
    SRV = "srv"


class RouteTLS(Enum):
    """What TLS has to be."""

    UNWANTED = "unwanted"
    OPPORTUNISTIC = "opportunistic"
    ENCRYPTED = "encrypted"
    VERIFIED = "verified"

    @property
    def level(self) -> TLSLevel:
        """The same, as the extensions have it."""
        return TLSLevel[self.name]


class Family(Enum):
    """Which addresses of a host come first."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    NONE = "none"


@implementer(IKind)
@frozen
class NextHost:
    """A host that is named for a route; it stays the text that it is."""

    words: str = 'a host such as "mail.example.org:25" or "[192.0.2.1]"'

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if not isinstance(value, str):
            raise Unwanted(self, value)
        try:
            ManualHost.parse(value)
        except ValueError as error:
            raise Wrong(str(error)) from error
        return value

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        return json.dumps(value, ensure_ascii=False)


def _lookup(entry: SMTPOptions) -> str | None:
    if entry.hosts:
        return 'hosts are given; one with "/mx" behind it is a domain that has some'
    return None


def _shuffle(entry: SMTPOptions) -> str | None:
    return None if len(entry.hosts) > 1 else "this wants more than one of hosts"


def _implicit(entry: SMTPOptions) -> str | None:
    if entry.tls is RouteTLS.UNWANTED:
        return 'TLS is "unwanted" here'
    return None


def _login(entry: SMTPOptions) -> str | None:
    if entry.passwordFile is None:
        return "a login wants password_file"
    if not entry.hosts or any(each.mx for each in entry.manualHosts):
        # Whoever writes to a domain of his own would be told it.
        return "a login wants hosts that are named, which alone are told it"
    return None


def _password(entry: SMTPOptions) -> str | None:
    return None if entry.login is not None else "a password wants a login"


def _ignored(entry: SMTPOptions) -> str | None:
    keywords = [each.upper() for each in entry.ignoreKeywords]
    if any(_keyword(each) is None for each in keywords):
        return "a keyword is a word such as CHUNKING"
    needed = entry.wishedTLS.level >= TLSLevel.ENCRYPTED and not entry.implicitTLS
    if "STARTTLS" in keywords and needed:
        return f'without STARTTLS, tls cannot be "{entry.wishedTLS.value}"'
    if "AUTH" in keywords and entry.login is not None:
        return "without AUTH there is no login"
    return None


def _hello(entry: SMTPOptions) -> str | None:
    text = entry.heloData or ""
    if text in _OWN_NAMES:
        return _network(entry)
    try:
        checkDomain(text.encode("ascii"))
    except ValueError:
        return (
            "expected a host name such as mail.example.org, an address such as"
            f' [192.0.2.1], {" or ".join(_OWN_NAMES)}, got "{text}"'
        )
    return None


def _source(version: int) -> Callable[[SMTPOptions], str | None]:
    def check(entry: SMTPOptions) -> str | None:
        text = entry.sourceIPv4 if version == 4 else entry.sourceIPv6
        try:
            found: int | None = ip_address(text or "").version
        except ValueError:
            found = None
        if found == version:
            return None
        return f'expected an address of IPv{version}, got "{text}"'

    return check


def _for(*checks: Callable[[SMTPOptions], str | None]) -> Any:
    return only(TransportKind.SMTP, TransportKind.LMTP, checks=checks)


def _hosts(entry: SMTPOptions) -> str | None:
    if not entry.speaksLMTP:
        return None
    if entry.socket is not None:
        return "there is a socket already, which takes all the mail"
    if any(each.mx for each in entry.manualHosts):
        return "LMTP is spoken by arrangement, not with the mail hosts of a domain"
    if any(each.port == FORBIDDEN_PORT for each in entry.manualHosts):
        return _FORBIDDEN
    return None


def _port(entry: SMTPOptions) -> str | None:
    if entry.speaksLMTP and entry.port == FORBIDDEN_PORT:
        return _FORBIDDEN
    return _network(entry)


def _network(entry: SMTPOptions) -> str | None:
    return None if entry.socket is None else "a UNIX socket has no such thing"


def _protected(entry: SMTPOptions) -> str | None:
    if entry.socket is not None and entry.tls is not RouteTLS.UNWANTED:
        return "what goes to a UNIX socket stays on this machine, without TLS"
    return None


_BOTH = "For ``smtp`` and ``lmtp``: "

_smtp = _for()
_tcp = _for(_network)

_FORBIDDEN = "RFC 2033 forbids LMTP at port 25"


@frozen
class SMTPOptions(LMTPOptions):
    """What routes that send have."""

    hosts: tuple[str, ...] = field(
        default=(),
        validator=_for(_hosts),
        metadata={
            "kind": ListOf(NextHost()),
            "help": _BOTH + "the hosts that take the mail, whatever the DNS says"
            " of the recipient's domain: ``mail.example.org``,"
            " ``mail.example.org:2525``, ``[192.0.2.1]``, ``[2001:db8::1]:25``, and"
            " ``example.org/mx`` for the mail hosts of a domain.  They are tried in"
            " this order.  If not given: those of the recipient's domain.",
        },
    )
    shuffle: bool = field(
        default=False,
        validator=_for(_shuffle),
        metadata={
            "help": _BOTH + "are ``hosts`` equal, so that each gets its share of"
            " the mail?"
        },
    )
    lookup: Lookup = field(
        default=Lookup.MX,
        validator=only(TransportKind.SMTP, checks=(_lookup,)),
        metadata={
            "help": "For ``smtp`` without ``hosts``: how the hosts of a domain are"
            " found: ``mx``, by its MX records (RFC 5321 section 5), or ``srv``, by its"
            " SRV records for ``_smtp._tcp`` where it has some (RFC 2782)."
        },
    )
    port: int | None = field(
        default=None,
        validator=_for(_port),
        metadata={
            "least": 1,
            "most": 65535,
            "none": None,
            "help": _BOTH + "the port of hosts that are given without one.  If"
            " not given: 25, or 465 with ``implicit_tls``; 24 for ``lmtp``.",
        },
    )
    tls: RouteTLS | None = field(
        default=None,
        validator=_for(_protected),
        metadata={
            "help": _BOTH + "what TLS has to be.  ``unwanted``: there is none;"
            " ``opportunistic``: what the host has, and any certificate will do;"
            " ``encrypted``: without TLS no mail is sent; ``verified``: nor where the"
            " certificate is not good for the host's name.  If not given:"
            " ``verified`` where there is a login, ``opportunistic`` elsewhere."
        },
    )
    mtaSTS: bool | None = field(
        default=None,
        validator=only(TransportKind.SMTP, checks=(_network,)),
        metadata={
            "option": "mta_sts",
            "none": None,
            "help": "For ``smtp``: is it done as domains ask by MTA-STS (RFC 8461)?  Of"
            " hosts that are named, the policy is that of the host's own name.  If not"
            " given: as the table ``sending`` says.",
        },
    )
    implicitTLS: bool = field(
        default=False,
        validator=_for(_implicit, _network),
        metadata={
            "help": _BOTH + "does TLS begin with the connection (RFC 8314), not"
            " by STARTTLS?"
        },
    )
    login: str | None = field(
        default=None,
        validator=_for(_login),
        metadata={
            "help": _BOTH + "the name of a user, to log in to ``hosts`` (RFC"
            " 4954).  ``tls`` has to be ``verified`` or ``encrypted`` then, unless"
            " ``clear_text`` of the extension AUTH says otherwise."
        },
    )
    passwordFile: Path | None = field(
        default=None,
        validator=_for(_password),
        metadata={
            "help": _BOTH + "a file with the password of ``login`` in its first"
            " line, which nobody but its owner may read.  It is read at the start."
        },
    )
    prefer: Family = field(
        default=Family.NONE,
        validator=_tcp,
        metadata={
            "help": _BOTH + "which addresses of a host are tried first: ``ipv4``,"
            " ``ipv6``, or ``none`` in particular."
        },
    )
    sourceIPv4: str | None = field(
        default=None,
        validator=_for(_source(4), _network),
        metadata={
            "option": "source_ipv4",
            "help": _BOTH + "the address of ours that connections to IPv4"
            " addresses come from.  If not given: the system's choice.",
        },
    )
    sourceIPv6: str | None = field(
        default=None,
        validator=_for(_source(6), _network),
        metadata={
            "option": "source_ipv6",
            "help": _BOTH + "the same for IPv6.",
        },
    )
    heloData: str | None = field(
        default=None,
        validator=_for(_hello),
        metadata={
            "help": _BOTH + "what the server calls itself in EHLO: a host name,"
            " an address in brackets, ``{sending_address}`` for the address that the"
            " connection comes from, in brackets, or ``{sending_name}`` for the name"
            " that the DNS gives that address, where it leads back there.  If not"
            " given: its name.  Where the system chooses that address, nobody is"
            " talked to before the greeting (``hosts_pipe_connect``)."
        },
    )
    ignoreKeywords: tuple[str, ...] = field(
        default=(),
        validator=_for(_ignored),
        metadata={
            "help": _BOTH + "keywords of EHLO, such as ``CHUNKING``, that are"
            " taken as not offered, for hosts that offer what they cannot do."
        },
    )
    hostsTryChunking: HostList = field(
        default=HostList.parse(["*"]),
        validator=_smtp,
        metadata={
            "option": "hosts_try_chunking",
            "help": _BOTH + "the hosts that get mail in chunks (CHUNKING) where they"
            " offer it; others get it by DATA.",
        },
    )
    connections: int | None = field(
        default=None,
        validator=_smtp,
        metadata={
            "least": 1,
            "none": None,
            "help": _BOTH + "how many connections to a destination there may be"
            " at once.  If not given: as the table ``sending`` says.",
        },
    )
    messagesPerMinute: int | None = field(
        default=None,
        validator=_smtp,
        metadata={
            "least": 1,
            "none": None,
            "help": _BOTH + "how many messages a destination gets in a minute, at"
            " equal distances.  The others wait, and keep no other destination waiting."
            "  If not given: as many as it takes.",
        },
    )

    def __attrs_post_init__(self) -> None:
        """
        @raise ValueError: it is by LMTP, and says not where to.
        """
        if self.speaksLMTP and self.socket is None and not self.hosts:
            raise ValueError("a route by LMTP needs a socket or hosts")

    @property
    def wishedTLS(self) -> RouteTLS:
        """What TLS has to be, whether it was given or not."""
        if self.tls is not None:
            return self.tls
        if self.socket is not None:
            return RouteTLS.UNWANTED
        return RouteTLS.OPPORTUNISTIC if self.login is None else RouteTLS.VERIFIED

    @property
    def wishedPort(self) -> int:
        """The port of hosts that have none of their own."""
        if self.port is not None:
            return self.port
        if self.speaksLMTP:
            return LMTP_PORT
        return TLS_PORT if self.implicitTLS else SMTP_PORT

    @property
    def manualHosts(self) -> tuple[ManualHost, ...]:
        """The hosts, read."""
        return tuple(ManualHost.parse(each, self.wishedPort) for each in self.hosts)


__all__ = ["TLS_PORT", "Family", "Lookup", "NextHost", "RouteTLS", "SMTPOptions"]
