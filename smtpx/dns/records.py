"""
From dnspython's records to the plain values of L{smtpx.dns.interfaces}.

dnspython is known to the modules of this room alone.
"""

from __future__ import annotations

from ipaddress import ip_address

from dns.exception import DNSException
from dns.name import Name, from_text
from dns.rdata import Rdata
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.CNAME import CNAME as _CNAME
from dns.rdtypes.ANY.MX import MX as _MX
from dns.rdtypes.ANY.NS import NS as _NS
from dns.rdtypes.ANY.PTR import PTR as _PTR
from dns.rdtypes.ANY.TLSA import TLSA as _TLSA
from dns.rdtypes.ANY.TXT import TXT as _TXT
from dns.rdtypes.IN.A import A as _A
from dns.rdtypes.IN.AAAA import AAAA as _AAAA
from dns.rdtypes.IN.SRV import SRV as _SRV

from ..core.errors import UsageError
from .interfaces import MX, SRV, TLSA, NoSuchDomain, Record

#: The kinds of records that can be asked for, and dnspython's numbers for them.
KINDS = {
    kind.name: kind
    for kind in (
        RdataType.A,
        RdataType.AAAA,
        RdataType.CNAME,
        RdataType.MX,
        RdataType.NS,
        RdataType.PTR,
        RdataType.SRV,
        RdataType.TLSA,
        RdataType.TXT,
    )
}


def checkKind(kind: str) -> None:
    """
    @raise UsageError: there is no such kind of records, or not for us.
    """
    if kind not in KINDS:
        raise UsageError(f"{kind!r} is none of {', '.join(KINDS)}")


def wireName(name: bytes) -> Name:
    """
    A name as dnspython has it, in lower case.

    @param name: see L{smtpx.dns.interfaces.IResolver.lookUp}.
    @raise NoSuchDomain: it cannot be a name: it is empty, too long, or has something
        in it that no name of a host or service has.
    """
    text = name.lower().removesuffix(b".")
    # A name is taken as it stands: what dnspython reads as an escape is none.
    if not text or not text.isascii() or b"\\" in text or b'"' in text:
        raise NoSuchDomain(name)
    try:
        return from_text(text.decode("ascii") + ".")
    except DNSException:
        raise NoSuchDomain(name) from None


def plainName(name: Name) -> bytes:
    """A name of dnspython's as we have it."""
    return name.to_text(omit_final_dot=True).lower().encode("ascii")


def reverseName(address: bytes) -> bytes:
    """
    The name under which the DNS has the names of an address (RFC 1035 section 3.5,
    RFC 3596 section 2.5).

    @raise ValueError: it is no address.
    """
    plain = ip_address(address.decode("ascii"))
    return plain.reverse_pointer.encode("ascii")


def plainRecord(rdata: Rdata) -> Record:
    """
    A record as a plain value.

    @raise UsageError: nobody can ask for such.
    """
    match rdata:
        case _A() | _AAAA():
            return str(rdata.address).encode("ascii")
        case _CNAME() | _NS() | _PTR():
            return plainName(rdata.target)
        case _MX():
            return MX(rdata.preference, plainName(rdata.exchange))
        case _SRV():
            return SRV(
                rdata.priority, rdata.weight, rdata.port, plainName(rdata.target)
            )
        case _TLSA():
            return TLSA(rdata.usage, rdata.selector, rdata.mtype, bytes(rdata.cert))
        case _TXT():
            return b"".join(rdata.strings)
    raise UsageError(f"no plain value for {rdata.rdtype.name}")


__all__ = ["KINDS", "checkKind", "plainName", "plainRecord", "reverseName", "wireName"]
