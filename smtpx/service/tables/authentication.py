"""
The table C{[authentication]}: of which messages it is found out who sent them, and what
is written about it.
"""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen

from ...core.hostlist import HostList
from ...mailauth.dkimverify import VerifyTerms
from ...policy.checking import HEADER_OCTETS
from ...policy.inquiry import METHODS
from ..kinds import durationInSeconds, sizeInOctets

_SIGNATURES = VerifyTerms()


def _known(
    options: object, attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]
) -> None:
    """
    @raise ValueError: there is no such check, or one lacks what it goes by.
    """
    for each in value:
        if each not in METHODS:
            raise ValueError(f'there is no check "{each}"; {", ".join(METHODS)} are')
    if "spf_guess" in value and "spf" not in value:
        raise ValueError("spf_guess goes by what SPF finds out: name spf as well")
    if "dmarc" in value and not {"spf", "dkim"} & set(value):
        raise ValueError("DMARC goes by what SPF and DKIM find out: name one of them")


def _named(options: object, attribute: Attribute[Any], value: Any) -> None:
    """
    @raise ValueError: it is no name of who makes checks.
    """
    for each in (value,) if isinstance(value, str) else value or ():
        if not each or not each.isprintable() or " " in each:
            raise ValueError(f"expected a name such as mx.example.org, got {each!r}")


@frozen
class AuthenticationOptions:
    """
    Of which messages it is found out who sent them (SPF, DKIM, ARC, DMARC), and what is
    written about it.
    """

    checks: tuple[str, ...] = field(
        default=(),
        validator=_known,
        metadata={
            "help": "What is looked at: ``iprev`` (does the client's name lead back to"
            " it?), ``spf``, ``spf_guess`` (the best guess of domains without a"
            " record), ``dkim``, ``arc``, ``dmarc``.  No message is refused for"
            " what is found out; that is for policies to do.  Without any, nothing is"
            " looked at, and nothing is taken out of messages."
        },
    )
    hosts: HostList = field(
        default=HostList.parse(["!127.0.0.0/8", "!::1", "*"]),
        metadata={
            "help": "Clients whose messages are looked at.  Those that may relay, and"
            " those that have logged in, are not among them."
        },
    )
    relays: bool = field(
        default=False,
        metadata={
            "help": "Are messages looked at as well that clients bring who may relay"
            " (``relay.hosts``, ``relay.certificates``)?"
        },
    )
    logins: bool = field(
        default=False,
        metadata={
            "help": "Are messages looked at as well that clients bring who have logged"
            " in?  What is written about them names the login."
        },
    )
    authservId: str | None = field(
        default=None,
        validator=_named,
        metadata={
            "option": "authserv_id",
            "help": "Who says what was found out, in ``Authentication-Results``"
            " (RFC 8601 section 2.5): a name that several servers may share whose words"
            " can be trusted alike.  If not given: the server's name.",
        },
    )
    ownNames: tuple[str, ...] = field(
        default=(),
        validator=_named,
        metadata={
            "help": "More names under which nobody outside may say that he has found"
            " something out: such fields are taken out of messages, as those with"
            " ``authserv_id`` are."
        },
    )
    trustedHosts: HostList = field(
        factory=HostList,
        metadata={
            "help": "Servers of ours that have looked at messages before us: what they"
            " bring keeps its ``Authentication-Results``."
        },
    )
    lookupSeconds: float = field(
        default=20.0,
        metadata={
            "kind": durationInSeconds(False, 1, 120),
            "help": "How long the DNS may take for one check, before it comes to"
            " ``temperror``.  RFC 7208 wants 20 s at least.",
        },
    )
    signaturesMax: int = field(
        default=_SIGNATURES.signatures,
        metadata={
            "least": 1,
            "most": 100,
            "help": "How many signatures of a message are looked at, from the top of"
            " its header on.",
        },
    )
    longestHeader: int = field(
        default=HEADER_OCTETS,
        metadata={
            "kind": sizeInOctets(4096, 1 << 26),
            "help": "The most octets of a header, which is held until it is whole.  A"
            " message with a longer one is refused with 552 5.3.4.",
        },
    )
