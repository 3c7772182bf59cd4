"""
What the rest of the house asks the DNS, and what it gets: plain values, and two
exceptions that are never mixed up.

L{NoSuchDomain} is an answer: there is no such name, now, for anybody.
L{LookupFailed} is none: nobody knows, and it has to be asked again later.  A name
that is there but has nothing of the wanted kind is an L{Answer} without records.

Names are octets in lower case without the dot at the end, as hosts write them; the
root is C{b"."}.  Addresses are octets too, as L{ipaddress} spells them.
"""

from __future__ import annotations

from typing import TypeVar

from attrs import field, frozen
from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..core.errors import SMTPXError
from ..core.tlsa import TLSA


@frozen
class MX:
    """A mail exchanger (RFC 1035 section 3.3.9)."""

    preference: int
    exchange: bytes


@frozen
class SRV:
    """Where a service is (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: bytes


#: One record: of the kinds A and AAAA the address, of CNAME, NS and PTR the name, of
#: TXT its strings joined, with nothing between them (RFC 7208 section 3.3).
Record = bytes | MX | SRV | TLSA

#: A kind of record.
R = TypeVar("R", bytes, MX, SRV, TLSA)


@frozen
class Answer:
    """
    What the DNS has under a name.

    @ivar records: as they came; empty: the name has none of the kind.
    @ivar authentic: was all of it, CNAMEs included, or that there is nothing,
        proven by DNSSEC?  So says a resolver that the operator trusts; of any
        other it is never true.
    @ivar expires: until when it is good, in seconds of the resolver's clock.
    @ivar name: the name that the records stand under, behind all CNAMEs.
    """

    records: tuple[Record, ...]
    authentic: bool = False
    expires: float = field(default=0.0, eq=False)
    name: bytes = b""

    def of(self, kind: type[R]) -> tuple[R, ...]:
        """
        The records, for those who know what they asked for.

        @param kind: C{bytes}, L{MX}, L{SRV} or L{TLSA}.
        """
        return tuple(each for each in self.records if isinstance(each, kind))


class NoSuchDomain(SMTPXError):
    """
    There is no such name in the DNS (NXDOMAIN), or it could not be one.

    @ivar name: the name.
    @ivar authentic: see L{Answer}.
    @ivar expires: see L{Answer}.
    """

    def __init__(
        self, name: bytes, authentic: bool = False, expires: float = 0.0
    ) -> None:
        SMTPXError.__init__(self, f"{spelledName(name)} does not exist")
        self.name = name
        self.authentic = authentic
        self.expires = expires


class LookupFailed(SMTPXError):
    """
    Nobody could tell: no server answered in time, or none that was asked knows, or
    what it said did not stand up to DNSSEC.  It may be asked again later.  The
    message is for the operator, and tells the question and what each server did.
    """


class LookupPutOff(LookupFailed):
    """
    Nobody was asked, for too many questions of ours are under way.  This says nothing
    of whom it was about.
    """


class IResolver(Interface):
    """Asks the DNS."""

    def lookUp(name: bytes, kind: str) -> Deferred[Answer]:
        """
        Ask for records.

        @param name: in ASCII (A-labels, RFC 5890), in any case, with or without a
            dot at the end; it is never completed by a search list.
        @param kind: C{A}, C{AAAA}, C{CNAME}, C{MX}, C{NS}, C{PTR}, C{SRV}, C{TLSA} or
            C{TXT}.
        @return: fires with an L{Answer}, or fails with L{NoSuchDomain} or
            L{LookupFailed}.  It may be cancelled at any time, and then fails with
            C{CancelledError}, whoever else waits for the same.
        @raise smtpx.core.errors.UsageError: there is no such kind.
        """


def spelledName(name: bytes) -> str:
    """A name from somewhere, for people: nothing in it can do harm to a log."""
    return name.decode("ascii", "backslashreplace").encode("unicode_escape").decode()


__all__ = [
    "Answer",
    "IResolver",
    "LookupFailed",
    "LookupPutOff",
    "MX",
    "NoSuchDomain",
    "Record",
    "SRV",
    "TLSA",
    "spelledName",
]
