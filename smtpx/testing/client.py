"""
A client connection with a scripted peer, for tests.

L{ScriptedPeer} plays the server by hand: each call says something and gives back
what the client wrote on account of it::

    peer = ScriptedPeer(client([Size()]))
    peer.start()
    peer.say(b"220 mx.example.org\\r\\n")                   # b"EHLO ..."
    peer.say(b"250-mx.example.org\\r\\n250 SIZE 100\\r\\n")
    peer.deliver(Envelope(b"a@b.example", 0.0, [Recipient(b"c@d.example")]))

What there is besides octets is in C{events}, in order.  Where both sides are to
be real, see L{smtpx.testing.pair}.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from attrs import define, field, frozen
from zope.interface import implementer

from ..core.bounds import BareLines
from ..core.client import ClientConnection
from ..core.effects import (
    ClientEffect,
    Drain,
    GaveUp,
    Handshake,
    Pose,
    Settled,
    Trouble,
    Write,
)
from ..core.envelope import Envelope
from ..core.hooks import Forecast, RoutePolicy, Target, TLSInfo
from ..core.interfaces import IBody, IExtension
from ..core.profile import ClientProfile

Answers = Mapping[type, Callable[[Any], object]]

#: Where the client goes, if the test does not say.
TARGET = Target(b"mx.example.org", b"192.0.2.25")

#: What the route has to be, if the test does not say.
ANY_ROUTE = RoutePolicy()

#: What the client calls itself, if the test does not say.
NAME = b"client.example.org"


@implementer(IBody)
@frozen
class OctetsBody:
    """
    A message body that is in memory.

    @ivar content: the octets, with CRLF line ends.
    @ivar pieceOctets: the most octets of a piece.
    """

    content: bytes
    pieceOctets: int = 65_536

    @property
    def octets(self) -> int:
        """Its length, in octets."""
        return len(self.content)

    def pieces(self) -> Iterator[bytes]:
        """See L{IBody}."""
        for start in range(0, len(self.content), self.pieceOctets):
            yield self.content[start : start + self.pieceOctets]


def client(
    extensions: Iterable[IExtension] = (),
    *,
    policy: RoutePolicy = ANY_ROUTE,
    target: Target = TARGET,
    secured: TLSInfo | None = None,
    forecast: Forecast | None = None,
    bareLines: BareLines = BareLines.NORMALISE,
    name: bytes = NAME,
    clock: Callable[[], float] = lambda: 1000.0,
    ignored: frozenset[bytes] = frozenset(),
) -> ClientConnection:
    """
    A client connection that was not started.

    @param extensions: those whose client sides it has.
    @param clock: seconds since the epoch.
    """
    profile = ClientProfile(name=name, clock=clock).load(extensions)
    return ClientConnection(
        profile, target, policy, secured, forecast, bareLines, ignored
    )


class Outcomes:
    """
    What became of a client's envelopes, and of itself.

    @ivar events: its effects that are not octets, in order.
    """

    __slots__ = ()
    events: list[ClientEffect]

    @property
    def settled(self) -> list[Settled]:
        """Each envelope that the client is done with."""
        return [event for event in self.events if isinstance(event, Settled)]

    @property
    def codes(self) -> list[int]:
        """The codes of the last envelope's outcomes, one a recipient."""
        return [outcome.code for _, outcome in self.settled[-1].outcomes]

    @property
    def gaveUp(self) -> list[GaveUp]:
        """Whether the session was given up; once, if so."""
        return [event for event in self.events if isinstance(event, GaveUp)]


@define(eq=False)
class ScriptedPeer(Outcomes):
    """
    The world of a client connection: a peer that says what the test says, and a
    shell that does what effects want.

    @ivar connection: the client.
    @ivar answers: by type of question, what answers it.  A question that is not
        in here stays open, until L{answer}.
    @ivar tls: how handshakes come out; L{None}: they stay open, until L{answer}.
    @ivar flowing: does the transport always want more?  If not, L{resume}.
    @ivar written: the octets of each C{Write}, in order.
    @ivar events: all other effects, in order.
    """

    connection: ClientConnection
    answers: Answers = field(factory=dict)
    tls: TLSInfo | None = None
    flowing: bool = True
    written: list[bytes] = field(factory=list)
    events: list[ClientEffect] = field(factory=list)

    # --- what a test does -------------------------------------------------------

    def start(self) -> bytes:
        """
        The connection is made.

        @return: what the client wrote, as with all these methods.
        """
        return self._did(self.connection.start())

    def say(self, octets: bytes, cut: int | None = None) -> bytes:
        """
        The peer says something.

        @param cut: feed it in pieces of so many octets; L{None}: at once.
        """
        size = cut or len(octets) or 1
        return b"".join(
            self._did(self.connection.feed(octets[start : start + size]))
            for start in range(0, len(octets), size)
        )

    def open(self, *keywords: bytes) -> bytes:
        """
        Start, greet, and answer EHLO; what comes after that is the test's.

        @param keywords: the lines of the EHLO response, behind the name.
        @return: what the client wrote behind its EHLO.
        """
        self.start()
        self.say(b"220 mx.example.org ESMTP\r\n")
        return self.say(ehlo(*keywords))

    def deliver(self, envelope: Envelope, body: bytes | IBody | None = b"") -> bytes:
        """
        Give the client an envelope.

        @param body: L{None}: it is only to ask for the recipients.
        """
        source = OctetsBody(body) if isinstance(body, bytes) else body
        return self._did(self.connection.deliver(envelope, source))

    def answer(self, value: object) -> bytes:
        """Answer the question or handshake that is open."""
        return self._did(self.connection.answer(value))

    def resume(self) -> bytes:
        """The transport wants more."""
        return self._did(self.connection.resume())

    def quit(self) -> bytes:
        """Have the client say goodbye."""
        return self._did(self.connection.quit())

    def lost(self) -> bytes:
        """The connection is gone."""
        return self._did(self.connection.lost())

    # --- what a test looks at ---------------------------------------------------

    @property
    def troubles(self) -> list[Trouble]:
        """Each exception that came out of an extension."""
        return [event for event in self.events if isinstance(event, Trouble)]

    # --- what a shell does ------------------------------------------------------

    def _did(self, effects: list[ClientEffect]) -> bytes:
        out = b""
        pending = deque(effects)
        while pending:
            effect = pending.popleft()
            if isinstance(effect, Write):
                self.written.append(effect.octets)
                out += effect.octets
                continue
            self.events.append(effect)
            if isinstance(effect, Drain) and self.flowing:
                pending += self.connection.resume()
            elif isinstance(effect, Handshake) and self.tls is not None:
                pending += self.connection.answer(self.tls)
            elif isinstance(effect, Pose) and type(effect.question) in self.answers:
                answer = self.answers[type(effect.question)](effect.question)
                pending += self.connection.answer(answer)
        return out


def ehlo(*keywords: bytes) -> bytes:
    """
    An EHLO response.

    @param keywords: its lines behind the name.
    """
    lines = [b"mx.example.org", *keywords]
    return b"".join(
        b"250%b%b\r\n" % (b" " if index == len(lines) - 1 else b"-", line)
        for index, line in enumerate(lines)
    )
