"""
What domains publish of the connections to their hosts beside the DNS, and what they are
told of those: MTA-STS and TLSRPT.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from attrs import define, frozen

from ...dns.interfaces import IResolver
from ...knowledge.memory import MemoryKnowledge
from ...net.stspolicies import NO_POLICY, Standing, STSPolicies
from ...net.stsrule import STSRule
from ...observe.deliveries import DeliveryJournal
from ...queue.tlswitness import TLSWitness
from ...spool.interfaces import ISpool
from ...tls.rules import Concluded, IRule
from ..config import Configuration
from ..machine import Machine
from .mtasts import secureWeb, stsPolicies, wantsSTS
from .peers import PeerKnowledge
from .tlsreports import tlsReporting


@frozen
class DomainPolicies:
    """
    What domains publish, and what they are told.

    @ivar sts: the rule of MTA-STS; L{None}: nobody does as it asks.
    @ivar concluded: told what became of sessions; L{None}: nobody is.
    """

    sts: IRule | None = None
    concluded: Concluded | None = None


@define
class Known:
    """
    The policies that are known, for who counts.  That one is told of policies that
    could not be fetched, so both need each other.

    @ivar policies: L{None}: there are none.
    """

    policies: STSPolicies | None = None

    def __call__(self, domain: bytes) -> Standing:
        """That of a domain."""
        return NO_POLICY if self.policies is None else self.policies.known(domain)


def domainPolicies(
    machine: Machine,
    configuration: Configuration,
    resolver: IResolver,
    peers: PeerKnowledge | None,
    spool: ISpool,
    told: DeliveryJournal,
    stack: AsyncExitStack,
) -> DomainPolicies:
    """
    Look what domains publish, and tell them what comes of it.

    @param peers: what is known of other hosts; L{None}: nothing is sent to any.
    @param spool: takes reports; it is open.
    @param told: told of those.
    @param stack: how it ends.
    @raise smtpx.core.errors.SMTPXError: what the configuration names is of no use.
    """
    wanted = wantsSTS(configuration)
    if peers is None or not (wanted or configuration.tlsReports.contact is not None):
        return DomainPolicies()
    web = secureWeb(machine, configuration, resolver)
    reporting = tlsReporting(
        machine,
        configuration,
        configuration.name or machine.name,
        resolver,
        web,
        spool,
        told,
        stack,
    )
    known = Known()
    witness = None
    if reporting is not None:
        witness = TLSWitness(reporting.count, machine.now, known)
    if wanted:
        missed = None if witness is None else witness.missed
        found = stsPolicies(machine, resolver, web, peers.knowledge, missed, stack)
        known.policies = found
    return DomainPolicies(
        None if known.policies is None else STSRule(known.policies),
        None if witness is None else witness.concluded,
    )


def freshSTS(
    machine: Machine,
    configuration: Configuration,
    resolver: IResolver,
    stack: AsyncExitStack,
) -> IRule | None:
    """
    The rule of MTA-STS, of which nothing is known yet or kept afterwards.

    @param stack: how it ends.
    @return: L{None}: nobody does as it asks.
    @raise smtpx.core.errors.SMTPXError: what the configuration names is of no use.
    """
    if not wantsSTS(configuration):
        return None
    web = secureWeb(machine, configuration, resolver)
    knowledge = MemoryKnowledge(machine.now)
    return STSRule(stsPolicies(machine, resolver, web, knowledge, None, stack))


__all__ = ["DomainPolicies", "domainPolicies", "freshSTS"]
