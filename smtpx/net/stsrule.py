"""
What MTA-STS demands of the connection to a host (RFC 8461 section 4).

A host that no pattern of the policy fits is not to be used; any other has to show,
under TLS, a certificate that is good for its name.  In mode C{testing} all that is
only found out.  Where this server has too much to do to find out whether there is a
policy, or a newer one than one that protects nothing, the mail waits.  A policy is that
of the recipients' domain, or, where the operator named the hosts, that of the host
(section 3.4).
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..core.demands import Demand
from ..core.flaw import Flaw
from ..core.hooks import LookupLevel, TLSLevel
from ..tls.mtasts import Mode, STSPolicy
from ..tls.rules import Hop, IRule, Undecided
from .stspolicies import ISTSPolicies, Standing
from .stssource import STSFault

#: What this rule is called.
MTA_STS = "mta-sts"


def policyDomains(hop: Hop) -> tuple[bytes, ...]:
    """Whose policies count for a host."""
    return (hop.host,) if hop.manual else hop.domains


@implementer(IRule)
@frozen
class STSRule:
    """
    See L{IRule}.

    @ivar policies: knows what domains have published.
    """

    policies: ISTSPolicies
    name: str = MTA_STS

    def apart(self, domain: bytes) -> Deferred[bool]:
        """See L{IRule}."""
        return self.policies.find(domain).addCallback(_mayCount)

    def demands(self, hop: Hop) -> Deferred[Sequence[Demand]]:
        """See L{IRule}."""
        return Deferred.fromCoroutine(self._demands(hop))

    async def _demands(self, hop: Hop) -> Sequence[Demand]:
        found = []
        for domain in policyDomains(hop):
            standing = await self.policies.find(domain)
            if _isOpen(standing):
                whose = domain.decode("ascii", "backslashreplace")
                text = f"the MTA-STS policy of {whose} is not known yet"
                raise Undecided(f"{text}: {standing.trouble}", flaw=Flaw.BUSY)
            if standing.policy is not None and _counts(standing):
                found.append(_demand(hop.host, domain, standing.policy))
        return found

    def unsure(self, hop: Hop) -> Deferred[str | None]:
        """See L{IRule}."""
        return Deferred.fromCoroutine(self._unsure(hop))

    async def _unsure(self, hop: Hop) -> str | None:
        for domain in policyDomains(hop):
            standing = await self.policies.find(domain)
            if standing.policy is None and standing.trouble is not None:
                return str(standing.trouble)
        return None


def _isOpen(standing: Standing) -> bool:
    """Could we have found out more, with less to do, and is it not protected anyhow?"""
    trouble, policy = standing.trouble, standing.policy
    busy = trouble is not None and trouble.fault is STSFault.BUSY
    return busy and (policy is None or policy.mode is not Mode.ENFORCE)


def _mayCount(standing: Standing) -> bool:
    return _isOpen(standing) or _counts(standing)


def _counts(standing: Standing) -> bool:
    policy = standing.policy
    return policy is not None and policy.mode is not Mode.NONE


def _demand(host: bytes, domain: bytes, policy: STSPolicy) -> Demand:
    whose = f"the MTA-STS policy of {domain.decode('ascii', 'backslashreplace')}"
    fits, enforced = policy.matches(host), policy.mode is Mode.ENFORCE
    spelled = host.decode("ascii", "backslashreplace")
    return Demand(
        MTA_STS,
        f"{whose} is in mode {policy.mode.value}",
        TLSLevel.VERIFIED,
        names=frozenset((host,)),
        proven=LookupLevel.MTASTS if fits and enforced else LookupLevel.PLAIN,
        enforced=enforced,
        refused=None if fits else f"{whose} does not allow {spelled}",
    )


__all__ = ["MTA_STS", "STSRule", "policyDomains"]
