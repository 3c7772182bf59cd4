"""
The rule of DANE: what the TLSA records of a host demand (RFC 7672 section 2.2).

All of it stands on DNSSEC.  A host of a domain whose MX records are not signed is not
asked about (section 2.2.1 lets us choose), nor is one whose addresses are not signed
(section 2.2.2 advises against it).  Where both are:

  - TLSA records that are signed, one of which can be used: the certificate has to match
    (L{smtpx.tls.judging}), or the host gets nothing;
  - such records, none of which can be used: it gets nothing without TLS;
  - none, or none that are signed: nothing is demanded;
  - nobody knows, or what was said does not stand up to DNSSEC: the host is left alone
    for now.

Where an alias (CNAME) leads to the host's addresses, the records are looked for under
the name at its end, and then under the one at its beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from attrs import frozen
from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from ..core.demands import Demand, Source
from ..core.flaw import Flaw
from ..core.hooks import TLSLevel
from ..core.hostlist import HostList
from ..core.tlsa import DANE, TLSA
from .dane import DANE_TA, ofUsage, usable
from .rules import Hop, IRule, Undecided

_RULE = "dane"


@frozen
class Found:
    """
    What the DNS has under a name.

    @ivar records: TLSA records; empty: it has none.
    @ivar authentic: is that proven by DNSSEC, and so is all on the way there?
    @ivar alias: is the name an alias?  Asked for by C{Records.alias} alone.
    """

    records: tuple[TLSA, ...] = ()
    authentic: bool = False
    alias: bool = False


@frozen
class Records:
    """
    Asks the DNS.  Both fail with L{Undecided} where nobody knows.

    @ivar tlsa: asks for TLSA records.
    @ivar alias: asks whether a name is an alias, by itself, wherever it leads to.
    """

    tlsa: Callable[[bytes], Deferred[Found]]
    alias: Callable[[bytes], Deferred[Found]]


@implementer(IRule)
@frozen
class DANERule:
    """
    See the module.

    @ivar records: asks the DNS.
    @ivar tried: hosts whose records are looked for.
    @ivar required: hosts that get nothing without records that can be used (RFC 7672
        section 6).
    """

    records: Records
    tried: HostList
    required: HostList = HostList()
    name = _RULE

    def apart(self, domain: bytes) -> bool:
        """See L{IRule}: what hosts demand is the same for all domains."""
        return False

    def unsure(self, hop: Hop) -> None:
        """See L{IRule}: what the DNS could not tell is undecided already."""

    def demands(self, hop: Hop) -> Sequence[Demand] | Deferred[Sequence[Demand]]:
        """See L{IRule}."""
        required = _has(self.required, hop)
        if not required and not _has(self.tried, hop):
            return ()
        why = _unsigned(hop)
        if why is not None:
            return _without(hop, why) if required else ()
        if hop.uncertain:
            # RFC 7672 section 2.2.2: an error on the way is no answer.
            untold = f"the addresses of {_shown(hop.host)} could not all be looked up"
            flaw = Flaw.BUSY if hop.busy else Flaw.DNSSEC
            if not required:
                return fail(Undecided(untold, flaw=flaw))
            return _without(hop, untold, flaw)
        return Deferred.fromCoroutine(self._ask(hop, required))

    async def _ask(self, hop: Hop, required: bool) -> Sequence[Demand]:
        try:
            found = await self._find(hop)
        except Undecided as error:
            if not required:
                raise
            return _without(hop, str(error), error.flaw)
        if found is None:
            return _without(hop, "it has no TLSA records") if required else ()
        base, records = found
        place = f"_{hop.port}._tcp.{_shown(base)}"
        good = usable(records)
        if not good:
            if required:
                return _without(hop, f"no TLSA record of {place} can be used")
            why = f"there are TLSA records at {place}, of which none can be used"
            return (Demand(_RULE, why, TLSLevel.ENCRYPTED),)
        names: frozenset[frozenset[bytes]] = frozenset()
        if ofUsage(good, DANE_TA):
            names = frozenset(frozenset({base, *each}) for each in _nextHops(hop))
        told = ", ".join(map(str, good))
        why = f"there are TLSA records at {place}: {told}"
        dane = DANE(base, good, names)
        by = Source.OPERATOR if required else Source.DOMAIN
        return (Demand(_RULE, why, TLSLevel.VERIFIED, dane=dane, by=by),)

    async def _find(self, hop: Hop) -> tuple[bytes, tuple[TLSA, ...]] | None:
        """
        The records, and the name under which they stand.

        @return: L{None}: there are none that are signed.
        @raise Undecided: nobody knows.
        """
        for base in await self._bases(hop):
            found = await self.records.tlsa(b"_%d._tcp.%b" % (hop.port, base))
            if found.authentic and found.records:
                return base, found.records
        return None

    async def _bases(self, hop: Hop) -> Iterable[bytes]:
        """Under which names they may stand, the best first (RFC 7672 section 2.2.2)."""
        if hop.authentic:
            return dict.fromkeys((hop.canonical or hop.host, hop.host))
        if hop.canonical in (b"", hop.host):
            return ()
        # It is an alias that leads out of what is signed; but it may be signed itself.
        found = await self.records.alias(hop.host)
        return (hop.host,) if found.alias and found.authentic else ()


def _has(hosts: HostList, hop: Hop) -> bool:
    return any(hosts.matches(address, (hop.host,)) for address in hop.addresses)


def _unsigned(hop: Hop) -> str | None:
    """Why there is no DANE for a host; L{None}: there may be."""
    if hop.host.startswith(b"["):
        return "it is named by its address"
    if not hop.manual and not hop.namesAuthentic:
        return "that it is the domain's host is not proven by DNSSEC"
    return None


def _nextHops(hop: Hop) -> Iterable[Iterable[bytes]]:
    """
    The names for which a certificate may be besides, for each domain (RFC 7672 section
    3.2.2).
    """
    if hop.manual or not hop.domains:
        return [(hop.host,)]
    return zip(hop.domains, hop.expanded or hop.domains, strict=True)


def _without(hop: Hop, why: str, flaw: Flaw = Flaw.NO_DANE) -> tuple[Demand, ...]:
    """A host that has to have DANE has none."""
    refused = f"{_shown(hop.host)} has to have DANE (hosts_require_dane), but {why}"
    listed = "the list hosts_require_dane names the host"
    level, by = TLSLevel.VERIFIED, Source.OPERATOR
    return (Demand(_RULE, listed, level, by=by, refused=refused, flaw=flaw),)


def _shown(name: bytes) -> str:
    return name.decode("ascii", "backslashreplace")


__all__ = ["DANERule", "Found", "Records"]
