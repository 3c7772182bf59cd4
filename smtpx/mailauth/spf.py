"""
SPF: may this client send for that domain?  (RFC 7208, with RFC 8616 section 4.)

L{check} is the C{check_host()} of RFC 7208 section 4, as a generator that asks for
what it needs of the DNS (L{smtpx.mailauth.asking}); L{guess} evaluates a record that
the operator wrote for domains that have none.  Both return an L{Outcome};
L{smtpx.mailauth.spftexts} has what to write about it.

Nothing that a record says makes more than L{Limits} allow: terms, names, texts.  The
time is the business of whoever runs the generator (section 4.6.4: 20 seconds at
least, then C{temperror}).

How RFC 7208 is read where it leaves a choice:

 - A term counts as one void look-up at most (section 4.6.4 counts terms): C{a},
   C{exists} and C{ptr} if the name they ask for has nothing, C{mx} if the name has
   no exchange or no exchange has an address.  Names behind PTR records do not count,
   they are not the domain's.  Neither does C{exp} (as the openspf suite has it).
 - C{%{p}} does not count as a term of its own: its look-ups are those of C{ptr},
   which are made once for a check.
 - A name that cannot be asked for has no records, and costs nothing (section 4.8).
 - The addresses of all exchanges, or of all names of a client, are asked for at
   once.  One that nobody knows does not hurt where another one matches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from attrs import define, evolve, field

from ..core.errors import Malformed
from . import spfmacros, spfrecord
from .asking import Asking, Found, Lookup, Unanswered, Unknown, lookUp, lookUpAll
from .spfmacros import EXPLAINING, Text, nameOf, shown
from .spfquery import (
    DEFAULT,
    LIMITS,
    Limits,
    Outcome,
    Query,
    Step,
    Watch,
    canHaveRecord,
    isWithin,
    macroValue,
)
from .spfrecord import RECORD_OCTETS, Directive, Kind, Record, SPFResult

#: The best guess for domains without a record, as everybody makes it.
GUESS = spfrecord.parse(b"v=spf1 a/24 mx/24 ptr ?all")

#: How much of the time may go on the client's own names, twice: for the names, and for
#: their addresses.  Who sends in another's name has slow name servers if he likes, and
#: is not to get C{temperror} instead of C{fail} by that; without an answer these names
#: match nothing (RFC 7208 section 5.5).
CLIENT_SHARE = 0.25


class _Permanent(Exception):
    """The records are no good; the message says why."""


def check(
    query: Query,
    limits: Limits = LIMITS,
    clock: Callable[[], float] = time.time,
    watch: Watch | None = None,
) -> Asking[Outcome]:
    """
    Evaluate the record of a domain.

    @param clock: seconds since the epoch, for C{%{t}}.
    @param watch: see L{Watch}.
    """
    evaluation = _Evaluation(query, limits, clock, watch)
    return evaluation.outcome(evaluation.ofDomain(query.domain))


def guess(
    query: Query,
    record: Record,
    limits: Limits = LIMITS,
    clock: Callable[[], float] = time.time,
    watch: Watch | None = None,
) -> Asking[Outcome]:
    """
    Evaluate a record of our own, as if the domain had it: the best guess.

    @param record: ours, and so it is no mistake of the domain's where it finds
        nothing: its void look-ups are not counted.
    """
    generous = evolve(limits, voids=limits.terms)
    evaluation = _Evaluation(query, generous, clock, watch, True)
    return evaluation.outcome(evaluation.ofRecord(query.domain, record))


#: A verdict, the term that made it, and the record and domain that an explanation
#: may come from.
_Found = tuple[SPFResult, str, Record | None, str]


@define
class _Evaluation:
    """
    One check in progress.

    @ivar terms: how many asked the DNS so far.
    @ivar voids: how many of them found nothing.
    @ivar names: the names of the client that were validated; L{None}: nobody has
        asked yet.
    @ivar named: has the client names at all, as far as the DNS tells?
    @ivar family: the kind of records that have addresses of the client's family.
    """

    query: Query
    limits: Limits
    clock: Callable[[], float]
    watch: Watch | None
    guessed: bool = False
    terms: int = 0
    voids: int = 0
    names: tuple[str, ...] | None = None
    named: bool = True
    family: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.family = "A" if self.query.client.version == 4 else "AAAA"

    def outcome(self, asking: Asking[_Found]) -> Asking[Outcome]:
        """Run the evaluation, and make errors verdicts."""
        query = self.query
        if not canHaveRecord(query.domain):
            return Outcome(SPFResult.NONE, query, guessed=self.guessed)
        try:
            result, mechanism, record, domain = yield from asking
        except _Permanent as error:
            return self._failed(SPFResult.PERMERROR, str(error))
        except Unanswered as error:
            asked = error.lookup
            name = shown(asked.name.decode("ascii"))
            problem = f"no answer for {asked.kind} of {name}"
            return self._failed(SPFResult.TEMPERROR, problem)
        explanation = ""
        if result is SPFResult.FAIL and record is not None and record.explanation:
            explanation = yield from self._explain(record.explanation, domain)
        return Outcome(result, query, mechanism, "", explanation, self.guessed)

    def _failed(self, result: SPFResult, problem: str) -> Outcome:
        return Outcome(result, self.query, problem=problem, guessed=self.guessed)

    def ofDomain(self, domain: str) -> Asking[_Found]:
        """
        Evaluate a domain's record (RFC 7208 sections 4.3 to 4.5).

        @param domain: one that can have a record.
        """
        found = yield from lookUp(domain.lower().encode("ascii"), "TXT")
        try:
            octets = spfrecord.select(found.records)
            if octets is None:
                return SPFResult.NONE, DEFAULT, None, domain
            record = spfrecord.parse(octets)
        except Malformed as error:
            raise _Permanent(f"{domain}: {error}") from None
        return (yield from self.ofRecord(domain, record))

    def ofRecord(self, domain: str, record: Record) -> Asking[_Found]:
        """Evaluate a record (RFC 7208 sections 4.6, 4.7 and 6.1)."""
        for directive in record.directives:
            matches = yield from self._matches(directive, domain)
            if self.watch is not None:
                self.watch(Step(domain, directive.text, matches))
            if matches:
                return directive.result, directive.text, record, domain
        if record.redirect is None or self._isSilent(record.redirect):
            return SPFResult.NEUTRAL, DEFAULT, record, domain
        term = f"redirect={record.redirect}"
        return (yield from self._inside(record.redirect, domain, term))

    def _inside(self, target: Text, domain: str, term: str) -> Asking[_Found]:
        """
        Evaluate another domain's record, for C{include} and C{redirect}, which both
        need one to be there (RFC 7208 sections 5.2 and 6.1).
        """
        self._count()
        if self.watch is not None:
            self.watch(Step(domain, term, None))
        name = yield from self._name(target, domain)
        plain = "" if name is None else name.decode("ascii")
        if canHaveRecord(plain):
            found = yield from self.ofDomain(plain)
            if found[0] is not SPFResult.NONE:
                return found
        raise _Permanent(f"{domain}: no SPF record for {shown(term)}")

    def _matches(self, directive: Directive, domain: str) -> Asking[bool]:
        """Does a mechanism match?  (RFC 7208 section 5)"""
        kind = directive.kind
        if kind is Kind.ALL:
            return True
        if directive.network is not None:
            # An address is in no network of the other family.
            return self.query.client in directive.network
        if directive.domain is not None and self._isSilent(directive.domain):
            return False
        if kind is Kind.INCLUDE:
            assert directive.domain is not None, "the grammar demands it"
            inside = yield from self._inside(directive.domain, domain, directive.text)
            return inside[0] is SPFResult.PASS
        self._count()
        name = yield from self._name(directive.domain, domain)
        if name is None:
            return False
        if kind is Kind.MX:
            return (yield from self._matchesMX(name, directive))
        if kind is Kind.PTR:
            return (yield from self._matchesPTR(name.decode("ascii")))
        # exists asks for A whatever the client has (RFC 7208 section 5.7).
        found = yield from lookUp(name, self.family if kind is Kind.A else "A")
        self._countVoid(found.records)
        if kind is Kind.A:
            return self._isAmong(found.records, directive)
        return bool(found.records)

    def _matchesMX(self, name: bytes, directive: Directive) -> Asking[bool]:
        """Is the client an exchange of a domain?  (RFC 7208 section 5.4)"""
        found = yield from lookUp(name, "MX")
        if len(found.records) > self.limits.names:
            plain = name.decode("ascii")
            raise _Permanent(f"{shown(plain)} has too many exchanges")
        asked = self._addressesOf(found.records)
        known = yield from lookUpAll(asked)
        addresses = [
            each
            for answer in known
            if isinstance(answer, Found)
            for each in answer.records
        ]
        if self._isAmong(addresses, directive):
            return True
        for lookup, answer in zip(asked, known, strict=True):
            if isinstance(answer, Unknown):
                raise Unanswered(lookup, answer.why)
        self._countVoid(addresses)
        return False

    def _matchesPTR(self, target: str) -> Asking[bool]:
        """Has the client a name in a domain?  (RFC 7208 section 5.5)"""
        names = yield from self._validated()
        if not self.named:
            self._countVoid(())
        return any(isWithin(name, target) for name in names)

    def _validated(self) -> Asking[tuple[str, ...]]:
        """
        The names of the client that lead back to it (RFC 7208 section 5.5); none
        where the DNS does not tell.
        """
        if self.names is not None:
            return self.names
        self.names = ()
        reverse = self.query.client.reverse_pointer.encode("ascii")
        try:
            found = yield from lookUp(reverse, "PTR", CLIENT_SHARE)
        except Unanswered:
            return ()
        self.named = bool(found.records)
        asked = self._addressesOf(found.records[: self.limits.names], CLIENT_SHARE)
        known = yield from lookUpAll(asked)
        self.names = tuple(
            lookup.name.decode("ascii")
            for lookup, answer in zip(asked, known, strict=True)
            if isinstance(answer, Found)
            and any(_address(each) == self.query.client for each in answer.records)
        )
        return self.names

    def _addressesOf(self, names: Iterable[bytes], share: float = 1.0) -> list[Lookup]:
        """What to ask for the addresses of hosts, of the client's family."""
        plain = (nameOf(each.decode("ascii", "surrogateescape")) for each in names)
        return [Lookup(each, self.family, share) for each in plain if each is not None]

    def _isAmong(self, addresses: Iterable[bytes], directive: Directive) -> bool:
        """Is the client's address one of some, as far as a mechanism compares?"""
        client = self.query.client
        length = directive.length4 if client.version == 4 else directive.length6
        rest = client.max_prefixlen - length
        ours = int(client) >> rest
        return any(int(_address(each)) >> rest == ours for each in addresses)

    def _count(self) -> None:
        """
        One term more that asks the DNS (RFC 7208 section 4.6.4).

        @raise _Permanent: one too many.
        """
        self.terms += 1
        if self.terms > self.limits.terms:
            raise _Permanent(f"more than {self.limits.terms} terms that ask the DNS")

    def _countVoid(self, records: Sequence[bytes]) -> None:
        """
        A term has found something, or nothing (RFC 7208 section 4.6.4).

        @raise _Permanent: nothing once too often.
        """
        if not records:
            self.voids += 1
            if self.voids > self.limits.voids:
                raise _Permanent(f"more than {self.limits.voids} void look-ups")

    def _isSilent(self, text: Text) -> bool:
        """
        Does a term with this text match nothing, since it wants the local part in
        the DNS, and that is not in ASCII?  (RFC 8616 section 4)
        """
        return not self.query.local.isascii() and not text.letters.isdisjoint("sl")

    def _name(self, text: Text | None, domain: str) -> Asking[bytes | None]:
        """
        The name that a term asks for (RFC 7208 section 4.8).

        @param text: L{None}: the domain's own.
        @return: L{None}: there can be no such name.
        """
        if text is None:
            return domain.lower().encode("ascii")
        if "p" in text.letters:
            yield from self._validated()
        return text.expandName(lambda letter: self._value(letter, domain))

    def _explain(self, target: Text, domain: str) -> Asking[str]:
        """
        What the domain says about a C{fail} (RFC 7208 section 6.2).

        @return: empty: nothing that is in order.
        """
        name = (
            None if self._isSilent(target) else (yield from self._name(target, domain))
        )
        if name is None:
            return ""
        try:
            found = yield from lookUp(name, "TXT")
        except Unanswered:
            return ""
        if len(found.records) != 1 or len(found.records[0]) > RECORD_OCTETS:
            return ""
        try:
            octets = found.records[0].decode("ascii")
            text = spfmacros.parse(octets, EXPLAINING, spaces=True)
        except (UnicodeError, Malformed):
            return ""
        if "p" in text.letters:
            yield from self._validated()
        explanation = text.expand(
            lambda letter: self._value(letter, domain), self.limits.explanation
        )
        # The sender and the name in HELO may have brought what no reply may have.
        if explanation.isascii() and explanation.isprintable():
            return explanation
        return ""

    def _value(self, letter: str, domain: str) -> str:
        """What a macro letter stands for (RFC 7208 section 7.2)."""
        return macroValue(self.query, letter, domain, self.names or (), self.clock)


def _address(octets: bytes) -> IPv4Address | IPv6Address:
    return ip_address(octets.decode("ascii"))


__all__ = ["GUESS", "check", "guess"]
