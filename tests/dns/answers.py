"""Answers of name servers, as octets."""

from __future__ import annotations

from dns.edns import EDECode, EDEOption
from dns.flags import AD, RA, TC
from dns.message import Message, from_wire, make_response
from dns.rcode import Rcode
from dns.rrset import from_text_list

from smtpx.dns.records import KINDS, wireName
from smtpx.dns.wire import Query

#: An SOA that lets it be known for five minutes that there is nothing.
SOA = "example.org. 3600 SOA ns.example.org. h.example.org. 1 7200 900 86400 300"


def question(
    name: bytes = b"example.org",
    kind: str = "A",
    identifier: int = 4711,
    proven: bool = False,
    edns: bool = True,
) -> Query:
    """A question."""
    return Query(wireName(name), KINDS[kind], identifier, proven, edns)


def answer(
    query: Query | bytes,
    *records: str,
    authority: tuple[str, ...] = (),
    rcode: Rcode = Rcode.NOERROR,
    flags: int = RA,
) -> Message:
    """
    An answer to a question.

    @param records: as zone files have them, with a time to live; one line a set.
    """
    octets = query if isinstance(query, bytes) else query.octets
    message = make_response(from_wire(octets))
    message.flags |= flags
    message.set_rcode(rcode)
    for lines, section in ((records, message.answer), (authority, message.authority)):
        for line in lines:
            name, ttl, kind, data = line.split(None, 3)
            section.append(
                from_text_list(name, int(ttl), "IN", kind, data.split(" | "))
            )
    return message


def failure(query: Query | bytes, rcode: Rcode, text: str | None = None) -> Message:
    """A server's answer that it does not know; and why, perhaps (RFC 8914)."""
    message = answer(query, rcode=rcode)
    if text is not None:
        message.use_edns(0, options=[EDEOption(EDECode.DNSSEC_BOGUS, text)])
    return message


__all__ = ["AD", "RA", "SOA", "TC", "answer", "failure", "question"]
