"""
A server and a client connection joined in memory, for tests.

What one writes the other gets, and everything else is done at once::

    joined = pair([Size()], [Size()]).open()
    joined.deliver(Envelope(b"a@b.example", 0.0, [Recipient(b"c@d.example")]), b"x")
    assert joined.codes == [250]
    assert joined.bodies == [b"x\\r\\n"]

Each L{Flight} is what one side sends before it hears from the other again: all
that is under way goes out together, as it would over a long line.  So the number
of the client's flights is the number of round trips that a delivery takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from attrs import define, field, frozen

from ..core.bounds import BareLines, Bounds
from ..core.client import ClientConnection
from ..core.effects import (
    ClientEffect,
    Close,
    Drain,
    Handshake,
    MayDeliver,
    Pose,
    Trouble,
    Write,
)
from ..core.envelope import Envelope
from ..core.hooks import Forecast, LogFields, RoutePolicy, Target, TLSInfo, TLSOptions
from ..core.interfaces import IBody, IExtension
from ..core.profile import ServerProfile
from ..core.server import ServerConnection
from .client import ANY_ROUTE, NAME, TARGET, Answers, OctetsBody, Outcomes, client
from .server import ScriptedPort

#: How handshakes come out, if the test does not say.
GOOD_TLS = TLSInfo(verified=True)


class Side(Enum):
    """Who says it."""

    CLIENT = "C"
    SERVER = "S"


@frozen
class Flight:
    """
    What one side sends before it hears from the other again.

    @ivar secured: does it go under TLS?
    """

    side: Side
    octets: bytes
    secured: bool = False


@define(eq=False)
class Pair(Outcomes):
    """
    A server and a client, joined.

    @ivar server: the server's connection.
    @ivar client: the client's connection.
    @ivar port: the world around the server: what it asked, took and dropped.
    @ivar answers: by type of question, what answers the client's.
    @ivar tls: how handshakes come out, given what both sides want.
    @ivar flights: all that was said, in order.
    @ivar events: the client's effects that are not octets, in order.
    """

    server: ServerConnection
    client: ClientConnection
    port: ScriptedPort
    answers: Answers
    tls: Callable[[TLSOptions, TLSOptions], TLSInfo]
    flights: list[Flight] = field(factory=list)
    events: list[ClientEffect] = field(factory=list)
    _toServer: bytes = b""
    _toClient: bytes = b""
    _greeted: bool = False
    _closed: bool = False

    # --- what a test does -------------------------------------------------------

    def open(self) -> Pair:
        """
        Connect: the client begins (and talks early, if it does), the server
        greets, and all goes as far as it goes.

        @return: this pair.
        """
        self.start()
        self.greet()
        return self

    def start(self) -> None:
        """The client begins; the server has not greeted yet."""
        self._do(self.client.start())

    def greet(self) -> None:
        """
        What the client said early arrives, and the server greets.
        """
        self._greeted = True
        self._send(Side.CLIENT)
        self._toClient += self.server.start()
        self.run()

    def deliver(self, envelope: Envelope, body: bytes | IBody = b"") -> None:
        """Have the client send C{envelope}."""
        source = OctetsBody(body) if isinstance(body, bytes) else body
        self._do(self.client.deliver(envelope, source))
        self.run()

    def quit(self) -> None:
        """Have the client say goodbye."""
        self._do(self.client.quit())
        self.run()

    def answer(self, value: object) -> None:
        """Answer a question that the server's port left open."""
        self._toClient += self.server.answer(value)
        self.run()

    def run(self) -> None:
        """
        Let each hear what the other said, until there is nothing more to say.
        Nothing is heard before the server greets.
        """
        while self._greeted and (self._toServer or self._toClient):
            self._send(Side.CLIENT)
            self._send(Side.SERVER)
        if self._closed:
            self.server.lost()
        elif self.server.closed:
            self._do(self.client.lost())

    # --- what a test looks at ---------------------------------------------------

    @property
    def roundTrips(self) -> int:
        """How many flights the client needed so far."""
        return sum(flight.side is Side.CLIENT for flight in self.flights)

    @property
    def said(self) -> bytes:
        """All that the client said."""
        return self._all(Side.CLIENT)

    @property
    def heard(self) -> bytes:
        """All that the server said."""
        return self._all(Side.SERVER)

    @property
    def taken(self) -> list[Envelope]:
        """The envelopes that the server took."""
        return self.port.taken

    @property
    def bodies(self) -> list[bytes]:
        """Their bodies."""
        return self.port.bodies

    @property
    def troubles(self) -> list[tuple[str, BaseException]]:
        """Each exception out of an extension, with its owner, of both sides."""
        mine = [event for event in self.events if isinstance(event, Trouble)]
        return self.port.troubles + [(event.owner, event.error) for event in mine]

    @property
    def recorded(self) -> LogFields:
        """What the client's extensions have for the log of the last delivery."""
        client = self.client
        return tuple(f for record in client.profile.recorders for f in record(client))

    def _all(self, side: Side) -> bytes:
        return b"".join(f.octets for f in self.flights if f.side is side)

    # --- what a shell does ------------------------------------------------------

    def _send(self, side: Side) -> None:
        """What C{side} said arrives at the other."""
        if side is Side.CLIENT:
            octets, self._toServer = self._toServer, b""
        else:
            octets, self._toClient = self._toClient, b""
        if not octets:
            return
        secured = self.client.secured is not None
        self.flights.append(Flight(side, octets, secured))
        if side is Side.SERVER:
            self._do(self.client.feed(octets))
        elif not self.server.closed:
            self._toClient += self.server.feed(octets)

    def _do(self, effects: list[ClientEffect]) -> None:
        pending = list(effects)
        while pending:
            effect = pending.pop(0)
            if isinstance(effect, Write):
                self._toServer += effect.octets
                continue
            self.events.append(effect)
            if isinstance(effect, Drain):
                pending += self.client.resume()
            elif isinstance(effect, Pose):
                answer = self.answers[type(effect.question)]
                pending += self.client.answer(answer(effect.question))
            elif isinstance(effect, Handshake):
                info = self.tls(self.port.handshakes[-1], effect.options)
                self._toClient += self.server.answer(info)
                pending += self.client.answer(info)
            elif isinstance(effect, Close):
                self._closed = True


