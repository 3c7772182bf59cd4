"""
Checkers: virus scanners and spam filters that are asked for their opinion of messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint

from ...core.envelope import Envelope
from ...core.hostlist import HostList, clientNames
from ...core.interfaces import IServerSession
from ...net.interfaces import IReceiver
from ...observe.journal import Journal
from ...policy.checkers import (
    CONSULTATION,
    Consultation,
    ConsultingReceiver,
    Desk,
    IChecker,
    Opinion,
    Opinions,
    Terms,
    WhenAway,
    skippedOf,
)
from ...policy.checkers.clamd import Clamd
from ...policy.checkers.consulting import unheard
from ...policy.checkers.link import CONNECT_SECONDS
from ...policy.checkers.rspamd import Rspamd, RspamdTerms
from ...policy.checkers.spamd import Spamd
from ...policy.rules.interfaces import Keep
from ...policy.rules.wanted import Wanted
from ..config import Configuration
from ..machine import Machine
from ..tables import Checker, CheckerKind
from ..tables.checker import Place
from .hops import readPassword

#: Is a client's message for a checker?
Wants = Callable[[IServerSession], bool]

#: How much of a message that is there is given to checkers at a time.
_PIECE_OCTETS = 1 << 16

#: Makes a checker: of its table, where it listens, and how it is asked.
_Make = Callable[[Checker, IStreamClientEndpoint, Terms], IChecker]

_MAKE: dict[CheckerKind, _Make] = {
    CheckerKind.CLAMD: lambda table, endpoint, terms: Clamd(
        table.name, endpoint, terms
    ),
    CheckerKind.SPAMD: lambda table, endpoint, terms: Spamd(
        table.name, endpoint, terms, table.user
    ),
    CheckerKind.RSPAMD: lambda table, endpoint, terms: Rspamd(
        table.name, endpoint, terms, _asking(table)
    ),
}


def checkersOf(
    machine: Machine, configuration: Configuration, keep: Keep, wanted: Wanted
) -> list[IChecker]:
    """
    The checkers of the configuration of whom something is wanted, in its order.

    @param keep: keeps host lists up to date.
    """
    return [
        _MAKE[each.kind](each, endpointOf(machine, each), _terms(each, keep))
        for each in configuration.checkers
        if wanted.has(each.name, each.kind.finds)
    ]


def _asking(table: Checker) -> RspamdTerms:
    """
    How rspamd is asked.

    @raise UsageError: the file with its password is of no use.
    """
    file = table.passwordFile
    password = b"" if file is None else readPassword(file)
    return RspamdTerms(table.settingsId, password, table.changes)


def endpointOf(machine: Machine, table: Checker) -> IStreamClientEndpoint:
    """Where a checker listens."""
    return endpointAt(machine, table.place)


def endpointAt(machine: Machine, place: Place) -> IStreamClientEndpoint:
    """Where somebody listens."""
    if place.path:
        return UNIXClientEndpoint(machine.reactor, place.path, CONNECT_SECONDS)
    return HostnameEndpoint(machine.reactor, place.host, place.port, CONNECT_SECONDS)


def wantedFrom(hosts: HostList, logins: bool, keep: Keep) -> Wants:
    """
    Whose messages are for a checker.

    @param logins: are those of clients that have logged in?
    @param keep: keeps host lists up to date.
    """
    listed = keep(hosts).verdict

    def wanted(session: IServerSession) -> bool:
        if session.identity is not None and not logins:
            return False
        # Where it cannot be told who it is, it is a stranger.
        known = session.peerNameKnown
        return listed(session.peer, clientNames(session), known) is not False

    return wanted


def _terms(table: Checker, keep: Keep) -> Terms:
    return Terms(
        WhenAway(table.whenAway.value),
        table.opinionSeconds,
        table.atOnceMax,
        wanted=wantedFrom(table.hosts, table.logins, keep),
        octetsMax=table.octetsMax,
    )


def desksOf(
    machine: Machine, checkers: Iterable[IChecker], journal: Journal
) -> list[Desk]:
    """Where checkers are asked."""
    return [Desk(each, machine.reactor, journal.trouble) for each in checkers]


def consulting(
    machine: Machine,
    checkers: Iterable[IChecker],
    journal: Journal,
    receiver: IReceiver,
) -> IReceiver:
    """A receiver whose messages are checked, if they are to be."""
    desks = desksOf(machine, checkers, journal)
    if not desks:
        return receiver

    def tell(
        session: IServerSession, name: str, opinion: Opinion, seconds: float, id: str
    ) -> None:
        state, why = opinion.state, ""
        if state.failed:
            why = opinion.why or "it does not say"
        journal.opinion(session, name, state.value, opinion.found, why, seconds, id)

    return ConsultingReceiver(receiver, desks, tell)


def consulted(
    desks: Sequence[Desk], session: IServerSession, envelope: Envelope, message: bytes
) -> None:
    """Have a message that is there checked once somebody asks."""
    skipped = skippedOf(envelope)
    asked = [each for each in desks if not each.checker.finds & skipped]
    reread = partial(_pieces, message)
    envelope.stamps[CONSULTATION] = Consultation(
        asked, session, envelope, "", reread, True, unheard
    )


def _pieces(message: bytes) -> Iterator[bytes]:
    for at in range(0, len(message), _PIECE_OCTETS):
        yield message[at : at + _PIECE_OCTETS]


def opinionsOf(
    session: IServerSession, envelope: Envelope
) -> Opinions | Deferred[Opinions]:
    """What checkers think of a message: what rules ask."""
    found = envelope.stamp(CONSULTATION)
    return {} if found is None else found.opinions()


def anyDecides(checkers: Iterable[IChecker]) -> bool:
    """Is there one that is asked without a rule?"""
    return any(each.terms.decides for each in checkers)


def namesOf(tables: Sequence[Checker]) -> frozenset[str]:
    """What the checkers of a configuration are called."""
    return frozenset(each.name for each in tables)


def foundBy(tables: Sequence[Checker]) -> frozenset[str]:
    """What they find out."""
    return frozenset(what for each in tables for what in each.kind.finds)


__all__ = [
    "anyDecides",
    "checkersOf",
    "consulted",
    "consulting",
    "desksOf",
    "endpointAt",
    "endpointOf",
    "foundBy",
    "namesOf",
    "opinionsOf",
    "wantedFrom",
]
