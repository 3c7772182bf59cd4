"""
What all connections of a client have in common: extensions, trust, time limits, and
who answers the questions of extensions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from OpenSSL.SSL import Connection
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorThreads, IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..core.bounds import BareLines
from ..core.client import ClientConnection
from ..core.dialogue import Question
from ..core.errors import UsageError
from ..core.hooks import Forecast, Target, TLSInfo, TLSOptions
from ..core.interfaces import IExtension
from ..core.profile import ClientProfile
from ..core.tlssession import TLSSession
from ..extensions.standard import standard
from ..sasl import FetchCredentials, SaltPassword, saltPassword
from ..tls.client import trustingPlatform
from ..tls.interfaces import IClientTLS
from .answers import Answerers
from .chunkhosts import ChunkHosts
from .dialling import Dial
from .fastopenhosts import FastOpenHosts
from .interfaces import IClientTracer
from .ownname import OwnName, SendingName, literal
from .sending import Way
from .times import ClientTimes

#: The most names in EHLO for which hooks are kept resolved.
_PROFILES = 64

_log = Logger()


def report(owner: str, error: BaseException) -> None:
    """Log an exception that came out of an extension."""
    _log.failure("Trouble in {owner}", Failure(error), owner=owner)


class ClientKit:
    """
    Makes the cores of connections.

    @ivar reactor: for time limits and connections.
    @ivar name: what the client calls itself, where its way does not say.
    @ivar tls: whom it trusts.
    @ivar times: the time limits.
    @ivar chunks: which hosts are sent chunks.
    @ivar clock: seconds since the epoch.
    @ivar tracer: records some sessions; L{None}: none.
    @ivar trouble: told of each exception out of an extension: its name, and the
        exception.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        *,
        name: bytes = b"localhost",
        extensions: Iterable[IExtension] | None = None,
        tls: IClientTLS | None = None,
        times: ClientTimes | None = None,
        answers: Answerers | None = None,
        bareLines: BareLines = BareLines.NORMALISE,
        clock: Callable[[], float] = time.time,
        trouble: Callable[[str, BaseException], None] = report,
        tracer: IClientTracer | None = None,
        fastOpen: FastOpenHosts | None = None,
        chunks: ChunkHosts | None = None,
    ) -> None:
        """
        @param extensions: L{None}: the standard ones.
        @param tls: L{None}: whoever the platform trusts.
        @param answers: who answers questions of extensions, besides those that a
            login needs; and L{SendingName}, where a way wants it.
        @param clock: seconds since the epoch.
        @param tracer: records some sessions; L{None}: none.
        @param fastOpen: hosts that connections are opened fast to (RFC 7413); L{None}:
            none.  It takes a reactor of sockets.
        @param chunks: which hosts are sent chunks; L{None}: all that offer it.
        @raise smtpx.core.errors.Conflict: extensions that do not go together.
        @raise UsageError: C{name} cannot be said in EHLO.
        """
        self.reactor = reactor
        self.name = name
        self.tls: IClientTLS = trustingPlatform() if tls is None else tls
        self.times = ClientTimes() if times is None else times
        self.trouble = trouble
        self.tracer: IClientTracer | None = None
        self.fastOpen = fastOpen
        self.chunks = ChunkHosts() if chunks is None else chunks
        self._extensions = tuple(
            standard(logsIn=True) if extensions is None else extensions
        )
        self._bareLines = bareLines
        self.clock = clock
        self._answers: Answerers = {SaltPassword: self._salt, **(answers or {})}
        self._profiles: dict[bytes, ClientProfile] = {}
        # A name that cannot be said is found here, and not with each connection.
        self.connection(Target(b"localhost", b"127.0.0.1"), Way(), None)
        self.tracer = tracer

    def profile(self, name: bytes) -> ClientProfile:
        """All hooks, resolved once for each name that is said in EHLO."""
        found = self._profiles.get(name)
        if found is None:
            found = ClientProfile(name=name, clock=self.clock).load(self._extensions)
            if len(self._profiles) < _PROFILES:
                self._profiles[name] = found
        return found

    def connection(
        self, target: Target, way: Way, forecast: Forecast | None, local: bytes = b""
    ) -> ClientConnection:
        """
        The core of a new connection.

        @param forecast: see L{ClientConnection}.
        @param local: our address; empty: there is none.
        """
        name, own = self.name, way.name
        if isinstance(own, bytes):
            name = own
        elif own is OwnName.ADDRESS:
            name = literal(local) or name
        profile = self.profile(name)
        make: Callable[..., ClientConnection] = ClientConnection
        if self.tracer is not None:
            make = self.tracer.client
        made = make(
            profile,
            target,
            way.policy,
            forecast=forecast,
            bareLines=self._bareLines,
            ignored=self.chunks.ignored(target, way),
        )
        if own is OwnName.NAME and SendingName in self._answers and local:
            made.naming = SendingName(local)
        return made

    def roomInSYN(self, host: bytes, address: bytes) -> int:
        """
        How many octets may ride on a SYN with a message in it; 0: none may.

        @param host: its name.
        """
        return 0 if self.fastOpen is None else self.fastOpen.room(host, address)

    def secured(
        self, core: ClientConnection, connection: Connection, options: TLSOptions
    ) -> TLSInfo:
        """
        What a handshake came to, which is complete.  Where its session may be resumed,
        the core can take it from now on.

        @param options: how it was made.
        """
        info = self.tls.info(connection, options)
        if options.tickets:

            def take(info: TLSInfo) -> TLSSession | None:
                return self.tls.session(connection, options, info, self.clock())

            core.sessions.take = take
        return info

    def dials(
        self, host: bytes, port: int
    ) -> Callable[[bytes, Dial, str], None] | None:
        """
        Who is told of the addresses of a host, as they are tried.

        @return: L{None}: nobody.
        """
        tracer = self.tracer
        if tracer is None:
            return None

        def told(address: bytes, what: Dial, why: str) -> None:
            tracer.clientDials(host, address, port, what, why)

        return told

    def ended(
        self, core: ClientConnection | None, source: tuple[bytes, int] | None, why: str
    ) -> None:
        """
        A connection is gone.

        @param core: L{None}: it was never made.
        @param source: see L{IClientTracer}, as for C{why}.
        """
        if core is None:
            return
        self.chunks.ended(core)
        if self.tracer is not None:
            self.tracer.clientEnded(core, source, why)

    def answer(self, question: Question[Any], way: Way) -> Any | Deferred[Any]:
        """
        Answer a question, at once or later.

        @raise UsageError: nobody does.
        """
        if type(question) is FetchCredentials:
            return way.login
        answerer = self._answers.get(type(question))
        if answerer is None:
            raise UsageError(f"nobody answers {type(question).__name__}")
        return answerer(question)

    def _salt(self, asked: SaltPassword) -> bytes | Deferred[bytes]:
        """It takes long on purpose, so it is for a thread, where there are any."""
        arguments = (asked.password, asked.salt, asked.iterations, asked.hashName)
        reactor = self.reactor
        if not IReactorThreads.providedBy(reactor):
            return saltPassword(*arguments)
        return deferToThreadPool(
            reactor, reactor.getThreadPool(), saltPassword, *arguments
        )


__all__ = ["ClientKit", "report"]
