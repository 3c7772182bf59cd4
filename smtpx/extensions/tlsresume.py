"""
TLSRESUME: TLS sessions from before (RFC 8446 section 2.2, RFC 5077).

It has no keyword: whether sessions are resumed is settled in the handshake.

Server.  Clients in C{tls_resumption_hosts} are given tickets, and may come back with
them; nobody else may, and by default nobody is in the list.  Tickets of one listener
are of no use at another.  C{tls_no_ticket_hosts} are those that do not bear to be sent
tickets at all: some break off a handshake of TLS 1.3 when one comes, and say nothing
but that they will try again.

Client.  Where the route says so (C{RoutePolicy.resumes}), the session of a connection
is kept behind a port, L{ITicketStore}, and offered to the same server in the next
handshake.  It is found under everything that it was verified by, and under the name
by which the server greets us, for there may be many behind one address, which do not
take each other's tickets.  Each is taken out to be used, so that nobody who listens
can see that two connections are one client's (RFC 8446 appendix C.4).  Where a
handshake fails that has offered one, all that the server had given us is thrown away.

Nothing is ever sent before the handshake is complete (0-RTT): what is heard twice would
be mail sent twice.

What a handshake had to do with sessions is C{tls_in_resumption}, five bits as in Exim,
and C{tls_in_resumption_text}, the same in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import evolve, fields
from zope.interface import Interface, implementer

from ..core.demands import keyOf
from ..core.hooks import TLSInfo, TLSOptions
from ..core.hostlist import clientNames
from ..core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from ..core.tlssession import Resumption, TLSSession

#: What a session is kept under: the server's name, its address and port, the word by
#: which it greeted us before TLS began (empty: TLS came first), and what was verified.
TicketKey = tuple[bytes, ...]


_NAME = "TLSRESUME"


class ITicketStore(Interface):
    """
    Where sessions are kept; the one port of this extension.  Its methods answer at
    once; a store that is locked or broken has none.
    """

    def take(key: TicketKey) -> TLSSession | None:
        """Take out a session, which is not there any more then."""

    def keep(key: TicketKey, session: TLSSession) -> None:
        """Put a session away, until it expires."""

    def forget(key: TicketKey) -> None:
        """Throw away all sessions of a key."""


class Hosts(Protocol):
    """
    A host list: L{smtpx.core.hostlist.HostList}, or one whose names are looked up
    again and again.
    """

    def verdict(
        self, address: bytes, names: Sequence[bytes] = (), named: bool = True
    ) -> bool | None:
        """Is a client in the list, as far as that can be told?"""


class ITLSResume(IServerExtension, IClientExtension):
    """TLS sessions from before."""


#: What of a handshake's options is in the key otherwise, or makes no difference to what
#: is verified.
_ELSEWHERE = frozenset(
    ("names", "dane", "asked", "tickets", "session", "ticketKey", "ticketless", "room")
)


@implementer(ITLSResume)
class TLSResume:
    """
    The TLSRESUME extension.

    @ivar hosts: C{tls_resumption_hosts}: who may resume sessions; L{None}: nobody.
    @ivar unfit: C{tls_no_ticket_hosts}: who is sent no ticket at all; L{None}: nobody.
    @ivar listener: whose tickets are taken: those that were given under the same.
    @ivar store: where sessions of servers are kept; L{None}: nowhere, so that the
        client never resumes one.
    """

    name = _NAME
    requires: tuple[str, ...] = ()
    settings = None

    def __init__(
        self,
        hosts: Hosts | None = None,
        unfit: Hosts | None = None,
        *,
        listener: bytes = b"",
        store: ITicketStore | None = None,
    ) -> None:
        self.hosts = hosts
        self.unfit = unfit
        self.listener = listener
        self.store = store

    def configured(self, settings: object) -> TLSResume:
        """See L{smtpx.core.interfaces.IExtension}."""
        return self

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        if self.hosts is not None or self.unfit is not None:
            server.tls(self._offer)
        server.condition("tls_resumed", _isResumed)
        server.variable("tls_in_resumption", _bits)
        server.variable("tls_in_resumption_text", _words)

    def _offer(self, session: IServerSession, options: TLSOptions) -> TLSOptions:
        # Where it depends on a name that is not known, there is no ticket.
        return evolve(
            options,
            tickets=_isIn(self.hosts, session) and not _isIn(self.unfit, session),
            ticketless=_isIn(self.unfit, session),
            ticketKey=ticketKeyAt(self.listener),
        )

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        # What anybody wants of the handshake is part of the key.
        client.tls(self._tune, last=True)
        client.ticket(self._keep)

    def _tune(self, session: IClientSession, options: TLSOptions) -> TLSOptions:
        if self.store is None or not session.policy.resumes:
            return options
        assert self.store is not None, "only then this is a hook"
        key = _keyFor(session, options)
        found = self.store.take(key)
        return evolve(options, tickets=True, session=found, ticketKey=key)

    def _keep(
        self, options: TLSOptions, info: TLSInfo | None, session: TLSSession | None
    ) -> None:
        if self.store is None:
            return
        if session is None:
            self.store.forget(options.ticketKey)
        else:
            self.store.keep(options.ticketKey, session)


def ticketKeyAt(listener: bytes) -> TicketKey:
    """
    Whose tickets a listener takes: those that were given under the same.

    @param listener: tells it from those that are not to take its tickets.
    """
    return _NAME.encode(), listener


def _isIn(hosts: Hosts | None, session: IServerSession) -> bool:
    if hosts is None:
        return False
    names, known = clientNames(session), session.peerNameKnown
    return hosts.verdict(session.peer, names, known) is True


def _isResumed(session: IServerSession) -> bool:
    return session.secured is not None and session.secured.resumed


def _bits(session: IServerSession) -> int:
    info = session.secured
    return int(Resumption.SUPPORTED if info is None else info.resumption)


def _words(session: IServerSession) -> str:
    return Resumption(_bits(session)).words


def _keyFor(session: IClientSession, options: TLSOptions) -> TicketKey:
    """
    What a session is kept under.

    @param options: those of the handshake, by everybody else who has a say in it.
    """
    target, peer = session.target, session.peer
    demands = [
        f"{each.name}={getattr(options, each.name)!r}".encode()
        for each in fields(TLSOptions)
        if each.name not in _ELSEWHERE
    ]
    return (
        target.host.lower(),
        target.address,
        b"%d" % target.port,
        b"" if peer is None else peer.name.lower(),
        target.trust,
        *keyOf(session.policy),
        b"%d" % session.policy.watched,
        *demands,
    )


__all__ = ["ITLSResume", "ITicketStore", "TLSResume", "TicketKey", "ticketKeyAt"]
