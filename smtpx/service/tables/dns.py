"""
The table C{[dns]}: whom we ask for names, and what of that we believe.
"""

from __future__ import annotations

from pathlib import Path

from attrs import Attribute, field, frozen

from ...core.hostlist import HostList
from ...dns.cache import CacheBounds
from ...dns.ourselves import isNameOrAddress
from ...dns.resolver import ResolverBounds
from ...dns.servers import Asking, Server
from ..kinds import FilePath, Text
from ..nested import ListOf, Optional, Parsed

_ASKING = Asking()
_BOUNDS = ResolverBounds()
_CACHE = CacheBounds()


def _addressesOnly(
    options: object, attribute: Attribute[HostList], value: HostList
) -> None:
    """
    @raise ValueError: a name, of which nobody knows at that time.
    """
    for item in value.items:
        if item.name is not None or item.suffix is not None:
            raise ValueError(f"{item.render()!r} is no address and no network")


def _placesOfOurs(
    options: object, attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]
) -> None:
    """
    @raise ValueError: neither a name of a host nor an address.
    """
    for each in value:
        if not isNameOrAddress(each):
            raise ValueError(f"{each!r} is neither a host name nor an address")


@frozen
class DNS:
    """Whom we ask for names, and what of that we believe."""

    servers: tuple[Server, ...] = field(
        default=(),
        metadata={
            "kind": ListOf(
                Parsed(
                    Server,
                    Text(),
                    Server.parse,
                    str,
                    'a name server, such as "127.0.0.1" or "[::1]:5353"',
                )
            ),
            "help": "The name servers, by address, the best first, with a port if it"
            " is not 53.  They have to look up names for others.  If not given: those"
            " of the system (``/etc/resolv.conf``), which is read again when it"
            " changes.",
        },
    )
    trusted: bool = field(
        default=False,
        metadata={
            "help": "Do these ``servers`` check DNSSEC, and can nobody between them and"
            " us change what they say?  Then it is believed when they say that an"
            " answer is authentic (AD).  Servers of this machine can be trusted so,"
            " others hardly."
        },
    )
    trySeconds: float | None = field(
        default=None,
        metadata={
            "least": 0.1,
            "none": None,
            "help": "How long a server may take to answer, the first time it is asked;"
            " each further time it has twice as long.  If not given: what the system"
            f" says, or {_ASKING.trySeconds:g} seconds.",
        },
    )
    rounds: int | None = field(
        default=None,
        metadata={
            "least": 1,
            "most": 10,
            "none": None,
            "help": "How often each server is asked that does not answer.  If not"
            f" given: what the system says, or {_ASKING.rounds}.",
        },
    )
    questionSeconds: float = field(
        default=_BOUNDS.questionSeconds,
        metadata={
            "least": 1,
            "help": "How long a question may take in all.  Then nobody knows, and the"
            " message that it is for is tried again later.",
        },
    )
    atOnceMax: int = field(
        default=_BOUNDS.atOnceMost,
        metadata={
            "least": 1,
            "help": "How many questions are under way at once; others wait.",
        },
    )
    cacheMax: int = field(
        default=_CACHE.most,
        metadata={
            "help": "How many answers are kept; long ones count as several.  0: none."
        },
    )
    cacheLeastSeconds: float = field(
        default=_CACHE.minSeconds,
        metadata={
            "most": 3600,
            "help": "How long an answer is kept at least, whatever its time to live.",
        },
    )
    cacheMostSeconds: float = field(
        default=_CACHE.maxSeconds,
        metadata={"help": "How long an answer is kept at most."},
    )
    hostsFile: Path | None = field(
        default=Path("/etc/hosts"),
        metadata={
            "kind": Optional(FilePath(), "none"),
            "help": "A file with addresses of hosts (``hosts(5)``) that is asked before"
            " the DNS; ``none``: no file is.  It is read again when it changes.",
        },
    )
    ignoreTargetHosts: HostList = field(
        default=HostList(),
        validator=_addressesOnly,
        metadata={
            "help": "Addresses and networks that no mail is sent to because the DNS"
            " says so: a mail host that has no others is passed over.  Hosts that a"
            " route names are not meant."
        },
    )
    alsoOurs: tuple[str, ...] = field(
        default=(),
        validator=_placesOfOurs,
        metadata={
            "help": "Names and addresses by which the world finds this server, beside"
            " its name and the addresses where it listens: such as those of a router"
            " that passes on port 25.  Mail for a domain whose best mail host is among"
            " them is not sent in circles (554 5.4.6).",
        },
    )

    def __attrs_post_init__(self) -> None:
        """
        @raise ValueError: who is trusted is not known.
        """
        if self.trusted and not self.servers:
            raise ValueError(
                "trusted wants servers: those of the system may be others tomorrow"
            )

    @property
    def places(self) -> tuple[bytes, ...]:
        """C{also_ours} as the router wants it."""
        return tuple(each.encode("ascii") for each in self.alsoOurs)
