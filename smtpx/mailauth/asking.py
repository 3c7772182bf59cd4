"""
How the checks of this room ask the DNS: by yielding what they want to know.

A check is a generator that runs straight down the page and sees no resolver::

    found = yield from lookUp(b"example.org", "TXT")

Whoever runs it (L{smtpx.dns.answering}, or a test with answers of its own) is given a
group of look-ups, none of which waits for another, and sends back what is known of
each.  An answer that nobody could give is L{Unanswered}: it is to be asked again
later, and is never mixed up with a name that does not exist or has no records.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generator, TypeVar

from attrs import field, frozen

from ..core.errors import SMTPXError

T = TypeVar("T")


class Unanswered(SMTPXError):
    """
    Nobody could tell what the DNS has: a temporary failure.

    @ivar lookup: what was asked.
    """

    def __init__(self, lookup: Lookup, why: str) -> None:
        """
        @param why: for the operator.
        """
        SMTPXError.__init__(self, why)
        self.lookup = lookup


@frozen
class Lookup:
    """
    A question to the DNS.

    @ivar name: a domain name in ASCII (A-labels, RFC 5890), in lower case, without
        the dot at the end.  One that cannot be asked for, since a label is too long,
        does not exist.
    @ivar kind: C{A}, C{AAAA}, C{MX}, C{PTR} or C{TXT}.
    @ivar share: how much of the time that a check may take can go on this; less than
        one where the answer comes from somebody whom it is about, and who may like it
        to come to nothing.
    """

    name: bytes
    kind: str
    share: float = field(default=1.0, eq=False)


@frozen
class Found:
    """
    What the DNS has.

    @ivar records: of A and AAAA the addresses as L{ipaddress} spells them, of MX the
        exchanges, those of the lowest preference first, of PTR the names, of TXT its
        strings joined with nothing between them; empty: there are none.
    @ivar exists: is there such a name?  (No: NXDOMAIN, RFC 8020.)
    """

    records: tuple[bytes, ...] = ()
    exists: bool = True


@frozen
class Unknown:
    """
    Nobody could tell.

    @ivar why: for the operator.
    """

    why: str


#: What is known of a look-up.
Known = Found | Unknown

#: A check in progress: it yields groups of look-ups, is sent what is known of each, in
#: the same order, and returns what it has found out.
Asking = Generator[tuple[Lookup, ...], tuple[Known, ...], T]


def lookUp(name: bytes, kind: str, share: float = 1.0) -> Asking[Found]:
    """
    Ask for records.

    @param name: see L{Lookup}.
    @param share: likewise.
    @raise Unanswered: nobody could tell.
    """
    lookup = Lookup(name, kind, share)
    (known,) = yield (lookup,)
    return found(lookup, known)


def lookUpAll(lookups: Iterable[Lookup]) -> Asking[tuple[Known, ...]]:
    """
    Ask for several at once, none of which waits for another.

    @return: what is known of each, in order.
    """
    group = tuple(lookups)
    if not group:
        return ()
    return (yield group)


def found(lookup: Lookup, known: Known) -> Found:
    """
    What the DNS has, where somebody could tell.

    @raise Unanswered: nobody could.
    """
    if isinstance(known, Unknown):
        raise Unanswered(lookup, known.why)
    return known


__all__ = [
    "Asking",
    "Found",
    "Known",
    "Lookup",
    "Unanswered",
    "Unknown",
    "found",
    "lookUp",
    "lookUpAll",
]
