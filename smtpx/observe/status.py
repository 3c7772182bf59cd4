"""
How a server is now: what the gauges tell, and the page for people.

Nothing is kept here.  A L{House} is asked when somebody wants to know; the service
gives one with all that it has, and a program of one's own gives what there is::

    house = House("mx.example.org", sessions=lambda: sessionsOf([factory]))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from attrs import field, frozen

from ..core.effects import Waiting
from ..knowledge.memory import KnowledgeState
from ..net.ends import plainPort
from ..net.factory import SMTPServerFactory
from ..net.server import ServerProtocol
from ..spool.stock import SpoolState
from ..tls.states import CertificateState

_DOES = {
    Waiting.GREETING: "is to be greeted",
    Waiting.COMMAND: "waits for a command",
    Waiting.BODY: "takes a message",
    Waiting.ANSWER: "looks for an answer",
    Waiting.HANDSHAKE: "shakes hands",
}


@frozen
class ListenerState:
    """
    One listener.

    @ivar where: its address, as people write it.
    @ivar port: its TCP port; 0: it has none.
    @ivar tls: when TLS begins.
    @ivar role: what it is for.
    @ivar open: are clients let in?
    """

    where: str
    port: int
    tls: str = ""
    role: str = ""
    open: bool = True


@frozen
class SessionState:
    """
    One session.

    @ivar id: in every event of it.
    @ivar peer: the client's address.
    @ivar localPort: our port of it.
    @ivar began: when it did, in seconds since the epoch.
    @ivar name: the client's verified host name; L{None}: not known.
    @ivar helo: what it called itself; L{None}: it has not.
    @ivar identity: who logged in; L{None}: nobody.
    @ivar tls: the version of TLS; L{None}: in the clear.
    @ivar does: what it is about, in words.
    """

    id: str
    peer: bytes
    localPort: int
    began: float
    name: bytes | None = None
    helo: bytes | None = None
    identity: bytes | None = None
    tls: str | None = None
    does: str = ""


@frozen
class DestinationState:
    """
    Where messages under way go.

    @ivar name: the lane, as the spool and operators name it.
    @ivar active: how many attempts there are.
    @ivar waiting: how many wait for their turn, in memory.
    @ivar parked: are there more in the spool?
    """

    name: bytes
    active: int
    waiting: int
    parked: bool


def _nothing() -> tuple[()]:
    return ()


def _unknown() -> None:
    return None


@frozen
class House:
    """
    What can be asked of a server.

    @ivar name: what it calls itself.
    @ivar unready: why it takes no messages now, in words for an operator; empty: it
        does.
    @ivar listeners: where it listens.
    @ivar sessions: those that there are.
    @ivar spool: how the spool is; L{None}: there is none, or nothing is known.
    @ivar oldest: when the oldest message in it came, in seconds since the epoch;
        L{None}: there is none.
    @ivar certificates: those that it shows.
    @ivar destinations: where messages under way go, the fullest first.
    @ivar connections: how many connections to other hosts there are; L{None}: it
        sends to none.
    @ivar knowledge: what is known of peers; L{None}: nothing is kept.
    """

    name: str
    unready: Callable[[], Sequence[str]] = field(default=_nothing, kw_only=True)
    listeners: Callable[[], Sequence[ListenerState]] = field(
        default=_nothing, kw_only=True
    )
    sessions: Callable[[], Iterable[ServerProtocol]] = field(
        default=_nothing, kw_only=True
    )
    spool: Callable[[], SpoolState | None] = field(default=_unknown, kw_only=True)
    oldest: Callable[[], float | None] = field(default=_unknown, kw_only=True)
    certificates: Callable[[], Sequence[CertificateState]] = field(
        default=_nothing, kw_only=True
    )
    destinations: Callable[[], Sequence[DestinationState]] = field(
        default=_nothing, kw_only=True
    )
    connections: Callable[[], int | None] = field(default=_unknown, kw_only=True)
    knowledge: Callable[[], KnowledgeState | None] = field(
        default=_unknown, kw_only=True
    )


def sessionsOf(factories: Iterable[SMTPServerFactory]) -> list[ServerProtocol]:
    """The sessions of some factories."""
    return [protocol for factory in factories for protocol in factory.connections]


def ownPort(protocol: ServerProtocol) -> int:
    """
    The port of the listener that a session came to.  C{core.localPort} is the one
    that the client called, by the word of a proxy.
    """
    transport = protocol.transport
    if transport is None:
        return protocol.core.localPort
    return plainPort(transport.getHost())


def sessionState(protocol: ServerProtocol) -> SessionState:
    """What can be told of a session."""
    core = protocol.core
    return SessionState(
        id=core.id,
        peer=core.peer,
        localPort=core.localPort,
        began=core.began,
        name=core.peerName,
        helo=core.helo,
        identity=core.identity,
        tls=None if core.secured is None else core.secured.version,
        does=_DOES[core.waiting],
    )
