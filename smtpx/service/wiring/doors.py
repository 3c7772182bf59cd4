"""
What is behind the doors: a factory for each kind of listener.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from attrs import evolve, frozen

from ...core.hostlist import HostList
from ...core.interfaces import IExtension
from ...core.tlsterms import USUAL, TLSTerms
from ...net.answers import Answerers
from ...net.factory import IAdmission, SMTPServerFactory
from ...net.interfaces import IReceiver, ITracer
from ...net.submission import SubmissionReceiver
from ...observe.journal import Journal
from ...policy.submission import Submission
from ...tls.contexts import ServerTLS
from ..config import Configuration
from ..machine import Machine, connectionsMax
from ..tables import Listener, ListenerProtocol, ListenerTLS, Role
from ..transactions import Transactions
from .policies import Policies
from .resuming import Keep, resumingAt
from .transactions import remembering
from .users import loginBounds


@frozen
class DoorKind:
    """
    What makes listeners differ in more than the place where they listen.

    @ivar tls: when TLS begins.
    @ivar role: whom it is for.
    @ivar proxies: who says whom it brings.
    @ivar proxySeconds: how long that may take.
    @ivar protocol: what is spoken.
    @ivar terms: what is wanted of handshakes.
    @ivar resuming: who may resume TLS sessions.
    @ivar ticketless: who is sent no ticket.
    """

    tls: ListenerTLS
    role: Role
    proxies: HostList
    proxySeconds: float
    protocol: ListenerProtocol = ListenerProtocol.SMTP
    terms: TLSTerms = USUAL
    resuming: HostList = HostList()
    ticketless: HostList = HostList()

    @classmethod
    def of(cls, listener: Listener) -> DoorKind:
        """The kind of a listener."""
        return cls(
            listener.tls,
            listener.role,
            listener.proxyHosts,
            listener.proxySeconds,
            listener.protocol,
            listener.terms,
            listener.tlsResumptionHosts,
            listener.tlsNoTicketHosts,
        )


def kindsOf(listeners: Iterable[Listener]) -> Mapping[bytes, DoorKind]:
    """
    The kinds of listeners that there are, by what tells them apart: the same in all
    processes of a server.
    """
    kinds = dict.fromkeys(DoorKind.of(each) for each in listeners)
    return {b"%d" % place: kind for place, kind in enumerate(kinds)}


@frozen
class Hall:
    """
    What all doors lead to.

    @ivar name: what the server calls itself.
    @ivar policies: who may connect, send and receive.
    @ivar submission: what doors for submission do otherwise.
    @ivar tracer: who traces; L{None}: nobody is traced.
    @ivar kept: gives lists of listeners, with names that are looked up.
    @ivar transactions: those that clients have named.
    @ivar full: see L{SMTPServerFactory}.
    """

    machine: Machine
    configuration: Configuration
    name: str
    extensions: Sequence[IExtension]
    receiver: IReceiver
    policies: Policies
    submission: Submission
    tls: ServerTLS
    answers: Answerers
    journal: Journal
    admission: IAdmission
    tracer: ITracer | None
    kept: Keep
    transactions: Transactions
    full: Callable[[], bool] | None = None

    def factories(
        self, listeners: Iterable[Listener]
    ) -> Mapping[DoorKind, SMTPServerFactory]:
        """A factory for each kind of listener that there is."""
        return {
            kind: self._factory(kind, place)
            for place, kind in kindsOf(listeners).items()
        }

    def _factory(self, kind: DoorKind, place: bytes) -> SMTPServerFactory:
        """
        The factory for a kind of listener.

        @param place: tells it apart from the others.
        """
        name = self.name.encode("ascii")
        receiver = self.receiver
        extensions = resumingAt(
            self.extensions, kind.resuming, kind.ticketless, place, self.kept
        )
        asking = self.policies.rules.extension()
        rules = [] if asking is None else [asking]
        milters = self.policies.milters
        extensions = milters.around(kind.role, extensions, rules)
        bounds = loginBounds(self.configuration)
        if kind.role is Role.SUBMISSION:
            submission = self.submission
            check = self.configuration.submission.checkHeader
            receiver = SubmissionReceiver(
                receiver,
                name=name,
                whole=submission.wholeDomain if check else None,
                clock=self.machine.now,
            )
            extensions = submission.extensions(extensions)
            bounds = submission.bounds(bounds)
        made = SMTPServerFactory(
            self.machine.reactor,
            remembering(self.transactions, receiver),
            name=name,
            extensions=extensions,
            policy=self.policies.doors[kind.role],
            tls=None if kind.tls is ListenerTLS.NONE else self.tls,
            implicitTLS=kind.tls is ListenerTLS.IMPLICIT,
            bounds=bounds,
            answers=self.answers,
            journal=self.journal,
            admission=self.admission,
            tracer=self.tracer,
            connectionsMax=connectionsMax(self.configuration),
            clock=self.machine.now,
            proxies=kind.proxies if kind.proxies.items else None,
            proxySeconds=kind.proxySeconds,
            dialect=kind.protocol.dialect,
            terms=kind.terms,
        )
        made.leaving = milters.left(kind.role)
        made.full = self.full
        self.journal.watch(made.profile)
        return made

    def inside(self, receiver: IReceiver, recipientsMax: int) -> SMTPServerFactory:
        """
        What users of this machine are met by, who come through no door.

        @param receiver: what is done with their messages.
        @param recipientsMax: the most of a message; any of them may be refused.
        """
        bounds = evolve(
            self.configuration.limits.bounds,
            recipientsMax=recipientsMax,
            refusalsMax=recipientsMax,
            putOffMax=recipientsMax,
            errorsMax=recipientsMax,
        )
        made = SMTPServerFactory(
            self.machine.reactor,
            receiver,
            name=self.name.encode("ascii"),
            extensions=self.extensions,
            policy=self.policies.inside,
            bounds=bounds,
            answers=self.answers,
            journal=self.journal,
            clock=self.machine.now,
        )
        self.journal.watch(made.profile)
        return made
