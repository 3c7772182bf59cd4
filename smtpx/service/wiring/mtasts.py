"""
What domains publish by MTA-STS: who asks for it, and who remembers it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

from ...dns.interfaces import IResolver
from ...knowledge.interfaces import IPeerKnowledge
from ...knowledge.shared import SharedKnowledge
from ...net.https import SecureWeb
from ...net.stspolicies import STSPolicies
from ...net.stssource import STSSource, STSTrouble
from ...tls.certificates import readCertificates
from ...tls.client import ClientTLS, trustingPlatform
from ..config import Configuration
from ..machine import Machine
from ..tables import RouteEntry, TransportKind


def secureWeb(
    machine: Machine, configuration: Configuration, resolver: IResolver
) -> SecureWeb:
    """
    Asks web servers.

    @raise smtpx.tls.certificates.CertificateError: the file of those whose certificates
        are believed is of no use.
    """
    sending = configuration.sending
    trust = sending.mtaSTSVerifyCertificates
    tls = trustingPlatform() if trust is None else ClientTLS(readCertificates(trust))
    return SecureWeb(machine.reactor, resolver, tls, sending.mtaSTSAllowNetworks)


def wantsSTS(configuration: Configuration) -> bool:
    """Does any route that sends do as domains ask by MTA-STS?"""
    entries = configuration.routes
    if entries is None:
        return configuration.sending.mtaSTS
    return any(
        keepsSTS(configuration, each)
        for each in entries
        if each.transport is TransportKind.SMTP
    )


def keepsSTS(configuration: Configuration, entry: RouteEntry) -> bool:
    """Does a route do as domains ask by MTA-STS?"""
    if entry.mtaSTS is not None:
        return entry.mtaSTS
    return configuration.sending.mtaSTS and entry.transport is TransportKind.SMTP


def stsPolicies(
    machine: Machine,
    resolver: IResolver,
    web: SecureWeb,
    knowledge: IPeerKnowledge,
    told: Callable[[bytes, STSTrouble], None] | None,
    stack: AsyncExitStack,
) -> STSPolicies:
    """
    Knows the policies of domains, and keeps them up to date.

    @param knowledge: where they are kept.
    @param told: told of policies that cannot be fetched; L{None}: nobody is.
    @param stack: ends it.
    """
    policies = STSPolicies(
        machine.reactor,
        STSSource(resolver, web),
        knowledge,
        machine.now,
        told=told or _nobody,
    )
    if machine.worker.leads or not isinstance(knowledge, SharedKnowledge):
        # What one worker keeps up to date in the file the others read there.
        policies.start()
    stack.callback(policies.stop)
    return policies


def _nobody(domain: bytes, trouble: STSTrouble) -> None:
    """Nobody is told."""


__all__ = ["keepsSTS", "secureWeb", "stsPolicies", "wantsSTS"]
