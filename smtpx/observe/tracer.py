"""
Which sessions are traced, and what becomes of a trace.

A session is traced for its peer, by a host list, or for somebody who is named in
RCPT, whether that is accepted or not.  The peer is a client of ours, or a server that
we are the client of.  Of recipients one knows late, and of host
names not at once; so with either, every session is recorded in memory from its
start, and forgotten at its end unless it was one of those.

All of this is bounded: how many sessions are recorded at a time, how much of each,
and how many traces are kept in a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from attrs import field, frozen
from twisted.logger import Logger
from zope.interface import implementer

from ..core.addresstable import AddressTable
from ..core.bounds import BareLines
from ..core.client import ClientConnection
from ..core.effects import IServerPort
from ..core.facts import freshID
from ..core.hooks import Ending, Forecast, RoutePolicy, Target
from ..core.hostlist import clientNames
from ..core.profile import ClientProfile, ServerProfile
from ..core.server import ServerConnection
from ..net.dialling import Dial
from ..net.interfaces import IClientTracer, ITracer
from .harmless import text, word
from .recording import Recording
from .trace import Direction, SessionTrace, TraceStore
from .tracedclient import TracedClient
from .tracedconnection import TracedConnection

_MINUTE_SECONDS = 60.0

#: How it is said that a session ended, where the transport has something to add.
_MORE = frozenset(
    {
        Ending.LOST,
        Ending.LOST_IN_TRANSACTION,
        Ending.LOST_IN_BODY,
        Ending.HANDSHAKE,
    }
)


def _nobody(address: bytes, names: Sequence[bytes]) -> bool:
    return False


@frozen
class TraceChoice:
    """
    Which sessions are traced, and how much of them.

    @ivar hosts: is a peer one of those, by its address and verified names?
    @ivar namesMatter: can it be one by its name?
    @ivar recipients: whoever is found there is one of those; L{None}: nobody.
    @ivar sessionsMax: the most sessions that are recorded at a time.
    @ivar perMinuteMax: the most traces that are kept in a minute.
    @ivar octetsMax: about how much memory one may take.
    """

    hosts: Callable[[bytes, Sequence[bytes]], bool] = _nobody
    namesMatter: Callable[[], bool] = lambda: False
    recipients: AddressTable[str] | None = field(default=None)
    sessionsMax: int = 100
    perMinuteMax: int = 30
    octetsMax: int = 262_144

    def mayBe(self, address: bytes) -> bool:
        """May a client that has just come be one of those?"""
        return (
            self.recipients is not None or self.namesMatter() or self.hosts(address, ())
        )

    def mayBeServer(self, target: Target) -> bool:
        """May a server that we are about to talk to be one of those?"""
        return self.recipients is not None or self._isServer(target)

    def why(self, core: TracedConnection) -> str | None:
        """
        What a session is traced for.

        @return: L{None}: nothing, so it is not.
        """
        found = self._recipient(core.recipients)
        if found is not None:
            return found
        # Whoever it said to be by XCLIENT, it is still one of those.
        for peer, known in ((core.entrant, ()), (core.peer, clientNames(core))):
            if self.hosts(peer, known):
                return f"host {word(peer)}"
        return None

    def whyServer(self, core: TracedClient) -> str | None:
        """The same, where we were the client."""
        target = core.target
        if self._isServer(target):
            return f"host {word(target.host)}"
        return self._recipient(core.recipients)

    def _isServer(self, target: Target) -> bool:
        return self.hosts(target.address, (target.host,))

    def _recipient(self, paths: Iterable[bytes]) -> str | None:
        if self.recipients is not None:
            for path in paths:
                if self.recipients.find(path) is not None:
                    return f"recipient {text(path)}"
        return None


@implementer(ITracer, IClientTracer)
class Tracer:
    """
    Records sessions, and keeps those that are wanted.

    @ivar recording: how many are recorded now.
    """

    _log = Logger()

    def __init__(
        self,
        choice: TraceChoice,
        store: TraceStore,
        seconds: Callable[[], float],
    ) -> None:
        """
        @param store: where traces go.
        @param seconds: of a clock that never goes back.
        """
        self.recording = 0
        self._choice = choice
        self._store = store
        self._seconds = seconds
        self._minute = -_MINUTE_SECONDS
        self._kept = 0
        self._dropped = 0

    def connection(
        self, profile: ServerProfile, port: IServerPort, peer: bytes, peerPort: int
    ) -> ServerConnection:
        """See L{ITracer}."""
        choice = self._choice
        if self.recording >= choice.sessionsMax or not choice.mayBe(peer):
            return ServerConnection(profile, port, peer, peerPort)
        self.recording += 1
        recording = Recording(self._seconds, choice.octetsMax)
        return TracedConnection(profile, port, peer, peerPort, recording)

    def ended(self, core: ServerConnection, why: str) -> None:
        """See L{ITracer}."""
        if not isinstance(core, TracedConnection):
            return
        self.recording -= 1
        wanted = self._choice.why(core)
        if wanted is not None and self._mayKeep():
            self._store.add(_trace(core, wanted, why))

    def client(
        self,
        profile: ClientProfile,
        target: Target,
        policy: RoutePolicy,
        forecast: Forecast | None,
        bareLines: BareLines,
        ignored: frozenset[bytes],
    ) -> ClientConnection:
        """See L{IClientTracer}."""
        choice = self._choice
        if self.recording >= choice.sessionsMax or not choice.mayBeServer(target):
            return ClientConnection(
                profile,
                target,
                policy,
                forecast=forecast,
                bareLines=bareLines,
                ignored=ignored,
            )
        self.recording += 1
        recording = Recording(self._seconds, choice.octetsMax, Direction.SERVER)
        return TracedClient(
            profile, target, policy, forecast, bareLines, ignored, freshID(), recording
        )

    def clientDials(
        self, host: bytes, address: bytes, port: int, what: Dial, why: str
    ) -> None:
        """See L{IClientTracer}.  What is traced is what is said."""

    def clientEnded(
        self, core: ClientConnection, source: tuple[bytes, int] | None, why: str
    ) -> None:
        """See L{IClientTracer}."""
        if not isinstance(core, TracedClient):
            return
        self.recording -= 1
        wanted = self._choice.whyServer(core)
        if wanted is not None and self._mayKeep():
            self._store.add(clientTrace(core, wanted, source, why))

    def _mayKeep(self) -> bool:
        now = self._seconds()
        if now - self._minute >= _MINUTE_SECONDS:
            if self._dropped:
                self._log.warn(
                    "{count} session traces were too many and are not kept",
                    count=self._dropped,
                )
            self._minute, self._kept, self._dropped = now, 0, 0
        if self._kept < self._choice.perMinuteMax:
            self._kept += 1
            return True
        self._dropped += 1
        self._store.dropped += 1
        return False


def _trace(core: TracedConnection, wanted: str, why: str) -> SessionTrace:
    recording = core.recording
    ending = core.ending or Ending.LOST
    end = ending.value
    if ending in _MORE:
        end += f" ({text(why)})"
    return SessionTrace(
        session=core.id,
        began=core.began,
        seconds=recording.now,
        address=word(core.peer),
        port=core.peerPort,
        name=None if core.peerName is None else word(core.peerName),
        local=word(core.local),
        localPort=core.localPort,
        why=wanted,
        end=end,
        steps=recording.steps(ending is Ending.HANDSHAKE),
        omitted=recording.omitted,
    )


def clientTrace(
    core: TracedClient, wanted: str, source: tuple[bytes, int] | None, why: str
) -> SessionTrace:
    """
    What was recorded of a session in which we were the client.

    @param wanted: what for.
    @param source: our address and port of it; L{None}: not known.
    @param why: what the transport said when it ended.
    """
    recording, target = core.recording, core.target
    ending = Ending.QUIT if core.saidAll else Ending.LOST
    # Where TLS begins with the connection, the core begins behind the handshake.
    securing = core.securing or (target.implicitTLS and core.secured is None)
    if securing:
        ending = Ending.HANDSHAKE
    end = ending.value
    if ending in _MORE:
        end += f" ({text(why)})"
    local, localPort = source or (b"", 0)
    return SessionTrace(
        session=core.id,
        began=core.began,
        seconds=recording.now,
        address=word(target.address),
        port=target.port,
        name=word(target.host),
        local=word(local),
        localPort=localPort,
        why=wanted,
        end=end,
        steps=recording.steps(securing),
        omitted=recording.omitted,
        outgoing=True,
    )


__all__ = ["TraceChoice", "Tracer", "clientTrace"]
