"""
Who may connect, send and receive.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial

from attrs import frozen

from ...core.errors import UsageError
from ...dns.interfaces import IResolver
from ...net.interfaces import IPolicy
from ...observe.journal import Journal
from ...policy.admission import Admission, AdmissionBounds, JointAdmission
from ...policy.authentication import Authentication
from ...policy.chain import NamedPolicy, PolicyChain
from ...policy.checkers.deciding import DecidingPolicy
from ...policy.local import LocalPolicy
from ...policy.lookups import ILookup
from ...policy.names import HostNames, NamingPolicy, PeerNames, confirmedName
from ...policy.prompt import PromptPolicy
from ...policy.python import policyFrom
from ...policy.rules import HouseRules
from ...policy.submission import Submission
from ...policy.turnstile import Turnstile
from ..config import Configuration
from ..machine import Machine, connectionsMax
from ..tables import Role
from .intake import Intake
from .means import means
from .milters import HouseMilters, milters
from .rules import houseRules
from .strangers import Strangers

#: Of how many clients the names are looked up at once: some have to be looked up with
#: name servers that do not answer, and are not to keep others waiting.
_NAMES_AT_ONCE = 32


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


def relaysUsers(configuration: Configuration) -> bool:
    """
    May clients that have authenticated relay at listeners of the role C{mx}?

    There is no look at the sender there: where an operator has made a door for users,
    at which there is one, it should not be got round by another.
    """
    given = configuration.relay.authenticated
    if given is not None:
        return given
    return all(each.role is not Role.SUBMISSION for each in configuration.listeners)


def pythonPolicies(configuration: Configuration) -> list[NamedPolicy]:
    """
    The policies that are somebody's Python.

    @raise Exception: whatever that Python raises.
    """
    return [
        policyFrom(named.name, named.load()) for named in configuration.policy.python
    ]


@frozen
class Policies:
    """
    Who may connect, send and receive.

    @ivar doors: by the role of the door.
    @ivar inside: for users of this machine, who come through no door; the same holds
        for them as for users who have logged in, but that no rule is asked of them.
    @ivar rules: those of the configuration.
    @ivar milters: those of the configuration.
    """

    doors: Mapping[Role, IPolicy]
    inside: IPolicy
    rules: HouseRules
    milters: HouseMilters


async def policies(
    machine: Machine,
    configuration: Configuration,
    intake: Intake,
    submission: Submission,
    journal: Journal,
    names: HostNames,
    resolver: IResolver,
    lookups: Mapping[str, ILookup],
    checks: Authentication | None,
    seen: Strangers,
    deciding: bool,
    stack: AsyncExitStack,
) -> Policies:
    """
    The policies: ours alone, if there is nothing to wait for.

    @param names: has all other host lists already, and is started here.
    @param lookups: those of the configuration, by their names.
    @param checks: finds out who sent a message; L{None}: nothing does.
    @param seen: what is remembered of clients.
    @param deciding: is there a checker that is asked without a rule?
    """
    relay, refused = configuration.relay, configuration.policy.refuseHosts
    relayHosts = names.keep(relay.hosts).verdict
    refuseHosts = names.keep(refused).verdict
    subjects, others = relaySubjects(configuration), pythonPolicies(configuration)
    lent = means(machine, configuration, names, resolver, lookups, seen, stack)
    counts = seen.counters
    rules = houseRules(configuration, intake.words, lent, journal, checks, counts)
    ruling = _ruling(rules, deciding)
    asked = milters(machine, configuration, names, journal, stack)
    if names.wanted:
        stack.callback(names.stop)
        await names.start()
    before = _naming(machine, configuration, names, resolver)
    if checks is not None:
        before.append(NamedPolicy("authentication", PromptPolicy(checks)))
    seconds = configuration.limits.bounds.answerSeconds

    def policy(
        authenticated: bool, rules: list[NamedPolicy], milters: list[NamedPolicy]
    ) -> IPolicy:
        ours = LocalPolicy(
            intake.local,
            intake.goes,
            relayHosts,
            authenticated,
            subjects,
            refuseHosts,
            intake.redirection,
            intake.relayed,
            intake.returns,
        )
        if not (before or rules or others or intake.last or milters):
            return ours
        local = NamedPolicy("local", ours)
        chain = [*before, local, *rules, *others, *intake.last, *milters]
        return PolicyChain(chain, journal.trouble, machine.reactor, seconds)

    # Whoever submits has logged in, and is here to send elsewhere.
    inside = policy(True, [], [])
    mx = policy(relaysUsers(configuration), ruling, asked.policy(Role.MX))
    users = policy(True, ruling, asked.policy(Role.SUBMISSION))
    doors = {
        Role.MX: seen.watched(mx),
        Role.SUBMISSION: seen.watched(submission.policy(users)),
    }
    return Policies(doors, inside, rules, asked)


def _naming(
    machine: Machine,
    configuration: Configuration,
    names: HostNames,
    resolver: IResolver,
) -> list[NamedPolicy]:
    """Who gives clients their names, if anybody wants them: milters always do."""
    asked = bool(configuration.milters)
    if not (asked or names.peerNamesWanted):
        return []
    clock = machine.reactor
    look = partial(confirmedName, resolver)
    peers = PeerNames(
        Turnstile(clock, machine.worker.share(_NAMES_AT_ONCE)), look, clock.seconds
    )
    wanted = (lambda: True) if asked else names.peerNamesMatter
    return [NamedPolicy("names", NamingPolicy(peers, wanted))]


def _ruling(rules: HouseRules, deciding: bool) -> list[NamedPolicy]:
    """Who is asked of clients at the doors only, and in this order."""
    asking = rules.policy()
    found = [] if asking is None else [NamedPolicy("rules", asking)]
    if deciding:
        found.append(NamedPolicy("checkers", DecidingPolicy()))
    return found


def admission(
    machine: Machine, configuration: Configuration
) -> Admission | JointAdmission:
    """
    Who may have how many connections, at all doors of all workers together.
    """
    limits = configuration.limits
    own, joint = connectionsMax(configuration), machine.joint
    bounds = AdmissionBounds(
        own if joint is None else limits.connectionsMax,
        limits.connectionsPerAddress,
        limits.connectionsPerNetwork,
        limits.networkPrefixIPv4,
        limits.networkPrefixIPv6,
        limits.addressPrefixIPv6,
    )
    if joint is None:
        return Admission(bounds)
    return JointAdmission(bounds, joint.connections, joint.clients, own)
