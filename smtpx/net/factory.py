"""
The programmatic front door: a receiver in, a server out.

Five lines make a server::

    from twisted.internet import endpoints, reactor
    from smtpx import SMTPServerFactory
    factory = SMTPServerFactory(reactor, lambda envelope, body: print(body.read()))
    endpoints.serverFromString(reactor, "tcp:2525").listen(factory)
    reactor.run()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IReactorTime,
    IReadDescriptor,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from ..core.bounds import Bounds
from ..core.claims import CORE
from ..core.effects import MayReceive, MaySend
from ..core.envelope import Envelope, Recipient
from ..core.hooks import Dialect
from ..core.hostlist import HostList
from ..core.interfaces import IExtension, IServerSession
from ..core.profile import ServerProfile
from ..core.reply import Reply
from ..core.server import ServerConnection
from ..core.tlsterms import USUAL, TLSTerms
from ..extensions.standard import standard
from ..tls.interfaces import IServerTLS
from ..tls.terms import checkTerms
from .answers import Answerers, answererFor, judgeOf
from .ends import Ends, plainHost, plainPort
from .entrance import Entrance
from .gate import Gate
from .interfaces import IJournal, IPolicy, IReceiver, ITracer
from .receiving import Taker, receiverFor
from .refused import RefusedProtocol
from .server import ServerProtocol

_SWEEP_SECONDS = 1.0

#: How often it is looked whether connections of other processes have left, while
#: there are too many, in seconds.
_LOOK_SECONDS = 0.1

#: How long a client that was told 421 keeps a server from stopping, in seconds.
#: Under TLS it is to answer the end with its own, which one that sleeps does not.
_FAREWELL_SECONDS = 2.0

#: The most connections that are told at a time that they are not let in.  Each has
#: a descriptor until it is closed, and Twisted accepts a hundred and more before
#: it closes the first, which would take all that were left free for files.
_REFUSED_MOST = 16

#: Why nothing is accepted: there are too many connections.
_FULL = "connections"


class IAdmission(Interface):
    """Who may have how many connections."""

    def enter(address: bytes) -> Reply | None:
        """A connection from C{address}: refuse it, or count it (L{None})."""

    def leave(address: bytes) -> None:
        """A connection that was counted is gone."""


@implementer(IPolicy)
class Open:
    """The policy of a program that takes everything."""

    bearsRepeats = True

    def mayConnect(self, session: IServerSession) -> None:
        """Anyone may connect."""

    def maySend(self, session: IServerSession, envelope: Envelope) -> None:
        """Anyone may send."""

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> None:
        """Anyone may receive."""


@implementer(IJournal)
class Silence:
    """The journal of a program that wants none; trouble is logged all the same."""

    enabled = False
    _log = Logger()

    def connected(self, session: IServerSession) -> None:
        """See L{IJournal}."""

    def refused(self, session: IServerSession, command: bytes, answer: Reply) -> None:
        """See L{IJournal}."""

    def accepted(
        self,
        session: IServerSession,
        envelope: Envelope,
        messageID: str,
        answer: Reply,
    ) -> None:
        """See L{IJournal}."""

    def secured(self, session: IServerSession) -> None:
        """See L{IJournal}."""

    def authenticated(
        self, session: IServerSession, mechanism: str, good: bool
    ) -> None:
        """See L{IJournal}."""

    def trouble(
        self, session: IServerSession, owner: str, error: BaseException
    ) -> None:
        """See L{IJournal}."""
        failure = Failure(error)
        self._log.failure("Trouble in {owner}", failure, owner=owner)

    def closed(self, session: IServerSession, why: str) -> None:
        """See L{IJournal}."""

    def turnedAway(self, peer: bytes, port: int, answer: Reply) -> None:
        """See L{IJournal}."""

    def proxyRefused(self, ends: Ends, why: str) -> None:
        """See L{IJournal}."""
        self._log.warn("Proxy {peer!r} refused: {why}", peer=ends.peer, why=why)


def _cautious(policy: IPolicy) -> frozenset[type]:
    """What a policy is not to be asked before a client has shown where it is."""
    if getattr(policy, "bearsRepeats", False):
        return frozenset()
    return frozenset({MaySend, MayReceive})


class SMTPServerFactory(Factory):
    """
    Makes server connections.

    @ivar maySend: what the policy says to a MAIL; see L{IPolicy}.
    @ivar mayReceive: and to a RCPT.
    @ivar cautious: which questions wait until the client has shown where it is.
    @ivar bounds: how much a client may send, and how long it may take.
    @ivar profile: the extensions' hooks, resolved.
    @ivar lingerSeconds: how long a closed connection may linger.
    @ivar proxySeconds: how long a proxy may take to say whom it brings.
    @ivar leaving: told of each client that has gone; L{None}: nobody is.
    @ivar full: do other processes and this one together have so many connections that
        nobody is to accept any more?  L{None}: there are no others.
    """

    leaving: Callable[[IServerSession], None] | None = None
    full: Callable[[], bool] | None = None
    noisy = False
    _stopped = False
    #: Looks whether connections of others have left.
    _looking: IDelayedCall | None = None

    def __init__(
        self,
        reactor: IReactorTime,
        receiver: IReceiver | Taker,
        *,
        name: bytes = b"localhost",
        extensions: Iterable[IExtension] | None = None,
        policy: IPolicy | None = None,
        tls: IServerTLS | None = None,
        implicitTLS: bool = False,
        bounds: Bounds | None = None,
        answers: Answerers | None = None,
        journal: IJournal | None = None,
        admission: IAdmission | None = None,
        connectionsMax: int | None = None,
        clock: Callable[[], float] | None = None,
        tracer: ITracer | None = None,
        proxies: HostList | None = None,
        proxySeconds: float = 10.0,
        dialect: Dialect = Dialect.SMTP,
        terms: TLSTerms = USUAL,
    ) -> None:
        """
        @param reactor: for time limits.
        @param receiver: where messages go: an L{IReceiver}, or a function of
            envelope and body (L{smtpx.net.receiving.Taker}).
        @param name: what the server calls itself; a host name.
        @param extensions: L{None}: the standard ones.
        @param policy: who may connect, send and receive; L{None}: everyone, and
            it is the receiver that decides.
        @param tls: certificates; L{None}: no TLS.
        @param implicitTLS: does TLS begin with the connection (RFC 8314)?
        @param answers: who answers the questions of extensions.
        @param connectionsMax: above this, ports given to L{listening} accept no
            more until some have left; L{None}: no limit.
        @param clock: seconds since the epoch; L{None}: the system's.
        @param tracer: records some sessions; L{None}: none.
        @param proxies: whose connections begin with a header of the PROXY protocol
            (L{smtpx.net.proxy}); L{None}: nobody's.
        @param proxySeconds: how long such a header may take to come.
        @param dialect: what is spoken.  LMTP has a reply for each recipient behind a
            message: a receiver may give one for each
            (L{smtpx.net.interfaces.IArrival.finish}).  RFC 2033 section 5 forbids
            it on port 25.
        @param terms: what is wanted of TLS handshakes.
        @raise smtpx.tls.terms.BadTerms: OpenSSL cannot keep C{terms}.
        @raise smtpx.core.errors.Conflict: extensions that do not go together.
        @raise ValueError: implicit TLS without certificates.
        """
        if implicitTLS and tls is None:
            raise ValueError("implicit TLS needs certificates")
        if tls is not None:
            checkTerms(terms)
        self.reactor = reactor
        self.receiver: IReceiver = receiverFor(receiver)
        self.bounds = Bounds() if bounds is None else bounds
        self.lingerSeconds = self.bounds.closeSeconds
        self.tls, self.implicitTLS = tls, implicitTLS
        self.journal: IJournal = Silence() if journal is None else journal
        self.admission = admission
        self.tracer = tracer
        policy = Open() if policy is None else policy
        self.profile = ServerProfile(
            name=name,
            bounds=self.bounds,
            dialect=dialect,
            judges=judgeOf(policy) is not None,
            terms=terms,
        )
        if clock is not None:
            self.profile.clock = clock
        self.profile.load(standard() if extensions is None else extensions)
        self.answer = answererFor(policy, answers or {})
        self.maySend, self.mayReceive = policy.maySend, policy.mayReceive
        self.cautious = _cautious(policy)
        self.seconds = reactor.seconds
        self.connections: set[ServerProtocol] = set()
        self.proxySeconds = proxySeconds
        self._proxies = proxies
        self._entrances: set[Entrance] = set()
        self._refused: set[RefusedProtocol] = set()
        self._connectionsMax = connectionsMax
        self._ports: list[IReadDescriptor] = []
        self._pauses: set[str] = set()
        # A LoopingCall would install Twisted's default reactor, whichever is given.
        self._sweeping: IDelayedCall | None = None
        self._gone: Deferred[None] | None = None

    # --- Twisted's side -------------------------------------------------------------

    def startFactory(self) -> None:
        """The first port listens."""
        if self._sweeping is None:
            self._sweeping = self.reactor.callLater(_SWEEP_SECONDS, self._sweep)

    def stopFactory(self) -> None:
        """The last port has stopped listening."""
        if not self.connections:
            self._sweepNoMore()

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """
        A client has connected.

        @return: L{None}: close it without a word.
        """
        peer = plainHost(addr)
        if self._proxies is not None and self._proxies.matches(peer):
            return Entrance(self)
        return self._protocol(peer, plainPort(addr))

    def _protocol(
        self, peer: bytes, port: int
    ) -> ServerProtocol | RefusedProtocol | None:
        """
        What a client is met by.

        @return: L{None}: nothing; close it without a word.
        """
        if self.admission is not None:
            refusal = self.admission.enter(peer)
            if refusal is not None:
                if self.journal.enabled:
                    self.journal.turnedAway(peer, port, refusal)
                if len(self._refused) >= _REFUSED_MOST:
                    return None
                answer = None if self.implicitTLS else refusal
                return RefusedProtocol(answer, self._refused)
        self.profile.tlsReady = (
            self.tls is not None and self.tls.ready and not self.implicitTLS
        )
        protocol = ServerProtocol.__new__(ServerProtocol)
        make = ServerConnection if self.tracer is None else self.tracer.connection
        core = make(self.profile, protocol, peer, port)
        ServerProtocol.__init__(protocol, self, core)
        protocol.entrant = peer
        return protocol

    def listening(self, port: Any) -> None:
        """
        C{port} listens for this factory; it is told to accept no more while
        there are too many connections, or L{pause} says so.
        """
        if IReadDescriptor.providedBy(port):
            self._ports.append(port)
            listening: Any = port
            if hasattr(listening, "socket"):
                listening.socket = Gate(listening.socket, self._isShut)

    def pause(self, why: str) -> None:
        """
        Accept no more connections for now; those that wait are the kernel's.

        @param why: one of several reasons; each is to be taken back by
            L{resume}.
        """
        if not self._pauses:
            for port in self._ports:
                port.stopReading()  # type: ignore[attr-defined]  # FileDescriptor's
        self._pauses.add(why)

    @property
    def pauses(self) -> frozenset[str]:
        """Why no connections are accepted now; empty: they are."""
        return frozenset(self._pauses)

    def resume(self, why: str) -> None:
        """A reason is gone; with the last one, connections are accepted again."""
        if why in self._pauses:
            self._pauses.remove(why)
            if not self._pauses and not self._stopped:
                for port in self._ports:
                    port.startReading()  # type: ignore[attr-defined]  # FileDescriptor's

    # --- connections ------------------------------------------------------------------

    def entered(self, protocol: ServerProtocol) -> None:
        """A connection is made."""
        core, forwarded = protocol.core, protocol.forwarded
        if forwarded is None:
            host = protocol.transport.getHost()
            core.local, core.localPort = plainHost(host), plainPort(host)
        else:
            core.local, core.localPort = forwarded.local, forwarded.localPort
        self.connections.add(protocol)
        self._count()

    def _count(self) -> None:
        """One connection more, or less: are there enough?"""
        if not self._enough():
            self.resume(_FULL)
            return
        self.pause(_FULL)
        if self.full is not None and self._looking is None and not self._stopped:
            # Nobody says so when one of the others' leaves.
            self._looking = self.reactor.callLater(_LOOK_SECONDS, self._look)

    def _isShut(self) -> bool:
        """
        Is nobody to come?  Asked before each client, also because others may have
        filled the server since something happened here.
        """
        if not self._pauses and self._enough():
            self._count()
        return bool(self._pauses)

    def _enough(self) -> bool:
        """Is nobody else to come for now?"""
        most = self._connectionsMax
        if most is not None and len(self.connections) + len(self._entrances) >= most:
            return True
        return self.full is not None and self.full()

    def _look(self) -> None:
        self._looking = None
        self._count()

    def left(self, protocol: ServerProtocol) -> None:
        """A connection is gone."""
        self.connections.discard(protocol)
        if self.leaving is not None:
            self.leaving(protocol.core)
        if self.admission is not None:
            self.admission.leave(protocol.entrant)
        self._count()
        if not self.connections and self._gone is not None:
            gone, self._gone = self._gone, None
            self._sweepNoMore()
            gone.callback(None)

    def _sweepNoMore(self) -> None:
        sweeping, self._sweeping = self._sweeping, None
        if sweeping is not None:
            sweeping.cancel()

    # --- proxies ----------------------------------------------------------------------

    def waits(self, entrance: Entrance) -> None:
        """A proxy has connected, and is to say whom it brings."""
        self._entrances.add(entrance)
        self._count()

    def waitsNoMore(self, entrance: Entrance) -> None:
        """It has said so, or is gone.  May be told more than once."""
        if entrance in self._entrances:
            self._entrances.remove(entrance)
            self._count()

    def brought(
        self, ends: Ends, forwarded: Ends | None, talks: bool
    ) -> Protocol | None:
        """
        What a client is met by whom a proxy brings.

        @param ends: of the proxy's own connection.
        @param forwarded: of the client's; L{None}: the proxy is the client.
        @param talks: is there something of the client behind the header?
        @return: L{None}: nothing; close it without a word.
        """
        client = ends if forwarded is None else forwarded
        protocol = self._protocol(client.peer, client.peerPort)
        if isinstance(protocol, ServerProtocol):
            protocol.talks = talks
            if forwarded is not None:
                protocol.forwarded = forwarded
                protocol.core.proxy = ends.peer
        return protocol

    # --- the end ----------------------------------------------------------------------

    def _sweep(self) -> None:
        self._sweeping = self.reactor.callLater(_SWEEP_SECONDS, self._sweep)
        if self.full is not None:
            # Others may have filled it; whoever comes is to wait, and not be refused.
            self._count()
        now = self.seconds()
        for protocol in tuple(self.connections):
            try:
                protocol.sweep(now)
            except Exception as error:
                # The others have limits, too.
                protocol.trouble(CORE, error)
                self._abort(protocol)

    def shutDown(self) -> Deferred[None]:
        """
        Say 421 to everybody; those with an answer under way get it first.

        @return: fires when all are gone, at the latest after C{closeSeconds} of
            the bounds, for then they are cut off.
        """
        self._stopped = True
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        self.lingerSeconds = min(self.lingerSeconds, _FAREWELL_SECONDS)
        for entrance in tuple(self._entrances):
            entrance.end()
        if not self.connections:
            return succeed(None)
        gone: Deferred[None] = Deferred()
        self._gone = gone
        for protocol in tuple(self.connections):
            protocol.shutDown()
        cut = self.reactor.callLater(self.bounds.closeSeconds, self._cut)

        def done(result: None) -> None:
            if cut.active():
                cut.cancel()

        return gone.addCallback(done)

    def _cut(self) -> None:
        for protocol in tuple(self.connections):
            self._abort(protocol)

    def _abort(self, protocol: ServerProtocol) -> None:
        transport: Any = protocol.transport
        if transport is not None:
            transport.abortConnection()
