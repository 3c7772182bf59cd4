"""
What becomes of sessions, as reports of TLSRPT count it (RFC 8460 section 4).

Each session is counted for each domain that its first message is for, under the policy
that was applied: the TLSA records of the host where there are some, else the domain's
MTA-STS policy, else none.  Sessions of messages that are to arrive without regard to
TLS, such as reports themselves, are not counted (section 5.3); nor are those of routes
whose operator wants no TLS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from ..core.demands import Demand
from ..core.errors import Malformed
from ..core.flaw import Flaw
from ..core.tlsa import DANE
from ..dns.idn import asciiDomain
from ..net.stspolicies import Standing
from ..net.stsrule import MTA_STS, policyDomains
from ..net.stssource import STSTrouble
from ..tls.rules import Conclusion
from ..tls.tlsrpt import ResultType
from .tlscounts import Applied, Event, Failed, dayOf

_RESULTS: Mapping[Flaw, ResultType] = {
    Flaw.NO_TLS: ResultType.NO_STARTTLS,
    Flaw.HANDSHAKE: ResultType.FAILURE,
    Flaw.NAME: ResultType.HOST_MISMATCH,
    Flaw.EXPIRED: ResultType.EXPIRED,
    Flaw.UNTRUSTED: ResultType.NOT_TRUSTED,
    Flaw.REVOKED: ResultType.NOT_TRUSTED,
    Flaw.STAPLE: ResultType.FAILURE,
    Flaw.TLSA: ResultType.TLSA_INVALID,
    Flaw.DNSSEC: ResultType.DNSSEC_INVALID,
    Flaw.NO_DANE: ResultType.DANE_REQUIRED,
    # RFC 8460 has no word for a host that a policy does not name.
    Flaw.BARRED: ResultType.FAILURE,
}

#: Those that the result alone does not explain (RFC 8460 sections 4.3.1 and 4.3.3).
_UNCLEAR = frozenset({ResultType.FAILURE, ResultType.NOT_TRUSTED})

_NO_POLICY = "no-policy-found"


@frozen
class TLSWitness:
    """
    Turns what becomes of sessions into what is counted.

    @ivar count: counts.
    @ivar now: seconds since the epoch.
    @ivar known: the MTA-STS policy of a domain, as far as it is known.
    """

    count: Callable[[Event], None]
    now: Callable[[], float]
    known: Callable[[bytes], Standing]

    def concluded(self, conclusion: Conclusion) -> None:
        """See L{smtpx.tls.rules.Concluded}."""
        if conclusion.lenient or (conclusion.flaw is None and conclusion.tls is None):
            return
        if conclusion.flaw is Flaw.BUSY:
            # Of which no domain is to hear: it is our own.
            return
        failed = _failed(conclusion)
        day = dayOf(self.now())
        for domain in policyDomains(conclusion.hop):
            name = _name(domain)
            if name is not None:
                policy = self._applied(conclusion, name)
                self.count(Event(day, name, policy, failed))

    def missed(self, domain: bytes, trouble: STSTrouble) -> None:
        """
        The policy of a domain could not be fetched, though it should have one (RFC
        8461 section 6).
        """
        name = _name(domain)
        if name is not None:
            # Why, in words, would tell strangers of our name servers.
            failed = Failed(ResultType(trouble.fault.value))
            event = Event(dayOf(self.now()), name, self._published(name), failed)
            self.count(event)

    def _applied(self, conclusion: Conclusion, domain: str) -> Applied:
        demands = conclusion.demands
        for demand in demands:
            if demand.dane is not None:
                return _tlsa(conclusion.hop.host, demand.dane)
        if conclusion.flaw in (Flaw.DNSSEC, Flaw.NO_DANE, Flaw.TLSA):
            # There should have been some, and nobody could tell which.
            return Applied("tlsa", conclusion.hop.host.decode("ascii"))
        if any(_isSTS(each) for each in demands):
            return self._published(domain)
        return Applied(_NO_POLICY, domain)

    def _published(self, domain: str) -> Applied:
        """The policy that a domain has published, as far as it is known."""
        policy = self.known(domain.encode("ascii")).policy
        if policy is None:
            return Applied("sts", domain)
        hosts = [each.decode("ascii") for each in policy.mx]
        return Applied("sts", domain, policy.lines, hosts)


def _isSTS(demand: Demand) -> bool:
    return demand.rule == MTA_STS


def _tlsa(host: bytes, dane: DANE) -> Applied:
    """TLSA records (RFC 8460 section 4.5)."""
    lines = [
        f"{each.usage} {each.selector} {each.matching} {each.association.hex().upper()}"
        for each in dane.records
    ]
    return Applied("tlsa", dane.base.decode("ascii"), lines, [host.decode("ascii")])


def _failed(conclusion: Conclusion) -> Failed | None:
    """What was wrong; L{None}: nothing."""
    flaw, why = conclusion.flaw, conclusion.why
    if flaw is None:
        barred = [each.refused for each in conclusion.demands if each.refused]
        if not barred or any(each.dane is not None for each in conclusion.demands):
            return None
        # It was only found out.
        flaw, why = Flaw.BARRED, barred[0]
    result = _RESULTS[flaw]
    return Failed(
        result,
        conclusion.source.decode("ascii", "replace"),
        host=conclusion.hop.host.decode("ascii", "replace"),
        address=conclusion.address.decode("ascii", "replace"),
        reason=why if result in _UNCLEAR else "",
    )


def _name(domain: bytes) -> str | None:
    """A domain, as reports have it; L{None}: it is none that reads any."""
    if domain.startswith(b"["):
        return None
    try:
        return asciiDomain(domain).decode("ascii")
    except Malformed:
        return None


__all__ = ["TLSWitness"]
