"""
What an SPF check is asked, and what it finds out, as values.

L{queryOf} makes a L{Query} of what SMTP has; L{smtpx.mailauth.spf} answers it with an
L{Outcome}.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from attrs import frozen

from ..core.address import domainOf, localPartOf
from ..core.errors import Malformed
from .idn import asciiDomain
from .spfmacros import NAME_OCTETS, nameOf
from .spfrecord import SPFResult

#: What L{Outcome.mechanism} is where no term matched (RFC 7208 section 9.1).
DEFAULT = "default"


@frozen
class Limits:
    """
    What a record may cause (RFC 7208 section 4.6.4).

    @ivar terms: how many terms that ask the DNS.
    @ivar voids: how many of them may find nothing.
    @ivar names: how many exchanges of an C{mx}, and names of a client.
    @ivar explanation: how long an explanation may be, in octets.
    """

    terms: int = 10
    voids: int = 2
    names: int = 10
    explanation: int = 400


#: Those of RFC 7208 section 4.6.4, for the records of strangers.
LIMITS = Limits()


@frozen
class Query:
    """
    What is to be checked.  L{queryOf} makes one from what SMTP has.

    @ivar client: its address; never an IPv6 one that is an IPv4 address mapped.
    @ivar local: the local part of the sender, never empty; octets beyond ASCII are in
        it by C{surrogateescape}.
    @ivar domain: the sender's domain, in ASCII.
    @ivar helo: what the client calls itself.
    @ivar receiver: our name.
    @ivar identity: is C{domain} that of MAIL FROM (or of HELO)?
    """

    client: IPv4Address | IPv6Address
    local: str
    domain: str
    helo: str
    receiver: str = "unknown"
    mailFrom: bool = True

    @property
    def sender(self) -> str:
        """The mailbox that is checked (RFC 7208 section 2.4)."""
        return f"{self.local}@{self.domain}"


@frozen
class Outcome:
    """
    What a check found out.

    @ivar result: the verdict.
    @ivar query: what was checked.
    @ivar mechanism: the term that made the verdict, as the record has it;
        C{default}: none did.
    @ivar problem: what is wrong, of C{permerror} and C{temperror}; in ASCII.
    @ivar explanation: what the domain says about a C{fail}: printable ASCII,
        bounded, and still a stranger's text; empty: nothing.
    @ivar guessed: is it the verdict of a record that the domain did not write?
    """

    result: SPFResult
    query: Query
    mechanism: str = DEFAULT
    problem: str = ""
    explanation: str = ""
    guessed: bool = False


@frozen
class Step:
    """
    A term that was looked at, for people who ask why.

    @ivar domain: whose record it stands in.
    @ivar term: as it is written there.
    @ivar matched: did it match?  L{None}: it goes on inside (C{include}, C{redirect}).
    """

    domain: str
    term: str
    matched: bool | None


#: Is told each step as it is made.
Watch = Callable[[Step], object]


def queryOf(
    client: bytes, sender: bytes, helo: bytes, receiver: str = "unknown"
) -> Query:
    """
    What to check for a transaction.

    @param client: the client's address, as L{ipaddress} spells it.
    @param sender: the mailbox in MAIL, as L{smtpx.core.address.reversePath} returns
        it; empty: the null sender, for which the name in HELO is checked (RFC 7208
        section 2.4).
    @param helo: the name in HELO or EHLO.
    @param receiver: our name.
    @raise ValueError: C{client} is no address.
    """
    # A link-local address may have a zone, which is of no interest to the DNS.
    address = ip_address(client.partition(b"%")[0].decode("ascii"))
    mapped = getattr(address, "ipv4_mapped", None)
    name = helo.decode("utf-8", "surrogateescape")
    local = localPartOf(sender).decode("utf-8", "surrogateescape")
    domain = domainOf(sender) if sender else helo
    return Query(
        address if mapped is None else mapped,
        local or "postmaster",
        _plainDomain(domain),
        name,
        receiver,
        bool(sender),
    )


def _plainDomain(domain: bytes) -> str:
    """A domain in ASCII (RFC 8616 section 4); empty: it cannot be had."""
    try:
        return asciiDomain(domain).decode("ascii")
    except Malformed:
        return ""


def macroValue(
    query: Query,
    letter: str,
    domain: str,
    names: Sequence[str] = (),
    clock: Callable[[], float] = time.time,
) -> str:
    """
    What a macro letter stands for (RFC 7208 section 7.2).

    @param letter: one of L{EXPLAINING}.
    @param domain: the one whose record is evaluated.
    @param names: the client's, validated.
    """
    client = query.client
    match letter:
        case "s":
            return query.sender
        case "l":
            return query.local
        case "o":
            return query.domain
        case "d":
            return domain
        case "i":
            if isinstance(client, IPv4Address):
                return str(client)
            return ".".join(client.exploded.replace(":", "").upper())
        case "p":
            within = (each for each in names if isWithin(each, domain.lower()))
            # The domain itself is the shortest of those within it.
            return min(within, key=len, default=names[0] if names else "unknown")
        case "v":
            return "in-addr" if client.version == 4 else "ip6"
        case "h":
            return query.helo
        case "c":
            return str(client)
        case "r":
            return query.receiver
    return str(int(clock()))


def isWithin(name: str, domain: str) -> bool:
    """Is a name a domain's own, or below it?  Both are in lower case."""
    return name == domain or name.endswith("." + domain)


def canHaveRecord(domain: str) -> bool:
    """
    Is it a domain of several labels, and no address?  (RFC 7208 section 4.3)

    @param domain: in ASCII.
    """
    top = domain.rpartition(".")[2]
    return (
        "." in domain
        and len(domain) <= NAME_OCTETS
        and nameOf(domain) is not None
        and domain[0] != "["
        and not top.isdigit()
    )


__all__ = [
    "DEFAULT",
    "LIMITS",
    "Limits",
    "Outcome",
    "Query",
    "Step",
    "Watch",
    "canHaveRecord",
    "isWithin",
    "macroValue",
    "queryOf",
]
