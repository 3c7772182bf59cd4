"""
Does a name server check DNSSEC?  Asked once, and waited for: for whoever looks at a
configuration, not for a server that runs.
"""

from __future__ import annotations

from dns.exception import DNSException
from dns.flags import AD
from dns.message import make_query
from dns.query import udp

from .servers import Server

#: What is signed wherever there is a DNS.
_ROOT = "."


def checksDNSSEC(
    server: Server, name: str = _ROOT, seconds: float = 2.0
) -> bool | None:
    """
    Does it say that what is signed is authentic (AD, RFC 6840 section 5.7)?

    @param name: of a zone that is signed.
    @param seconds: how long it may take.
    @return: L{None}: it does not answer.
    """
    question = make_query(name, "SOA", use_edns=True)
    question.flags |= AD
    try:
        said = udp(question, server.address, timeout=seconds, port=server.port)
    except (DNSException, OSError, ValueError):
        return None
    return bool(said.flags & AD)


__all__ = ["checksDNSSEC"]
