"""
Finding out who sent the messages that arrive: SPF, DKIM, ARC and DMARC.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from attrs import evolve

from ...core.hostlist import clientNames
from ...core.interfaces import IServerSession
from ...dns.interfaces import IResolver
from ...mailauth.dkimverify import VerifyTerms
from ...mailauth.publicsuffix import PublicSuffixes
from ...mailauth.resultsclaims import OurNames
from ...mailauth.spfquery import Limits
from ...net.interfaces import IReceiver
from ...observe.journal import Journal
from ...policy.authentication import Authentication, Terms
from ...policy.checking import CheckingReceiver
from ...policy.names import HostNames
from ...policy.verdicts import IWitness
from ..config import Configuration
from ..machine import Machine
from .policies import relaySubjects


def authentication(
    machine: Machine,
    configuration: Configuration,
    name: str,
    resolver: IResolver,
    names: HostNames,
    journal: Journal,
    suffixes: Callable[[], PublicSuffixes | None],
    witnesses: Collection[IWitness],
) -> Authentication | None:
    """
    What finds it out; L{None}: nothing is to be found out.

    @param name: what the server calls itself.
    @param suffixes: gives the public suffix list that DMARC goes by, if any.
    @param witnesses: told of each message.
    """
    options = configuration.authentication
    if not options.checks:
        return None
    said = (options.authservId or name).encode("utf-8")
    return Authentication(
        resolver,
        machine.reactor,
        journal.trouble,
        said,
        Terms(
            frozenset(options.checks),
            options.lookupSeconds,
            evolve(VerifyTerms(), signatures=options.signaturesMax),
            Limits(voids=configuration.spf.voidLookupsMax),
            configuration.spf.spfGuess,
            suffixes=suffixes,
        ),
        _wanted(configuration, names),
        witnesses,
    )


def _wanted(
    configuration: Configuration, names: HostNames
) -> Callable[[IServerSession], bool]:
    """Who is looked at."""
    options, relay = configuration.authentication, configuration.relay
    hosts = names.keep(options.hosts).verdict
    relayHosts = names.keep(relay.hosts).verdict
    subjects = frozenset(relaySubjects(configuration))

    def relays(session: IServerSession) -> bool:
        secured = session.secured
        if secured is not None and secured.verified and secured.subject in subjects:
            return True
        known = session.peerNameKnown
        return relayHosts(session.peer, clientNames(session), known) is True

    def wanted(session: IServerSession) -> bool:
        if session.identity is not None and not options.logins:
            return False
        # Where it cannot be told who it is, it is a stranger.
        known = session.peerNameKnown
        if hosts(session.peer, clientNames(session), known) is False:
            return False
        return options.relays or not relays(session)

    return wanted


def checking(
    configuration: Configuration,
    found: Authentication | None,
    names: HostNames,
    receiver: IReceiver,
) -> IReceiver:
    """A receiver that has messages looked at, if they are to be."""
    if found is None:
        return receiver
    options = configuration.authentication
    trusted = names.keep(options.trustedHosts).verdict
    ours = [found.name, *(each.encode("utf-8") for each in options.ownNames)]

    def trusts(session: IServerSession) -> bool:
        known = session.peerNameKnown
        return trusted(session.peer, clientNames(session), known) is True

    return CheckingReceiver(
        receiver,
        found,
        OurNames.of(ours),
        options.longestHeader,
        trusts,
        configuration.spf.receivedSPF,
    )