def pair(
    serverExtensions: Iterable[IExtension] = (),
    clientExtensions: Iterable[IExtension] = (),
    *,
    policy: RoutePolicy = ANY_ROUTE,
    target: Target = TARGET,
    secured: TLSInfo | None = None,
    forecast: Forecast | None = None,
    bareLines: BareLines = BareLines.NORMALISE,
    bounds: Bounds | None = None,
    tlsReady: bool = False,
    tls: TLSInfo | Callable[[TLSOptions, TLSOptions], TLSInfo] = GOOD_TLS,
    peer: bytes = b"192.0.2.1",
    name: bytes = NAME,
    serverAnswers: Answers | None = None,
    clientAnswers: Answers | None = None,
    clock: Callable[[], float] = lambda: 1000.0,
) -> Pair:
    """
    Join a server and a client that have not begun.

    @param secured: the handshake of implicit TLS, as both see it.
    @param bounds: the server's.
    @param tlsReady: has the server a certificate?
    @param tls: how each handshake comes out, or what says so, given the
        server's options and the client's.
    @param peer: the client's address.
    @param name: what the client calls itself.
    @param serverAnswers: see L{smtpx.testing.server.ScriptedPort}.
    @param clientAnswers: by type of question, what answers the client's.
    @param clock: seconds since the epoch, of both.
    """
    profile = ServerProfile(
        name=target.host,
        clock=clock,
        bounds=bounds or Bounds(),
        tlsReady=tlsReady,
        dialect=target.dialect,
        judges=MayDeliver in (serverAnswers or {}),
    ).load(serverExtensions)
    port = ScriptedPort(serverAnswers or {})
    server = ServerConnection(
        profile, port, peer, 40000, target.address, target.port, secured
    )
    connection = client(
        clientExtensions,
        policy=policy,
        target=target,
        secured=secured,
        forecast=forecast,
        bareLines=bareLines,
        name=name,
        clock=clock,
    )
    handshake = _always(tls) if isinstance(tls, TLSInfo) else tls
    return Pair(server, connection, port, clientAnswers or {}, handshake)


def _always(info: TLSInfo) -> Callable[[Any, Any], TLSInfo]:
    return lambda server, client: info
