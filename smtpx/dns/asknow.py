"""
The addresses of a name, asked for once and waited for: for whoever looks at a
configuration, not for a server that runs.
"""

from __future__ import annotations

from collections.abc import Iterable

from dns.exception import DNSException
from dns.message import make_query
from dns.query import udp
from dns.rcode import NOERROR, NXDOMAIN
from dns.rdatatype import A

from .interfaces import NoSuchDomain
from .records import plainRecord, wireName
from .servers import Server


def addressesNow(
    servers: Iterable[Server], name: bytes, seconds: float = 2.0
) -> tuple[bytes, ...] | None:
    """
    The addresses of IPv4 that a name has.

    @param servers: who is asked, one after the other until one knows.
    @param name: see L{smtpx.dns.interfaces.IResolver.lookUp}.
    @param seconds: how long each may take.
    @return: none where there is no such name; L{None}: nobody could tell.
    """
    try:
        question = make_query(wireName(name), A)
    except NoSuchDomain:
        return ()
    for server in servers:
        try:
            said = udp(question, server.address, timeout=seconds, port=server.port)
        except (DNSException, OSError, ValueError):
            continue
        if said.rcode() in (NOERROR, NXDOMAIN):
            found = (each for each in said.answer if each.rdtype == A)
            records = (plainRecord(each) for rrset in found for each in rrset)
            return tuple(each for each in records if isinstance(each, bytes))
    return None


__all__ = ["addressesNow"]
