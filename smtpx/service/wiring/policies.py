"""
Who may connect, send and receive.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from ...core.errors import UsageError
from ...net.interfaces import IPolicy
from ...observe.journal import Journal
from ...policy.admission import Admission, AdmissionBounds
from ...policy.chain import NamedPolicy, PolicyChain
from ...policy.local import LocalAddresses, LocalPolicy
from ...policy.names import HostNames, NamingPolicy, PeerNames
from ...policy.python import policyFrom
from ...policy.turnstile import Turnstile
from ...queue.routes import Routes
from ..config import Configuration
from ..machine import Machine, connectionsMax
from .threads import threads

_NAME_THREADS = 8


def relaySubjects(configuration: Configuration) -> tuple[str, ...]:
    """
    The subjects of those clients that may relay.

    @raise UsageError: there is nobody who could have signed for them.
    """
    if configuration.relay.certificates and configuration.tls.clientAuthorities is None:
        raise UsageError(
            "no client is asked for a certificate; tls.client_authorities has to name"
            " who signs them"
        )
    return configuration.relay.certificates


def pythonPolicies(configuration: Configuration) -> list[NamedPolicy]:
    """
    The policies that are somebody's Python.

    @raise Exception: whatever that Python raises.
    """
    return [
        policyFrom(named.name, named.load()) for named in configuration.policy.python
    ]


async def policy(
    machine: Machine,
    configuration: Configuration,
    local: LocalAddresses,
    routes: Routes,
    journal: Journal,
    names: HostNames,
    stack: AsyncExitStack,
) -> IPolicy:
    """
    The policy: ours alone, if there is nothing to wait for.

    @param names: has all other host lists already, and is started here.
    """
    relay, refused = configuration.relay, configuration.policy.refuseHosts
    ours = LocalPolicy(
        local,
        routes.goes,
        names.keep(relay.hosts).matches,
        relay.authenticated,
        relaySubjects(configuration),
        names.keep(refused).matches,
    )
    others = pythonPolicies(configuration)
    if names.wanted:
        stack.callback(names.stop)
        await names.start()
    chain = [NamedPolicy("local", ours), *others]
    if names.peerNamesWanted:
        work = threads(machine, _NAME_THREADS, "names", stack)
        peers = PeerNames(Turnstile(machine.reactor), work, machine.reactor.seconds)
        naming = NamingPolicy(peers, names.peerNamesMatter)
        chain.insert(0, NamedPolicy("names", naming))
    if len(chain) == 1:
        return ours
    seconds = configuration.limits.bounds.answerSeconds
    return PolicyChain(chain, journal.trouble, machine.reactor, seconds)


def admission(configuration: Configuration) -> Admission:
    """
    Who may have how many connections, at all doors together.
    """
    limits = configuration.limits
    bounds = AdmissionBounds(
        connectionsMax(configuration),
        limits.connectionsPerAddress,
        limits.connectionsPerNetwork,
        limits.networkPrefixIPv4,
        limits.networkPrefixIPv6,
        limits.addressPrefixIPv6,
    )
    return Admission(bounds)
