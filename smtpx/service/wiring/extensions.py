"""
The extensions that run, with their ports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, fields

from ...core.asked import lookupIn
from ...core.hostlist import HostList
from ...core.interfaces import IExtension
from ...extensions.auth import Auth
from ...extensions.checkpoint import Checkpoint
from ...extensions.checkpointserver import ITransactionMemory
from ...extensions.etrn import ETRN
from ...extensions.futurerelease import FutureRelease
from ...extensions.pipeconnect import IOffers, PipeConnect
from ...extensions.requiretls import RequireTLS
from ...extensions.rrvs import RRVS
from ...extensions.tlsresume import TLSResume
from ...extensions.tlsverify import TLSVerify
from ...extensions.xclient import XClient
from ...observe.journal import Journal
from ...policy.names import LiveHostList
from ...queue.heldmail import HeldMail
from ..config import Configuration
from ..extensions import BadChoice, Fault, chooseExtensions
from ..tables.tls import ANYBODY, TLS
from .hops import keepsRequireTLS
from .peers import PeerKnowledge
from .routes import routeEntries
from .users import Accounts


def withPorts(
    logins: Accounts,
    journal: Journal,
    now: Callable[[], float],
    peers: PeerKnowledge | None = None,
    transactions: ITransactionMemory | None = None,
    offers: IOffers | None = None,
) -> Sequence[IExtension]:
    """
    Those extensions of ours that have somebody to ask or to tell.

    @param logins: who can log in.
    @param now: seconds since the epoch.
    @param peers: what is known of other hosts; L{None}: nothing is sent to any.
    @param transactions: remembers what clients have named; L{None}: nobody does.
    @param offers: remembers who was offered PIPECONNECT; L{None}: nobody does.
    """
    auth = Auth(
        users=logins.users,
        tokens=logins.tokens,
        certificates=logins.certificates,
        told=journal.authenticated,
        logsIn=True,
    )
    early = PipeConnect(
        memory=None if peers is None else peers.hellos,
        offers=offers,
    )
    later = FutureRelease(held=HeldMail(now))
    called = None if peers is None else peers.names
    named = Checkpoint(memory=transactions, names=called)
    resumed = TLSResume(store=None if peers is None else peers.sessions)
    return auth, XClient(told=journal.overridden), early, later, named, resumed


def chosenExtensions(
    configuration: Configuration,
    found: Mapping[str, IExtension],
    ours: Iterable[IExtension] = (),
    keep: Callable[[HostList], LiveHostList] | None = None,
) -> list[IExtension]:
    """
    The extensions that run, with their ports and settings.

    @param ours: those that have ports (L{withPorts}); without them nobody can log in
        and nobody is told, which is enough to look at them.
    @param keep: looks up the names in a host list from now on; L{None}: nobody
        does, which is enough to look at them as well.
    @raise smtpx.service.extensions.BadChoice: they cannot be had so.
    """
    joined = dict(found)
    for each in ours:
        # Somebody else's in the place of ours has ports of its own.
        if isinstance(joined.get(each.name), type(each)):
            joined[each.name] = each
    if isinstance(joined.get(RequireTLS.name), RequireTLS):
        # Without routes that send nothing leaves this host; "localhost" is any name.
        entries = routeEntries(configuration, configuration.name or "localhost")
        kept = keepsRequireTLS(configuration, entries)
        joined[RequireTLS.name] = RequireTLS(honoured=kept)
    if isinstance(joined.get(RRVS.name), RRVS):
        joined[RRVS.name] = RRVS(asked=configuration.local.ownersKnown)
    if isinstance(joined.get(ETRN.name), ETRN):
        # Mail is waited for by name.
        names = [each for each in configuration.relay.domains if not lookupIn(each)]
        joined[ETRN.name] = ETRN(kept=names)
    if isinstance(joined.get(TLSVerify.name), TLSVerify):
        joined[TLSVerify.name] = _verifying(configuration.tls, keep)
    wanted = configuration.extensions
    settings = wanted.settings
    if keep is not None:
        settings = {name: _live(each, keep) for name, each in settings.items()}
    chosen = chooseExtensions(
        joined,
        enable=wanted.enable,
        disable=wanted.disable,
        settings=settings,
    )
    if configuration.tls.tlsVerifyHosts.items and not any(
        isinstance(each, TLSVerify) for each in chosen
    ):
        # Whoever should be kept out would come in.
        text = f"tls.tls_verify_hosts wants {TLSVerify.name} of smtpx itself to run"
        raise BadChoice([Fault((), text)])
    return chosen


def _verifying(tls: TLS, keep: Callable[[HostList], LiveHostList] | None) -> TLSVerify:
    """
    Which clients show certificates.

    @param keep: see L{chosenExtensions}.
    """

    def port(hosts: HostList, usual: HostList) -> HostList | LiveHostList | None:
        if hosts == usual:
            return None
        return hosts if keep is None else keep(hosts)

    return TLSVerify(
        port(tls.tlsVerifyHosts, HostList()), port(tls.tlsTryVerifyHosts, ANYBODY)
    )


def _live(settings: Any, keep: Callable[[HostList], LiveHostList]) -> Any:
    """
    Settings of an extension whose host lists know the addresses of names.

    @return: the same settings, where no list has names.
    """
    lists = {
        each.alias or each.name: getattr(settings, each.name)
        for each in fields(type(settings))
    }
    return evolve(
        settings,
        **{
            name: keep(hosts)
            for name, hosts in lists.items()
            if isinstance(hosts, HostList) and (hosts.names or hosts.needsNames)
        },
    )
