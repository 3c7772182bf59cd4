"""
Questions and answers as octets (RFC 1035), with EDNS (RFC 6891).

L{Query} writes a question, and reads what comes back: an answer to another question is
none at all, for anybody may send one; an answer to ours that cannot be used is
L{Unusable}.

A resolver that the operator trusts is asked for DNSSEC in the two ways there are: by
AD in the question (RFC 6840 section 5.7) and by DO (RFC 3225), for some know but one of
them.
"""

from __future__ import annotations

import struct

from attrs import field, frozen
from dns.edns import EDEOption
from dns.exception import DNSException
from dns.flags import AD, RA
from dns.message import (
    AnswerForNXDOMAIN,
    ChainTooLong,
    Message,
    QueryMessage,
    from_wire,
    make_query,
)
from dns.name import Name
from dns.rcode import Rcode
from dns.rdatatype import RdataType

from ..core.errors import SMTPXError
from .interfaces import Record, spelledName
from .records import plainName, plainRecord

#: What comes through everywhere without fragments, in octets (DNS flag day 2020).
UDP_OCTETS = 1232

#: An answer with more records is no answer that a mail server can want.
RECORDS_MOST = 1000

#: How much of what a server says about its trouble is passed on.
_TEXT_MOST = 120

_QR = 0x8000
_TC = 0x0200
_head = struct.Struct("!HH").unpack_from

#: A server that does not know EDNS says so with one of these (RFC 6891 section 7).
_WITHOUT_EDNS = frozenset((Rcode.FORMERR, Rcode.NOTIMP, Rcode.BADVERS))


class Unusable(SMTPXError):
    """
    A server answered, but it is of no use.  The message is for the operator.

    @ivar plainly: may it have an answer if it is asked without EDNS?
    """

    def __init__(self, text: str, plainly: bool = False) -> None:
        SMTPXError.__init__(self, text)
        self.plainly = plainly


class Truncated(SMTPXError):
    """The answer did not fit: it is to be asked for over TCP (RFC 7766 section 5)."""


@frozen
class Said:
    """
    What a server said.

    @ivar exists: is there such a name?
    @ivar records: what it has of the kind.
    @ivar name: the name behind all the aliases that were in the answer.
    @ivar aliases: how many these were.
    @ivar unfinished: does an alias lead to a name of which nothing was said?
    @ivar ttlSeconds: how long it is good.
    @ivar authentic: does the server vouch for it (AD)?
    @ivar octets: how long it was.
    """

    exists: bool
    records: tuple[Record, ...]
    name: Name
    aliases: int = 0
    unfinished: bool = False
    ttlSeconds: int = 0
    authentic: bool = False
    octets: int = field(default=0, eq=False)


@frozen
class Query:
    """
    One question.

    @ivar name: the name.
    @ivar kind: the kind of records.
    @ivar identifier: tells our questions apart; by chance, so that nobody can
        answer who has not seen it (RFC 5452).
    @ivar proven: is the server to say whether it is authentic?
    @ivar edns: may it be asked with EDNS?
    @ivar octets: the question as it is sent.
    """

    name: Name
    kind: RdataType
    identifier: int
    proven: bool = False
    edns: bool = True
    _message: Message = field(init=False, eq=False, repr=False)
    octets: bytes = field(init=False, eq=False, repr=False)

    @_message.default
    def _made(self) -> Message:
        message = make_query(
            self.name,
            self.kind,
            use_edns=0 if self.edns else False,
            want_dnssec=self.proven and self.edns,
            payload=UDP_OCTETS if self.edns else None,
            id=self.identifier,
        )
        if self.proven:
            message.flags |= AD
        return message

    @octets.default
    def _written(self) -> bytes:
        return self._message.to_wire()

    def read(self, octets: bytes) -> Said | None:
        """
        Read what came.

        @return: L{None}: it is no answer to this question.
        @raise Truncated: it is the beginning of one.
        @raise Unusable: it is one that does not help.
        """
        if len(octets) < 4:
            return None
        identifier, flags = _head(octets)
        if identifier != self.identifier or not flags & _QR:
            return None
        try:
            if flags & _TC:
                head = from_wire(octets, question_only=True)
                if self._message.is_response(head):
                    raise Truncated("the answer does not fit")
                return None
            message = from_wire(octets, ignore_trailing=True)
        except DNSException as error:
            raise Unusable(f"its answer is garbled: {_cut(str(error))}") from None
        if not self._message.is_response(message):
            return None
        return self._understood(message, len(octets))

    def _understood(self, message: Message, octets: int) -> Said:
        code = message.rcode()
        if code not in (Rcode.NOERROR, Rcode.NXDOMAIN):
            plainly = self.edns and code in _WITHOUT_EDNS
            raise Unusable(_trouble(message), plainly)
        assert isinstance(message, QueryMessage), "it is an answer to a query"
        try:
            chain = message.resolve_chaining()
        except ChainTooLong:
            raise Unusable("its answer is a loop of aliases") from None
        except (AnswerForNXDOMAIN, DNSException) as error:
            raise Unusable(f"its answer is garbled: {_cut(str(error))}") from None
        kinds = {rrset.rdtype for rrset in message.authority}
        if chain.answer is None and code == Rcode.NOERROR and not chain.cnames:
            _checkNothing(message, kinds)
        if chain.answer is not None and len(chain.answer) > RECORDS_MOST:
            raise Unusable(f"its answer has {len(chain.answer)} records")
        return Said(
            code == Rcode.NOERROR,
            tuple(map(plainRecord, chain.answer or ())),
            chain.canonical_name,
            len(chain.cnames),
            chain.answer is None
            and code == Rcode.NOERROR
            and bool(chain.cnames)
            and RdataType.SOA not in kinds,
            chain.minimum_ttl,
            bool(message.flags & AD) and self.proven,
            octets,
        )


def _checkNothing(message: Message, kinds: set[RdataType]) -> None:
    """
    Is it an answer that there is nothing (RFC 2308 section 2.2)?  One that sends us
    elsewhere, or comes from a server that does not look things up, says nothing of
    the kind, and a domain must not be taken for one without mail for it.

    @raise Unusable: it is none.
    """
    if RdataType.SOA in kinds:
        return
    if RdataType.NS in kinds:
        raise Unusable("it refers to other servers instead of asking them")
    if not message.flags & RA:
        raise Unusable("it does not look up names for others")


def _trouble(message: Message) -> str:
    """
    What a server says about its trouble, with its extended error (RFC 8914).
    """
    text: str = Rcode.to_text(message.rcode())
    said = [_spelled(each) for each in message.extended_errors()]
    return f"{text} ({'; '.join(said)})" if said else text


def _spelled(error: EDEOption) -> str:
    return _cut(error.to_text().removeprefix("EDE "))


def _cut(text: str) -> str:
    """Somebody else's text, for a log."""
    printable = "".join(c if c.isprintable() else "?" for c in text)
    return printable[:_TEXT_MOST]


def spelledQuestion(name: Name, kind: RdataType) -> str:
    """A question, for people."""
    return f"{kind.name} of {spelledName(plainName(name))}"


__all__ = [
    "Query",
    "RECORDS_MOST",
    "Said",
    "Truncated",
    "UDP_OCTETS",
    "Unusable",
    "spelledQuestion",
]
