"""
The milters of the configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack

from attrs import frozen
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint

from ...core.hostlist import clientNames
from ...core.interfaces import IExtension, IServerSession
from ...net.interfaces import IReceiver
from ...observe.journal import Journal
from ...policy.chain import NamedPolicy
from ...policy.milter.asking import MilterCommands, MilterPolicy, MilterReviews
from ...policy.milter.milter import Milter
from ...policy.milter.receiving import MilterReceiver
from ...policy.milter.stages import MacroStage
from ...policy.milter.terms import MACROS, MilterTerms
from ...policy.names import HostNames
from ..config import Configuration
from ..machine import Machine
from ..tables import MilterEntry, Role


@frozen
class HouseMilters:
    """
    The milters of a server.

    @ivar policies: ask them, by the role of the door.
    """

    policies: dict[Role, MilterPolicy]

    def policy(self, role: Role) -> list[NamedPolicy]:
        """Who asks them at doors of a role, if anybody."""
        found = self.policies.get(role)
        return [] if found is None else [NamedPolicy("milters", found)]

    def around(
        self, role: Role, extensions: Sequence[IExtension], others: Iterable[IExtension]
    ) -> list[IExtension]:
        """
        What sessions are told to milters by.

        @param others: extensions that are asked first.
        """
        if role not in self.policies:
            return [*extensions, *others]
        return [*extensions, MilterCommands(), *others, MilterReviews()]

    def left(self, role: Role) -> Callable[[IServerSession], None] | None:
        """Who is told of clients that have gone; L{None}: nobody wants to know."""
        found = self.policies.get(role)
        return None if found is None else found.left


def milters(
    machine: Machine,
    configuration: Configuration,
    names: HostNames,
    journal: Journal,
    stack: AsyncExitStack,
) -> HouseMilters:
    """
    The milters, none of which is connected to yet.

    @param names: keeps host lists up to date.
    @param stack: where their connections are ended.
    """
    made: list[tuple[MilterEntry, Milter, Callable[[IServerSession], bool]]] = []
    for entry in configuration.milters:
        milter = Milter(
            entry.name, endpointOf(machine, entry), termsOf(entry), machine.reactor
        )
        stack.callback(milter.stop)
        made.append((entry, milter, _wanted(entry, names)))

    def policy(role: Role) -> MilterPolicy:
        here = [each for each in made if role in each[0].roles]

        def choose(session: IServerSession) -> list[Milter]:
            return [milter for _, milter, wants in here if wants(session)]

        return MilterPolicy(choose, journal.milterDid)

    roles = {role for entry, _, _ in made for role in entry.roles}
    return HouseMilters({role: policy(role) for role in roles})


def _wanted(entry: MilterEntry, names: HostNames) -> Callable[[IServerSession], bool]:
    hosts = names.keep(entry.hosts).verdict

    def wanted(session: IServerSession) -> bool:
        # Where it cannot be told who it is, it is looked at.
        known = session.peerNameKnown
        return hosts(session.peer, clientNames(session), known) is not False

    return wanted


def endpointOf(machine: Machine, entry: MilterEntry) -> IStreamClientEndpoint:
    """What leads to a milter."""
    place, seconds = entry.place, entry.connectSeconds
    reactor = machine.reactor
    if isinstance(place, str):
        return UNIXClientEndpoint(reactor, place, seconds)
    return HostnameEndpoint(reactor, *place, seconds)


def termsOf(entry: MilterEntry) -> MilterTerms:
    """The terms of a milter."""
    fixed = {
        name.encode("ascii"): value.encode("utf-8")
        for name, value in entry.macros.items()
    }
    told = {name for each in MACROS.values() for name in each}
    mine = tuple(name for name in fixed if name not in told)
    listed = {**MACROS, MacroStage.CONNECT: (*MACROS[MacroStage.CONNECT], *mine)}
    return MilterTerms(
        entry.whenAway,
        entry.connectSeconds,
        entry.commandSeconds,
        entry.contentSeconds,
        entry.connectionsMax,
        listed,
        fixed,
    )


def reading(configuration: Configuration, receiver: IReceiver) -> IReceiver:
    """
    A receiver that has messages read by milters, if there are any.

    @param receiver: one behind which messages can be changed.
    """
    return MilterReceiver(receiver) if configuration.milters else receiver


__all__ = ["HouseMilters", "endpointOf", "milters", "reading", "termsOf"]
