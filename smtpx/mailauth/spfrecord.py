"""
SPF records as values (RFC 7208 sections 4.5, 4.6, 5, 6 and 12).

L{parse} compiles a record whole, for a mistake anywhere in it makes all of it void
(section 4.6)::

    record       = version terms *SP
    version      = "v=spf1"
    terms        = *( 1*SP ( directive / modifier ) )
    directive    = [ "+" / "-" / "?" / "~" ] mechanism
    all          = "all"
    include      = "include"  ":" domain-spec
    a            = "a"      [ ":" domain-spec ] [ dual-cidr-length ]
    mx           = "mx"     [ ":" domain-spec ] [ dual-cidr-length ]
    ptr          = "ptr"    [ ":" domain-spec ]
    ip4          = "ip4"      ":" ip4-network   [ ip4-cidr-length ]
    ip6          = "ip6"      ":" ip6-network   [ ip6-cidr-length ]
    exists       = "exists"   ":" domain-spec
    redirect     = "redirect" "=" domain-spec
    explanation  = "exp" "=" domain-spec
    unknown-modifier = name "=" macro-string

C{redirect} and C{exp} stand once at most, and one that is no C{domain-spec} is a
mistake, not an unknown modifier (as the openspf suites have it).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from attrs import field, frozen

from ..core.errors import Malformed
from . import spfmacros
from .spfmacros import Text, shown

#: The longest record that is read, in octets: RFC 7208 section 3.4 wants them below
#: 450, and of all that are published few are beyond 2000.
RECORD_OCTETS = 8192

#: The longest record that is kept compiled: strangers must not fill the memory.
_KEPT_OCTETS = 1024


class SPFResult(Enum):
    """
    What SPF says (RFC 7208 section 2.6).

    @cvar NONE: there is no record, or no domain to look for one.
    @cvar NEUTRAL: the domain says nothing about the client.
    @cvar PASS: the client may send for the domain.
    @cvar FAIL: it may not.
    @cvar SOFTFAIL: it probably may not.
    @cvar TEMPERROR: the DNS did not tell; it may later.
    @cvar PERMERROR: the domain's records are no good.
    """

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Kind(Enum):
    """The mechanisms (RFC 7208 section 5)."""

    ALL = "all"
    INCLUDE = "include"
    A = "a"
    MX = "mx"
    PTR = "ptr"
    IP4 = "ip4"
    IP6 = "ip6"
    EXISTS = "exists"


@frozen
class Directive:
    """
    A mechanism, and the result when it matches.

    @ivar kind: which.
    @ivar result: what it is good for.
    @ivar domain: of which domain; L{None}: of the one that is checked.
    @ivar network: of C{ip4} and C{ip6}: the addresses that match.
    @ivar length4: of C{a} and C{mx}: how many bits of an IPv4 address are compared.
    @ivar length6: and of an IPv6 address.
    @ivar text: as it is written.
    """

    kind: Kind
    result: SPFResult = SPFResult.PASS
    domain: Text | None = None
    network: IPv4Network | IPv6Network | None = None
    length4: int = 32
    length6: int = 128
    text: str = field(default="", eq=False)

    def __str__(self) -> str:
        """As it is written in its shortest form."""
        ends = "" if self.domain is None else f":{self.domain}"
        if self.network is not None:
            ends = f":{self.network}"
        if self.length4 != 32:
            ends += f"/{self.length4}"
        if self.length6 != 128:
            ends += f"//{self.length6}"
        return f"{_signs[self.result]}{self.kind.value}{ends}"


@frozen
class Record:
    """
    A record, compiled.

    @ivar directives: in their order.
    @ivar redirect: where it goes on if none matches; L{None}: nowhere.
    @ivar explanation: where the explanation of a C{fail} is; L{None}: nowhere.
    """

    directives: tuple[Directive, ...] = ()
    redirect: Text | None = None
    explanation: Text | None = None

    def __str__(self) -> str:
        """As it is written in its shortest form."""
        terms = ["v=spf1", *map(str, self.directives)]
        if self.redirect is not None:
            terms.append(f"redirect={self.redirect}")
        if self.explanation is not None:
            terms.append(f"exp={self.explanation}")
        return " ".join(terms)


_qualifiers = {
    "": SPFResult.PASS,
    "+": SPFResult.PASS,
    "-": SPFResult.FAIL,
    "~": SPFResult.SOFTFAIL,
    "?": SPFResult.NEUTRAL,
}
_signs = {
    SPFResult.PASS: "",
    SPFResult.FAIL: "-",
    SPFResult.SOFTFAIL: "~",
    SPFResult.NEUTRAL: "?",
}
_kinds = {kind.value: kind for kind in Kind}

_version = re.compile(rb"(?i:v=spf1)(?: |\Z)").match
_modifier = re.compile(r"([A-Za-z][A-Za-z0-9._-]*+)=(.*)\Z").match
_directive = re.compile(
    r"([-+?~]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?::(.*?))?"
    r"(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?\Z",
    re.IGNORECASE,
).match
_network = re.compile(r"([0-9A-Fa-f:.]+)(?:/(?:0|[1-9][0-9]{0,2}))?\Z").match


def select(texts: Iterable[bytes]) -> bytes | None:
    """
    The one SPF record among the TXT records of a name (RFC 7208 section 4.5).

    @return: L{None}: there is none.
    @raise Malformed: there are several.
    """
    found = [text for text in texts if _version(text)]
    if len(found) > 1:
        raise Malformed("more than one SPF record")
    return found[0] if found else None


def parse(octets: bytes) -> Record:
    """
    Compile a record.

    @raise Malformed: it is none; the message says what is wrong with it, and is
        bounded and in ASCII.
    """
    if len(octets) > RECORD_OCTETS:
        raise Malformed(f"SPF record longer than {RECORD_OCTETS} octets")
    return _kept(octets) if len(octets) <= _KEPT_OCTETS else _parse(octets)


def _parse(octets: bytes) -> Record:
    if _version(octets) is None:
        raise Malformed("an SPF record begins with v=spf1")
    try:
        text = octets.decode("ascii")
    except UnicodeError:
        raise Malformed("SPF record not in ASCII") from None
    directives: list[Directive] = []
    places: dict[str, Text] = {}
    for term in text[6:].split(" "):
        if not term:
            continue
        modifier = _modifier(term)
        if modifier is None:
            directives.append(_readDirective(term))
        else:
            _readModifier(modifier[1].lower(), modifier[2], places)
    return Record(tuple(directives), places.get("redirect"), places.get("exp"))


# The records of the great providers are included by nearly everybody's.
_kept = lru_cache(maxsize=128)(_parse)


def _readModifier(name: str, value: str, places: dict[str, Text]) -> None:
    if name not in ("redirect", "exp"):
        spfmacros.parse(value)
    elif name in places:
        raise Malformed(f"{name}= twice")
    else:
        places[name] = spfmacros.parseDomain(value)


def _readDirective(term: str) -> Directive:
    """
    Compile a directive.

    @raise Malformed: it is none.
    """
    match = _directive(term)
    if match is None:
        raise Malformed(f"unknown or bad mechanism {shown(term)}")
    result = _qualifiers[match[1]]
    kind = _kinds[match[2].lower()]
    if kind is Kind.IP4 or kind is Kind.IP6:
        network = _readNetwork(kind, term.partition(":")[2], term)
        return Directive(kind, result, network=network, text=term)
    value, length4, length6 = match[3], match[4], match[5]
    if kind is not Kind.A and kind is not Kind.MX:
        # What looks like a length is one nowhere else, nor may it end a domain.
        if length4 is not None or length6 is not None:
            raise Malformed(f"no length may stand in {shown(term)}")
    if kind is Kind.ALL and value is not None:
        raise Malformed(f"nothing may stand behind all in {shown(term)}")
    if value is None and (kind is Kind.INCLUDE or kind is Kind.EXISTS):
        raise Malformed(f"a domain is missing in {shown(term)}")
    return Directive(
        kind,
        result,
        None if value is None else spfmacros.parseDomain(value),
        length4=_length(length4, 32, term),
        length6=_length(length6, 128, term),
        text=term,
    )


def _length(digits: str | None, most: int, term: str) -> int:
    found = most if digits is None else int(digits)
    if found > most:
        raise Malformed(f"length beyond {most} in {shown(term)}")
    return found


def _readNetwork(kind: Kind, value: str, term: str) -> IPv4Network | IPv6Network:
    # ipaddress would take masks, zones and lengths with zeros in front as well.
    match = _network(value)
    if match is not None and (":" in match[1]) is (kind is Kind.IP6):
        try:
            return ip_network(value, strict=False)
        except ValueError:
            pass
    raise Malformed(f"bad network in {shown(term)}")


__all__ = [
    "Directive",
    "Kind",
    "RECORD_OCTETS",
    "Record",
    "SPFResult",
    "parse",
    "select",
]
